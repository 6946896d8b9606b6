"""Theorem 3: the bits of a float order as it does, and digits' counts find the k-th largest."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tamis_torch.select import threshold
from tamis_torch.select.bits import bits_of, scores_of

FRACTION = {torch.bfloat16: 7, torch.float16: 10, torch.float32: 23}


def value(pattern, fraction_bits):
    """``value`` of Bits.v: a float's size in units of the smallest positive one."""
    exponent, fraction = divmod(pattern, 2**fraction_bits)
    return fraction if exponent == 0 else (2**fraction_bits + fraction) * 2 ** (exponent - 1)


def radix(base, ranks, k, digits):
    """``radix`` of Radix.v: the threshold, and how many keys are larger."""
    prefix = above = 0
    for level in range(digits - 1, -1, -1):
        counts = [
            sum((key // base**level == prefix * base + x) for own in ranks for key in own)
            for x in range(base)
        ]
        digit = max(x for x in range(base) if x == 0 or above + sum(counts[x:]) >= k)
        prefix, above = prefix * base + digit, above + sum(counts[digit + 1 :])
    return prefix, above


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_all_patterns_of_16_bits_order_as_their_numbers(dtype):
    """All 65536: of each |x| the pattern that is selected by is as large as the number."""
    numbers = torch.arange(-(2**15), 2**15).to(torch.int16).view(dtype)
    numbers = numbers[~numbers.isnan()]
    bits = torch.as_tensor(bits_of(numbers.abs()).bits).long()
    order = bits.argsort(stable=True)
    sizes = numbers.abs().double()[order]
    assert bool((sizes[1:] >= sizes[:-1]).all())
    assert torch.equal(sizes[1:] > sizes[:-1], bits[order].diff() > 0)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_all_patterns_of_16_bits_have_the_value_of_the_theorem(dtype):
    patterns = [b for b in range(2**15) if torch.isfinite(scores_of(b, dtype))]
    smallest = float(scores_of(1, dtype))
    found = scores_of(torch.tensor(patterns), dtype).double() / smallest
    assert [float(value(b, FRACTION[dtype])) for b in patterns] == found.tolist()


@given(pattern=st.integers(0, 0x7F7FFFFF), other=st.integers(0, 0x7F7FFFFF))
def test_patterns_of_32_bits_order_as_their_numbers(pattern, other):
    a, b = (float(scores_of(p, torch.float32)) for p in (pattern, other))
    assert (a < b) == (pattern < other) == (value(pattern, 23) < value(other, 23))
    assert a == value(pattern, 23) * 2.0**-149


@given(
    keys=st.lists(st.integers(0, 2**15 - 1), min_size=1, max_size=30), cut=st.integers(0, 30), data=st.data()
)
def test_the_code_finds_what_the_theorem_finds_over_two_ranks(keys, cut, data):
    """The same threshold and the same number above it; fewer than k lie above it, at least k at or above."""
    keys = [key for key in keys if key <= 0x7F80] or [0]  # infinity, above which there is NaN
    k = data.draw(st.integers(1, len(keys)))
    scores = scores_of(torch.tensor(keys), torch.bfloat16)
    found = threshold(lambda: [scores], k)
    t, above = radix(256, [keys[:cut], keys[cut:]], k, 2)
    assert (found.bits, found.above) == (t, above)
    assert above == sum(key > t for key in keys) < k <= sum(key >= t for key in keys)


@given(seed=st.integers(0, 10**6), data=st.data())
def test_the_counts_of_32_bits_bracket_k(seed, data):
    scores = torch.from_numpy(
        np.random.default_rng(seed).choice([0.0, 1e-40, 0.1, 0.1000001, 7.0, 3e38], 40).astype("f4")
    )
    k = data.draw(st.integers(1, 40))
    found = threshold(lambda: [scores[:13], scores[13:]], k)
    assert found.above == int((scores > found.value).sum()) < k <= int((scores >= found.value).sum())
    assert found.ties == k - found.above
