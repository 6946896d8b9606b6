r"""Integers of 8 bits with a scale, evenly spaced.

    s  =  max |x| / 127         code  =  round(x / s)        error at most s / 2 = max |x| / 254

Good for numbers of one size, as weights mostly are; what is much smaller than the largest is lost.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from tamis_torch.state.codes import ARITHMETIC, TINY, Format, given, largest
from tamis_torch.state.rounding import to_integer

LARGEST = 127


@dataclass(frozen=True, kw_only=True)
class Int8(Format):
    """Integers from -127 to 127."""

    @property
    def dtype(self) -> torch.dtype:
        """Of the codes."""
        return torch.int8

    @property
    def bounds(self) -> tuple[float, float]:
        """Half a step, everywhere."""
        return ARITHMETIC, 0.5

    def scales(self, rows: Tensor) -> Tensor:
        """Return ``max |x| / 127``."""
        return (largest(rows) / LARGEST).clamp_(min=TINY)

    def quantise(self, rows: Tensor, scale: Tensor | None, noise: Tensor | float) -> Tensor:
        """Return ``round(x / s)``."""
        sizes = to_integer((rows * (1 / given(scale))).abs_(), noise).clamp_(max=LARGEST)
        return sizes.copysign_(rows).to(torch.int8)

    def dequantise(self, codes: Tensor, scale: Tensor | None) -> Tensor:
        """Return ``s code``."""
        return codes.float().mul_(given(scale))
