"""Magnitude pruning after training: train, set the smallest weights to zero, train what is left.

Both trainings have a cycle of the learning rate each (rewinding it is the better fine-tuning: Renda et al.
2020, arXiv 2003.02389), and together the steps of every other method.
"""

from dataclasses import dataclass

from tamis_torch.methods.checks import check_between
from tamis_torch.vision.methods.training import Plan, Pruned, rates


@dataclass(frozen=True, kw_only=True)
class Magnitude(Pruned):
    """Settings of magnitude pruning with masked fine-tuning.

    Raises
    ------
    InputError
        If a value is out of its range.
    """

    dense_share: float = 0.5
    """Share of the steps before the cut; the rest trains what is left of the weights."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_between("dense_share", self.dense_share, 0, 1)

    def plan(self, steps: int) -> Plan:
        """Return what happens when in so many steps."""
        cut = max(1, round(self.dense_share * steps))  # after step 0 nothing would be cut
        return Plan(rates(self, [cut, steps - cut]), prunings={cut: self.sparsity})
