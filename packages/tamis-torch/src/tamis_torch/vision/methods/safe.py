r"""SAFE on images: sparse and flat at once (arXiv 2506.06866, algorithm 1).

    minimise  max_{|e| <= radius} f(w + e)   subject to  |w|_0 <= k

    step t            g  <-  grad f(w + radius grad f(w) / |grad f(w)|)        one norm over all parameters
                      w  <-  momentum SGD on  g + penalty_t (w - z + u),       the penalty taken at w
    every K steps     z  <-  argmin_{|z|_0 <= k} |z - (w + u)|^2,   u  <-  u + w - z
    at the end        w  <-  the k largest of w, and batch norm's statistics taken again

It is :mod:`tamis_torch.vision.methods.admm` with a radius, and runs through the same
:class:`tamis_torch.ADMM`, round :class:`tamis_torch.SharpnessAware`.
"""

from dataclasses import dataclass
from typing import Self

from tamis_torch.vision.methods.admm import Admm


@dataclass(frozen=True, kw_only=True)
class Safe(Admm):
    """Settings of SAFE on images.

    Raises
    ------
    InputError
        If a value is out of its range.
    """

    radius: float = 0.1
    """As :class:`Admm`'s; the paper's."""

    @classmethod
    def paper(cls, **settings: object) -> Self:
        """Return the paper's settings for ResNets on CIFAR: its script's."""
        paper = {"epochs": 200, "batch_size": 128, "lr": 0.1, "momentum": 0.9, "weight_decay": 1e-4,
                 "warmup": 0.025, "augment": "crop-flip",
                 "penalty": 1e-3, "interval": 32, "radius": 0.1}  # fmt: skip
        return cls(**(paper | settings))  # type: ignore[arg-type]
