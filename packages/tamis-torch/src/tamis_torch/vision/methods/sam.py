"""Sharpness-aware training, without a zero (Foret et al. 2021, arXiv 2010.01412)."""

from dataclasses import dataclass, replace

from tamis_torch.methods.checks import check_between
from tamis_torch.vision.methods.training import ImageTraining, Plan


@dataclass(frozen=True, kw_only=True)
class Sam(ImageTraining):
    """Settings of sharpness-aware training.

    Raises
    ------
    InputError
        If a value is out of its range.
    """

    radius: float = 0.1
    """Of the sharpness-aware gradient, in the units of the norm of all parameters."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_between("radius", self.radius, 0, 1e6)

    def plan(self, steps: int) -> Plan:
        """Return what happens when in so many steps."""
        return replace(super().plan(steps), radius=self.radius)
