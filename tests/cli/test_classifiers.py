"""``tamis eval --data``: a saved classifier is judged as its run judged it, and bad input is named."""

import json
from pathlib import Path

import pytest

import tamis_torch as tt
from tamis_torch.vision.corruptions import STRENGTHS

MINE = """
from torch import nn
def net(shape, classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, classes))
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    method = tt.vision.Admm(sparsity=0.8, epochs=3, batch_size=64)
    return tt.train_sparse("resnet8", "digits", method, out=tmp_path_factory.mktemp("runs") / "run")


def test_the_accuracy_is_the_runs_own(run, tamis):
    code, out, _ = tamis("eval", run.model, "--data", "digits", "--json")
    found, told = json.loads(out.splitlines()[-1]), run.results
    assert code == 0 and found["accuracy"] == told["accuracy"]["after"]
    assert found["loss"] == pytest.approx(told["accuracy"]["loss"], rel=1e-5)
    assert found["data"] == told["data"]["eval"] and "corrupted" not in found


def test_corruptions_are_shown_a_kind_a_line_and_harm_the_more_the_stronger(run, tamis):
    _, out, _ = tamis("eval", run.model, "--data", "digits", "--corrupted", "--json")
    found = json.loads(out.splitlines()[-1])
    assert list(found["corrupted"]) == list(STRENGTHS)
    assert all(len(shares) == 5 and max(shares) <= 1 for shares in found["corrupted"].values())
    assert found["corrupted"]["contrast"][4] < found["corrupted"]["contrast"][0]
    code, out, _ = tamis("eval", run.model, "--data", "digits", "--corrupted")
    assert code == 0 and all(any(line.startswith(kind) for line in out.splitlines()) for kind in STRENGTHS)
    assert f"{100 * found['corrupted']['jpeg'][0]:.2f}" in out


def test_a_classifier_of_ones_own_is_named_to_be_judged(tamis, tmp_path, monkeypatch):
    (tmp_path / "mine_to_judge.py").write_text(MINE)
    monkeypatch.chdir(tmp_path)
    arch = "mine_to_judge:net"
    done = tt.train_sparse(arch, "digits", tt.vision.Dense(epochs=1, batch_size=64), out=tmp_path / "run")
    code, _, errors = tamis("eval", done.model, "--data", "digits")
    assert code == 2 and f"is of {arch}: give it, or --arch" in errors
    code, out, _ = tamis("eval", done.model, "--data", "digits", "--arch", arch, "--json")
    assert code == 0 and json.loads(out)["accuracy"] == done.results["accuracy"]["after"]


BAD = {
    "the run's folder": (("{run}", "--data", "digits"), "is the folder of a run; give its model"),
    "no classifier": (("{here}", "--data", "digits"), "is not a saved classifier"),
    "missing": (("{here}/nothing", "--data", "digits"), "nothing does not exist"),
    "with a batch size": (("{model}", "--data", "digits", "--batch-size", "8"), "goes without the options"),
    "with a text": (("{model}", "--data", "digits", "--text", "x"), "goes without the options of texts"),
    "no images": (("{model}", "--corrupted"), "have no meaning without --data"),
    "no such images": (("{model}", "--data", "nowhere"), "data nowhere does not exist"),
    "no such device": (("{model}", "--data", "digits", "--device", "quantum"), "quantum"),
    "other network": (
        ("{model}", "--data", "digits", "--arch", "mlp"),
        "which is of resnet8, does not fit the network",
    ),
    "as a language model": (("{model}", "--text", "x"), "x does not exist"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line(case, run, tamis, tmp_path):
    arguments, message = BAD[case]
    places = {"run": run.folder, "model": run.model, "here": tmp_path}
    code, out, errors = tamis("eval", *(word.format(**places) for word in arguments))
    assert code == 2 and message in errors and len(errors.splitlines()) == 1 and not out


def class_folders(place: Path, *names: str) -> None:
    from PIL import Image

    for part in ("train", "test"):
        for name in names:
            (place / part / name).mkdir(parents=True)
            Image.new("L", (9, 9), 40).save(place / part / name / "1.png")


def test_other_classes_than_those_learnt_are_refused(tamis, tmp_path: Path):
    class_folders(tmp_path / "pets", "cat", "dog")
    class_folders(tmp_path / "rides", "bus", "car")
    done = tt.train_sparse(
        "mlp", tmp_path / "pets", tt.vision.Dense(epochs=1, batch_size=2), out=tmp_path / "run"
    )
    assert tamis("eval", done.model, "--data", tmp_path / "pets")[0] == 0
    assert tt.vision.load_network(done.model).class_names == ("cat", "dog")
    code, _, errors = tamis("eval", done.model, "--data", tmp_path / "rides")
    assert code == 2 and "it knows cat, rides has bus" in errors


def test_images_of_another_shape_are_refused(run, tamis, tmp_path: Path):
    class_folders(tmp_path, "a", "b")
    code, _, errors = tamis("eval", run.model, "--data", tmp_path)
    assert code == 2 and "takes (1, 8, 8) in 10 classes" in errors and "(1, 9, 9) in 2 classes" in errors
