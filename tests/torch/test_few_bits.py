"""Adam in few bits: Adam's steps, the same bits however it is cut or interrupted, and as good a fit."""

import copy
import shutil
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from tamis_torch import InputError
from tamis_torch import snapshot as snapshots
from tamis_torch.few_bits import FewBitsAdam
from tamis_torch.state import BLOCK, named
from tamis_torch.state.adam import largest_ratio

SHAPES = [(90, 70), (300,), (3, 2, 5), ()]  # blocks of BLOCK entries and what is left over
BETAS = (0.9, 0.99)


def parameters(dtype: torch.dtype, seed: int = 0) -> list[nn.Parameter]:
    draw = torch.Generator().manual_seed(seed)
    return [nn.Parameter((0.05 * torch.randn(shape, generator=draw)).to(dtype)) for shape in SHAPES]


def gradients(step: int) -> list[Tensor]:
    draw = torch.Generator().manual_seed(1000 + step)
    return [torch.randn(shape, generator=draw) * 10.0 ** (1 - i) for i, shape in enumerate(SHAPES)]


def fit(optimizer: torch.optim.Optimizer, steps: int, first: int = 0) -> None:
    own = optimizer.param_groups[0]["params"]
    for step in range(first, first + steps):
        for parameter, gradient in zip(own, gradients(step), strict=True):
            parameter.grad = gradient.to(parameter.dtype)
        optimizer.step()


def same(a: list[nn.Parameter], b: list[nn.Parameter]) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_without_few_bits_it_is_torchs_adam():
    ours, theirs = parameters(torch.float32), parameters(torch.float32)
    optimizer = FewBitsAdam(ours, 1e-2, BETAS, moments="float32")
    plain = torch.optim.Adam(theirs, 1e-2, BETAS)
    for first in (0, 10):
        fit(optimizer, 10, first)
        fit(plain, 10, first)
        for group in optimizer.param_groups + plain.param_groups:
            group["lr"] = 3e-3
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("moments", "allowed"), [("bfloat16", 0.01), ("power8", 0.04), ("fp8_e4m3", 0.08)])
def test_with_few_bits_it_stays_close_to_torchs_adam(moments, allowed):
    """By the share of the way gone that it is off; for 8 bits far less than a tenth."""
    ours, theirs, start = (parameters(torch.float32) for _ in range(3))
    fit(FewBitsAdam(ours, 1e-3, BETAS, moments=moments), 20)
    fit(torch.optim.Adam(theirs, 1e-3, BETAS), 20)
    for a, b, c in zip(ours[:2], theirs[:2], start[:2], strict=True):
        assert 0 < (a - b).norm().item() / (b - c).norm().item() < allowed


def test_second_moments_are_those_of_adam_to_a_few_percent():
    ours, theirs = parameters(torch.float32), parameters(torch.float32)
    optimizer, plain = FewBitsAdam(ours, 1e-3, BETAS), torch.optim.Adam(theirs, 1e-3, BETAS)
    assert torch.equal(optimizer.second_moment(ours[0]), torch.zeros(SHAPES[0]))
    fit(optimizer, 20)
    fit(plain, 20)
    for a, b in zip(ours, theirs, strict=True):
        found, exact = optimizer.second_moment(a), plain.state[b]["exp_avg_sq"]
        assert found.shape == a.shape and found.dtype == torch.float32
        assert float((found - exact).norm() / exact.norm()) < 0.05


@given(
    gradients=st.lists(st.floats(-1, 1).filter(lambda g: abs(g) > 1e-6), min_size=1, max_size=12),
    betas=st.tuples(st.floats(0, 0.99), st.floats(0.01, 0.999)),
)
@settings(max_examples=100)
def test_the_clip_never_touches_exact_moments(gradients, betas):
    m = v = 0.0
    for step, gradient in enumerate(gradients, 1):
        m = betas[0] * m + (1 - betas[0]) * gradient
        v = betas[1] * v + (1 - betas[1]) * gradient**2
        assert abs(m) <= largest_ratio(betas, step) * v**0.5 * (1 + 1e-9)


def test_no_smaller_clip_would_do():
    """Gradients that grow by beta2 / beta1 a step attain it."""
    m = v = 0.0
    for step in range(1, 30):
        gradient = (0.99 / 0.9) ** step
        m, v = 0.9 * m + 0.1 * gradient, 0.99 * v + 0.01 * gradient**2
        assert m / v**0.5 == pytest.approx(largest_ratio(BETAS, step))
    assert largest_ratio(BETAS, 10**6) == pytest.approx(2.345, abs=1e-3)


