"""SparseGPT: the same as inverting the Hessian that remains anew for each column, in float64."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tamis_torch import InputError, RunError
from tamis_torch.methods.sparsegpt import SparseGPT, prune_matrix, upper_factor


def problem(rows, columns, seed=0, tokens=None):
    """Return a matrix and the Gram matrix of correlated inputs, in float64."""
    random = torch.Generator().manual_seed(seed)
    mixing = torch.randn(columns, columns, generator=random, dtype=torch.float64)
    tokens = tokens or 4 * columns
    inputs = torch.randn(tokens, columns, generator=random, dtype=torch.float64) @ mixing
    weight = torch.randn(rows, columns, generator=random, dtype=torch.float64)
    return weight, 2 / tokens * inputs.T @ inputs


def hessian(gram, damping):
    return gram.numpy() + damping * np.trace(gram.numpy()) / len(gram) * np.eye(len(gram))


def by_inversions(weight, gram, config, sparsity):
    """Return the pruned matrix: for each column, invert the Hessian of the columns not yet fixed."""
    w, h = weight.numpy().copy(), hessian(gram, config.damping)
    rows, columns = w.shape
    n, m = map(int, config.pattern.split(":")) if config.pattern else (0, config.block)
    cost = np.array([np.linalg.inv(h[j:, j:])[0, 0] for j in range(columns)])
    keep = np.zeros_like(w, dtype=bool)
    for j in range(columns):
        if j % m == 0:
            width = min(m, columns - j)
            loss = w[:, j : j + width] ** 2 / cost[j : j + width]
            if n:
                best = np.argsort(-loss, axis=1)[:, :n]
                np.put_along_axis(keep[:, j : j + width], best, True, axis=1)
            else:
                before, after = (round((1 - sparsity) * rows * end) for end in (j, j + width))
                best = np.argsort(-loss, axis=None)[: after - before]
                keep[:, j : j + width][np.unravel_index(best, loss.shape)] = True
        inverse = np.linalg.inv(h[j:, j:])
        removed = np.where(keep[:, j], 0.0, w[:, j])
        w[:, j:] -= np.outer(removed / inverse[0, 0], inverse[0])
        w[:, j] = np.where(keep[:, j], w[:, j], 0.0)
    return w


CASES = [
    ((6, 20), {"block": 128}, 0.5),  # one block
    ((6, 20), {"block": 5}, 0.5),
    ((4, 30), {"block": 7}, 0.83),  # blocks that do not divide it
    ((3, 75), {"block": 70}, 0.9),  # sub-blocks of 32 in a block of 70
    ((1, 9), {"block": 1}, 0.4),
    ((5, 24), {"pattern": "2:4"}, 0.5),
    ((5, 40), {"pattern": "1:4", "block": 16}, 0.75),
    ((4, 21), {"pattern": "3:7", "block": 10}, 4 / 7),  # groups that do not divide the block
    ((4, 24), {"pattern": "5:12", "block": 8}, 7 / 12),  # groups wider than the block
]


@pytest.mark.parametrize("damping", [0.01, 0.3])
@pytest.mark.parametrize(("shape", "settings", "sparsity"), CASES)
def test_it_is_what_inverting_anew_for_each_column_gives(shape, settings, sparsity, damping):
    weight, gram = problem(*shape)
    settings = settings if "pattern" in settings else settings | {"sparsity": sparsity}
    config = SparseGPT(damping=damping, **settings)
    expected = by_inversions(weight, gram, config, sparsity)
    np.testing.assert_allclose(prune_matrix(config, weight, gram, sparsity), expected, atol=1e-9)


def test_float32_agrees_with_float64():
    weight, gram = problem(16, 96)
    config = SparseGPT(sparsity=0.7, block=32)
    double = prune_matrix(config, weight, gram, 0.7)
    single = prune_matrix(config, weight.float(), gram.float(), 0.7)
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), double, atol=1e-3, rtol=0)


def test_removing_the_first_column_is_the_optimal_brain_surgeons_move():
    """Closed form: w - w_0 / [H^-1]_00 H^-1 e_0; here the first weight is the one to go."""
    weight, gram = problem(1, 12)
    weight[0, 0] = 1e-3
    inverse = np.linalg.inv(hessian(gram, 0.01))
    expected = weight.numpy() - weight[0, 0].item() / inverse[0, 0] * inverse[0]
    pruned = prune_matrix(SparseGPT(sparsity=0.5), weight, gram, 1 / 12)
    assert pruned[0, 0] == 0
    np.testing.assert_allclose(pruned[0, 1:], expected[0, 1:], rtol=1e-9)


@pytest.mark.parametrize("settings", [{"sparsity": 0.6}, {"sparsity": 0.6, "block": 16}, {"pattern": "2:4"}])
def test_no_gradient_is_left_in_the_columns_after_the_last_removal(settings):
    """A condition of optimality that knows nothing of how q was found."""
    weight, gram = problem(8, 48)
    config = SparseGPT(**settings)
    pruned = prune_matrix(config, weight, gram, config.sparsity)
    gradient = ((pruned - weight).numpy() @ hessian(gram, config.damping)) / np.abs(gram.numpy()).max()
    checked = 0
    for row in range(8):
        last = int((pruned[row] == 0).nonzero().max())
        assert np.abs(gradient[row, last + 1 :]).max(initial=0.0) < 1e-12
        checked += 47 - last
    assert checked > 0 and np.abs(gradient[pruned.numpy() == 0]).min() > 1e-9


@given(
    st.integers(1, 7), st.integers(1, 40), st.integers(1, 50), st.floats(0, 1, exclude_max=True), st.integers(0, 99)
)  # fmt: skip
def test_the_count_is_exact(rows, columns, block, sparsity, seed):
    weight, gram = problem(rows, columns, seed)
    pruned = prune_matrix(SparseGPT(sparsity=0.5, block=block), weight.float(), gram.float(), sparsity)
    assert int((pruned != 0).sum()) == round((1 - sparsity) * rows * columns)


@given(
    st.integers(1, 6), st.integers(1, 8), st.sampled_from(["1:2", "2:4", "4:8", "2:3"]), st.integers(0, 99)
)
def test_a_pattern_lies_along_the_inputs(rows, groups, pattern, seed):
    n, m = map(int, pattern.split(":"))
    weight, gram = problem(rows, groups * m, seed)
    pruned = prune_matrix(SparseGPT(pattern=pattern), weight.float(), gram.float(), 1 - n / m)
    assert bool(((pruned.view(rows, groups, m) != 0).sum(-1) == n).all())


def test_nothing_is_changed_where_nothing_is_removed():
    weight, gram = problem(4, 50)
    assert torch.equal(prune_matrix(SparseGPT(sparsity=0.5), weight, gram, 0.0), weight)


@pytest.mark.parametrize("sparsity", [0.1, 0.5, 0.9])
def test_the_error_is_below_that_of_the_mask_alone(sparsity):
    """Over a matrix; in a single row it may be larger, as no move looks ahead (row of 5, seed 46, 50%)."""
    weight, gram = problem(32, 64)
    pruned = prune_matrix(SparseGPT(sparsity=0.5, block=16), weight, gram, sparsity)
    losses = [float(((q - weight) @ gram * (q - weight)).sum()) for q in (pruned, weight * (pruned != 0))]
    assert losses[0] < 0.95 * losses[1]


def test_of_ties_the_first_columns_are_kept():
    pruned = prune_matrix(SparseGPT(sparsity=0.5), torch.ones(3, 4), torch.eye(4), 0.5)
    assert (pruned != 0).tolist() == [[True, True, False, False]] * 3
    pruned = prune_matrix(SparseGPT(pattern="1:2"), torch.ones(3, 4), torch.eye(4), 0.5)
    assert (pruned != 0).tolist() == [[True, False, True, False]] * 3


def test_an_input_that_is_always_zero_gets_weight_zero_and_moves_nothing():
    weight, gram = problem(6, 20)
    dead = [0, 7, 19]
    gram[dead] = gram[:, dead] = 0
    live = [j for j in range(20) if j not in dead]
    pruned = prune_matrix(SparseGPT(sparsity=0.5, damping=0.0), weight, gram, 0.5)
    assert not pruned[:, dead].any() and int((pruned != 0).sum()) == 60
    alone = prune_matrix(
        SparseGPT(sparsity=0.5, damping=0.0), weight[:, live], gram[live][:, live], 1 - 60 / 102
    )
    torch.testing.assert_close(pruned[:, live], alone)


def test_the_given_matrices_are_left_as_they_are():
    weight, gram = problem(4, 10)
    gram[3] = gram[:, 3] = 0
    copies = weight.clone(), gram.clone()
    prune_matrix(SparseGPT(sparsity=0.5), weight, gram, 0.5)
    assert torch.equal(weight, copies[0]) and torch.equal(gram, copies[1])


def test_the_factor_is_upper_triangular_and_multiplies_to_the_damped_gram():
    _, gram = problem(1, 15)
    factor = upper_factor(gram, 0.05)
    assert torch.equal(factor, factor.triu())
    np.testing.assert_allclose(factor @ factor.T, hessian(gram, 0.05), rtol=1e-9)


def test_where_more_damping_is_needed_it_is_ten_times_the_given_one_and_not_on_top_of_it():
    _, gram = problem(1, 15, tokens=5)
    gram -= 0.05 * gram.diagonal().mean() * torch.eye(15)
    with pytest.warns(UserWarning, match=r"damping 0\.1 was needed instead of 0\.01"):
        factor = upper_factor(gram, 0.01)
    np.testing.assert_allclose(factor @ factor.T, hessian(gram, 0.1), rtol=1e-9)


def test_fewer_tokens_than_inputs_without_damping_take_more_damping_and_say_so():
    weight, gram = problem(4, 30, tokens=5)
    with pytest.warns(UserWarning, match=r"damping 0\.01 was needed instead of 0: few samples"):
        pruned = prune_matrix(SparseGPT(sparsity=0.5, damping=0.0), weight, gram - 1e-6 * gram.diagonal().mean() * torch.eye(30), 0.5)  # fmt: skip
    expected = prune_matrix(SparseGPT(sparsity=0.5, damping=0.01), weight, gram, 0.5)
    torch.testing.assert_close(pruned, expected, atol=1e-2, rtol=0)


def test_a_gram_that_no_damping_mends_is_refused_with_advice():
    weight, gram = problem(4, 30)
    gram[0, 1] = gram[1, 0] = 1e9
    with pytest.raises(RunError, match=r"cannot be factored.*give more samples or a damping above 0\.01"):
        prune_matrix(SparseGPT(sparsity=0.5), weight, gram, 0.5)
    gram[0, 1] = gram[1, 0] = torch.nan
    with pytest.raises(RunError, match="not all finite"):
        prune_matrix(SparseGPT(sparsity=0.5), weight, gram, 0.5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"damping": -0.1}, r"damping must be in \[0, 1\], got -0\.1"), ({"block": 0}, "block must be .*at least 1, got 0")],
)  # fmt: skip
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        SparseGPT(**settings)
