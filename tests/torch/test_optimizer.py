"""The ADMM wrapper does what its equations say, and nothing to the optimiser that it wraps."""

import copy
import dataclasses

import pytest
import torch
from torch import nn

from tamis import admm
from tamis.sets import Sparse
from tamis_torch import ADMM, Elsa, FewBitsAdam, InputError, RunError, SharpnessAware, prunable
from tamis_torch.vision import Safe


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 4))


def loss_of(model: nn.Module, seed: int = 0) -> torch.Tensor:
    draw = torch.Generator().manual_seed(seed)
    x, y = torch.randn(32, 8, generator=draw), torch.randn(32, 4, generator=draw)
    return (model(x) - y).square().mean()


def fit(model: nn.Module, optimizer: torch.optim.Optimizer, steps: int, first: int = 0) -> None:
    for step in range(first, first + steps):
        loss_of(model, step).backward()
        optimizer.step()
        optimizer.zero_grad()


def test_direct_pull_is_the_inner_step_then_a_share_of_the_way_to_z_minus_u():
    model, twin = network(), network()
    optimizer = ADMM(torch.optim.SGD(model.parameters(), 0.1), prunable(model),
                     Elsa(budget="tensor", sparsity=0.5, penalty=0.25, interval=100, metric="none", growth=0.0))  # fmt: skip
    plain = torch.optim.SGD(twin.parameters(), 0.1)
    targets = {name: target.clone() for name, target in optimizer.targets.items()}
    fit(model, optimizer, 1)
    fit(twin, plain, 1)
    for name, weight in prunable(twin).items():
        expected = weight - 0.25 * (weight - targets[name])
        torch.testing.assert_close(prunable(model)[name], expected)
    torch.testing.assert_close(model[0].bias, twin[0].bias, rtol=0, atol=0)


def test_gradient_pull_adds_the_penalty_to_the_clipped_gradient():
    model = network()
    weights = prunable(model)
    config = Elsa(
        budget="tensor", sparsity=0.5, penalty=0.25, interval=100, metric="none", growth=0.0, pull="gradient"
    )
    optimizer = ADMM(torch.optim.SGD(model.parameters(), 0.1), weights, config)
    before = {name: weight.detach().clone() for name, weight in weights.items()}
    (1000 * loss_of(model)).backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    clipped = {name: weight.grad.clone() for name, weight in weights.items()}
    optimizer.step()
    for name, weight in weights.items():
        pull = 0.25 * (before[name] - optimizer.targets[name])
        torch.testing.assert_close(weight.detach(), before[name] - 0.1 * (clipped[name] + pull))


def z_and_u(optimizer: ADMM, name: str) -> admm.State:
    """Unpack what the order w, z, u leaves."""
    target, kept = optimizer.targets[name].clone(), optimizer.kept[name]
    return admm.State(z=target * kept, u=-target * ~kept)


def test_z_and_u_change_every_interval_steps_only_and_as_the_core_says():
    model = network()
    config = Elsa(budget="tensor", sparsity=0.5, interval=3, metric="none", growth=0.0, steps=100)
    optimizer = ADMM(torch.optim.Adam(model.parameters(), 1e-3), prunable(model), config)
    expected = {n: admm.init(w.detach(), Sparse(0.5)) for n, w in prunable(model).items()}
    for first in range(0, 12, 3):
        for name, state in expected.items():
            assert all(torch.equal(a, b) for a, b in zip(z_and_u(optimizer, name), state, strict=True))
        before = {name: target.clone() for name, target in optimizer.targets.items()}
        fit(model, optimizer, 2, first)
        assert all(torch.equal(before[name], optimizer.targets[name]) for name in before)
        fit(model, optimizer, 1, first + 2)
        for name, w in prunable(model).items():
            expected[name] = admm.dual_update(w.detach(), expected[name], Sparse(0.5))
    gap = sum(float((w.detach() - expected[n].z).square().sum()) for n, w in prunable(model).items())
    size = sum(float(w.detach().square().sum()) for w in prunable(model).values())
    assert optimizer.watch.residual == pytest.approx((gap / size) ** 0.5, rel=1e-5)


def test_the_order_z_w_u_moves_the_dual_before_the_projection():
    model = network()
    config = Elsa(
        budget="tensor",
        sparsity=0.5,
        interval=2,
        metric="none",
        growth=0.0,
        steps=100,
        order="zwu",
        penalty=0.5,
    )
    optimizer = ADMM(torch.optim.Adam(model.parameters(), 5e-2), prunable(model), config)
    states = {n: admm.init(w.detach(), Sparse(0.5)) for n, w in prunable(model).items()}
    for first in range(0, 20, 2):
        fit(model, optimizer, 2, first)
        gap = size = 0.0
        for name, w in prunable(model).items():
            z, u = states[name]
            u = u + w.detach() - z
            z = Sparse(0.5).project(w.detach() + u)
            states[name] = admm.State(z, u)
            torch.testing.assert_close(optimizer.targets[name], z - u, atol=1e-5, rtol=1e-5)
            assert torch.equal(optimizer.kept[name], z != 0)
            gap, size = gap + float((w.detach() - z).square().sum()), size + float(w.detach().square().sum())
        assert optimizer.watch.residual == pytest.approx((gap / size) ** 0.5, rel=1e-3)
    assert any(bool(((z != 0) & (u != 0)).any()) for z, u in states.values()), "the orders must differ here"


