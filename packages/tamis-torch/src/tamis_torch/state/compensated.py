r"""A weight of 24 bits as two tensors: a bfloat16, which the model uses, and 8 bits that it lacks.

    w  =  bfloat16 + remainder in units of 1/256 of its last bit         remainder in -128 ... 127

A float32 is read as an integer, rounded to its upper 24 bits, and cut so that the upper 16 are the
nearest bfloat16.  Error: |w' - w| <= 2^-16 |w| + 2^-142.  3 bytes a weight, no noise.
"""

import torch
from torch import Tensor


def cut(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return a float32 tensor, far from overflow, as bfloat16 and int8 remainder; NaN stays NaN."""
    bits = weight.view(torch.int32)
    upper = (bits + 0x80) >> 8  # 24 bits
    near = (upper + 0x80) >> 8
    remainder = (upper - (near << 8)).to(torch.int8)
    half = torch.where(weight == weight, (near << 16).view(torch.float32), weight)
    return half.to(torch.bfloat16), remainder


def join(half: Tensor, remainder: Tensor) -> Tensor:
    """Return the float32 weight of the two parts."""
    bits = half.float().view(torch.int32)
    return (bits + (remainder.to(torch.int32) << 8)).view(torch.float32)
