r"""What every method here has in common: stochastic gradient descent with momentum, and what happens when.

b  <-  momentum b + g + weight_decay w,     w  <-  w - lr_t b

lr_t  =  lr (t + 1)/warm-up at first, then  lr (1 + cos(pi t / T)) / 2     over each cycle of T steps
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tamis_torch.errors import InputError
from tamis_torch.methods.budget import Budgeted
from tamis_torch.methods.checks import check_between, check_choice, check_count, check_seed
from tamis_torch.methods.iteration import Iteration
from tamis_torch.vision.augment import KINDS, Kind


@dataclass(frozen=True)
class Plan:
    """What happens when in a training of so many steps."""

    rates: Sequence[float]
    """The learning rate of each step."""
    radii: Sequence[float] = ()
    """Of the sharpness-aware gradient of each step; nothing: the plain one, in one pass."""
    prunings: Mapping[int, float] = field(default_factory=dict)
    """After so many steps the smallest weights become zero and stay so: the fraction of zeros then."""
    kept_at: int | None = None
    """The step whose state is kept, and comes back (but for the zeros) after each of ``prunings`` but none
    after the last step."""
    iteration: Iteration | None = None
    """ADMM's settings, if the zeros come from it."""


@dataclass(frozen=True, kw_only=True)
class ImageTraining:
    """Settings of a training on images.

    Raises
    ------
    InputError
        If a value is out of its range.
    """

    epochs: int = 20
    """Passes over the training images in all."""
    batch_size: int = 128
    """Images a step."""
    lr: float = 0.1
    """Peak learning rate."""
    momentum: float = 0.9
    """Of the gradient."""
    weight_decay: float = 1e-4
    """Added to the gradient, times the weights."""
    warmup: float = 0.05
    """Share of a cycle's steps over which the learning rate rises."""
    augment: Kind = None  # type: ignore[assignment]
    """What chance does to the training images, see :mod:`tamis_torch.vision.augment`; by default "crop", or
    "none" where inputs are no images or float32."""
    seed: int = 0
    """Of a named network's weights, of the order of the images, their augmentation and wrong labels."""

    def __post_init__(self) -> None:
        check_count("epochs", self.epochs, 1)
        check_count("batch_size", self.batch_size, 1)
        check_seed(self.seed)
        check_between("lr", self.lr, 0, 100, open_below=True)
        check_between("momentum", self.momentum, 0, 0.9999)
        check_between("weight_decay", self.weight_decay, 0, 1)
        check_between("warmup", self.warmup, 0, 1)
        if self.augment is not None:
            check_choice("augment", self.augment, KINDS)

    def plan(self, steps: int) -> Plan:
        """Return what happens when in so many steps."""
        return Plan(rates(self, [steps]))


@dataclass(frozen=True, kw_only=True)
class Pruned(Budgeted, ImageTraining):
    """Settings of a training that ends with zeros.

    Raises
    ------
    InputError
        If a value is out of its range, or a pattern is given.
    """

    budget: Literal["tensor", "row", "block", "global"] = "global"
    """What shares one count of zeros: all layers under one threshold, or "tensor", each layer."""

    def __post_init__(self) -> None:
        if self.pattern is not None:
            raise InputError(f"pattern must be left out on images, got {self.pattern!r}; give a sparsity")
        Budgeted.__post_init__(self)
        ImageTraining.__post_init__(self)
        check_choice("budget", self.budget, ("global", "tensor"))


def rates(config: ImageTraining, cycles: Sequence[int], skipped: int = 0) -> list[float]:
    """Return the learning rate of each step over cycles of so many steps.

    ``skipped`` steps of every cycle but the first are left out at its beginning.
    """
    found: list[float] = []
    for number, length in enumerate(cycles):
        found += [_rate(config, step, length) for step in range(skipped if number else 0, length)]
    return found


def _rate(config: ImageTraining, step: int, length: int) -> float:
    warmup = config.warmup * length
    rise = min(1.0, (step + 1) / warmup) if warmup else 1.0
    return config.lr * rise * (1 + math.cos(math.pi * step / length)) / 2
