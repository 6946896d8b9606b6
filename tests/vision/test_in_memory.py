"""Networks and images that are given in Python: their chance repeats, and another network is not resumed."""

import json

import pytest
import torch
from breaking import breaking
from torch import nn

import tamis_torch as tt
from tamis_torch import InputError
from tamis_torch.vision import train
from tamis_torch.vision.sparse_training import train_sparse

DATA = tt.vision.Images(
    (torch.randn(60, 6, generator=torch.Generator().manual_seed(0)), torch.arange(60) % 3),
    (torch.ones(6, 6), torch.arange(6) % 3),
)
SAFE = tt.vision.Safe(sparsity=0.5, epochs=3, batch_size=20, interval=2, seed=4)


def network(width: int = 8) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, width), nn.Dropout(0.5), nn.ReLU(), nn.Linear(width, 3))


def run(out, **more):
    return train_sparse(more.pop("net", None) or network(), DATA, SAFE, out=out, **more)


def weights_of(folder) -> bytes:
    return (folder / "model" / "model.safetensors").read_bytes()


def killed(out, monkeypatch) -> None:
    """Leave a run that stopped after its fifth step, with a checkpoint after the fourth."""
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(train, "cross_entropy", breaking(train.cross_entropy, call=11))  # two passes a step
        run(out, checkpoint_every=2)


def test_dropout_repeats_whatever_was_drawn_before_and_leaves_the_users_stream_alone(tmp_path):
    runs = []
    for seed in (1, 2):
        given = network()
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        runs.append(weights_of(run(tmp_path / str(seed), net=given).folder))
        assert torch.equal(torch.get_rng_state(), before)
    assert runs[0] == runs[1]


def test_dropout_goes_on_after_a_kill_with_the_same_bytes(tmp_path, monkeypatch):
    killed(tmp_path / "killed", monkeypatch)
    again = run(tmp_path / "killed", checkpoint_every=2, resume=True)
    assert weights_of(again.folder) == weights_of(run(tmp_path / "whole").folder)


def test_dropout_is_drawn_anew_in_each_pass(tmp_path, monkeypatch):
    masks = []
    given = network()
    given[1].register_forward_hook(lambda m, i, output: masks.append(output == 0) if m.training else None)
    run(tmp_path / "run", net=given)
    assert len(masks) == 18
    assert all(not torch.equal(a, b) for i, a in enumerate(masks) for b in masks[:i])


def test_another_network_is_not_resumed(tmp_path, monkeypatch):
    killed(tmp_path / "run", monkeypatch)
    with pytest.raises(InputError, match=r"0.bias has the shape \(9,\), in the checkpoint \(8,\)"):
        run(tmp_path / "run", net=network(9), checkpoint_every=2, resume=True)


def test_the_page_names_no_command_that_cannot_make_it_again(tmp_path):
    done = run(tmp_path / "run", device=torch.device("cpu"))
    config = json.loads((done.folder / "config.json").read_text("utf-8"))
    assert config["arch"] == "given in Python: Sequential" and config["device"] == "cpu"
    page = (done.folder / "report.html").read_text("utf-8")
    assert "made in Python" in page and "tamis train-sparse" not in page


def test_a_class_without_an_image_is_warned_of(tmp_path):
    data = tt.vision.Images(DATA.train, DATA.test, classes=5)
    given = nn.Linear(6, 5)
    done = train_sparse(given, data, SAFE, out=tmp_path / "run")
    assert "no training image has the class 3, 4" in done.results["warnings"]


class Attends(nn.Module):
    """Attention over the six numbers as tokens, whose weights are no layer's that is pruned."""

    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(4, 1, batch_first=True)
        self.up, self.head = nn.Linear(1, 4), nn.Linear(24, 3)

    def forward(self, x):
        tokens = self.up(x[:, :, None])
        return self.head(self.attention(tokens, tokens, tokens)[0].flatten(1))


def test_weights_that_stay_dense_are_named(tmp_path):
    done = run(tmp_path / "run", net=Attends())
    assert any(
        "not pruned, as only convolutions and linear layers are: attention.in_proj_weight" in text
        for text in done.results["warnings"]
    )
    assert not any("not pruned" in text for text in run(tmp_path / "plain").results["warnings"])


def test_magnitude_warns_of_an_empty_layer_as_admm_does(tmp_path):
    given = network()
    with torch.no_grad():
        given[0].weight *= 1e-6
    gmp = tt.vision.Gradual(sparsity=0.9, epochs=1, batch_size=20, lr=1e-9, interval=1)
    done = train_sparse(given, DATA, gmp, out=tmp_path / "run")
    assert any("no weight left, the first is 0.weight" in text for text in done.results["warnings"])


@pytest.mark.parametrize(("interval", "said"), [(2, False), (50, True)])
def test_gradual_pruning_that_is_a_single_cut_is_warned_of(interval, said, tmp_path):
    method = tt.vision.Gradual(sparsity=0.5, epochs=1, batch_size=200, interval=interval)
    told = tt.train_sparse("mlp", "digits", method, out=tmp_path / "run").results["warnings"]
    assert any("all zeros come at once, after step 4" in text for text in told) == said
