"""What every method that trains has in common: the budget and the learning rate over it."""

from dataclasses import dataclass

from tamis_torch.methods.checks import check_between, check_count

GENTLE_LR = 0.05  # times width


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

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("batch_size", 1), ("seq_len", 2), ("seed", 0)):
            check_count(name, getattr(self, name), least)
        check_between("warmup", self.warmup, 0, 1)
        if self.lr is not None:
            check_between("lr", self.lr, 0, 1, open_below=True)

    def default_lr(self, width: int) -> float:
        """Return the peak learning rate for matrices of ``width`` inputs, where none is given.

        A step of Adam moves a layer's output by some ``lr width``, so the rate goes with 1/width
        (Yang et al. 2022, arXiv 2203.03466).  To train on what is trained already, a small one.
        """
        return GENTLE_LR / width


def lr_scale(config: Training, step: int) -> float:
    """Return the factor of the learning rate in ``step`` (from 0): linear warm-up, linear decay to 0."""
    warmup = config.warmup * config.steps
    rise = min(1.0, (step + 1) / warmup) if warmup else 1.0
    return rise * (1 - step / config.steps)
