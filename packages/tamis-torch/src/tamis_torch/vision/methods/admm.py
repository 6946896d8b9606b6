r"""ADMM on images: SAFE without its sharpness-aware step, as its paper compares it (arXiv 2506.06866).

    step t            w  <-  momentum SGD on  grad f(w),   then  w  <-  w - penalty (w - z + u)
    every K steps     z  <-  argmin_{|z|_0 <= k_t} |z - (w + u)|^2,   u  <-  u + w - z
    the last steps    w  <-  momentum SGD on  grad f(w),   then zero off the support of z      (retrain)
    at the end        w  <-  the k largest of w, and batch norm's statistics taken again

One threshold over all layers; k_t falls to k as gradual pruning's cubic does.  :meth:`Admm.paper` gives the
paper's form: the penalty in the gradient, rising as a half cosine while the learning rate falls as one, k
from the start, K = 32, and no retraining.  It is made for 78 000 steps: how far w is drawn in all,

    sum_t penalty_t lr_t / (1 - momentum)         the log of how much a weight that must go shrinks

is some 10 there with the penalty 1e-3, and where steps are few no penalty gives a result that is as good
(docs/experiments.md).
"""

from dataclasses import dataclass
from typing import Literal, Self

from tamis_torch.methods.iteration import Iteration
from tamis_torch.vision.methods.training import Plan, Pruned, rates


@dataclass(frozen=True, kw_only=True)
class Admm(Pruned):
    """Settings of ADMM on images.

    Raises
    ------
    InputError
        If a value is out of its range.
    """

    penalty: float = 0.1
    """Direct pull: the share of the distance to z - u that a step closes, in (0, 1].  Gradient pull:
    the penalty of the augmented Lagrangian in the units of the gradient."""
    penalty_rise: Literal["none", "cosine"] = "none"
    """How the penalty comes to its value: it has it from the start, or rises from 0 over all steps."""
    interval: int = 4
    """K, the steps between two updates of z and u."""
    pull: Literal["direct", "gradient"] = "direct"
    """How the penalty acts on w: after the step, whatever the learning rate, or through the gradient."""
    growth: float = 0.5
    """Share of the steps over which the sparsity of z grows to its target; 0: the target from the start."""
    retrain: float = 0.3
    """Share of the steps, the last ones, in which the support of z stays and nothing else is trained."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.iteration(1)

    def iteration(self, steps: int) -> Iteration:
        """Return the settings of :class:`tamis_torch.ADMM` for so many steps."""
        return Iteration(
            sparsity=self.sparsity, layers=self.layers, skip=self.skip, budget=self.budget, steps=steps,
            penalty=self.penalty, penalty_rise=self.penalty_rise, interval=self.interval, pull=self.pull,
            metric="none", growth=self.growth, retrain=self.retrain, seed=self.seed,
        )  # fmt: skip

    def plan(self, steps: int) -> Plan:
        """Return what happens when in so many steps."""
        return Plan(rates(self, [steps]), iteration=self.iteration(steps))

    @classmethod
    def paper(cls, **settings: object) -> Self:
        """Return the paper's settings for ResNets on CIFAR: its script's."""
        paper = {"epochs": 200, "batch_size": 128, "lr": 0.1, "momentum": 0.9, "weight_decay": 1e-4,
                 "warmup": 0.025, "augment": "crop-flip", "penalty": 1e-3, "penalty_rise": "cosine",
                 "interval": 32, "pull": "gradient", "growth": 0.0, "retrain": 0.0}  # fmt: skip
        return cls(**(paper | settings))  # type: ignore[arg-type]
