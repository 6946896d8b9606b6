r"""How far the sharpness-aware gradient is taken from the weights, over the steps of a training.

    radius_t  =  radius  or  radius (t + 1) / T,     t = 0 ... T - 1

A sharpness-aware step comes down slower than a plain one, and the rise leaves the early steps nearly plain.
With twice the length at the end it is better than the constant one where the training is short, as good on
the digits, and a little worse where labels are wrong (docs/experiments.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from tamis_torch.methods.checks import check_between, check_choice
from tamis_torch.vision.methods.training import ImageTraining, Plan


@dataclass(frozen=True, kw_only=True)
class Sharp(ImageTraining):
    """Settings of a training with sharpness-aware steps; before another method's in a class's bases.

    Raises
    ------
    InputError
        If a value is out of its range.
    """

    radius: float = 0.0
    """Of the sharpness-aware gradient, in the units of the norm of all parameters; 0: the plain one, in half
    the time."""
    radius_rise: Literal["none", "linear"] = "none"
    """How the radius comes to its value: it has it from the start, or rises from 0 over all steps."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_between("radius", self.radius, 0, 1e6)
        check_choice("radius_rise", self.radius_rise, ("none", "linear"))

    def plan(self, steps: int) -> Plan:
        """Return what happens when in so many steps."""
        return replace(super().plan(steps), radii=self.radii(steps))

    def radii(self, steps: int) -> Sequence[float]:
        """Return the radius of each of so many steps, nothing if they are plain."""
        if not self.radius:
            return ()
        if self.radius_rise == "none":
            return [self.radius] * steps
        return [self.radius * (step + 1) / steps for step in range(steps)]
