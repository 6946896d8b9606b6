"""ADMM takes any torch optimiser, and says at once which metric cannot be had with it."""

import copy

import pytest
import torch
from torch import nn

from tamis_torch import ADMM, Elsa, InputError, prunable

MAKERS = {
    "sgd": lambda p: torch.optim.SGD(p, 0.05),
    "momentum": lambda p: torch.optim.SGD(p, 0.05, momentum=0.9),
    "adam": lambda p: torch.optim.Adam(p, 1e-2),
    "adam fused": lambda p: torch.optim.Adam(p, 1e-2, fused=True),
    "adamw": lambda p: torch.optim.AdamW(p, 1e-2),
    "rmsprop": lambda p: torch.optim.RMSprop(p, 1e-2),
    "adagrad": lambda p: torch.optim.Adagrad(p, 1e-1),
    "nadam": lambda p: torch.optim.NAdam(p, 1e-2),
}
if hasattr(torch.optim, "Muon"):
    MAKERS["muon"] = lambda p: torch.optim.Muon([w for w in p if w.ndim == 2], 1e-2)
WITHOUT = {"sgd", "momentum", "muon"}  # no second moment
MOMENTS = [name for name in MAKERS if name not in WITHOUT]


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(16, 24), nn.Tanh(), nn.Linear(24, 4))


def losses(model: nn.Module, optimizer: torch.optim.Optimizer, steps: int) -> list[float]:
    """Fit one fixed batch."""
    draw = torch.Generator().manual_seed(0)
    x, y = torch.randn(64, 16, generator=draw), torch.randn(64, 4, generator=draw)
    values = []
    for _ in range(steps):
        loss = (model(x) - y).square().mean()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        values.append(loss.item())
    return values


@pytest.mark.filterwarnings("ignore:the ")  # of a run this short
@pytest.mark.parametrize("name", MAKERS)
def test_each_optimiser_learns_and_ends_with_the_asked_count(name):
    model = network()
    metric = "gradient" if name in WITHOUT else "adam"
    config = Elsa(sparsity=0.7, steps=60, interval=2, metric=metric, budget="tensor")
    optimizer = ADMM(MAKERS[name](list(model.parameters())), prunable(model), config)
    made = losses(model, optimizer, 60)
    optimizer.finalize()
    for weight in prunable(model).values():
        assert torch.count_nonzero(weight) == round(0.3 * weight.numel())
    assert made[-1] < made[0]


@pytest.mark.parametrize("name", MOMENTS)
def test_the_second_moment_is_the_optimisers_own(name):
    """The projection keeps what is largest by sqrt(M) |w + u| with the moment found in its state."""
    model = network()
    weights = prunable(model)
    config = Elsa(
        sparsity=0.7, steps=60, interval=3, metric="fisher", budget="tensor", growth=0.0, penalty=1e-9
    )
    optimizer = ADMM(MAKERS[name](list(model.parameters())), weights, config)
    losses(model, optimizer, 3)
    for key, weight in weights.items():
        state = optimizer.inner.state[weight]
        (moment,) = (state[k] for k in ("exp_avg_sq", "square_avg", "sum") if k in state)
        worth = moment * weight.detach().square()  # u is zero before the first update
        assert worth[optimizer.kept[key]].min() >= worth[~optimizer.kept[key]].max() * (1 - 1e-3)


def test_the_estimated_moment_is_the_running_mean_of_the_squared_gradients():
    model = network()
    config = Elsa(steps=100, metric="gradient", pull="gradient", penalty=0.1)
    optimizer = ADMM(torch.optim.SGD(model.parameters(), 0.1), prunable(model), config)
    expected = {name: torch.zeros_like(weight) for name, weight in prunable(model).items()}
    for seed in range(3):
        torch.manual_seed(seed)
        for name, weight in prunable(model).items():
            weight.grad = torch.randn_like(weight)
            expected[name] = 0.95 * expected[name] + 0.05 * weight.grad**2  # without the pull
        optimizer.step()
    for name, moment in optimizer.moments.items():
        torch.testing.assert_close(moment, expected[name])