def test_the_mask_change_is_the_share_of_entries_that_flipped():
    model = network()
    config = Elsa(budget="tensor", sparsity=0.5, interval=1, metric="none", growth=0.0, steps=100)
    optimizer = ADMM(torch.optim.Adam(model.parameters(), 5e-2), prunable(model), config)
    for step in range(6):
        before = torch.cat([kept.flatten() for kept in optimizer.kept.values()])
        fit(model, optimizer, 1, step)
        after = torch.cat([kept.flatten() for kept in optimizer.kept.values()])
        assert optimizer.watch.mask_change == pytest.approx(float((before != after).float().mean()))
    assert optimizer.watch.mask_change > 0


@pytest.mark.parametrize("metric", ["adam", "fisher"])
def test_the_metric_decides_what_is_kept(metric):
    """A weight with a large second moment is kept over a larger weight with none."""
    model = nn.Linear(4, 1, bias=False)
    optimizer = ADMM(torch.optim.Adam(model.parameters(), 1e-12), prunable(nn.Sequential(model)),
                     Elsa(budget="tensor", sparsity=0.75, interval=1, metric=metric, growth=0.0, penalty=1e-9))  # fmt: skip
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[3.0, 2.0, 1.0, 1.0]]))
    model.weight.grad = torch.tensor([[1e-6, 1e-3, 1.0, 1e-6]])
    optimizer.step()
    assert torch.nonzero(optimizer.kept["0.weight"]).tolist() == [[0, 2]]


@pytest.mark.filterwarnings("ignore:the ")  # of a run this short
def test_finalize_leaves_exactly_the_asked_count():
    model = network()
    optimizer = ADMM(
        torch.optim.Adam(model.parameters(), 1e-3),
        prunable(model),
        Elsa(budget="tensor", sparsity=0.9, steps=8),
    )
    fit(model, optimizer, 8)
    optimizer.finalize()
    for weight in prunable(model).values():
        assert int((weight != 0).sum()) == round(0.1 * weight.numel())


@pytest.mark.filterwarnings("ignore:the ")  # of a run this short
def test_pattern_holds_along_the_inputs():
    model = network()
    optimizer = ADMM(
        torch.optim.Adam(model.parameters(), 1e-3),
        prunable(model),
        Elsa(budget="tensor", pattern="2:4", steps=8),
    )
    fit(model, optimizer, 8)
    optimizer.finalize()
    for weight in prunable(model).values():
        assert bool(((weight != 0).view(weight.shape[0], -1, 4).sum(-1) == 2).all())


def test_state_dict_goes_on_bit_for_bit():
    model = network()
    config = Elsa(budget="tensor", sparsity=0.8, steps=20, interval=3)
    optimizer = ADMM(torch.optim.Adam(model.parameters(), 1e-2), prunable(model), config)
    fit(model, optimizer, 7)
    other = network(seed=1)
    other.load_state_dict(model.state_dict())
    resumed = ADMM(torch.optim.Adam(other.parameters(), 1e-2), prunable(other), config)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))  # torch's own holds references
    assert resumed.watch == optimizer.watch is not None
    fit(model, optimizer, 13, first=7)
    fit(other, resumed, 13, first=7)
    for a, b in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)


def test_learning_rate_schedulers_take_the_wrapper():
    model = network()
    optimizer = ADMM(
        torch.optim.Adam(model.parameters(), 1e-2), prunable(model), Elsa(budget="tensor", steps=4)
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5)
    fit(model, optimizer, 1)
    schedule.step()
    assert optimizer.inner.param_groups[0]["lr"] == pytest.approx(5e-3)


def test_recovers_the_support_of_a_sparse_regression():
    """No network in it: stochastic steps find what best subset would."""
    torch.manual_seed(0)
    x, truth = torch.randn(256, 30), torch.zeros(30)
    truth[[3, 11, 20]] = torch.tensor([2.0, -1.5, 1.0])
    y = x @ truth + 0.05 * torch.randn(256)
    model = nn.Sequential(nn.Linear(30, 1, bias=False))
    optimizer = ADMM(torch.optim.Adam(model.parameters(), 3e-2), prunable(model),
                     Elsa(budget="tensor", sparsity=0.9, steps=300, interval=4))  # fmt: skip
    for _ in range(300):
        (model(x).squeeze(1) - y).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()
    optimizer.finalize()
    assert torch.nonzero(model[0].weight.squeeze(0)).flatten().tolist() == [3, 11, 20]
    torch.testing.assert_close(model[0].weight.detach().squeeze(0), truth, atol=0.05, rtol=0)


