"""Elsa's sharpness-aware step: the gradient of a point nearby, the pull at the weights themselves."""

import json
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from tamis_torch import ADMM, Elsa, prunable, prune, training
from tamis_torch.methods.schedule import Training

SHORT = {"steps": 6, "batch_size": 4, "seq_len": 16, "seed": 3}
CURVATURE = torch.tensor([[4.0, 1.0, 0.25, 0.01]])


class Quadratic(nn.Module):
    """f(w) = 1/2 sum_i c_i w_i^2, called as a language model is; its logits are the loss."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 1, bias=False)
        with torch.no_grad():
            self.layer.weight.copy_(torch.tensor([[0.01, -0.02, 0.05, 0.08]]))

    def forward(self, **_: object) -> SimpleNamespace:
        return SimpleNamespace(logits=0.5 * (CURVATURE * self.layer.weight**2).sum())


def step_of(radius: float, pull: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Make one step of SGD with learning rate .1 and return w before and after."""
    model = Quadratic()
    before = model.layer.weight.detach().clone()
    config = Elsa(sparsity=0.5, interval=100, metric="none", growth=0.0, penalty=0.2, pull=pull, warmup=0.0)
    inner = torch.optim.SGD(model.parameters(), 0.1)
    inner.param_groups[0]["initial_lr"] = 0.1
    optimizer = ADMM(inner, prunable(model), config)
    one = Training(steps=1, warmup=0.0)
    batches = lambda step: torch.zeros(4, 2, dtype=torch.long)  # noqa: E731
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "next_token_loss", lambda logits, tokens: logits)
        training.train(model, optimizer, one, batches, radius=radius, after_step=lambda *_: None)
    return before, model.layer.weight.detach()


@pytest.mark.parametrize("radius", [0.0, 0.03])
@pytest.mark.parametrize("pull", ["gradient", "direct"])
def test_a_step_by_hand(radius, pull):
    w, found = step_of(radius, pull)
    g = CURVATURE * w
    g = CURVATURE * (w + radius * g / g.norm())  # of norm below 1: the clip leaves it
    assert g.norm() < 1
    target = torch.tensor([[0.0, 0.0, 0.05, 0.08]])  # the half of largest size, the dual zero
    if pull == "gradient":
        expected = w - 0.1 * (g + 0.2 * (w - target))
    else:
        stepped = w - 0.1 * g
        expected = stepped - 0.2 * (stepped - target)
    torch.testing.assert_close(found, expected)


def test_radius_zero_is_bit_for_bit_the_plain_path(tiny_model):
    tiny_model.train()
    batch = torch.randint(320, (4, 16), generator=torch.Generator().manual_seed(0))
    plain = training.gradient(tiny_model, batch)
    expected = [p.grad.clone() for p in tiny_model.parameters()]
    tiny_model.zero_grad()
    assert training.gradient(tiny_model, batch, "float32", 1, 0.0) == plain
    assert all(torch.equal(p.grad, g) for p, g in zip(tiny_model.parameters(), expected, strict=True))


def test_a_run_takes_two_passes_a_step_and_says_its_radius(tiny_folder, tiny_text, tmp_path, monkeypatch):
    honest, calls = training._backward, []
    monkeypatch.setattr(training, "_backward", lambda *a: calls.append(1) or honest(*a))
    runs = {}
    for radius in (0.0, 0.1):
        calls.clear()
        config = Elsa(sparsity=0.9, interval=2, start="none", radius=radius, **SHORT)
        runs[radius] = prune(tiny_folder, tiny_text, config, out=tmp_path / str(radius))
        assert len(calls) == (12 if radius else 6)
    assert json.loads((runs[0.1].folder / "config.json").read_text())["radius"] == 0.1
    models = [(run.model / "model.safetensors").read_bytes() for run in runs.values()]
    assert models[0] != models[1]


def test_the_loss_told_is_that_at_the_weights(tiny_model):
    batch = torch.randint(320, (4, 16), generator=torch.Generator().manual_seed(0))
    plain = training.gradient(tiny_model, batch)[0]
    tiny_model.zero_grad()
    assert training.gradient(tiny_model, batch, "float32", 1, 1.0)[0] == plain
