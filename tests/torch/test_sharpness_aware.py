"""Sharpness-aware steps round any torch optimiser, alone and inside ADMM."""

import copy

import pytest
import rank_jobs as jobs
import torch
from processes import over
from torch import nn
from torch.nn.functional import cross_entropy

from tamis_torch import ADMM, InputError, Iteration, SharpnessAware, prunable
from tamis_torch.few_bits import FewBitsAdam

RATE, RADIUS = 0.1, 0.3
INNER = {
    "sgd": lambda ps: torch.optim.SGD(ps, RATE, momentum=0.9, nesterov=True),
    "adam": lambda ps: torch.optim.Adam(ps, 1e-2),
    "adamw": lambda ps: torch.optim.AdamW(ps, 1e-2, weight_decay=0.1),
    "rmsprop": lambda ps: torch.optim.RMSprop(ps, 1e-2),
    "adagrad": lambda ps: torch.optim.Adagrad(ps, 1e-2),
    "few bits": lambda ps: FewBitsAdam(list(ps), 1e-2),
}


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 12), nn.Tanh(), nn.Linear(12, 3))


def batch(step: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(step)
    return torch.randn(16, 8, generator=draw), torch.randint(3, (16,), generator=draw)


def loss_of(model: nn.Module, step: int = 0) -> torch.Tensor:
    inputs, labels = batch(step)
    return cross_entropy(model(inputs), labels)


def closure_of(model: nn.Module, step: int = 0):
    def closure():
        model.zero_grad()
        loss = loss_of(model, step)
        loss.backward()
        return loss

    return closure


def by_hand(model: nn.Module, step: int = 0) -> list[torch.Tensor]:
    """grad f(w + radius g / |g|), written out on a copy with autograd."""
    there = copy.deepcopy(model)
    gradient = torch.autograd.grad(loss_of(there, step), list(there.parameters()))
    norm = torch.sqrt(sum((g**2).sum() for g in gradient))
    with torch.no_grad():
        for p, g in zip(there.parameters(), gradient, strict=True):
            p += RADIUS * g / norm
    return list(torch.autograd.grad(loss_of(there, step), list(there.parameters())))


def weights_of(model: nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()])


@pytest.mark.parametrize("name", INNER)
def test_three_steps_are_the_inner_optimisers_on_the_gradient_by_hand(name):
    model, expected = network(), network()
    optimizer, plain = (
        SharpnessAware(INNER[name](model.parameters()), RADIUS),
        INNER[name](expected.parameters()),
    )
    for step in range(3):
        for p, g in zip(expected.parameters(), by_hand(expected, step), strict=True):
            p.grad = g
        plain.step()
        optimizer.step(closure_of(model, step))
    torch.testing.assert_close(weights_of(model), weights_of(expected), rtol=1e-4, atol=1e-6)


def test_both_forms_do_the_same_bit_for_bit_and_return_the_loss_at_w():
    models = [network(), network()]
    optimizers = [SharpnessAware(INNER["sgd"](m.parameters()), RADIUS) for m in models]
    for step in range(3):
        told = optimizers[0].step(closure_of(models[0], step))
        loss = loss_of(models[1], step)
        models[1].zero_grad()
        loss.backward()
        with optimizers[1].perturbed():
            loss_of(models[1], step).backward()
        optimizers[1].step()
        assert told.item() == loss.item()
    assert torch.equal(*map(weights_of, models))


def test_radius_zero_is_the_plain_optimiser_bit_for_bit_in_one_pass():
    models, calls = [network(), network()], []
    sharp = SharpnessAware(INNER["adam"](models[0].parameters()), 0.0)
    plain = INNER["adam"](models[1].parameters())
    closure = closure_of(models[0])
    for _ in range(3):
        sharp.step(lambda: calls.append(1) or closure())
        plain.step(closure_of(models[1]))
    assert torch.equal(*map(weights_of, models)) and len(calls) == 3


def test_parts_of_a_batch_add_up_in_both_passes():
    models = [network(), network()]
    inputs, labels = batch()

    def in_parts():
        models[1].zero_grad()
        for part in (slice(0, 4), slice(4, 16)):
            share = len(labels[part]) / len(labels)
            (cross_entropy(models[1](inputs[part]), labels[part]) * share).backward()

    SharpnessAware(INNER["sgd"](models[0].parameters()), RADIUS).step(closure_of(models[0]))
    SharpnessAware(INNER["sgd"](models[1].parameters()), RADIUS).step(in_parts)
    torch.testing.assert_close(*map(weights_of, models))


def test_a_step_with_the_gradient_of_the_first_pass_is_refused():
    model = network()
    optimizer = SharpnessAware(INNER["sgd"](model.parameters()), RADIUS)
    loss_of(model).backward()
    with pytest.raises(RuntimeError, match="second pass"):
        optimizer.step()
    optimizer.step(closure_of(model))
    with pytest.raises(RuntimeError, match="second pass"):
        optimizer.step()


@pytest.mark.parametrize("pull", ["gradient", "direct"])
@pytest.mark.parametrize("form", ["closure", "passes"])
def test_inside_admm_the_pull_is_taken_at_w(pull, form):
    """w' = w - lr (grad f(w + e) + penalty (w - z + u)), where w + e would give another pull."""
    model = network()
    weights = prunable(model)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    gradient = dict(zip(before, by_hand(model), strict=True))
    config = Iteration(sparsity=0.5, budget="global", penalty=0.2, pull=pull, metric="none", interval=100)
    sharp = SharpnessAware(torch.optim.SGD(model.parameters(), RATE), RADIUS)
    optimizer = ADMM(sharp, weights, config)
    targets = {name: target.clone() for name, target in optimizer.targets.items()}
    if form == "closure":
        assert optimizer.step(closure_of(model)).item() == pytest.approx(loss_of_before(before))
    else:
        loss_of(model).backward()
        with sharp.perturbed():
            loss_of(model).backward()
        optimizer.step()
    for name, w in before.items():
        away = w - targets[name] if name in targets else torch.zeros_like(w)
        if pull == "gradient":
            expected = w - RATE * (gradient[name] + 0.2 * away)
        else:
            stepped = w - RATE * gradient[name]
            expected = stepped - (0.2 * (stepped - targets[name]) if name in targets else 0)
        torch.testing.assert_close(model.get_parameter(name).detach(), expected, rtol=1e-4, atol=1e-6)


