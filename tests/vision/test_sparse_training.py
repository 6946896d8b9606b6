"""Whole trainings on images: exact counts, the same bytes after a stop, what the folder says."""

import json
import os
import warnings
from pathlib import Path

import pytest
import torch
from breaking import breaking
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

import tamis_torch as tt
from tamis_torch import InputError, RunError, recording
from tamis_torch.interrupt import Interrupted
from tamis_torch.vision import load_network, train
from tamis_torch.vision.accuracy import score
from tamis_torch.vision.batches import in_order
from tamis_torch.vision.layers import prunable
from tamis_torch.vision.methods.names import KINDS
from tamis_torch.vision.sparse_training import train_sparse

GOLDEN = Path(__file__).with_name("golden.json")
SHORT = {"epochs": 3, "batch_size": 20, "seed": 3}


@pytest.fixture(scope="session")
def images() -> tt.vision.Images:
    """Sixty images of 8x8 in three classes: a bright half, and noise."""
    draw = torch.Generator().manual_seed(0)
    labels = torch.arange(90) % 3
    noise = torch.randint(0, 60, (90, 1, 8, 8), generator=draw)
    for i, label in enumerate(labels.tolist()):
        noise[i, 0, 2 * label : 2 * label + 3] += 120
    inputs = noise.to(torch.uint8)
    return tt.vision.Images((inputs[:60], labels[:60]), (inputs[60:], labels[60:]), "stripes")


PAPER = {
    "interval": 3,
    "penalty": 0.3,
    "growth": 0.0,
    "retrain": 0.0,
    "pull": "gradient",
    "penalty_rise": "cosine",
    "radius": 0.1,
    "radius_rise": "none",
}


def settings_of(name: str, **more):
    zeros = {} if name in ("dense", "sam") else {"sparsity": 0.8}
    interval = {"interval": 2} if name in ("safe", "admm", "gmp", "gmp-sam") else {}
    return KINDS[name](**SHORT | zeros | interval | more)


def run(images, name: str, out: Path, network="resnet8", **more):
    return train_sparse(network, images, settings_of(name), out=out, **more)


def weights_of(folder: Path) -> bytes:
    return (folder / "model" / "model.safetensors").read_bytes()


def lines_of(folder: Path) -> list[dict]:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text("utf-8").splitlines()]
    return [{key: value for key, value in line.items() if key != "images_per_second"} for line in lines]


@pytest.mark.parametrize("name", KINDS)
def test_each_method_leaves_exactly_the_zeros_asked_for_and_says_how_it_went(name, images, tmp_path):
    done = run(images, name, tmp_path / "run")
    saved = load_network(done.model)
    weights = tt.vision.prunable(saved.network)
    entries, left = (sum(f(w) for w in weights.values()) for f in (torch.numel, torch.count_nonzero))
    assert int(left) == (entries if name in ("dense", "sam") else round(0.2 * entries))
    assert done.results["sparsity"] == 1 - int(left) / entries and done.results["status"] == "complete"
    found = score(saved.network, in_order(images.test, saved.standard, torch.device("cpu")))
    assert found.accuracy == done.results["accuracy"]["after"]
    assert found.loss == pytest.approx(done.results["accuracy"]["loss"], rel=1e-5)
    assert done.results["images_read"] == 9 * 20 and len(lines_of(done.folder)) == 9
    page = (done.folder / "report.html").read_text("utf-8")
    assert "Accuracy" in page and "images/s" in page and "made in Python" in page and "erplexity" not in page


@pytest.mark.parametrize("name", KINDS)
def test_a_run_that_was_killed_ends_with_the_same_bytes(name, images, tmp_path, monkeypatch):
    whole = run(images, name, tmp_path / "whole", checkpoint_every=0)
    call = 15 if name in ("sam", "gmp-sam", "safe") else 8  # two passes a step, or one
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(train, "cross_entropy", breaking(train.cross_entropy, call))
        run(images, name, tmp_path / "killed", checkpoint_every=3)
    assert lines_of(tmp_path / "killed") == lines_of(whole.folder)[:7]
    again = run(images, name, tmp_path / "killed", checkpoint_every=3, resume=True)
    assert weights_of(again.folder) == weights_of(whole.folder)
    assert lines_of(again.folder) == lines_of(whole.folder)
    assert again.results["accuracy"] | {"before": 0} == whole.results["accuracy"] | {"before": 0}


