r"""Gradual magnitude pruning (Zhu & Gupta 2017, arXiv 1710.01878), with plain or sharpness-aware steps.

Every ``interval`` steps the smallest weights become zero and stay so, up to the sparsity

    s_t  =  s (1 - (1 - t / (growth T))^3)         over the first ``growth`` of T steps, s after that
"""

from dataclasses import dataclass

from tamis_torch.methods.checks import check_between, check_count
from tamis_torch.vision.methods.sharp import Sharp
from tamis_torch.vision.methods.training import Plan, Pruned, rates


@dataclass(frozen=True, kw_only=True)
class Gradual(Pruned):
    """Settings of gradual magnitude pruning.

    Raises
    ------
    InputError
        If a value is out of its range.
    """

    interval: int = 32
    """Steps between two prunings."""
    growth: float = 0.5
    """Share of the steps after which the sparsity is reached."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_count("interval", self.interval, 1)
        check_between("growth", self.growth, 0, 1)

    def plan(self, steps: int) -> Plan:
        """Return what happens when in so many steps."""
        end = max(1, round(self.growth * steps))
        prunings = {
            t: self.sparsity * (1 - (1 - t / end) ** 3) for t in range(self.interval, end, self.interval)
        }
        return Plan(rates(self, [steps]), prunings=prunings | {end: self.sparsity})


@dataclass(frozen=True, kw_only=True)
class GradualSam(Sharp, Gradual):
    """Settings of gradual magnitude pruning with sharpness-aware steps.

    Raises
    ------
    InputError
        If a value is out of its range.
    """

    radius: float = 0.1
    """As :class:`~tamis_torch.vision.methods.sharp.Sharp`'s."""
