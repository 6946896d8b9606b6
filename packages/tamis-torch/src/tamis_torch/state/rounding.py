r"""Rounding to a grid: nearest, or up and down at random so that the mean is the number itself.

x between two neighbours a < b of the grid, noise uniform in [0, 1):

    Q(x)  =  b  if  (x - a) > noise (b - a),  else  a            E Q(x) = x

Nearest rounding is the same with noise 1/2 (halfway goes down).  A number on the grid stays.
Where many small changes are added up, each below half a step of the grid, nearest rounding loses
all of them and stochastic rounding none in the mean.
"""

import torch
from torch import Tensor

LARGEST_BFLOAT16 = torch.finfo(torch.bfloat16).max


def goes_up(x: Tensor, low: Tensor, high: Tensor, noise: Tensor | float) -> Tensor:
    """Return whether x, between two neighbours of a grid, is rounded to the upper one (bool)."""
    return (x - low) > (high - low) * noise


def to_integer(x: Tensor, noise: Tensor | float) -> Tensor:
    """Return x >= 0 rounded to an integer, as float32."""
    low = x.floor()
    return low.add_((x - low) > noise)


def to_bfloat16(x: Tensor, noise: Tensor | float) -> Tensor:
    """Return float32 numbers rounded to bfloat16; NaN stays NaN."""
    if isinstance(noise, float):
        return x.to(torch.bfloat16)
    return add_and_cut(x, (noise * 65536).to(torch.int32))


def add_and_cut(x: Tensor, bits: Tensor) -> Tensor:
    """Return float32 numbers rounded to bfloat16 by random integers from 0 to 65535 (int32).

    A bfloat16 is the upper half of a float32.  So a random integer added to the lower half carries
    into the upper one with just the right probability; the lower half is then cut off.
    """
    rounded = (bits + x.view(torch.int32)).bitwise_and_(-65536).view(torch.float32)
    return torch.where(x == x, rounded, x).to(torch.bfloat16)  # the bits of a NaN may overflow