def loss_of_before(before: dict[str, torch.Tensor]) -> float:
    model = network()
    model.load_state_dict(before)
    return loss_of(model).item()


@pytest.mark.parametrize("metric", ["adam", "fisher", "gradient"])
def test_the_metrics_second_moment_is_that_of_the_sharp_gradient(metric):
    model = network()
    sharp = SharpnessAware(torch.optim.Adam(model.parameters(), 1e-3, betas=(0.9, 0.95)), RADIUS)
    config = Iteration(sparsity=0.5, metric=metric, interval=1, penalty=0.1)
    optimizer = ADMM(sharp, prunable(model), config)
    gradient = by_hand(model)[0]
    optimizer.step(closure_of(model))
    ones = torch.ones_like(gradient)
    moment = 0.05 * gradient**2
    expected = moment.sqrt() if metric == "adam" else moment
    torch.testing.assert_close(optimizer._metric.score("0.weight", ones), expected, rtol=1e-3, atol=1e-5)


def test_a_metric_that_the_inner_optimiser_cannot_give_is_refused():
    model = network()
    sharp = SharpnessAware(torch.optim.SGD(model.parameters(), 0.1))
    with pytest.raises(InputError, match=r"got SGD; use metric='gradient'"):
        ADMM(sharp, prunable(model), Iteration(metric="adam"))


def test_state_goes_out_and_comes_back_through_both_wrappers():
    def made(model):
        sharp = SharpnessAware(INNER["sgd"](model.parameters()), RADIUS)
        return ADMM(sharp, prunable(model), Iteration(sparsity=0.5, metric="none", interval=2, penalty=0.1))

    first = network()
    optimizer = made(first)
    for step in range(3):
        optimizer.step(closure_of(first, step))
    second = copy.deepcopy(first)
    other = made(second)
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for step in range(3, 6):
        optimizer.step(closure_of(first, step))
        other.step(closure_of(second, step))
    assert torch.equal(weights_of(first), weights_of(second))


def test_a_scheduler_of_the_outer_moves_the_inner():
    model = network()
    sharp = SharpnessAware(INNER["sgd"](model.parameters()), RADIUS)
    schedule = torch.optim.lr_scheduler.StepLR(sharp, 1, 0.5)
    sharp.step(closure_of(model))
    schedule.step()
    assert sharp.inner.param_groups[0]["lr"] == RATE / 2


@pytest.mark.parametrize("overflows", [False, True])
def test_a_scaler_gives_the_unscaled_step_or_skips_it_and_leaves_the_weights(overflows):
    models = [network(), network()]
    sharp = SharpnessAware(INNER["sgd"](models[0].parameters()), RADIUS)
    scaler = torch.amp.GradScaler("cpu", init_scale=1e38 if overflows else 1024.0)
    before = weights_of(models[0]).clone()
    scale = 1e4 if overflows else 1.0
    scaler.scale(loss_of(models[0]) * scale).backward()
    with sharp.perturbed():
        scaler.scale(loss_of(models[0]) * scale).backward()
    scaler.step(sharp)
    scaler.update()
    SharpnessAware(INNER["sgd"](models[1].parameters()), RADIUS).step(closure_of(models[1]))
    expected = before if overflows else weights_of(models[1])
    torch.testing.assert_close(
        weights_of(models[0]), expected, rtol=0 if overflows else 1e-5, atol=0 if overflows else 1e-7
    )


def test_autocast_in_the_closure_is_in_both_passes():
    model, seen = network(), []
    model[0].register_forward_hook(lambda module, args, out: seen.append(out.dtype))
    inputs, labels = batch()

    def closure():
        model.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            loss = cross_entropy(model(inputs), labels)
        loss.backward()

    SharpnessAware(INNER["sgd"](model.parameters()), RADIUS).step(closure)
    assert seen == [torch.bfloat16] * 2


@pytest.mark.parametrize("radius", [-0.1, float("nan"), float("inf")])
def test_a_bad_radius_is_named(radius):
    with pytest.raises(InputError, match="radius must be in"):
        SharpnessAware(INNER["sgd"](network().parameters()), radius)


def test_an_optimiser_that_evaluates_the_loss_itself_is_refused():
    with pytest.raises(InputError, match="LBFGS evaluates the loss several times"):
        SharpnessAware(torch.optim.LBFGS(network().parameters()))


def test_bfloat16_weights_in_few_bits_are_refused():
    inner = FewBitsAdam(list(network().bfloat16().parameters()), 1e-3)
    with pytest.raises(InputError, match="bfloat16"):
        SharpnessAware(inner)


@pytest.mark.parametrize("ranks", [2, 3])
@pytest.mark.parametrize("kind", ["fully_shard", "ddp"])
def test_ranks_make_the_step_of_one_process(kind, ranks):
    (expected,) = [jobs.sharp_steps(False, kind)]
    for found in over(ranks, jobs.sharp_steps, True, kind):
        assert isinstance(found, dict), found
        for name, weight in expected.items():
            torch.testing.assert_close(torch.tensor(found[name]), torch.tensor(weight), rtol=1e-4, atol=1e-6)
