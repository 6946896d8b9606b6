r"""Noise that depends only on a key and on where an entry stands: no generator, no order.

    x = i xor key_1;   x *= A;  x ^= x >> 15;  x += key_2;  x *= B;  x ^= x >> 16          32 bits

A, B and these shifts are from the hash "lowbias32" (C. Wellons, 2018).  So the noise of an entry is
the same however a tensor is cut into parts, in whatever order they come and on every device; entry
i + 2^32 has that of entry i.  Each hash gives two integers k of 16 bits for two independent
roundings; with (k + 1/2) / 65536 their probabilities are right to 2^-17.

**Evenly over the steps.**  Of a number that is rounded at every step, the integers of step t are

    k_t  =  k + t (49473, 37345)   modulo 65536

so that each is as random as k, but the k_t of one entry fill the range evenly (an additive recurrence, with
1/p and 1/p^2 of p^3 = p + 1: M. Roberts, "The unreasonable effectiveness of quasirandom sequences", 2018).
If t steps move a weight by a fraction f of its last bit each, t f of them are to round up: of independent
noise sqrt(t f (1 - f)) more or fewer do, of this one or two.  Bits of memory: none.
"""

from hashlib import blake2b
from typing import NamedTuple

import torch
from torch import Tensor

A = 0x7FEB352D
B = 0x846CA68B - 2**32  # as a signed number
HALF = 65536
TURNS = 49473, 37345  # odd: each k_t comes once in 65536 steps


class Key(NamedTuple):
    """What decides all noise of one rounding of one tensor; int32 of no dimension."""

    first: Tensor
    second: Tensor
    turns: tuple[Tensor, Tensor]  # t (49473, 37345)


def key(device: torch.device, *numbers: int, step: int = 0) -> Key:
    """Return the key of some integers, such as the seed and the tensor's number, at step t."""
    digest = blake2b(",".join(map(str, numbers)).encode(), digest_size=8).digest()
    both = torch.frombuffer(bytearray(digest), dtype=torch.int32)
    turns = torch.tensor([step * turn % HALF for turn in TURNS], dtype=torch.int32)
    first, second, *turned = torch.cat([both, turns]).to(device, non_blocking=True).unbind()
    return Key(first, second, (turned[0], turned[1]))


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
    upper, lower = x >> 16, x ^ (x >> 16)
    return lower.add_(keyed.turns[0]).bitwise_and_(0xFFFF), upper.add_(keyed.turns[1]).bitwise_and_(0xFFFF)


def uniform(bits: Tensor) -> Tensor:
    """Return the middle of each of 65536 equal parts of (0, 1), float32."""
    return bits.float().add_(0.5).mul_(1 / HALF)