def test_ctrl_c_keeps_a_checkpoint_and_resume_goes_on(images, tmp_path, monkeypatch):
    from contextlib import contextmanager

    steps = iter(range(1, 100))

    @contextmanager
    def stopping():
        yield lambda: next(steps) == 4

    with monkeypatch.context() as patch:
        patch.setattr(recording, "stop_requested", stopping)
        with pytest.raises(Interrupted, match="stopped after step 4 of 9"):
            run(images, "safe", tmp_path / "run")
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "interrupted"
    assert "interrupted" in (tmp_path / "run" / "report.html").read_text("utf-8")
    whole = run(images, "safe", tmp_path / "whole")
    assert weights_of(run(images, "safe", tmp_path / "run", resume=True).folder) == weights_of(whole.folder)
    with pytest.raises(InputError, match="nothing is left to resume"):
        run(images, "safe", tmp_path / "run", resume=True)


def test_other_settings_and_other_labels_are_not_resumed(images, tmp_path, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(train, "cross_entropy", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        run(images, "safe", tmp_path / "run")
    with pytest.raises(InputError, match="label_noise 0.0, got 0.5"):
        run(images, "safe", tmp_path / "run", resume=True, label_noise=0.5)


@pytest.mark.parametrize("name", ["safe", "imp"])
def test_a_run_repeats_bit_for_bit(name, images, tmp_path):
    runs = [run(images, name, tmp_path / str(i), label_noise=0.5) for i in range(2)]
    assert weights_of(runs[0].folder) == weights_of(runs[1].folder)


def test_golden_numbers_of_ten_steps(images, tmp_path):
    """To 1 in 1000: other processors add in another order.  TAMIS_WRITE_GOLDEN=1 writes them anew."""
    method = tt.vision.Safe(sparsity=0.9, epochs=5, batch_size=30, **PAPER)
    done = train_sparse("resnet8", images, method, out=tmp_path / "run")
    keys = ("loss", "lr", "gradient_norm", "penalty", "sparsity", "residual", "mask_change")
    found = {
        key: [-1.0 if line[key] is None else line[key] for line in lines_of(done.folder)] for key in keys
    }
    found["accuracy"] = [done.results["accuracy"][key] for key in ("unprojected", "after", "train")]
    if os.environ.get("TAMIS_WRITE_GOLDEN"):
        GOLDEN.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    for key, values in json.loads(GOLDEN.read_text("utf-8")).items():
        assert found[key] == pytest.approx(values, rel=1e-3, abs=1e-5), key


def test_what_is_pruned_away_stays_away_and_rewinding_brings_back_the_early_weights(
    images, tmp_path, monkeypatch
):
    """IMP: right after a cut each weight is zero or what it was when the state was kept."""
    from tamis_torch.vision.masking import Masking

    honest, early, seen = Masking.after_step, {}, []

    def watching(self, step, optimizer):
        before = {name: mask.clone() for name, mask in self.kept.items()}
        honest(self, step, optimizer)
        if step == self.plan.kept_at:
            early.update({name: w.detach().clone() for name, w in self.weights.items()})
        for name, mask in before.items():
            assert not (self.kept[name] & ~mask).any()
        if step in self.plan.prunings:
            seen.append(step)
            for name, weight in self.weights.items():
                assert torch.equal(weight.detach(), early[name] * self.kept[name])

    monkeypatch.setattr(Masking, "after_step", watching)
    run(images, "imp", tmp_path / "run")
    assert len(seen) == 3


def test_the_second_pass_is_at_the_moved_weights_and_leaves_batch_norm_alone(images, tmp_path, monkeypatch):
    honest, norms = train._backward, []

    def watching(network, *arguments):
        norm = next(m for m in network.modules() if isinstance(m, nn.BatchNorm2d))
        weights = torch.cat([p.detach().flatten() for p in network.parameters()])
        result = honest(network, *arguments)
        norms.append((weights, norm.running_mean.clone()))
        return result

    monkeypatch.setattr(train, "_backward", watching)
    run(images, "safe", tmp_path / "run")
    assert len(norms) == 18
    for step, ((w, mean), (moved, same)) in enumerate(zip(norms[::2], norms[1::2], strict=True), 1):
        torch.testing.assert_close((moved - w).norm(), torch.tensor(0.2 * step / 9))  # the radius rises
        assert torch.equal(mean, same)


def test_batch_norm_is_that_of_the_sparse_network(images, tmp_path):
    done = run(images, "safe", tmp_path / "run")
    network, standard, *_ = load_network(done.model)
    outputs = network[0](standard(images.train.inputs)).detach()
    torch.testing.assert_close(network[1].running_mean, outputs.mean((0, 2, 3)), rtol=1e-4, atol=1e-5)


def test_a_users_own_network_and_vectors_train(tmp_path):
    draw = torch.Generator().manual_seed(0)
    inputs = torch.randn(200, 6, generator=draw)
    labels = (inputs[:, 0] > 0).long()
    data = tt.vision.Images((inputs[:150], labels[:150]), (inputs[150:], labels[150:]))
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        done = tt.train_sparse(
            network, data, tt.vision.Safe(sparsity=0.8, epochs=20, batch_size=30), out=tmp_path / "r"
        )
    assert done.results["accuracy"]["after"] >= 0.9 and done.results["model"] == "Sequential"
    assert torch.equal(
        load_network(done.model, nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 2)))
        .network[0]
        .weight,
        network[0].weight,
    )


