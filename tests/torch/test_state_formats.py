"""Formats of few bits: errors within their bounds for every input, and a packed state without loss."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tamis_torch import InputError
from tamis_torch.packed import add_dual, split
from tamis_torch.state import NAMES, ROUNDINGS, Format, named, pack_mask, unpack_mask

EIGHT_BITS = [name for name in NAMES if name not in ("float32", "bfloat16")]
FORMATS = [(name, second) for name in NAMES for second in (False, True) if name == "power8" or not second]
numbers = st.one_of(
    st.floats(width=32, allow_nan=False, allow_infinity=False, min_value=-(2.0**127), max_value=2.0**127),
    st.floats(-1, 1, width=32),
    st.sampled_from([0.0, -0.0, 1e-45, -1e-45, 2.0**-126, 2.0**127]),
)  # denormal ones too
tensors = st.lists(numbers, max_size=20).map(torch.tensor)


def encoded(form: Format, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return what a tensor becomes, and the scale of each entry."""
    codes = form.encode(x, torch.Generator().manual_seed(0))
    scale = torch.ones(1) if codes.scale is None else codes.scale
    if form.block and codes.scale is not None:
        scale = scale.repeat_interleave(form.block)[: x.numel()]
    return form.decode(codes), scale.expand(x.numel()).view(x.shape)


def form_of(name: str, second: bool, block: int | None, rounding: str) -> Format:
    return named(name, block=block, rounding=rounding, second_moment=second)


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("block", [7, None])
@pytest.mark.parametrize(("name", "second"), FORMATS)
@given(x=tensors)
@settings(max_examples=30)
def test_the_error_is_within_the_stated_bound_for_every_input(name, second, block, rounding, x):
    form = form_of(name, second, block, rounding)
    x = x.abs() if second else x
    decoded, scale = encoded(form, x)
    relative, floor = form.bounds
    allowed = (relative * x.abs().double() + floor * scale.double()) * (2 if rounding == "stochastic" else 1)
    assert bool(((decoded.double() - x.double()).abs() <= allowed).all())
    assert bool((decoded.double() * x.double() >= 0).all()), "no sign may change"
    assert decoded.shape == x.shape and decoded.dtype == torch.float32


@pytest.mark.parametrize("corner", [1, 5, 40, 127])
@pytest.mark.parametrize("second", [False, True])
@given(x=tensors)
@settings(max_examples=40)
def test_the_power_law_keeps_its_bound_for_every_corner(second, corner, x):
    form = form_of("power8", second, 7, "nearest")
    x = x.abs() if second else x
    decoded, scale = encoded(form, x)
    relative, floor = form.bounds_at(corner)
    allowed = torch.maximum(relative * x.abs().double(), floor * scale.double())
    assert bool(((decoded.double() - x.double()).abs() <= allowed * (1 + 1e-6)).all())


@pytest.mark.parametrize("name", EIGHT_BITS)
@given(x=tensors)
@settings(max_examples=30)
def test_zero_stays_zero_and_nothing_decodes_to_a_denormal(name, x):
    for rounding in ROUNDINGS:
        decoded, _ = encoded(form_of(name, False, 7, rounding), x)
        assert bool((decoded[x == 0] == 0).all())
        assert bool(((decoded == 0) | (decoded.abs() >= 2.0**-126)).all())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(0,), (3,), (2, 7, 5), (512,), (1, 300)])
def test_all_zeros_of_any_shape_stay_zeros(name, shape):
    for block in (None, 1, 256):
        decoded, _ = encoded(form_of(name, False, block, "stochastic"), torch.zeros(shape))
        assert torch.equal(decoded, torch.zeros(shape))


@given(x=tensors)
def test_a_second_moment_that_is_not_zero_never_becomes_zero(x):
    for rounding in ROUNDINGS:
        decoded, _ = encoded(form_of("power8", True, 7, rounding), x.abs())
        assert torch.equal(decoded > 0, x != 0)


@given(x=tensors)
def test_float32_is_lossless(x):
    decoded, _ = encoded(form_of("float32", False, 7, "stochastic"), x)
    assert torch.equal(decoded.view(torch.int32), x.view(torch.int32))


@pytest.mark.parametrize(("name", "second"), [("int8", False), ("power8", False), ("power8", True)])
@pytest.mark.parametrize("noise", [0.0, 0.5, 1 - 2**-24])
def test_the_largest_entry_of_a_block_is_kept_whatever_the_noise(name, second, noise):
    """In units of the scale it may be a little above the largest code, and must not be rounded beyond."""
    x = torch.rand(20_000, 1, generator=torch.Generator().manual_seed(0)).add_(0.1)
    for rows in (x,) if second else (x, -x):
        form = form_of(name, second, 1, "stochastic")
        scale = form.scales(rows)
        decoded = form.dequantise(form.quantise(rows, scale, noise), scale)
        lowest = 0.98 if noise > 0.9 else 1 - 1e-6  # it may be a little below, too
        assert lowest < float((decoded / rows).min()) and float((decoded / rows).max()) < 1 + 1e-6


