"""What every method that trains has in common: the budget and the learning rate over it."""

from dataclasses import dataclass
from typing import Literal

from tamis_torch.errors import InputError
from tamis_torch.methods.checks import check_between, check_choice, check_count, check_seed
from tamis_torch.state import NAMES, Name
from tamis_torch.state.adam import ROUNDINGS, Rounding

GENTLE_LR = 0.05  # times width
RELEARN_LR = 0.8  # times width, at 90%
MAX_LR = 5e-3  # beyond it Adam is unstable on narrow models, whatever their width


@dataclass(frozen=True, kw_only=True)
class Training:
    """Budget and learning rate of a training.

    Raises
    ------
    InputError
        If a value is out of its range.
    """

    steps: int = 400
    """Optimiser steps."""
    batch_size: int = 4
    """Windows a step."""
    seq_len: int = 256
    """Tokens a window."""
    lr: float | None = None
    """Peak learning rate; by default :meth:`default_lr` at the width of the model."""
    warmup: float = 0.05
    """Share of the steps over which the learning rate rises; after it, it falls linearly to 0."""
    seed: int = 0
    """Of the order of the text."""
    accumulate: int = 1
    """Parts that the windows of a step go through the model in, one after another: the same gradient
    to rounding, the activations of one part in memory.  Must divide ``batch_size``."""
    recompute: bool = False
    """Compute the activations of each block anew in the backward pass (gradient checkpointing): the
    same result bit for bit, less memory, about a third more time."""
    weights: Literal["float32", "bfloat16"] = "float32"
    """What the model computes with.  With "bfloat16" activations take half, and ``rounding`` says how
    small steps are not lost."""
    rounding: Literal["masters"] | Rounding = "masters"
    """Of bfloat16 weights.  "masters": the optimiser moves float32 copies, which are saved (4 bytes a
    parameter more); "stochastic": up or down by chance, right in the mean; "compensated": 8 more bits of
    each in the optimiser's state; "nearest": steps below 1/512 of a weight are lost."""
    moments: Name = "float32"
    """How Adam's two moments are kept, see :mod:`tamis_torch.state`."""
    in_backward: bool = False
    """Step each parameter as soon as its gradient is known, which is then freed: gradients never all
    live at once.  They are clipped by the norm of the step before."""
    compile: bool = False
    """Let torch.compile fuse the step in few bits: several times faster on a CPU, which needs a C++ compiler
    then, and the same to rounding."""

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("batch_size", 1), ("seq_len", 2), ("accumulate", 1)):
            check_count(name, getattr(self, name), least)
        check_seed(self.seed)
        if self.batch_size % self.accumulate:
            raise InputError(f"accumulate must divide batch_size ({self.batch_size}), got {self.accumulate}")
        check_choice("weights", self.weights, ("float32", "bfloat16"))
        check_choice("rounding", self.rounding, ("masters", *ROUNDINGS))
        check_choice("moments", self.moments, NAMES)
        self._check_few_bits()
        check_between("warmup", self.warmup, 0, 1)
        if self.lr is not None:
            check_between("lr", self.lr, 0, 1, open_below=True)

    def _check_few_bits(self) -> None:
        if self.rounding != "masters" and self.weights == "float32":
            raise InputError(f"rounding must be left out with weights 'float32', got {self.rounding!r}")
        if self.compile and not self.in_few_bits:
            raise InputError("compile must be False where nothing is kept in few bits")
        if self.in_backward and self.has_masters:
            raise InputError(
                "in_backward must be False with masters, whose gradients are collected first; or give "
                "another rounding, such as stochastic"
            )

    @property
    def has_masters(self) -> bool:
        """Whether float32 copies of bfloat16 weights are moved in their place."""
        return self.weights == "bfloat16" and self.rounding == "masters"

    @property
    def rounds_weights(self) -> bool:
        """Whether the only weights are bfloat16 ones."""
        return self.weights == "bfloat16" and not self.has_masters

    @property
    def in_few_bits(self) -> bool:
        """Whether moments or weights are kept in few bits, or stepped in the backward pass."""
        return self.rounds_weights or self.moments != "float32" or self.in_backward

    def default_lr(self, width: int, sparsity: float) -> float:
        """Return the peak learning rate for matrices of ``width`` inputs, where none is given.

        ``sparsity`` is the fraction of zeros before the training.

        A step of Adam moves a layer's output by some ``lr width``, so the rate goes with 1/width
        (Yang et al. 2022, arXiv 2203.03466).  To train on what is trained already, a small one.
        """
        return GENTLE_LR / width


def relearning_lr(width: int, sparsity: float) -> float:
    """Return the peak learning rate of a training that gives a model back what pruning took.

    It grows with what has to be learnt again, ``(sparsity/0.9)^4`` of that at 90%: measured at 50, 70 and
    90% (docs/experiments.md), and in between like the paper's table for OPT-125M.
    """
    share = min(1.0, (sparsity / 0.9) ** 4)
    return min(MAX_LR, max(RELEARN_LR * share, GENTLE_LR) / width)


def lr_scale(config: Training, step: int) -> float:
    """Return the factor of the learning rate in ``step`` (from 0): linear warm-up, linear decay to 0."""
    warmup = config.warmup * config.steps
    rise = min(1.0, (step + 1) / warmup) if warmup else 1.0
    return rise * (1 - step / config.steps)
