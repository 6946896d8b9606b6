"""The reconstruction error, and the exact optimum on a support, by other routes than the code's."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis_torch.methods import reconstruction
from tamis_torch.methods.reconstruction import refit_matrix, relative_error


def activations(inputs, tokens, seed=0):
    """Return correlated inputs, (tokens, inputs), of unlike sizes, in float64."""
    random = torch.Generator().manual_seed(seed)
    mix = torch.randn(inputs, inputs, generator=random, dtype=torch.float64) / inputs**0.5
    factors = torch.randn(tokens, inputs, generator=random, dtype=torch.float64) @ mix
    return factors * torch.linspace(0.3, 3, inputs, dtype=torch.float64)


def gram_of(x):
    return 2 / len(x) * x.T @ x


def matrix(rows, columns, seed=0):
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed + 77), dtype=torch.float64)


def random_mask(rows, columns, share, seed=0):
    return torch.rand(rows, columns, generator=torch.Generator().manual_seed(seed + 99)) < share


def test_the_error_is_that_of_the_layers_outputs():
    x, dense = activations(12, 40), matrix(7, 12)
    pruned = dense * random_mask(7, 12, 0.5)
    expected = ((x @ (pruned - dense).T) ** 2).mean() / ((x @ dense.T) ** 2).mean()
    assert relative_error(pruned, dense, gram_of(x)) == pytest.approx(float(expected))
    assert relative_error(dense, dense, gram_of(x)) == 0
    assert relative_error(0 * dense, dense, gram_of(x)) == 1


def test_outputs_that_are_all_zero_and_stay_so_have_no_error():
    assert relative_error(matrix(2, 3), matrix(2, 3, seed=1), torch.zeros(3, 3)) == 0


@given(st.integers(1, 9), st.integers(1, 12), st.floats(0, 1), st.integers(0, 99))
@settings(max_examples=40)
def test_refit_is_the_least_squares_fit_of_each_row_on_its_support(rows, inputs, share, seed):
    x, dense, mask = (
        activations(inputs, 40, seed),
        matrix(rows, inputs, seed),
        random_mask(rows, inputs, share, seed),
    )
    refit = refit_matrix(dense, gram_of(x), mask)
    assert not refit[~mask].any()
    for row, kept, found in zip(dense, mask, refit, strict=True):
        expected = torch.linalg.lstsq(x[:, kept], (x @ row)[:, None]).solution[:, 0]
        assert torch.allclose(found[kept], expected, rtol=1e-6, atol=1e-9)


def test_rows_that_are_solved_in_many_batches_are_the_same(monkeypatch):
    x, dense, mask = activations(20, 60), matrix(15, 20), random_mask(15, 20, 0.4)
    whole = refit_matrix(dense, gram_of(x), mask)
    monkeypatch.setattr(reconstruction, "CHUNK", 100)
    assert torch.allclose(refit_matrix(dense, gram_of(x), mask), whole, rtol=1e-10)


def test_damping_is_a_ridge_towards_the_dense_weights():
    x, dense, mask = activations(10, 30), matrix(4, 10), random_mask(4, 10, 0.5)
    gram = gram_of(x)
    ridged = gram + 0.3 * gram.diagonal().mean() * torch.eye(10, dtype=torch.float64)
    refit = refit_matrix(dense, gram, mask, damping=0.3)
    slope = (refit - dense) @ ridged
    assert slope[mask].abs().max() < 1e-12 * slope.abs().max()


def test_with_fewer_tokens_than_inputs_the_optimum_nearest_to_the_weights_is_taken():
    x, dense, mask = activations(30, 8), matrix(5, 30), random_mask(5, 30, 0.8)
    refit = refit_matrix(dense, gram_of(x), mask)
    assert relative_error(refit, dense, gram_of(x)) < 1e-10  # 8 equations a row, 20 unknowns and more
    assert (refit - dense * mask).abs().max() < 10 * dense.abs().max()


def test_an_input_that_is_always_zero_keeps_its_weight():
    x = activations(6, 30)
    x[:, 2] = 0
    dense, mask = matrix(3, 6), torch.ones(3, 6, dtype=torch.bool)
    mask[:, 4] = False
    refit = refit_matrix(dense, gram_of(x), mask)
    assert torch.allclose(refit[:, 2], dense[:, 2], rtol=1e-12)


def test_inputs_of_very_unlike_sizes_are_fitted_as_well():
    x, dense, mask = activations(10, 40), matrix(4, 10), random_mask(4, 10, 0.6)
    units = torch.logspace(-6, 6, 10, dtype=torch.float64)
    plain = refit_matrix(dense, gram_of(x), mask)
    assert torch.allclose(refit_matrix(dense / units, gram_of(x * units), mask) * units, plain, rtol=1e-6)


def test_float32_comes_back_as_float32_and_no_worse_than_its_rounding():
    x, dense, mask = activations(16, 64), matrix(6, 16), random_mask(6, 16, 0.5)
    single = refit_matrix(dense.float(), gram_of(x).float(), mask)
    assert single.dtype == torch.float32
    best = relative_error(refit_matrix(dense, gram_of(x), mask), dense, gram_of(x))
    assert relative_error(single, dense, gram_of(x)) == pytest.approx(best, rel=1e-5)
