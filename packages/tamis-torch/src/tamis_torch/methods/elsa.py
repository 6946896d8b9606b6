r"""Elsa: prune a network by ADMM on its own training loss (arXiv 2510.01650).

    minimise f(w)  subject to  w in S      f the training loss, S the sparse weights (see ``budget``)

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

With a radius, f is ``max_{|e| <= radius} f(w + e)`` to first order, as in SAFE (arXiv 2506.06866):
the gradient is that at ``w + radius g/|g|``, g = grad f(w), one norm over all parameters, and the
pull is taken at w.  No layer-wise surrogate: SAFE's flatness on Elsa's loss.

The order of updates above, w, z, u, is the papers'.  The usual descent argument needs z, w, u::

    every K steps     u  <-  u + w - z,   z  <-  argmin_{z in S_t} |z - (w + u)|_M^2

Both draw w to the same point where an entry stays in the support or stays out of it.  They differ in
what is compared, w + u before or after the dual moves; in an entry that comes in, drawn to w + u or to
w; and in one that leaves, drawn to -w or to minus its move since the last update.

Where we differ from the paper by default, each with its measurement in docs/experiments.md:
a start from a layer-wise solution, one count of zeros over all matrices, the direct pull,
M = sqrt(v), a sparsity that grows to its target, and a learning rate that goes with the model's width
and the sparsity.  :meth:`Elsa.paper` gives the paper's own settings.
"""

from dataclasses import dataclass
from typing import Literal, Self

from tamis_torch.errors import InputError
from tamis_torch.methods.alps import ALPS
from tamis_torch.methods.budget import Budgeted
from tamis_torch.methods.calibrated import Calibrated
from tamis_torch.methods.checks import check_between, check_choice
from tamis_torch.methods.iteration import Iteration
from tamis_torch.methods.schedule import Training, relearning_lr
from tamis_torch.methods.sparsegpt import SparseGPT

LEFT, MAX_START = 0.05, 0.7  # of the sparsity, what the training is left to find; and the most at the start
GROWTH, SPEED = 0.4, 4.0  # the longest growth; and the share of the steps in which all zeros would grow
START_SAMPLES = 128  # windows of calibration


@dataclass(frozen=True, kw_only=True)
class Elsa(Iteration, Training):
    """Settings of a run of Elsa.

    Raises
    ------
    InputError
        If a value is out of its range.
    """

    budget: Literal["tensor", "row", "block", "global"] = None  # type: ignore[assignment]
    """What shares one count of zeros, see :class:`Budgeted`; by default "global", with a pattern "tensor"."""
    growth: float = None  # type: ignore[assignment]
    """Share of the steps over which the sparsity grows to its target; 0: the target from the start.  By
    default 0.4, or less where little is left to grow: 0.2 for the last twentieth."""
    start: Literal["alps", "sparsegpt", "none"] = "alps"
    """What the training begins from: the model pruned block by block to ``start_sparsity`` by one of
    these, on windows of the training text; or the model as it is."""
    start_sparsity: float = None  # type: ignore[assignment]
    """By default a twentieth less than the sparsity, and 0.7 at most: the last zeros, which are the hard
    ones, are found by the training."""
    radius: float = 0.0
    """Of the sharpness-aware gradient, in the units of the norm of all weights; above 0 each step takes
    two forward and backward passes."""

    def __post_init__(self) -> None:
        if self.budget is None:
            object.__setattr__(self, "budget", "global" if self.pattern is None else "tensor")
        Budgeted.__post_init__(self)
        check_choice("start", self.start, ("alps", "sparsegpt", "none"))
        if self.pattern is not None and self.start_sparsity not in (None, self.sparsity):
            raise InputError(
                f"start_sparsity must be left out with the pattern {self.pattern}, which the start has "
                f"already, got {self.start_sparsity}"
            )
        if self.start_sparsity is None:
            object.__setattr__(self, "start_sparsity", self._default_start())
        check_between("start_sparsity", self.start_sparsity, 0, self.sparsity)
        if self.growth is None:
            object.__setattr__(self, "growth", self._default_growth())
        Iteration.__post_init__(self)
        Training.__post_init__(self)
        check_between("radius", self.radius, 0, 1e6)
        if self.in_backward and (self.radius or self.pull == "gradient" or self.metric == "gradient"):
            raise InputError(
                "in_backward must be False with a radius, or with pull or metric 'gradient': these need the "
                "whole gradient"
            )
        if self.radius and self.weights != "float32":
            raise InputError(
                f"radius must be 0 with weights {self.weights!r}, whose rounding is larger than the move, "
                f"got {self.radius}"
            )

    def default_lr(self, width: int, sparsity: float) -> float:
        """Return the peak learning rate where none is given: that of the sparsity asked for."""
        return relearning_lr(width, self.sparsity)

    def _default_start(self) -> float:
        return self.sparsity if self.pattern else max(0.0, min(round(self.sparsity - LEFT, 6), MAX_START))

    def _default_growth(self) -> float:
        if self.pattern or self.start == "none":
            return GROWTH
        return round(min(GROWTH, SPEED * (self.sparsity - self.start_sparsity)), 6)

    def opening(self) -> Calibrated | None:
        """Return the settings of what is done before the training, None if nothing is."""
        if self.start == "none" or self.start_sparsity == 0:
            return None
        return (ALPS if self.start == "alps" else SparseGPT)(
            sparsity=self.start_sparsity, pattern=self.pattern,
            layers=self.layers, skip=self.skip, samples=START_SAMPLES, seq_len=self.seq_len, seed=self.seed,
        )  # fmt: skip

    @classmethod
    def paper(cls, sparsity: float = 0.9, **settings: object) -> Self:
        """Return the paper's settings: its table for OPT-125M, the nearest sparsity's row."""
        rows = {0.5: (1e-5, 1e-2), 0.6: (5e-5, 5e-3), 0.7: (1e-4, 2e-3), 0.8: (2e-4, 1e-3)}
        lr, penalty = rows[min(rows, key=lambda row: abs(row - sparsity))]
        paper = {"lr": lr, "penalty": penalty, "interval": 32, "pull": "gradient", "metric": "fisher",
                 "growth": 0.0, "warmup": 0.0, "budget": "tensor", "start": "none",
                 "steps": 4096, "batch_size": 8, "seq_len": 2048}  # fmt: skip
        return cls(sparsity=sparsity, **(paper | settings))  # type: ignore[arg-type]
