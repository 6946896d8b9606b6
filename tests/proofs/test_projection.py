"""Theorems 1 and 2: the code's masks are what the projection theorem asks for."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tamis.sets import NofM, Sparse
from tamis_torch.select import keep_in_turn, keep_largest, keep_parts, threshold

few_values = st.lists(st.sampled_from([0.0, 0.5, -0.5, 1.0, -2.0, 3.0]), min_size=8, max_size=24)


def fits(mask, score, groups, capacity):
    """``saturated`` and ``top`` of Projection.v: each group holds its count, and no dropped score is larger."""
    for group in np.unique(groups):
        kept, dropped = score[mask & (groups == group)], score[~mask & (groups == group)]
        if len(kept) != min(capacity, len(kept) + len(dropped)):
            return False
        if len(kept) and len(dropped) and dropped.max() > kept.min():
            return False
    return True


@given(values=few_values, weights=st.integers(0, 99), k=st.integers(0, 8))
def test_the_k_largest_are_kept_in_any_metric(values, weights, k):
    y, metric = np.array(values), np.random.default_rng(weights).choice([0.25, 1.0, 4.0], len(values))
    mask = Sparse(k).support(y, metric)
    assert fits(mask, metric * y**2, np.zeros(len(y)), k)
    np.testing.assert_array_equal(Sparse(k).project(y, metric), np.where(mask, y, 0))


@given(
    values=st.lists(st.sampled_from([0.0, 0.5, -0.5, 1.0, -2.0]), min_size=12, max_size=12),
    n=st.integers(0, 4),
)
def test_n_of_m_keeps_the_largest_of_each_group(values, n):
    y = np.array(values)
    assert fits(NofM(n, 4).support(y), y**2, np.arange(12) // 4, n)


@given(values=few_values, k=st.integers(0, 8), cut=st.integers(0, 8))
def test_every_selection_lies_between_its_threshold(values, k, cut):
    """{s > t} within the mask within {s >= t}, and exactly k, for masks of one, of many and of parts in turn."""
    scores = torch.tensor(values).abs()
    parts = [scores[:cut], scores[cut:]]
    t = threshold(lambda: parts, k).value
    for mask in (
        keep_largest(scores, k),
        torch.cat(keep_parts(lambda: parts, k)),
        torch.cat(list(keep_in_turn(lambda: parts, k))),
    ):
        assert int(mask.sum()) == k
        assert bool((mask | ~(scores > t)).all()) and bool((~mask | (scores >= t)).all())


@pytest.mark.parametrize("broken", [lambda m: ~m, lambda m: m & False], ids=["the others", "none"])
def test_the_check_of_masks_can_fail(broken):
    y = np.array([3.0, 1.0, 2.0, 0.5])
    mask = Sparse(2).support(y)
    assert fits(mask, y**2, np.zeros(4), 2) and not fits(broken(mask), y**2, np.zeros(4), 2)
