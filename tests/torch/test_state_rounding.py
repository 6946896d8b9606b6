"""Rounding: to a neighbour on the grid, right in the mean, and the same whatever the parts."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tamis_torch.state import Format, named
from tamis_torch.state.compensated import cut, join
from tamis_torch.state.noise import bit_pair, key, modulo, uniform
from tamis_torch.state.rounding import add_and_cut, to_bfloat16

CPU = torch.device("cpu")
EIGHT_BITS = [("fp8_e4m3", False), ("fp8_e5m2", False), ("int8", False), ("power8", False), ("power8", True)]


def grid(form: Format) -> Tensor:
    """Return all numbers of a format, in units of the scale, in float64."""
    codes = torch.arange(256, dtype=torch.uint8).view(form.dtype)
    values = form.dequantise(codes.view(1, -1), torch.ones(1, 1)).view(-1).double()
    return values[values.isfinite()].unique()


def inputs(form: Format, second: bool) -> Tensor:
    """Return numbers of all sizes, the first of which fixes the scale at 1."""
    draw = torch.Generator().manual_seed(0)
    largest = grid(form)[-1] / (1.05 if form.dtype.is_floating_point else 1)
    x = torch.randn(4096, generator=draw).double() * torch.logspace(-7, -1, 4096).double()
    x = torch.cat([torch.ones(1), x.clamp(-1, 1)]) * largest
    return (x.abs() if second else x).float()


def neighbours(values: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the grid's numbers next to each x, below and above; both are x where it is on the grid."""
    above = torch.searchsorted(values, x.double()).clamp(max=len(values) - 1)
    below = torch.searchsorted(values, x.double(), right=True).sub(1).clamp(min=0)
    return values[below], values[above]


@pytest.mark.parametrize(("name", "second"), EIGHT_BITS)
def test_nearest_is_the_nearest_of_all_256(name, second):
    form = named(name, block=None, second_moment=second)
    x = inputs(form, second)
    codes = form.encode(x)
    assert float(codes.scale) == pytest.approx(1, rel=1e-6)
    best = (grid(form)[:, None] - x.double()).abs().min(0).values
    found = (form.decode(codes) / codes.scale - x).double().abs()
    least = second and (x > 0) & (x < 0.5)  # which get the code 1 all the same
    assert bool(((found <= best + 1e-6 * x.abs()) | least).all())


@pytest.mark.parametrize(("name", "second"), EIGHT_BITS)
def test_stochastic_rounding_takes_one_of_the_two_neighbours(name, second):
    form = named(name, block=None, rounding="stochastic", second_moment=second)
    x = inputs(form, second)
    codes = form.encode(x, torch.Generator().manual_seed(1))
    found = (form.decode(codes) / codes.scale).double()
    below, above = neighbours(grid(form), x)
    slack = 1e-6 * x.abs()
    assert bool((torch.minimum((found - below).abs(), (found - above).abs()) <= slack).all())
    strictly = (below < x - slack) & (above > x + slack)
    up = ((found - above).abs() <= slack)[strictly].double().mean()
    assert 0.3 < float(up) < 0.7, "both are taken"


@pytest.mark.parametrize("name", ["bfloat16", "fp8_e4m3", "fp8_e5m2", "int8", "power8", "second"])
def test_stochastic_rounding_is_right_in_the_mean(name):
    """Within 5 standard errors of 20 000 draws, for numbers between all kinds of neighbours.

    Nearest rounding, or a power law's probabilities taken from the roots, are out by more.
    """
    second = name == "second"
    form = named("power8" if second else name, block=None, rounding="stochastic", second_moment=second)
    low, high = {"bfloat16": (1.0, 1 + 2**-7), "int8": (3, 4), "power8": (9, 16), "second": (81, 256)}.get(
        name, (2.0, 2.25 if name == "fp8_e4m3" else 2.5)
    )
    top = 1.0 if name == "bfloat16" else float(grid(form)[-1]) / (1.05 if name.startswith("fp8") else 1)
    draws, generator = 20_000, torch.Generator().manual_seed(0)
    for share in (0.03, 0.25, 0.5, 0.75, 0.97):
        x = torch.full((draws + 1,), low + share * (high - low))
        x[0] = top
        mean = form.decode(form.encode(x, generator))[1:].double().mean()
        error = 5 * (high - low) * (share * (1 - share) / draws) ** 0.5
        assert float(mean) == pytest.approx(float(x[1]), abs=error)


@given(x=st.floats(-(2.0**100), 2.0**100, width=32), share=st.floats(0, 0.99))
def test_bfloat16_takes_a_neighbour_and_leaves_what_is_on_its_grid(x, share):
    number, noise = torch.tensor([x]), torch.tensor([share])
    near = number.bfloat16().float()
    rounded = to_bfloat16(number, noise).float()
    step = (number.abs() * 2**-7).clamp(min=2.0**-133)
    assert float((rounded - number).abs()) <= float(step)
    assert torch.equal(to_bfloat16(near, noise).float(), near)
    assert float(rounded * number) >= 0