def test_the_estimated_moment_decides_what_is_kept():
    """A weight with a large gradient is kept over a larger weight with none, by plain SGD."""
    model = nn.Sequential(nn.Linear(4, 1, bias=False))
    config = Elsa(sparsity=0.75, interval=1, metric="gradient", growth=0.0, penalty=1e-9)
    optimizer = ADMM(torch.optim.SGD(model.parameters(), 1e-12), prunable(model), config)
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[3.0, 2.0, 1.0, 1.0]]))
    model[0].weight.grad = torch.tensor([[1e-6, 1e-3, 1.0, 1e-6]])
    optimizer.step()
    assert torch.nonzero(optimizer.kept["0.weight"]).tolist() == [[0, 2]]


def test_the_estimated_moment_goes_on_from_a_state_dict():
    model, config = network(), Elsa(sparsity=0.7, steps=40, interval=2, metric="gradient")
    optimizer = ADMM(torch.optim.SGD(model.parameters(), 0.05), prunable(model), config)
    losses(model, optimizer, 7)
    other = copy.deepcopy(model)
    resumed = ADMM(torch.optim.SGD(other.parameters(), 0.05), prunable(other), config)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    assert losses(model, optimizer, 9) == losses(other, resumed, 9)
    for a, b in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("name", sorted(WITHOUT & set(MAKERS)))
@pytest.mark.parametrize("metric", ["adam", "fisher"])
def test_a_metric_that_the_optimiser_does_not_have_is_refused_at_once(name, metric):
    model = network()
    inner = MAKERS[name](list(model.parameters()))
    with pytest.raises(InputError, match=f"metric '{metric}' needs.*got (SGD|Muon); use metric='gradient'"):
        ADMM(inner, prunable(model), Elsa(metric=metric))


@pytest.mark.parametrize("name", MAKERS)
def test_looking_for_the_moment_changes_neither_optimiser_nor_model(name):
    """Not even under a scheduler, which counts the optimiser's steps."""
    model, twin = network(), network()
    inner, plain = (MAKERS[name](list(m.parameters())) for m in (model, twin))
    torch.optim.lr_scheduler.StepLR(inner, 1)
    before = {p: dict(state) for p, state in inner.state.items()}
    if name not in WITHOUT:
        ADMM(inner, prunable(model), Elsa())
    assert {p: dict(state) for p, state in inner.state.items()} == before
    assert losses(model, inner, 3) == losses(twin, plain, 3)


def test_an_optimiser_that_evaluates_the_loss_itself_is_refused():
    model = network()
    with pytest.raises(InputError, match="one step a call; LBFGS evaluates the loss several times"):
        ADMM(torch.optim.LBFGS(model.parameters()), prunable(model), Elsa(metric="none"))


def test_an_optimiser_that_cannot_be_looked_into_is_refused_with_a_way_out():
    class Odd(torch.optim.SGD):
        def step(self, closure=None):
            raise KeyError("needs more")

    model = network()
    with pytest.raises(InputError, match="whether Odd keeps a second moment.*needs more.*metric='gradient'"):
        ADMM(Odd(model.parameters(), 0.1), prunable(model), Elsa())
    ADMM(Odd(model.parameters(), 0.1), prunable(model), Elsa(metric="gradient"))


def test_a_closure_is_evaluated_once_a_step():
    model, calls = network(), []
    optimizer = ADMM(torch.optim.SGD(model.parameters(), 0.1), prunable(model), Elsa(metric="none"))

    def closure() -> float:
        calls.append(1)
        loss = model(torch.ones(1, 16)).square().mean()
        loss.backward()
        return loss.item()

    assert optimizer.step(closure) > 0 and len(calls) == 1


def test_a_weight_without_a_gradient_is_worth_nothing_to_the_metric():
    """So that a shared budget is not spent on it because it has no scale."""
    model = network()
    config = Elsa(sparsity=0.5, interval=1, growth=0.0, budget="global", penalty=1e-9)
    optimizer = ADMM(torch.optim.Adam(model.parameters(), 1e-9), prunable(model), config)
    model[0].weight.grad = torch.ones_like(model[0].weight)
    optimizer.step()
    assert torch.count_nonzero(optimizer.kept["0.weight"]) == (16 * 24 + 24 * 4) // 2
    assert torch.count_nonzero(optimizer.kept["2.weight"]) == 0
