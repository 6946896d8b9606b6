"""Theorem 7: every code of every 8-bit format keeps the error of the theorem, and its consequences hold."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tamis.sets import Sparse
from tamis_torch.state import named

FORMATS = [(name, False) for name in ("fp8_e4m3", "fp8_e5m2", "int8", "power8")] + [("power8", True)]


def numbers(form):
    """Return the numbers of all 256 codes at scale 1, those that are none left out."""
    codes = torch.arange(256, dtype=torch.uint8).view(form.dtype)
    values = form.dequantise(codes.view(1, -1), torch.ones(1, 1)).view(-1)
    values = values[values.isfinite()]
    return values[values >= -values.max()].unique()  # int8's -128 is never written


def between_codes(form):
    """Return each number, the middle of each two neighbours, and what lies next to it, within what is used."""
    grid = numbers(form)
    largest = grid.max() / (1.05 if form.dtype.is_floating_point else 1.0)
    middle = (grid[1:].double() + grid[:-1].double()) / 2
    x = torch.cat([grid.double(), middle, middle * (1 + 1e-6), middle * (1 - 1e-6)]).float()
    return x[(x.abs() <= largest) & ((x >= 0) | (grid.min() < 0))]


def rounded(form, x, noise):
    """Return what numbers become at scale 1."""
    rows, scale = x.view(1, -1), torch.ones(1, 1)
    return form.dequantise(form.quantise(rows, scale, noise), scale).view(-1)


@pytest.mark.parametrize(("name", "second"), FORMATS)
def test_all_256_codes_keep_the_relative_error_and_the_floor(name, second):
    """Nearest rounding is worst in the middle between two neighbours, which are all tried."""
    form = named(name, block=None, second_moment=second)
    relative, floor = form.bounds
    x = between_codes(form)
    assert len(x) > 400 and float(rounded(form, torch.zeros(1), 0.5)) == 0
    error = (rounded(form, x, 0.5).double() - x.double()).abs()
    assert bool((error <= relative * x.abs().double() + floor).all())


@pytest.mark.parametrize(("name", "second"), FORMATS)
def test_the_constants_are_not_far_from_what_is_needed(name, second):
    form = named(name, block=None, second_moment=second)
    relative, floor = form.bounds
    x = between_codes(form)
    error = (rounded(form, x, 0.5).double() - x.double()).abs()
    assert float((error / (relative * x.abs().double() + floor)).max()) > 0.45


@pytest.mark.parametrize(("name", "second"), FORMATS)
def test_stochastic_rounding_is_right_in_the_mean_over_all_noise(name, second):
    """Of 512 equal steps of noise the mean is x up to one of them, between any two codes."""
    form, steps = named(name, block=None, rounding="stochastic", second_moment=second), 512
    grid = numbers(form).double()
    low, high = grid[:-1], grid[1:]
    inside = (high <= grid.max() / 1.05) & ((low >= 1) | (not second))  # what is not zero becomes at least 1
    low, high = low[inside], high[inside]
    for share in (0.1, 0.5, 0.8):
        x = (low + share * (high - low)).float()
        noise = (torch.arange(steps) + 0.5) / steps
        mean = (
            torch.stack([rounded(form, x, torch.full((1, len(x)), float(n))) for n in noise]).double().mean(0)
        )
        assert bool(((mean - x.double()).abs() <= (high - low) / steps + 1e-5 * high.abs()).all())


@given(
    seed=st.integers(0, 10**6), k=st.integers(0, 12), name=st.sampled_from([name for name, _ in FORMATS[:4]])
)
def test_rounding_costs_no_more_than_the_theorem_says(seed, k, name):
    """The rounded projection is as near as any sparse point, up to the cost; its error is orthogonal."""
    v = np.random.default_rng(seed).standard_normal(12)
    form = named(name, block=None)
    relative, floor = form.bounds
    z = Sparse(k).project(v)
    codes = form.encode(torch.from_numpy(z))
    kept, q = z != 0, form.decode(codes).double().numpy()
    scale = 0.0 if codes.scale is None else float(codes.scale)
    cost = np.sum((relative * np.abs(v[kept]) + floor * scale + 1e-7) ** 2)
    assert np.sum((q - z) ** 2) <= cost
    np.testing.assert_allclose(np.sum((v - q) ** 2), np.sum((v - z) ** 2) + np.sum((q - z) ** 2), rtol=1e-12)
    other = Sparse(k).project(np.random.default_rng(seed + 1).standard_normal(12))
    assert np.sum((v - q) ** 2) <= np.sum((v - other) ** 2) + cost + 1e-12