@pytest.mark.parametrize("moments", ["power8", "int8", "fp8_e4m3"])
def test_small_gradients_beside_a_large_one_make_no_large_steps(moments):
    """Their moments are lost in the rounding; without the clip m / sqrt(v) could be anything."""
    weight = nn.Parameter(torch.zeros(256))
    optimizer = FewBitsAdam([weight], 1.0, BETAS, moments=moments)
    draw = torch.Generator().manual_seed(0)
    for step in range(1, 40):
        before = weight.detach().clone()
        weight.grad = torch.randn(256, generator=draw) * torch.logspace(-9, 0, 256)
        optimizer.step()
        most = largest_ratio(BETAS, step) * ((1 - BETAS[1] ** step) ** 0.5) / (1 - BETAS[0] ** step)
        assert (weight - before).abs().max().item() <= most * (1 + 1e-5)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_any_chunk_gives_the_same_bits(dtype):
    runs = []
    for chunk in (BLOCK, 3 * BLOCK, 2**18):
        own = parameters(dtype)
        optimizer = FewBitsAdam(own, 1e-3, BETAS, chunk=chunk)
        fit(optimizer, 5)
        runs.append((own, optimizer.second_moment(own[0])))
    assert all(same(own, runs[0][0]) and torch.equal(v, runs[0][1]) for own, v in runs)


def test_the_order_of_the_parameters_does_not_matter():
    forward, backward = parameters(torch.bfloat16), parameters(torch.bfloat16)
    fit(FewBitsAdam(forward, 1e-3, BETAS), 3)
    optimizer = FewBitsAdam(backward, 1e-3, BETAS)
    for step in range(3):
        for parameter, gradient in reversed(list(zip(backward, gradients(step), strict=True))):
            parameter.grad = gradient.to(parameter.dtype)
            optimizer.step_parameter(parameter)
    assert same(forward, backward)


def test_seeds_steps_and_parameters_have_noise_of_their_own():
    """Equal weights with equal gradients are rounded apart."""

    def rounded(seed: int, steps: int = 1) -> list[Tensor]:
        own = [nn.Parameter(torch.full((512,), 0.05, dtype=torch.bfloat16)) for _ in range(2)]
        optimizer = FewBitsAdam(own, 1e-5, seed=seed)
        for _ in range(steps):
            for parameter in own:
                parameter.grad = torch.ones_like(parameter)
            optimizer.step()
        return [p.detach() for p in own]

    assert torch.equal(rounded(0)[0], rounded(0)[0])
    assert not torch.equal(rounded(0)[0], rounded(1)[0])
    assert not torch.equal(*rounded(0))
    first, second = rounded(0)[0] != 0.05, rounded(0, 2)[0] != rounded(0)[0]
    assert not torch.equal(first, second)


def test_a_shard_with_its_offset_is_rounded_as_in_the_whole():
    whole = nn.Parameter(torch.linspace(-1, 1, 2 * BLOCK).bfloat16())
    half = nn.Parameter(whole.detach()[BLOCK:].clone())
    sharded = FewBitsAdam([half], 1e-4)
    sharded.offsets[half] = BLOCK
    optimizer = FewBitsAdam([whole], 1e-4)
    for step in range(3):
        whole.grad = torch.randn(2 * BLOCK, generator=torch.Generator().manual_seed(step)).bfloat16()
        half.grad = whole.grad[BLOCK:].clone()
        optimizer.step()
        sharded.step()
    assert torch.equal(whole[BLOCK:], half)


@pytest.mark.parametrize("rounding", ["stochastic", "compensated", "nearest"])
def test_a_resumed_run_goes_on_bit_for_bit(rounding, tmp_path):
    """Through a safetensors file, as a checkpoint is."""
    model = nn.ParameterList(parameters(torch.bfloat16))
    optimizer = FewBitsAdam(model, 1e-3, BETAS, rounding=rounding)
    fit(optimizer, 4)
    save_file(snapshots.take(model, optimizer), tmp_path / "state.safetensors")
    other = nn.ParameterList(parameters(torch.bfloat16, seed=1))
    resumed = FewBitsAdam(other, 1e-3, BETAS, rounding=rounding)
    snapshots.put_back(load_file(tmp_path / "state.safetensors"), {"step": 4}, other, resumed)
    fit(optimizer, 4, first=4)
    fit(resumed, 4, first=4)
    assert same(list(model), list(other))
    for a, b in zip(optimizer.state.values(), resumed.state.values(), strict=True):
        assert a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def test_a_state_of_another_kind_is_refused():
    optimizer = FewBitsAdam(parameters(torch.bfloat16))
    fit(optimizer, 1)
    kept = copy.deepcopy(optimizer.state_dict())
    for other in ({"moments": "bfloat16"}, {"rounding": "compensated"}):
        with pytest.raises(InputError, match="state_dict must hold for parameter 0 .*moments and rounding"):
            FewBitsAdam(parameters(torch.bfloat16), **other).load_state_dict(kept)


