r"""Noise that depends only on a key and on where an entry stands: no generator, no order.

    x = i xor key_1;   x *= A;  x ^= x >> 15;  x += key_2;  x *= B;  x ^= x >> 16          32 bits

A, B and these shifts are from the hash "lowbias32" (C. Wellons, 2018).  So the noise of an entry is
the same however a tensor is cut into parts, in whatever order they come and on every device; entry
i + 2^32 has that of entry i.  Each hash gives two integers k of 16 bits for two independent
roundings; with (k + 1/2) / 65536 their probabilities are right to 2^-17.
"""

from hashlib import blake2b
from typing import NamedTuple

import torch
from torch import Tensor

A = 0x7FEB352D
B = 0x846CA68B - 2**32  # as a signed number
HALF = 65536


class Key(NamedTuple):
    """What decides all noise of one rounding of one tensor; int32 of no dimension."""

    first: Tensor
    second: Tensor


def key(device: torch.device, *numbers: int) -> Key:
    """Return the key of some integers, such as seed, step and the tensor's number."""
    digest = blake2b(",".join(map(str, numbers)).encode(), digest_size=8).digest()
    both = torch.frombuffer(bytearray(digest), dtype=torch.int32)
    return Key(*both.to(device, non_blocking=True).unbind())


def modulo(device: torch.device, position: int) -> Tensor:
    """Return where an entry stands, modulo 2^32, as int32 of no dimension."""
    wrapped = torch.tensor((position + 2**31) % 2**32 - 2**31, dtype=torch.int32)
    return wrapped.to(device, non_blocking=True)


def bit_pair(keyed: Key, start: Tensor, order: Tensor) -> tuple[Tensor, Tensor]:
    """Return two independent integers from 0 to 65535 for each entry of a part of a tensor.

    Parameters
    ----------
    keyed
    start
        Where the part begins in the tensor, as :func:`modulo` returns it.
    order
        Where each entry stands in the part, int32.
    """
    x = (order + start).bitwise_xor_(keyed.first).mul_(A)
    x.bitwise_xor_((x >> 15) & 0x1FFFF).add_(keyed.second).mul_(B)
    upper = (x >> 16) & 0xFFFF
    return x.bitwise_xor_(upper).bitwise_and_(0xFFFF), upper


def uniform(bits: Tensor) -> Tensor:
    """Return the middle of each of 65536 equal parts of (0, 1), float32."""
    return bits.float().add_(0.5).mul_(1 / HALF)