class Refuses(nn.Module):
    def forward(self, x):
        assert x.ndim == 2, "I want vectors"


class Two(nn.Module):
    def forward(self, x):
        return x, x


def frozen(module):
    return module.requires_grad_(False)


def test_a_shared_weight_counts_once_and_a_frozen_one_not_at_all(images, tmp_path):
    tied, fixed = nn.Linear(16, 16), frozen(nn.Linear(16, 16))
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), tied, fixed, nn.Linear(16, 16), nn.Linear(16, 3))
    network[4].weight = tied.weight
    before = fixed.weight.clone()
    assert list(prunable(network)) == ["1.weight", "2.weight", "5.weight"]
    done = train_sparse(network, images, tt.vision.Safe(sparsity=0.8, **SHORT), out=tmp_path / "r")
    free = [network[1].weight, tied.weight, network[5].weight]
    entries = sum(w.numel() for w in free)
    assert sum(int((w != 0).sum()) for w in free) == entries - round(0.8 * entries)
    assert done.results["sparsity"] == pytest.approx(0.8, abs=1e-3)
    assert torch.equal(fixed.weight, before) and network[4].weight is tied.weight


def test_float32_of_three_axes_is_not_augmented_unless_asked(tmp_path):
    data = tt.vision.Images(
        (torch.ones(40, 1, 8, 8), torch.arange(40) % 2), (torch.ones(4, 1, 8, 8), torch.arange(4) % 2)
    )
    done = train_sparse("mlp", data, tt.vision.Dense(epochs=1, batch_size=20), out=tmp_path / "r")
    assert json.loads((done.folder / "config.json").read_text())["augment"] == "none"
    done = train_sparse(
        "mlp", data, tt.vision.Dense(epochs=1, batch_size=20, augment="crop"), out=tmp_path / "c"
    )
    assert json.loads((done.folder / "config.json").read_text())["augment"] == "crop"


def broken(network: nn.Sequential) -> nn.Sequential:
    """The network with a bias that is no number."""
    with torch.no_grad():
        network[1].bias[0] = float("nan")
    return network