@pytest.mark.parametrize(("rounding", "share"), [("nearest", 0), ("stochastic", 1), ("compensated", 1)])
def test_nearest_rounding_stands_still_where_the_others_arrive(rounding, share):
    """lr 1e-5 on weights of .05 is below half a step of bfloat16, 1.2e-4."""
    weight = nn.Parameter(torch.full((4096,), 0.05, dtype=torch.bfloat16))
    start = weight.detach().double().mean()
    optimizer = FewBitsAdam([weight], 1e-5, rounding=rounding)
    for _ in range(200):
        weight.grad = torch.ones_like(weight)
        optimizer.step()
    moved = float(start - weight.detach().double().mean())
    assert moved == pytest.approx(share * 200 * 1e-5, rel=0.05, abs=0)


@pytest.mark.parametrize("kind", ["fp8_e4m3", "float32", "one scale"])
def test_the_pull_goes_a_share_of_the_way_to_the_decoded_target(kind):
    weight = nn.Parameter(torch.linspace(-1, 1, 600))
    before = weight.detach().clone()
    form = named("int8", block=None) if kind == "one scale" else named(kind)
    codes = form.encode(torch.linspace(1, 3, 600))
    optimizer = FewBitsAdam([weight], 0.0)
    optimizer.pulls[weight] = form, codes, 0.25
    weight.grad = torch.ones(600)
    optimizer.step()
    torch.testing.assert_close(weight.detach(), before + 0.25 * (form.decode(codes) - before))


def test_the_pull_happens_before_the_weight_is_rounded():
    """1% of the way from 1 to 1.1 is a quarter of a step of bfloat16: rounded by itself it would be lost."""
    weight = nn.Parameter(torch.ones(4096, dtype=torch.bfloat16))
    optimizer = FewBitsAdam([weight], 0.0)
    form = named("float32")
    optimizer.pulls[weight] = form, form.encode(torch.full((4096,), 1.1)), 0.01
    weight.grad = torch.ones_like(weight)
    optimizer.step()
    assert float(weight.detach().double().mean()) == pytest.approx(1.001, abs=1e-4)


@pytest.mark.parametrize(
    ("rounding", "moments", "most"), [("stochastic", "power8", 2.04), ("compensated", "power8", 3.04)]
)
def test_the_state_takes_the_bytes_that_are_stated(rounding, moments, most):
    weight = nn.Parameter(torch.zeros(512, 512, dtype=torch.bfloat16))
    optimizer = FewBitsAdam([weight], moments=moments, rounding=rounding)
    weight.grad = torch.ones_like(weight)
    optimizer.step()
    tensors = optimizer.state[weight].values()
    assert 2 < sum(t.untyped_storage().nbytes() for t in tensors) / weight.numel() < most


