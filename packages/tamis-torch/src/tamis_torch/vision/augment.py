r"""Images moved and mirrored by chance, by torch operations on a whole batch.

    "crop"        padded by an eighth of its side (4 of 32 pixels), then a piece of the old size
    "crop-flip"   and mirrored left to right with probability 1/2: not for digits or letters
    "none"

The padding is black.  What is drawn depends on the seed alone, not on the device.
"""

from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

Kind = Literal["none", "crop", "crop-flip"]
KINDS: tuple[Kind, ...] = ("none", "crop", "crop-flip")


def augment(images: Tensor, kind: str, seed: list[int]) -> Tensor:
    """Return the images moved and mirrored, of their shape and type.

    Parameters
    ----------
    images
        (n, channels, height, width).
    kind
        One of ``KINDS``.
    seed
        Numbers, for instance the run's seed and the step.
    """
    if kind == "none":
        return images
    random = np.random.default_rng(seed)
    moved = _crop(images, random)
    return _flip(moved, random) if kind == "crop-flip" else moved


def _crop(images: Tensor, random: np.random.Generator) -> Tensor:
    count, _, height, width = images.shape
    down, across = height // 8, width // 8
    padded = pad(images, (across, across, down, down))
    rows = torch.from_numpy(random.integers(2 * down + 1, size=(count, 1)) + np.arange(height))
    columns = torch.from_numpy(random.integers(2 * across + 1, size=(count, 1)) + np.arange(width))
    sample = torch.arange(count)[:, None, None]
    # the indexed axes come first: (n, height, width, channels)
    return padded[sample, :, rows[:, :, None], columns[:, None, :]].movedim(-1, 1).contiguous()


def _flip(images: Tensor, random: np.random.Generator) -> Tensor:
    mirrored = torch.from_numpy(random.random(len(images)) < 0.5).to(images.device)
    return torch.where(mirrored[:, None, None, None], images.flip(-1), images)
