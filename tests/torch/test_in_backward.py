"""Steps in the backward pass: the steps of a plain loop, one gradient at a time, and a clipping that fits."""

import copy
import math

import pytest
import torch
from torch import Tensor, nn

from tamis_torch import InputError, RunError
from tamis_torch.few_bits import FewBitsAdam
from tamis_torch.in_backward import step_in_backward


def network(dtype: torch.dtype = torch.float32) -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers = [nn.Linear(8, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 4)]
        return nn.Sequential(*layers).to(dtype)


def loss_of(model: nn.Module, seed: int = 0, size: float = 1.0) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    dtype = next(model.parameters()).dtype
    x, y = torch.randn(32, 8, generator=draw).to(dtype), torch.randn(32, 4, generator=draw).to(dtype)
    return size * (model(x) - y).square().mean()


def same(a: nn.Module, b: nn.Module) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))


def norm_of(model: nn.Module) -> float:
    return nn.utils.get_total_norm([p.grad for p in model.parameters()]).item()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_without_clipping_it_is_the_plain_loop_bit_for_bit(dtype):
    model, twin = network(dtype), network(dtype)
    handle = step_in_backward(FewBitsAdam(model.parameters(), 1e-2), model.parameters(), math.inf)
    plain = FewBitsAdam(twin.parameters(), 1e-2)
    for step in range(5):
        loss_of(model, step).backward()
        loss_of(twin, step).backward()
        assert handle.finish() == pytest.approx(norm_of(twin), rel=1e-2 if dtype == torch.bfloat16 else 1e-5)
        plain.step()
        plain.zero_grad()
    assert same(model, twin)


def test_gradients_never_all_live_at_once():
    model = network()
    handle = step_in_backward(FewBitsAdam(model.parameters()), model.parameters())
    alive = []
    for parameter in model.parameters():
        parameter.register_hook(lambda _: alive.append(sum(p.grad is not None for p in model.parameters())))
    loss_of(model).backward()
    assert len(alive) == 6 and max(alive) <= 1
    assert all(p.grad is None for p in model.parameters())
    handle.finish()


def test_tied_parameters_are_stepped_once_with_their_whole_gradient(tiny_model):
    twin = copy.deepcopy(tiny_model)
    batch = torch.arange(64).view(2, 32)
    optimizer, plain = (FewBitsAdam(m.parameters(), 1e-2) for m in (tiny_model, twin))
    handle = step_in_backward(optimizer, tiny_model.named_parameters(remove_duplicate=False), math.inf)
    tiny_model(input_ids=batch, labels=batch).loss.backward()
    twin(input_ids=batch, labels=batch).loss.backward()
    handle.finish()
    plain.step()
    assert {int(state["step"]) for state in optimizer.state.values()} == {1}
    assert same(tiny_model, twin)


def clipped(handle, model: nn.Module, size: float) -> list[float]:
    """Return the norms of the gradients as they were stepped, in the order of the backward pass."""
    found: list[float] = []
    step = handle.optimizer.step_parameter

    def watching(parameter: nn.Parameter, scale: Tensor) -> None:
        found.append((parameter.grad * scale).norm().item())
        step(parameter, scale)

    handle.optimizer.step_parameter = watching
    loss_of(model, size=size).backward()
    handle.optimizer.step_parameter = step
    return found


def test_a_steady_gradient_is_clipped_as_always():
    """By the norm of the step before, where that is the same."""
    model = network()
    handle = step_in_backward(FewBitsAdam(model.parameters(), 0.0), model.parameters(), 0.1)
    loss_of(model).backward()
    before = handle.finish()
    assert before > 0.1
    assert math.hypot(*clipped(handle, model, 1.0)) == pytest.approx(0.1, rel=1e-5)
    assert handle.finish() == pytest.approx(before)
    small = clipped(handle, model, 1e-3)
    assert math.hypot(*small) == pytest.approx(1e-4, rel=1e-4), "the step before still counts"
    assert handle.finish() == pytest.approx(1e-3 * before)
    assert math.hypot(*clipped(handle, model, 1e-3)) == pytest.approx(1e-3 * before), (
        "small ones are not scaled"
    )