BAD = {
    "method": (dict(method=tt.Elsa()), "method must be the settings of one of safe, admm"),
    "arch": (dict(network="resnet9"), "arch must be one of"),
    "arch before images": (dict(network="resnet9", images="no/such/folder"), "arch must be one of"),
    "noise": (dict(label_noise=1.5), r"label_noise must be in \[0, 1\]"),
    "dtype": (dict(dtype="float16"), "dtype must be one of"),
    "device": (dict(device="quantum"), "quantum"),
    "batch": (dict(method=tt.vision.Safe(batch_size=61)), "at most the 60 training images"),
    "sample": (dict(train_images=61), "at most the 60"),
    "outputs": (dict(network=nn.Sequential(nn.Flatten(), nn.Linear(64, 2))), "must return .samples, classes"),
    "inputs": (dict(network=nn.Linear(7, 3)), "cannot take inputs of the shape"),
    "own error": (dict(network=Refuses()), "cannot take inputs of the shape .* I want vectors"),
    "two outputs": (dict(network=Two()), "must return one tensor, .* got tuple"),
    "computed": (dict(network=nn.Sequential(nn.Flatten(), weight_norm(nn.Linear(64, 3)))), "1 is computed"),
    "frozen": (dict(network=nn.Sequential(nn.Flatten(), frozen(nn.Linear(64, 3)))), "that is trained"),
    "pattern": (dict(method=tt.vision.Safe(skip="*.nothing", batch_size=20)), "skip must match"),
    "nothing to prune": (
        dict(network=nn.Sequential(nn.AdaptiveAvgPool2d((1, 3)), nn.Flatten())),
        "no convolution",
    ),
    "checkpoints": (dict(checkpoint_every=-1), "checkpoint_every must be"),
    "no images": (dict(images=(torch.zeros(3), torch.zeros(3))), "images must be digits, .* got tuple"),
    "no network": (dict(network=None), "network must be a name, .* got NoneType"),
    "a class": (
        dict(network=nn.Linear),
        "got the class Linear; a function or class of yours is called first",
    ),
    "not finite": (dict(network=broken(nn.Sequential(nn.Flatten(), nn.Linear(64, 3)))), "but 1.bias has NaN"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named_and_nothing_is_written(case, images, tmp_path):
    given, message = BAD[case]
    call = {
        "network": "resnet8",
        "images": images,
        "method": settings_of("safe"),
        "out": tmp_path / "run",
    } | given
    with pytest.raises(InputError, match=message):
        train_sparse(call.pop("network"), call.pop("images"), call.pop("method"), **call)
    assert not (tmp_path / "run").exists()


def test_vectors_are_not_augmented(images):
    data = tt.vision.Images(
        (torch.zeros(40, 6), torch.arange(40) % 2), (torch.zeros(4, 6), torch.arange(4) % 2)
    )
    with pytest.raises(InputError, match="augment must be none"):
        train_sparse("mlp", data, tt.vision.Dense(augment="crop", batch_size=20), out="never")


def test_a_loss_that_is_not_finite_stops_before_the_weights_are_touched(images, tmp_path):
    method = tt.vision.Dense(lr=100.0, warmup=0.0, **SHORT | {"epochs": 40})
    with pytest.raises(RunError, match="the loss is"):
        train_sparse("mlp", images, method, out=tmp_path / "run")
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "failed"


def test_bfloat16_is_computed_with_and_the_weights_stay_float32(images, tmp_path):
    runs = [run(images, "safe", tmp_path / dtype, dtype=dtype) for dtype in ("float32", "bfloat16")]
    assert weights_of(runs[0].folder) != weights_of(runs[1].folder)
    assert load_network(runs[1].model).network[0].weight.dtype == torch.float32


def test_noise_changes_the_training_labels_only(images, tmp_path):
    clean, noisy = (run(images, "dense", tmp_path / str(x), label_noise=x) for x in (0.0, 0.5))
    hashes = [{k: v["hash"] for k, v in r.results["data"].items()} for r in (clean, noisy)]
    assert hashes[0]["train"] != hashes[1]["train"] and hashes[0]["eval"] == hashes[1]["eval"]
