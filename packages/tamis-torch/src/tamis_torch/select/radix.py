r"""The k-th largest of non-negative scores, exactly, by radix selection.

    t  =  the largest number with  #{s >= t} >= k        keep {s > t}, and of {s = t} as many as make it k

The bit patterns of the scores are integers of the same order (:mod:`tamis_torch.select.bits`).  Their
digits of 16 bits are found from the top: one pass counts how often each digit occurs among the scores
that share the digits found so far, and the next one is the largest with as many scores at or above it as
are still wanted.  16-bit floats take one pass, float32 two, float64 four.

Over several ranks each digit is found in two halves, so that what is added up over the ranks are 256
counts at a time: 4 times 2 KB for float32, whatever the number of scores.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from tamis.arrays import require_integer
from tamis_torch.errors import InputError
from tamis_torch.select.bits import (
    add_counts,
    bits_at,
    bits_of,
    chunks_of,
    in_batches,
    scores_of,
)

DIGIT = 16  # bits; a digit's counts fit in a core's cache
HALF = 256  # counts that ranks add up at a time

Parts = Callable[[], Iterable[Tensor]]
Reduce = Callable[[Tensor], Tensor]


class Threshold(NamedTuple):
    """What to keep: the scores above ``value``, and the first ``ties`` of those equal to it."""

    value: float  # the k-th largest score; infinity if k is 0
    bits: int  # its bit pattern in the scores' own type
    above: int  # scores larger than it
    ties: int  # of those equal to it, how many are to be kept
    equal: int  # scores equal to it, 0 if k is 0


class Leading(NamedTuple):
    """The first digit of the threshold: what one pass tells."""

    digit: int
    above: int  # scores with a larger first digit
    equal: int  # scores with this first digit
    dtype: torch.dtype
    total: int  # scores in all


def same(counts: Tensor) -> Tensor:
    """Return the counts as they are, the sum over one rank."""
    return counts


def threshold(parts: Parts, k: int, reduce: Reduce = same) -> Threshold:
    """Return the threshold of the ``k`` largest scores of all parts (and of all ranks).

    Parameters
    ----------
    parts
        Called for each pass; yields tensors of scores of one floating type and of any shape, not
        negative, infinity allowed.  At most one is held at a time.  Each rank yields at least one,
        which may be empty.
    k
        Between 0 and the number of scores of all ranks.
    reduce
        Adds up a small int64 tensor over the ranks and returns the sum; by default of one rank.

    Raises
    ------
    TypeError, InputError
        If ``k`` is no integer or out of range, or a score is NaN or negative: all ranks raise.  If
        the parts are not of one floating type, or there are none.
    """
    return refine(parts, k, leading(parts, k, reduce), reduce)


def leading(parts: Parts, k: int, reduce: Reduce = same) -> Leading:
    """Return the first digit of the threshold of the ``k`` largest, in one pass that also checks all."""
    require_integer("k", k)
    counts, amiss, dtype = _first_digits(parts)
    nan, negative, total = reduce(amiss).tolist()
    refuse(nan, negative, total, k)
    if k == 0:
        return Leading(bits_at(torch.inf, dtype) >> _shift(dtype), 0, 0, dtype, total)
    return Leading(*_find(counts, k, reduce), dtype, total)


def refine(parts: Parts, k: int, found: Leading, reduce: Reduce = same) -> Threshold:
    """Return the threshold whose first digit was found, in one pass for each that it still lacks."""
    prefix, above, equal, dtype, _ = found
    if k == 0:
        return Threshold(torch.inf, bits_at(torch.inf, dtype), 0, 0, 0)
    for shift in range(_shift(dtype) - DIGIT, -1, -DIGIT):
        digit, more, equal = _find(_next_digits(parts, prefix, shift), k - above, reduce)
        prefix, above = prefix << DIGIT | digit, above + more
    return Threshold(float(scores_of(prefix, dtype)), prefix, above, k - above, equal)


def bracket(found: Leading) -> tuple[int, int]:
    """Return the smallest and the largest bit pattern with the digit that was found."""
    low = found.digit << _shift(found.dtype)
    return low, low + (1 << _shift(found.dtype)) - 1


def refuse(nan: int, negative: int, total: int, k: int) -> None:
    """Raise if a score is NaN or negative, or there are not k."""
    if nan or negative:
        kind, count = ("numbers", f"{nan} of {total} are NaN") if nan else (
            "0 or more", f"{negative} of {total} are negative"
        )  # fmt: skip
        raise InputError(f"scores must be {kind}, but {count}")
    if not 0 <= k <= total:
        raise InputError(f"k must be between 0 and the number of scores ({total}), got {k}")


def _shift(dtype: torch.dtype) -> int:
    return 8 * dtype.itemsize - DIGIT


def _first_digits(parts: Parts) -> tuple[Tensor, Tensor, torch.dtype]:
    """Return the counts of the first digits (the sign is clear), and how many are NaN, negative, there."""
    counts, amiss, dtype = None, torch.zeros(3, dtype=torch.int64), None
    for part in parts():
        if part.dtype != (dtype := dtype or part.dtype):
            raise InputError(f"scores must be of one type, got {dtype} and {part.dtype}")
        for chunk in chunks_of(part):
            seen = bits_of(chunk)
            counts = add_counts(counts, torch.as_tensor(seen.bits >> _shift(dtype)), 1 << DIGIT - 1)
            amiss += torch.tensor([seen.nan, seen.negative, len(seen.bits)])
    if counts is None or dtype is None:
        raise InputError("scores must have at least one part, which may be empty, got none")
    return counts, amiss.to(counts.device), dtype


def _next_digits(parts: Parts, prefix: int, shift: int) -> Tensor:
    """Return the counts of the digits from bit ``shift`` on among the scores that begin with ``prefix``."""
    counts = None
    for digits in in_batches(_inside(parts, prefix, shift)):
        counts = add_counts(counts, digits, 1 << DIGIT)
    assert counts is not None, "the parts were there in the pass before"
    return counts


def _inside(parts: Parts, prefix: int, shift: int) -> Iterator[Tensor]:
    """Yield the digits; of chunks whose range says that all or none begin so, without a comparison."""
    start = shift + DIGIT
    for part in parts():
        for chunk in chunks_of(part):
            bits, low, high, *_ = bits_of(chunk)
            if low >> start == prefix == high >> start:
                inside = bits
            elif low >> start <= prefix <= high >> start:
                inside = bits[bits >> start == prefix]
            else:
                inside = bits[:0]
            yield torch.as_tensor(inside >> shift & (1 << DIGIT) - 1)


def _find(counts: Tensor, k: int, reduce: Reduce) -> tuple[int, int, int]:
    """Return the digit of the ``k``-th largest, how many have a larger one, and how many have this one."""
    halves = counts.view(-1, HALF)
    high, above, _ = _largest(reduce(halves.sum(dim=1)), k)
    low, more, equal = _largest(reduce(halves[high].clone()), k - above)
    return high * HALF + low, above + more, equal


def _largest(counts: Tensor, k: int) -> tuple[int, int, int]:
    """Return the largest index with ``k`` counts at or above it, the counts above it, and its own."""
    from_top = counts.flip(0).cumsum(0)
    place = int(torch.searchsorted(from_top, k))
    equal = int(counts[-1 - place])
    return len(counts) - 1 - place, int(from_top[place]) - equal, equal
