"""The batch of each step: a function of the seed and the step alone, so that a run can go on anywhere."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tamis_torch.errors import InputError
from tamis_torch.vision.augment import augment
from tamis_torch.vision.images import Part, Standard

EVALUATED = 500  # samples a forward pass where no gradient is needed


class Batches:
    """Training batches: each epoch visits the samples once, in a new order, but for those of no full batch.

    Parameters
    ----------
    part : Part
    standard : Standard
    batch_size, seed : int
    kind : str
        Of the augmentation.

    Raises
    ------
    InputError
        If there are fewer samples than a batch has.
    """

    def __init__(self, part: Part, standard: Standard, batch_size: int, seed: int, kind: str) -> None:
        if batch_size > len(part.labels):
            raise InputError(
                f"batch_size must be at most the {len(part.labels)} training images, got {batch_size}"
            )
        self.part, self.standard, self.batch_size = part, standard, batch_size
        self.seed, self.kind = seed, kind
        self.per_epoch = len(part.labels) // batch_size

    def __call__(self, step: int) -> tuple[Tensor, Tensor]:
        """Return inputs of float32 and labels of a step, counted from 0."""
        epoch, number = divmod(step, self.per_epoch)
        order = _order(len(self.part.labels), self.seed, epoch)
        chosen = torch.from_numpy(order[number * self.batch_size : (number + 1) * self.batch_size])
        inputs = augment(self.part.inputs[chosen], self.kind, [self.seed, step, 1])
        return self.standard(inputs), self.part.labels[chosen]


def in_order(
    part: Part, standard: Standard, device: torch.device, count: int | None = None, size: int = EVALUATED
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the samples, or the first ``count``, as they are, on the device."""
    total = len(part.labels) if count is None else min(count, len(part.labels))
    for start in range(0, total, size):
        here = slice(start, min(start + size, total))
        yield standard(part.inputs[here]).to(device), part.labels[here].to(device)


@lru_cache(maxsize=2)
def _order(count: int, seed: int, epoch: int) -> "np.ndarray[Any, Any]":
    return np.random.default_rng([seed, epoch]).permutation(count)
