r"""Iterative magnitude pruning with rewinding (Frankle et al. 2020, arXiv 1912.05671).

Train to the end of a cycle, set the smallest weights to zero, put all others back to what they were early
in the training, and again:

    s_r  =  1 - (1 - s)^(r/R)         the sparsity after round r of R, an equal share of what is left each

The original trains R + 1 times.  Here, as every method has the same steps in all, each of the R + 1
trainings is so much shorter; they share the steps before the state that is rewound to.
"""

from dataclasses import dataclass
from itertools import accumulate

from tamis_torch.methods.checks import check_between, check_count
from tamis_torch.vision.methods.training import Plan, Pruned, rates


@dataclass(frozen=True, kw_only=True)
class Iterative(Pruned):
    """Settings of iterative magnitude pruning with rewinding.

    Raises
    ------
    InputError
        If a value is out of its range.
    """

    rounds: int = 3
    """R, how often the smallest weights are cut."""
    rewind: float = 0.05
    """Share of all steps after which the state is kept that is rewound to."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_count("rounds", self.rounds, 1)
        check_between("rewind", self.rewind, 0, 0.5)

    def plan(self, steps: int) -> Plan:
        """Return what happens when in so many steps."""
        kept = max(1, round(self.rewind * steps))
        each, more = divmod(max(0, steps - kept), self.rounds + 1)
        cycles = [kept + each + (1 if number < more else 0) for number in range(self.rounds + 1)]
        ends = accumulate(cycle - (kept if number else 0) for number, cycle in enumerate(cycles[:-1]))
        prunings = {
            end: 1 - (1 - self.sparsity) ** (number / self.rounds) for number, end in enumerate(ends, 1)
        }
        return Plan(rates(self, cycles, skipped=kept), prunings=prunings, kept_at=kept)