def test_a_weight_that_the_inner_optimiser_does_not_have_is_refused():
    model = network()
    with pytest.raises(InputError, match=r"2\.weight is not"):
        ADMM(torch.optim.Adam([model[0].weight], 1e-3), prunable(model), Elsa())


def test_finalize_says_when_it_hurts_and_no_step_follows_it():
    model = network()
    optimizer = ADMM(
        torch.optim.Adam(model.parameters(), 1e-3), prunable(model), Elsa(budget="tensor", steps=400)
    )
    fit(model, optimizer, 20)
    with pytest.warns(UserWarning, match="the last projection hurts"):
        optimizer.finalize()
    with pytest.raises(RuntimeError, match="would undo the sparsity"):
        fit(model, optimizer, 1)


def test_weights_without_names_are_refused():
    model = network()
    with pytest.raises(InputError, match=r"tt\.prunable\(model\).*got list"):
        ADMM(torch.optim.Adam(model.parameters()), list(model.parameters()), Elsa())


def test_what_is_no_optimiser_and_no_iteration_is_named():
    model = network()
    with pytest.raises(InputError, match="inner must be a torch optimiser, .* got generator"):
        SharpnessAware(model.parameters())
    with pytest.raises(InputError, match=r"such as Elsa\(...\) or vision.Safe.* got Safe"):
        ADMM(torch.optim.Adam(model.parameters()), prunable(model), Safe(sparsity=0.9))


def test_weights_that_are_not_finite_are_said_at_the_update():
    model = network()
    optimizer = ADMM(torch.optim.Adam(model.parameters()), prunable(model), Elsa(budget="tensor", interval=1))
    with torch.no_grad():
        model[2].weight[0, 0] = torch.inf
    with pytest.raises(RunError, match=r"weight is not finite after 1 steps"):
        fit(model, optimizer, 1)


RETRAIN = Elsa(sparsity=0.8, steps=20, interval=3, growth=0.4, retrain=0.35, metric="none")  # from step 13


def test_the_last_steps_train_the_support_alone_and_as_the_inner_optimiser_does():
    model = network()
    optimizer = ADMM(torch.optim.SGD(model.parameters(), 0.1, momentum=0.9), prunable(model), RETRAIN)
    fit(model, optimizer, 13)
    assert optimizer.retrains
    kept = {name: (weight != 0) for name, weight in prunable(model).items()}
    assert sum(int(k.sum()) for k in kept.values()) == 38  # a fifth of 192
    twin = copy.deepcopy(model)
    plain = torch.optim.SGD(twin.parameters(), 0.1, momentum=0.9)
    inner = {key: value for key, value in optimizer.state_dict().items() if key != "admm"}
    plain.load_state_dict(copy.deepcopy(inner))
    for step in range(13, 20):
        fit(model, optimizer, 1, first=step)
        fit(twin, plain, 1, first=step)
        with torch.no_grad():
            for name, weight in prunable(twin).items():
                weight *= kept[name]
    optimizer.finalize()
    for a, b in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("before", [7, 13, 16])
@pytest.mark.parametrize("state", ["float32", "power8"])
def test_a_run_whose_support_stays_goes_on_bit_for_bit(before, state):
    config = dataclasses.replace(RETRAIN, state=state)
    model = network()
    optimizer = ADMM(torch.optim.Adam(model.parameters(), 1e-2), prunable(model), config)
    fit(model, optimizer, before)
    other = copy.deepcopy(model)
    resumed = ADMM(torch.optim.Adam(other.parameters(), 1e-2), prunable(other), config)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    fit(model, optimizer, 20 - before, first=before)
    fit(other, resumed, 20 - before, first=before)
    for a, b in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)


def test_the_support_stays_with_an_optimiser_that_pulls_itself():
    model = network()
    inner = FewBitsAdam(model.parameters(), 1e-2)
    optimizer = ADMM(inner, prunable(model), RETRAIN)
    fit(model, optimizer, 13)
    assert not inner.pulls
    kept = {name: (weight != 0) for name, weight in prunable(model).items()}
    fit(model, optimizer, 7, first=13)
    for name, weight in prunable(model).items():
        assert not (weight != 0)[~kept[name]].any() and bool((weight != 0)[kept[name]].any())


def test_sparsity_that_grows_into_the_retraining_is_refused():
    with pytest.raises(InputError, match="growth and retrain must add up"):
        dataclasses.replace(RETRAIN, growth=0.7)


def test_what_was_far_away_when_the_support_was_fixed_is_said():
    model = network()
    far = dataclasses.replace(RETRAIN, penalty=1e-3)
    optimizer = ADMM(torch.optim.SGD(model.parameters(), 0.1), prunable(model), far)
    fit(model, optimizer, 20)
    with pytest.warns(UserWarning, match="apart when the support was fixed"):
        optimizer.finalize()