def test_a_nan_of_all_ones_stays_nan():
    """That is the NaN of CUDA; its bits overflow when noise is added."""
    x = torch.tensor([0x7FFFFFFF, -1], dtype=torch.int32).view(torch.float32)
    assert bool(to_bfloat16(x, torch.full((2,), 0.999)).isnan().all())
    assert bool(join(*cut(x)).isnan().all())


@given(x=st.floats(-(2.0**100), 2.0**100, width=32))
@settings(max_examples=150)
def test_a_compensated_weight_is_right_to_24_bits_and_its_half_is_the_nearest_bfloat16(x):
    number = torch.tensor([x])
    half, remainder = cut(number)
    back = join(half, remainder)
    assert abs(float(back) - x) <= 2.0**-16 * abs(x) + 2.0**-142
    error, best = (half.float() - back).abs(), (back.bfloat16().float() - back).abs()
    assert float(error) <= float(best), "a tie may go the other way"
    assert all(torch.equal(a, b) for a, b in zip(cut(back), (half, remainder), strict=True))


def test_noise_is_uniform_and_does_not_repeat_itself():
    """Each of 256 values of either half of the bits as often as chance has it; no correlations."""
    order = torch.arange(2**18, dtype=torch.int32)
    keys = [key(CPU, 0, number) for number in (1, 2)]
    first = [*bit_pair(keys[0], modulo(CPU, 0), order)]
    second = [*bit_pair(keys[1], modulo(CPU, 0), order)]
    for bits in first + second:
        assert int(bits.min()) >= 0 and int(bits.max()) < 2**16
        for counted in (bits % 256, bits // 256):
            expected = len(order) / 256
            chi = ((torch.bincount(counted.long(), minlength=256) - expected) ** 2 / expected).sum()
            assert 255 - 5 * 22.6 < float(chi) < 255 + 5 * 22.6
    rows = [*first, *second, first[0].roll(1), first[1].roll(1), first[0].roll(1536)]
    correlation = torch.corrcoef(torch.stack([uniform(bits) for bits in rows])) - torch.eye(len(rows))
    assert float(correlation.abs().max()) < 5 / 2**9
    assert float(uniform(first[0]).mean()) == pytest.approx(0.5, abs=5 * 12**-0.5 / 2**9)


def test_noise_of_one_entry_fills_its_range_evenly_over_the_steps():
    """Of t steps t f are below f, but for five; of independent noise the greatest of these would be 25 off."""
    order = torch.arange(500, dtype=torch.int32)
    steps = [torch.stack(bit_pair(key(CPU, 5, step=t), modulo(CPU, 0), order)) for t in range(1, 201)]
    noise = uniform(torch.stack(steps))  # (steps, 2, entries)
    for fraction in (0.02, 0.25, 0.5, 0.9):
        below = (noise < fraction).cumsum(0)
        expected = fraction * torch.arange(1, 201)[:, None, None]
        assert float((below - expected).abs().max()) <= 5
    assert float((noise[0] - noise[0].mean()).abs().mean()) == pytest.approx(0.25, abs=0.02)
    both = ((noise[:, 0] < 0.5) & (noise[:, 1] < 0.5)).sum(0)
    assert float((both - 50).abs().max()) <= 8, "the two halves go their ways"


def test_a_weight_moved_by_less_than_its_last_bit_arrives_where_exact_steps_would():
    """A third of the error of noise that is drawn anew at each step."""
    move, steps = 3e-4 * torch.randn(4000, generator=torch.Generator().manual_seed(1)), 120
    start = (0.2 * torch.randn(4000, generator=torch.Generator().manual_seed(2))).bfloat16().float()
    order, errors = torch.arange(4000, dtype=torch.int32), []
    for evenly in (True, False):
        weight = start
        for step in range(1, steps + 1):
            keyed = key(CPU, 0, step=step) if evenly else key(CPU, 0, step)
            weight = add_and_cut(weight + move, bit_pair(keyed, modulo(CPU, 0), order)[0]).float()
        errors.append((weight - start - steps * move).square().mean().sqrt())
    assert errors[0] < 0.45 * errors[1]


@given(at=st.integers(0, 2**33), seed=st.integers(0, 2**40))
@settings(max_examples=30)
def test_noise_depends_on_where_an_entry_stands_alone(at, seed):
    order, keyed = torch.arange(100, dtype=torch.int32), key(CPU, seed, 1)
    whole = torch.stack(bit_pair(keyed, modulo(CPU, at), order))
    part = torch.stack(bit_pair(keyed, modulo(CPU, at + 30), order[:50]))
    assert torch.equal(whole[:, 30:80], part)


@pytest.mark.parametrize("rounding", ["nearest", "stochastic"])
def test_a_fading_second_moment_sticks_with_nearest_rounding_only(rounding):
    """Decay .99 is below half a step of the grid there: nearest rounding never lets it fade."""
    form = named("power8", rounding=rounding, second_moment=True)
    v = torch.linspace(1e-4, 1e-2, 256)
    v[0], generator, start = 1.0, torch.Generator().manual_seed(0), v.clone()
    for _ in range(100):
        v = 0.99 * v
        v[0] = 1.0
        v = form.decode(form.encode(v, generator))
    left = float((v[1:] / start[1:]).mean())
    assert left > 0.9 if rounding == "nearest" else left == pytest.approx(0.99**100, rel=0.05)
