"""What every method that trains has in common: the budget and the learning rate over it."""

from dataclasses import dataclass

from tamis_torch.methods.checks import check_between, check_count


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
    """Peak learning rate; by default ``relative_lr`` times the median weight size (rms) of the matrices."""
    relative_lr: float = 5e-3
    """Learning rate in units of the weights' size, where ``lr`` is left out."""
    warmup: float = 0.05
    """Share of the steps over which the learning rate rises; after it, it falls linearly to 0."""
    seed: int = 0
    """Of the order of the text."""

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("batch_size", 1), ("seq_len", 2), ("seed", 0)):
            check_count(name, getattr(self, name), least)
        check_between("warmup", self.warmup, 0, 1)
        check_between("relative_lr", self.relative_lr, 0, 1, open_below=True)
        if self.lr is not None:
            check_between("lr", self.lr, 0, 1, open_below=True)


def lr_scale(config: Training, step: int) -> float:
    """Return the factor of the learning rate in ``step`` (from 0): linear warm-up, linear decay to 0."""
    warmup = config.warmup * config.steps
    rise = min(1.0, (step + 1) / warmup) if warmup else 1.0
    return rise * (1 - step / config.steps)
