r"""SAFE: prune a block at a time by ADMM on what the block puts out, in flat minima (arXiv 2506.06866).

    minimise  max_{|e| <= radius} f(w + e)   subject to  w in S
    f(w) = mean (block(x; w) - y)^2          y = block(x) before pruning

    step t            g  <-  grad f(w + radius grad f(w) / |grad f(w)|)         one norm over the block
                      w  <-  Adam on g, and the pull to z - u, taken at w
    every K steps     z  <-  argmin_{z in S} |z - (w + u)|_M^2,   u  <-  u + w - z
    at the end        w  <-  argmin_{v in S} |v - w|_M^2

S holds the sparse matrices, each by itself.  M is the identity (SAFE), or for the weights of input
j the sum of squares of that input (SAFE+): then ``sqrt(M) |w|`` is Wanda's score ``|w| |X_j|``.  The
inputs x come from the blocks before as they are once pruned.  The block's other parameters (norms,
biases, matrices left dense) are trained with the rest.  The pull has the two forms of
:mod:`tamis_torch.methods.elsa`; :meth:`Safe.paper` gives the paper's settings.

=============================  ===============================  =================
Where we differ                the paper's code (safe-torch)    here
=============================  ===============================  =================
penalty                        at w + e                         at w, as printed
second pass, several batches   all with the last batch's y      each with its own
=============================  ===============================  =================
"""

from dataclasses import dataclass
from typing import Literal, Self

from tamis_torch.methods.calibrated import Calibrated
from tamis_torch.methods.checks import check_between, check_choice, check_count
from tamis_torch.methods.schedule import Training, lr_scale

LR = 1.9  # times width, at 90%: the more has to be learnt again, the larger the rate
MAX_LR = 1e-2  # of the default, on narrow models


@dataclass(frozen=True, kw_only=True)
class Safe(Calibrated):
    """Settings of SAFE.

    Raises
    ------
    InputError
        If a value is out of its range.
    """

    radius: float = 2e-4
    """Of the sharpness-aware step, the length of e in the units of the weights; 0: plain ADMM, in half
    the time."""
    penalty: float = 0.1
    """Direct pull: the share of the distance to z - u that a step closes, in (0, 1].  Gradient pull:
    the penalty of the augmented Lagrangian in the units of the gradient."""
    interval: int = 4
    """K, the steps between two updates of z and u."""
    pull: Literal["direct", "gradient"] = "direct"
    """How the penalty acts on w, as in Elsa."""
    epochs: int = 8
    """Passes over the samples, for each block."""
    batch_size: int = 2
    """Windows a step.  With the epochs: as many steps as the paper's 30 passes in batches of 8."""
    lr: float | None = None
    """Peak learning rate; by default ``1.9 (sparsity/0.9)^2 / width``, the hidden width, at most 0.01."""
    warmup: float = 1 / 15
    """Share of the steps over which the learning rate rises; after it, it falls linearly to 0."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("interval", "epochs", "batch_size"):
            check_count(name, getattr(self, name), 1)
        check_choice("pull", self.pull, ("direct", "gradient"))
        check_between("radius", self.radius, 0, 1e6)
        check_between("penalty", self.penalty, 0, 1 if self.pull == "direct" else 1e6, open_below=True)
        check_between("warmup", self.warmup, 0, 1)
        if self.lr is not None:
            check_between("lr", self.lr, 0, 1, open_below=True)

    @classmethod
    def paper(cls, **settings: object) -> Self:
        """Return the paper's settings for language models: its appendix's, and its script's warm-up."""
        paper = {"pull": "gradient", "penalty": 1e-3, "interval": 32, "radius": 2e-4, "lr": 2e-4,
                 "epochs": 30, "batch_size": 8, "samples": 128, "seq_len": 2048}  # fmt: skip
        return cls(**(paper | settings))  # type: ignore[arg-type]


@dataclass(frozen=True, kw_only=True)
class SafePlus(Safe):
    """Settings of SAFE+: SAFE with Wanda's scores in the projection.

    Raises
    ------
    InputError
        If a value is out of its range.
    """


def peak_lr(config: Safe, width: int) -> float:
    """Return the learning rate asked for, or the default one for a block of ``width`` hidden units.

    Measured at 50 and 80% on the demo's model; at width 4096 and 50% it is 1.4e-4, the paper's 2e-4.
    """
    if config.lr is not None:
        return config.lr
    return min(MAX_LR, LR * (config.sparsity / 0.9) ** 2 / width)


def lr_at(config: Safe, width: int, step: int, steps: int) -> float:
    """Return the learning rate in ``step`` (from 0) of ``steps``: linear warm-up, linear decay to 0."""
    return peak_lr(config, width) * lr_scale(Training(steps=steps, warmup=config.warmup), step)
