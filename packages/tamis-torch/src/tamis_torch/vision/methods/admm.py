r"""ADMM on images: SAFE without its sharpness-aware step, as its paper compares it (arXiv 2506.06866).

    step t            w  <-  momentum SGD on  grad f(w) + penalty_t (w - z + u)
    every K steps     z  <-  argmin_{|z|_0 <= k} |z - (w + u)|^2,   u  <-  u + w - z
    at the end        w  <-  the k largest of w, and batch norm's statistics taken again

One threshold over all layers.  The penalty rises as a half cosine while the learning rate falls as one.
The paper's end value, 1e-3, belongs to 78 000 steps.  What matters is how far w is pulled in all,

    pull  =  sum_t penalty_t lr_t / (1 - momentum)         the log of how much a weight that must go shrinks

which is some 10 there, so the default penalty is the one that gives this in the steps that there are.
"""

from dataclasses import dataclass, replace
from typing import Literal, Self

from tamis_torch.methods.checks import check_between, check_choice, check_count
from tamis_torch.methods.iteration import Iteration, penalty_at
from tamis_torch.vision.methods.training import Plan, Pruned, rates

PULL = 10.0  # see above


@dataclass(frozen=True, kw_only=True)
class Admm(Pruned):
    """Settings of ADMM on images.

    Raises
    ------
    InputError
        If a value is out of its range.
    """

    radius: float = 0.0
    """Of the sharpness-aware gradient, in the units of the norm of all parameters; 0: the plain one."""
    penalty: float | None = None
    """At the end, in the units of the gradient; by default what pulls as far in the steps that there are as
    the paper's 1e-3 does in its own."""
    penalty_rise: Literal["none", "cosine"] = "cosine"
    """How the penalty comes to its value: it has it from the start, or rises from 0 over all steps."""
    interval: int = 32
    """K, the steps between two updates of z and u."""
    growth: float = 0.0
    """Share of the steps over which the sparsity of z grows to its target; 0: the target from the start."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_between("radius", self.radius, 0, 1e6)
        check_choice("penalty_rise", self.penalty_rise, ("none", "cosine"))
        check_count("interval", self.interval, 1)
        check_between("growth", self.growth, 0, 1)
        if self.penalty is not None:
            check_between("penalty", self.penalty, 0, 1e6, open_below=True)

    def resolved(self, steps: int) -> Self:
        """Return these settings with the penalty filled in."""
        if self.penalty is not None:
            return self
        unit = self.iteration(steps, 1.0)
        lengths = (penalty_at(unit, t) * lr for t, lr in enumerate(rates(self, [steps])))
        travel = sum(lengths) / (1 - self.momentum)
        return replace(self, penalty=float(f"{PULL / travel:.3g}") if travel else 1.0)

    def iteration(self, steps: int, penalty: float | None = None) -> Iteration:
        """Return the settings of :class:`tamis_torch.ADMM` for so many steps."""
        if penalty is None:
            penalty = self.resolved(steps).penalty
        assert penalty is not None, "resolved() fills it in"
        return Iteration(
            sparsity=self.sparsity, layers=self.layers, skip=self.skip, budget=self.budget, steps=steps,
            penalty=penalty, penalty_rise=self.penalty_rise, interval=self.interval, pull="gradient",
            metric="none", growth=self.growth, seed=self.seed,
        )  # fmt: skip

    def plan(self, steps: int) -> Plan:
        """Return what happens when in so many steps."""
        return Plan(rates(self, [steps]), self.radius, iteration=self.iteration(steps))
