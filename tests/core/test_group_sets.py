"""Groups and blocks: how they are labelled, and that both ways to say one set agree."""

import numpy as np
import pytest
import torch

from tamis.sets import Blocks, GroupSparse, blocks

from .nonconvex_cases import CASES

NAN = float("nan")
cases = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def test_group_labels_are_numbered_in_their_order():
    assert GroupSparse(1, np.array([7, -2, 7])).groups.tolist() == [1, 0, 1]
    assert GroupSparse(1, [7, -2, 7]).groups.tolist() == [1, 0, 1]
    assert GroupSparse(1, [[2, 0], [1]]).groups.tolist() == [0, 1, 0]
    assert GroupSparse(1, torch.tensor([[3, 3], [1, 3]])).groups.tolist() == [[1, 1], [0, 1]]


def test_blocks_are_numbered_row_by_row():
    assert blocks((2, 4), (1, 2)).tolist() == [[0, 0, 1, 1], [2, 2, 3, 3]]
    assert blocks((2, 3), (None, 1)).tolist() == [[0, 1, 2], [0, 1, 2]]
    assert blocks((2, 2, 2), (1, None, 2)).tolist() == [[[0, 0], [0, 0]], [[1, 1], [1, 1]]]


@pytest.mark.parametrize("shape,block", [((4, 6), (2, 3)), ((4, 6), (1, None)), ((2, 4, 3), (2, 2, 1))])
@pytest.mark.parametrize("weighted", [False, True], ids=["identity", "metric"])
def test_blocks_are_the_groups_of_their_labels(shape, block, weighted):
    rng = np.random.default_rng(8)
    y, metric = rng.integers(-2, 3, shape) * 1.0, rng.uniform(0.5, 2, shape) if weighted else None
    for k in (0, 1, 2, 0.5, 1.0):
        constraint = Blocks(k, block)
        expected = constraint.for_shape(shape).support(y, metric)
        np.testing.assert_array_equal(constraint.support(y, metric), expected)


def test_empty_arrays_have_no_blocks():
    z = Blocks(0, (1, 2)).project(np.zeros((3, 0)))
    assert z.shape == (3, 0)


def test_half_precision_groups_are_weighed_in_single():
    """In bfloat16 1 + 2^-8 rounds to 1, and the two groups would tie."""
    y = torch.tensor([1.0, 0.0, 1.0, 0.0625], dtype=torch.bfloat16)
    assert GroupSparse(1, [[0, 1], [2, 3]]).support(y).tolist() == [False, False, True, True]
    assert Blocks(1, (2,)).support(y).tolist() == [False, False, True, True]