@pytest.mark.parametrize("name", EIGHT_BITS)
def test_blocks_do_not_know_of_each_other(name):
    x = torch.randn(4, 256, generator=torch.Generator().manual_seed(0)) * torch.tensor(
        [[1e-9], [1], [1e9], [0]]
    )
    form = form_of(name, False, 256, "nearest")
    whole, _ = encoded(form, x)
    assert torch.equal(whole, torch.stack([encoded(form, row)[0] for row in x]))
    one, _ = encoded(form_of(name, False, None, "nearest"), x)
    assert float(one[0].abs().max()) == 0 < float(whole[0].abs().max())


@pytest.mark.parametrize(("name", "second"), FORMATS)
def test_bytes_per_entry_are_those_of_the_tensors(name, second):
    form = form_of(name, second, 256, "nearest")
    codes = form.encode(torch.rand(1024))
    assert sum(t.nbytes for t in codes if t is not None) / 1024 == form.bytes_per_entry


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_refused(name, bad):
    for block in (None, 2):
        with pytest.raises(InputError, match="x must be finite"):
            named(name, block=block).encode(torch.tensor([1.0, 2.0, bad, 0.0]))


def test_other_bad_input_is_refused_by_its_name():
    x = torch.ones(3)
    with pytest.raises(InputError, match="generator must be"):
        named("int8", rounding="stochastic").encode(x)
    with pytest.raises(InputError, match="x must be 0 or more .* -1"):
        named("power8", second_moment=True).encode(-x)
    with pytest.raises(InputError, match="x must be at most 3.39e\\+38 for bfloat16"):
        named("bfloat16").encode(x * 3.4e38)
    with pytest.raises(InputError, match="name must be one of float32.*'int4'"):
        named("int4")
    with pytest.raises(InputError, match="block must be 1 or more, or None, got 0"):
        named("int8", block=0)
    with pytest.raises(InputError, match="rounding must be one of nearest, stochastic, got 'up'"):
        named("int8", rounding="up")
    with pytest.raises(InputError, match="codes must have a scale"):
        named("int8").decode(named("int8").encode(x)._replace(scale=None))


masks = st.lists(st.booleans(), max_size=70).map(lambda values: torch.tensor(values, dtype=torch.bool))


@given(mask=masks)
def test_a_mask_takes_a_bit_an_entry_and_comes_back(mask):
    bits = pack_mask(mask)
    assert bits.dtype == torch.uint8 and bits.shape == (math.ceil(len(mask) / 8),)
    assert torch.equal(unpack_mask(bits, mask.shape), mask)
    assert bits.tolist() == [
        sum(bool(b) << i for i, b in enumerate(mask[first : first + 8])) for first in range(0, len(mask), 8)
    ]


def test_a_mask_of_two_axes_keeps_its_shape_and_owns_its_memory():
    mask = torch.rand(3, 5, generator=torch.Generator().manual_seed(0)) < 0.5
    back = unpack_mask(pack_mask(mask.T), mask.T.shape)
    assert torch.equal(back, mask.T) and back.untyped_storage().nbytes() == back.numel()


def support(kind: str, point: Tensor, draw: torch.Generator) -> Tensor:
    """Return a support that a projection may select: anything, N:M, all, none."""
    if kind == "2:4":
        groups = point.abs().view(-1, 4)
        return torch.zeros_like(groups, dtype=torch.bool).scatter_(1, groups.topk(2).indices, True).view(-1)
    share = {"all": 1.0, "none": 0.0, "any": 0.5}[kind]
    return torch.rand(point.shape, generator=draw) < share


@pytest.mark.parametrize("kind", ["any", "2:4", "all", "none"])
@given(seed=st.integers(0, 2**32), factor=st.floats(0.1, 10))
@settings(max_examples=25)
def test_one_tensor_and_a_mask_hold_z_and_u_without_loss(kind, seed, factor):
    """After each update, and after u is rescaled for a new penalty."""
    draw = torch.Generator().manual_seed(seed)
    form, target = named("float32"), torch.zeros(64)
    kept, u = torch.ones(64, dtype=torch.bool), torch.zeros(64)
    for _ in range(3):
        w = torch.randn(64, generator=draw)
        total = w + u
        now = support(kind, total, draw)
        z, u = torch.where(now, total, 0.0), torch.where(now, 0.0, total)  # u' = w + u - z, exactly
        add_dual("wzu", w, target, kept)
        split("wzu", w, target, now)
        kept = unpack_mask(pack_mask(now), now.shape)
        target = form.decode(form.encode(target))
        assert torch.equal(torch.where(kept, target, 0.0), z)
        assert torch.equal(torch.where(kept, 0.0, -target), u)
        u = u * factor
        target = torch.where(kept, target, target * factor)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "float32"])
def test_u_must_be_computed_before_z_is_rounded(name):
    """Then their supports stay disjoint, as zero becomes zero; else u would live on the whole support."""
    draw = torch.Generator().manual_seed(0)
    total, form = torch.randn(512, generator=draw), named(name)
    kept = total.abs() > 0.7
    z, u = torch.where(kept, total, 0.0), torch.where(kept, 0.0, total)
    rounded_z, rounded_u = encoded(form, z)[0], encoded(form, u)[0]
    assert not bool(((rounded_z != 0) & (rounded_u != 0)).any())
    late = total - rounded_z
    assert int(((late != 0) & kept).sum()) > 0.5 * int(kept.sum())