@pytest.mark.parametrize("settled", [False, True])
def test_a_sudden_large_gradient_is_clipped_within_the_stated_bound(settled):
    """Also in the first step, which has none before it."""
    model = network()
    handle = step_in_backward(FewBitsAdam(model.parameters(), 0.0), model.parameters(), 0.1)
    if settled:
        loss_of(model).backward()
        handle.finish()
    found = clipped(handle, model, 1e4)
    whole, first = handle.finish(), None
    handle.remove()
    loss_of(model, size=1e4).backward()
    first = list(model.parameters())[-1].grad.norm().item()  # the last bias comes first or second
    first = min(first, list(model.parameters())[-2].grad.norm().item())
    assert max(found) <= 0.1 * (1 + 1e-5)
    assert 0.1 < math.hypot(*found) <= 0.1 * math.sqrt(1 + 2 * math.log(whole / first))


@pytest.mark.parametrize("bad", [math.nan, math.inf, 1e30])
def test_a_gradient_that_is_not_finite_is_named_and_spoils_no_weight(bad):
    model = network()
    handle = step_in_backward(FewBitsAdam(model.parameters()), model.named_parameters())
    loss_of(model).backward()
    norm = handle.finish()
    model[2].weight.register_hook(lambda gradient: gradient.index_fill(0, torch.tensor([3]), bad))
    loss_of(model).backward()
    assert all(bool(p.isfinite().all()) for p in model.parameters())
    with pytest.raises(RunError, match=r"not finite in 2\.weight, .*last checkpoint"):
        handle.finish()
    assert handle.last.item() == norm
    loss_of(model, size=math.nan).backward()
    with pytest.raises(RunError, match=r"not finite in 4\.\w+, 4\.\w+, 2\.\w+ and 3 more"):
        handle.finish()


def test_micro_batches_are_summed_before_the_step():
    model, twin = network(), network()
    handle = step_in_backward(FewBitsAdam(model.parameters()), model.parameters(), math.inf)
    plain = FewBitsAdam(twin.parameters())
    with handle.accumulate():
        loss_of(model, 0).backward()
        loss_of(model, 1).backward()
    loss_of(model, 2).backward()
    for seed in range(3):
        loss_of(twin, seed).backward()
    assert handle.finish() == pytest.approx(norm_of(twin))
    plain.step()
    assert same(model, twin)


def test_a_second_backward_pass_needs_finish_before_it():
    model = network()
    handle = step_in_backward(FewBitsAdam(model.parameters()), model.parameters())
    assert handle.finish() == 0.0
    loss_of(model).backward()
    with pytest.raises(RuntimeError, match="call finish"):
        loss_of(model).backward()


def test_the_last_norm_is_all_that_a_resumed_run_needs():
    model = network()
    optimizer = FewBitsAdam(model.parameters())
    handle = step_in_backward(optimizer, model.parameters(), 0.1)
    loss_of(model).backward()
    handle.finish()
    other = copy.deepcopy(model)
    for p in other.parameters():
        p._post_accumulate_grad_hooks = None
    resumed = FewBitsAdam(other.parameters())
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    again = step_in_backward(resumed, other.parameters(), 0.1)
    again.last = torch.tensor(handle.last.item())
    for m, h in ((model, handle), (other, again)):
        loss_of(m, 1).backward()
        h.finish()
    assert same(model, other)


def test_removed_it_leaves_gradients_alone():
    model = network()
    handle = step_in_backward(FewBitsAdam(model.parameters()), model.parameters())
    handle.remove()
    before = copy.deepcopy(model)
    loss_of(model).backward()
    assert same(model, before) and all(p.grad is not None for p in model.parameters())


def test_bad_arguments_are_refused_by_their_name():
    model, other = network(), network()
    for bad in (0.0, -1.0, math.nan):
        with pytest.raises(InputError, match="max_norm must be above 0, got"):
            step_in_backward(FewBitsAdam(model.parameters()), model.parameters(), bad)
    with pytest.raises(InputError, match=r"parameters must be those of the optimiser, but 0\.weight is not"):
        step_in_backward(FewBitsAdam(model.parameters()), other.named_parameters())
