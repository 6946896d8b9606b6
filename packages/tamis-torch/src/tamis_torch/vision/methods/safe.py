r"""SAFE on images: sparse and flat at once (arXiv 2506.06866, algorithm 1).

    minimise  max_{|e| <= radius} f(w + e)   subject to  |w|_0 <= k

    step t            g  <-  grad f(w + radius_t grad f(w) / |grad f(w)|)      one norm over all parameters
                      w  <-  momentum SGD on g,  and the pull to z - u,        taken at w
    every K steps     z  <-  argmin_{|z|_0 <= k_t} |z - (w + u)|^2,   u  <-  u + w - z
    at the end        w  <-  the k largest of w, and batch norm's statistics taken again

It is :mod:`tamis_torch.vision.methods.admm` with a radius, and runs through the same
:class:`tamis_torch.ADMM`, round :class:`tamis_torch.SharpnessAware`.
"""

from dataclasses import dataclass
from typing import Literal, Self

from tamis_torch.vision.methods.admm import Admm
from tamis_torch.vision.methods.sharp import Sharp


@dataclass(frozen=True, kw_only=True)
class Safe(Sharp, Admm):
    """Settings of SAFE on images.

    Raises
    ------
    InputError
        If a value is out of its range.
    """

    radius: float = 0.2
    """As :class:`~tamis_torch.vision.methods.sharp.Sharp`'s, where it has risen to."""
    radius_rise: Literal["none", "linear"] = "linear"
    """As :class:`~tamis_torch.vision.methods.sharp.Sharp`'s; the paper's radius is constant."""

    @classmethod
    def paper(cls, **settings: object) -> Self:
        """Return the paper's settings for ResNets on CIFAR: its script's."""
        return super().paper(**({"radius": 0.1, "radius_rise": "none"} | settings))
