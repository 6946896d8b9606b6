"""Wanda: the mask is that of a loop over rows and entries, and has exactly the asked count."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tamis_torch.methods.wanda import Wanda, prune_matrix

DENSE = Wanda(sparsity=0.5)  # a config without a pattern: the matrix's own sparsity is an argument


def problem(rows, columns, seed=0):
    random = torch.Generator().manual_seed(seed)
    inputs = torch.randn(50, columns, generator=random) * torch.rand(columns, generator=random)
    return torch.randn(rows, columns, generator=random), 2 / 50 * inputs.T @ inputs, inputs


def by_loops(weight, inputs, count):
    """Return the positions that are kept: rank the entries of each row, then those that come next."""
    rows, columns = weight.shape
    norms = [sum(float(x) ** 2 for x in inputs[:, j]) ** 0.5 for j in range(columns)]
    ranked = [
        sorted(range(columns), key=lambda j, i=i: (-abs(float(weight[i, j])) * norms[j], j))
        for i in range(rows)
    ]
    each, spare = divmod(count, rows)
    kept = {(i, j) for i in range(rows) for j in ranked[i][:each]}
    if spare:
        following = {i: abs(float(weight[i, ranked[i][each]])) * norms[ranked[i][each]] for i in range(rows)}
        chosen = sorted(range(rows), key=lambda i: (-following[i], i))[:spare]
        kept |= {(i, ranked[i][each]) for i in chosen}
    return kept


@pytest.mark.parametrize("sparsity", [0.0, 0.3, 0.5, 0.77, 0.9, 0.99])
@pytest.mark.parametrize(("rows", "columns"), [(7, 20), (20, 7), (1, 13), (13, 1)])
def test_the_mask_is_that_of_a_loop_over_rows(rows, columns, sparsity):
    weight, gram, inputs = problem(rows, columns)
    pruned = prune_matrix(DENSE, weight, gram, sparsity)
    kept = by_loops(weight, inputs, round((1 - sparsity) * rows * columns))
    assert {tuple(place) for place in pruned.nonzero().tolist()} == kept
    assert torch.equal(pruned[pruned != 0], weight[pruned != 0])


@given(st.integers(1, 12), st.integers(1, 24), st.floats(0, 1, exclude_max=True), st.integers(0, 99))
def test_the_count_is_exact_and_rows_differ_by_one_at_most(rows, columns, sparsity, seed):
    weight, gram, _ = problem(rows, columns, seed)
    kept = (prune_matrix(DENSE, weight, gram, sparsity) != 0).sum(dim=1)
    assert int(kept.sum()) == round((1 - sparsity) * rows * columns)
    assert int(kept.max() - kept.min()) <= 1


def test_ninety_per_cent_of_64_columns_is_ninety_per_cent():
    weight, gram, _ = problem(10, 64)
    assert int((prune_matrix(DENSE, weight, gram, 0.9) != 0).sum()) == 64


def test_a_row_is_compared_with_itself_alone():
    weight, gram, _ = problem(8, 20)
    scaled = weight * 10.0 ** torch.arange(8)[:, None]
    masks = [prune_matrix(DENSE, w, gram, 0.75) != 0 for w in (weight, scaled)]
    assert torch.equal(*masks)


def test_of_ties_the_lowest_index_is_kept():
    pruned = prune_matrix(DENSE, torch.ones(3, 4), torch.eye(4), 7 / 12)
    assert (pruned != 0).tolist() == [[True, True, False, False], [True, True, False, False], [True, False, False, False]]  # fmt: skip


def test_inputs_that_are_always_zero_go_first():
    weight, gram, _ = problem(6, 10)
    dead = [2, 5, 9]
    gram[dead] = gram[:, dead] = 0
    weight[:, dead] *= 1000
    pruned = prune_matrix(DENSE, weight, gram, 0.3)
    assert not pruned[:, dead].any() and int((pruned != 0).sum()) == 42


def test_a_pattern_keeps_the_largest_scores_of_each_group_of_inputs():
    weight, gram, inputs = problem(5, 16)
    worth = weight.abs() * inputs.norm(dim=0)
    mask = prune_matrix(Wanda(pattern="1:4"), weight, gram, 0.75) != 0
    for row in range(5):
        for group in range(0, 16, 4):
            best = group + int(worth[row, group : group + 4].argmax())
            assert mask[row, group : group + 4].nonzero().flatten().tolist() == [best - group]