def test_no_float32_tensor_larger_than_a_chunk_is_made():
    class Largest(TorchDispatchMode):
        found = 0

        def __torch_dispatch__(
            self, func: Callable, types: object, args: tuple = (), kwargs: dict | None = None
        ):
            out = func(*args, **(kwargs or {}))
            if isinstance(out, Tensor) and out.dtype in (torch.float32, torch.int32):
                self.found = max(self.found, out.numel())
            return out

    weight = nn.Parameter(torch.zeros(64, 2 * BLOCK // 16, dtype=torch.bfloat16))
    weight.grad = torch.ones_like(weight)
    optimizer = FewBitsAdam([weight], chunk=2 * BLOCK)
    with Largest() as largest:
        optimizer.step()
    assert largest.found == 2 * BLOCK < weight.numel()


def test_a_gradient_that_is_not_finite_does_not_hide():
    """It shows in the weights of its block, as with torch's Adam in its entry."""
    for bad in (float("nan"), float("inf")):
        weight = nn.Parameter(torch.zeros(2 * BLOCK, dtype=torch.bfloat16))
        weight.grad = torch.ones_like(weight)
        weight.grad[3] = bad
        optimizer = FewBitsAdam([weight])
        optimizer.step()
        optimizer.step()
        assert bool(weight[3].isnan()) and bool(weight[BLOCK:].isfinite().all())


def test_bad_settings_and_parameters_are_refused_by_their_name():
    good = parameters(torch.float32)
    for settings_, match in (
        ({"lr": -1.0}, "lr must be 0 or more, got -1"),
        ({"betas": (0.9, 1.0)}, "betas must be at least 0 and below 1"),
        ({"eps": -1e-8}, "eps must be 0 or more"),
        ({"rounding": "up"}, "rounding must be one of stochastic, compensated, nearest, got 'up'"),
        ({"moments": "int4"}, "moments must be one of"),
        ({"moment_rounding": "up"}, "rounding must be one of nearest, stochastic"),
        ({"chunk": 100}, f"chunk must be {BLOCK} or more, got 100"),
    ):
        with pytest.raises(InputError, match=match):
            FewBitsAdam(good, **settings_)
    with pytest.raises(InputError, match="params must be contiguous and bfloat16 or float32, .* float16"):
        FewBitsAdam([nn.Parameter(torch.zeros(3, dtype=torch.float16))])
    with pytest.raises(InputError, match="strides"):
        FewBitsAdam([nn.Parameter(torch.zeros(3, 4).T)])
    with pytest.raises(RuntimeError, match="needs the parameter's gradient"):
        FewBitsAdam(good).step_parameter(good[0])


def language_loss(model: nn.Module, optimizer: torch.optim.Optimizer, steps: int) -> float:
    """Return the mean loss of the last 10 steps of a training on sentences of few words."""
    draw, losses = torch.Generator().manual_seed(0), []
    words = torch.randint(0, 320, (8, 4), generator=draw)
    for _ in range(steps):
        batch = words[torch.randint(0, 8, (8, 6), generator=draw)].view(8, 24)
        loss = model(input_ids=batch, labels=batch).loss
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return sum(losses[-10:]) / 10


def test_a_small_language_model_learns_as_well(tiny_model):
    """Within 3% of Adam in float32 after 100 steps, with bfloat16 weights and 8-bit moments."""
    model = copy.deepcopy(tiny_model).bfloat16()
    exact = language_loss(tiny_model, torch.optim.Adam(tiny_model.parameters(), 3e-3, BETAS), 100)
    few = language_loss(model, FewBitsAdam(model.parameters(), 3e-3, BETAS), 100)
    assert exact < 3.5 < 5.7, "it learns: it begins at log 320 = 5.77"
    assert few == pytest.approx(exact, rel=0.03)


@pytest.mark.parametrize(("rounding", "allowed"), [("stochastic", 1.2), ("compensated", 1.05)])
def test_a_regression_is_fitted_as_well(rounding, allowed):
    draw = torch.Generator().manual_seed(0)
    x, truth = torch.randn(512, 64, generator=draw), 0.1 * torch.randn(64, generator=draw)
    y = x @ truth + 0.1 * torch.randn(512, generator=draw)

    def fitted(weight: nn.Parameter, optimizer: torch.optim.Optimizer) -> float:
        for step in range(400):
            optimizer.param_groups[0]["lr"] = 1e-2 * (1 - step / 400)
            gradient = 2 * x.T @ (x @ weight.detach().float() - y) / len(x)
            weight.grad = gradient.to(weight.dtype)
            optimizer.step()
        return float((x @ weight.detach().float() - y).square().mean())

    plain, few = nn.Parameter(torch.zeros(64)), nn.Parameter(torch.zeros(64, dtype=torch.bfloat16))
    exact = fitted(plain, torch.optim.Adam([plain], 1e-2, BETAS))
    assert fitted(few, FewBitsAdam([few], 1e-2, BETAS, rounding=rounding)) < allowed * exact


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler on CPUs")
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_compiled_it_is_the_same_to_rounding(dtype):
    eager, compiled = parameters(dtype), parameters(dtype)
    fit(FewBitsAdam(eager, 1e-3, BETAS, chunk=BLOCK), 5)
    fit(FewBitsAdam(compiled, 1e-3, BETAS, chunk=BLOCK, compile=True), 5)
    for a, b in zip(eager, compiled, strict=True):
        assert float((a == b).float().mean()) > 0.97 or dtype == torch.float32
        torch.testing.assert_close(a.float(), b.float(), atol=2e-3, rtol=2**-7)
