r"""Elsa: prune a network by ADMM on its own training loss (arXiv 2510.01650).

    minimise f(w)  subject to  w in S      f the training loss, S the sparse weights, a matrix at a time

    step t            w  <-  inner step on the clipped gradient of f, and the pull to z - u
    every K steps     z  <-  argmin_{z in S_t} |z - (w + u)|_M^2,   u  <-  u + w - z
    at the end        w  <-  the projection of w onto S

The pull takes one of two forms:

    "gradient"  (the paper)  g  <-  clip(grad f(w)) + penalty (w - z + u), then Adam on g
    "direct"    (default)    w  <-  w - lr Adam(clip(grad f(w))),  then  w  <-  w - pull (w - z + u)

Adam divides what it is given by sqrt(v), so in the first form a weight can move no more than
the learning rate a step, however far it has to go: a short run cannot arrive.  The second is
the same augmented Lagrangian with its quadratic measured in Adam's metric diag(sqrt(v)),
``pull = lr * penalty``: a weight that must go shrinks by a fixed share a step whatever its size.
The consistent metric of the projection is then M = sqrt(v), of which the paper's
objective-aware projection has the square (M = v, a diagonal Fisher matrix).

Where we differ from the paper by default, each with its measurement in docs/experiments.md:
the direct pull, M = sqrt(v), a sparsity that grows to its target, and a learning rate that goes
with the model's width and the sparsity.  :meth:`Elsa.paper` gives the paper's own settings.
"""

from dataclasses import dataclass
from typing import Literal, Self

from tamis.sets import NofM, Sparse
from tamis_torch.methods.checks import check_between, check_choice, check_count
from tamis_torch.methods.goal import Goal
from tamis_torch.methods.pattern import parse_pattern
from tamis_torch.methods.schedule import Training

RELEARN_LR = 1.0  # times width, at 90%
MAX_LR = 5e-3  # beyond it Adam is unstable on narrow models, whatever their width


@dataclass(frozen=True, kw_only=True)
class Elsa(Goal, Training):
    """Settings of a run of Elsa.

    Raises
    ------
    InputError
        If a value is out of its range.
    """

    penalty: float = 0.1
    """Direct pull: the share of the distance to z - u that a step closes, in (0, 1].  Gradient pull:
    the penalty of the augmented Lagrangian in the units of the clipped gradient."""
    interval: int = 4
    """K, the steps between two updates of z and u."""
    pull: Literal["direct", "gradient"] = "direct"
    """How the penalty acts on w, see above."""
    metric: Literal["adam", "fisher", "none"] = "adam"
    """Diagonal of the projection: Adam's sqrt(v), the paper's v, or the identity."""
    growth: float = 0.4
    """Share of the steps over which the sparsity grows to its target; 0: the target from the start."""

    def __post_init__(self) -> None:
        Goal.__post_init__(self)
        Training.__post_init__(self)
        check_count("interval", self.interval, 1)
        check_choice("pull", self.pull, ("direct", "gradient"))
        check_choice("metric", self.metric, ("adam", "fisher", "none"))
        check_between("growth", self.growth, 0, 1)
        check_between("penalty", self.penalty, 0, 1 if self.pull == "direct" else 1e6, open_below=True)

    def default_lr(self, width: int) -> float:
        """Return the peak learning rate for matrices of ``width`` inputs, where none is given.

        It grows with what has to be learnt again, ``(sparsity/0.9)^3`` of that at 90%: measured at 50
        and 90% here, and in between like the paper's table for OPT-125M.
        """
        share = min(1.0, (self.sparsity / 0.9) ** 3)
        return min(MAX_LR, max(RELEARN_LR * share / width, super().default_lr(width)))

    @classmethod
    def paper(cls, sparsity: float = 0.9, **settings: object) -> Self:
        """Return the paper's settings: its table for OPT-125M, the nearest sparsity's row."""
        rows = {0.5: (1e-5, 1e-2), 0.6: (5e-5, 5e-3), 0.7: (1e-4, 2e-3), 0.8: (2e-4, 1e-3)}
        lr, penalty = rows[min(rows, key=lambda row: abs(row - sparsity))]
        paper = {"lr": lr, "penalty": penalty, "interval": 32, "pull": "gradient", "metric": "fisher",
                 "growth": 0.0, "warmup": 0.0, "steps": 4096, "batch_size": 8, "seq_len": 2048}  # fmt: skip
        return cls(sparsity=sparsity, **(paper | settings))  # type: ignore[arg-type]


def growth_at(config: Elsa, step: int) -> float:
    """Return the share of the target reached after ``step`` steps: a cubic rise (Zhu & Gupta 2017)."""
    if config.growth == 0:
        return 1.0
    done = min(1.0, step / (config.growth * config.steps))
    return 1 - (1 - done) ** 3


def sparsity_at(config: Elsa, step: int) -> float:
    """Return the fraction of zeros asked after ``step`` steps."""
    return config.sparsity * growth_at(config, step)


def constraint(config: Elsa, step: int, axis: int) -> Sparse | NofM:
    """Return the set of one matrix after ``step`` steps; ``axis`` runs over its layer's inputs.

    A pattern N:M grows by its M - N: from M:M down to N:M.
    """
    pattern = parse_pattern(config.pattern)
    if pattern is None:
        return Sparse(1.0 - sparsity_at(config, step))
    n, m = pattern
    return NofM(m - round((m - n) * growth_at(config, step)), m, axis=axis)
