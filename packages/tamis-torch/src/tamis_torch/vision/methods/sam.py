"""Sharpness-aware training, without a zero (Foret et al. 2021, arXiv 2010.01412)."""

from dataclasses import dataclass, replace

from tamis_torch.vision.methods.sharp import Sharp
from tamis_torch.vision.methods.training import ImageTraining, Plan


@dataclass(frozen=True, kw_only=True)
class Sam(Sharp, ImageTraining):
    """Settings of sharpness-aware training.

    Raises
    ------
    InputError
        If a value is out of its range.
    """

    radius: float = 0.1
    """As :class:`~tamis_torch.vision.methods.sharp.Sharp`'s."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_radius()

    def plan(self, steps: int) -> Plan:
        """Return what happens when in so many steps."""
        return replace(super().plan(steps), radii=self.radii(steps))
