"""The commands as a user types them: exit code, one readable line, JSON on the last line."""

import html
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

TINY = ["--steps", "4", "--batch-size", "2", "--seq-len", "16"]


@pytest.fixture
def places(tiny_folder, tiny_text, tmp_path) -> dict[str, Path]:
    """Return paths, good and bad, by the names that the table of bad commands uses."""
    there = tmp_path / "there"
    there.mkdir()
    files = {
        "empty": b"",
        "latin": "caf\xe9 ".encode("latin-1") * 100,
        "short": b"too short",
    }
    paths = {name: tmp_path / f"{name}.txt" for name in files}
    for name, content in files.items():
        paths[name].write_bytes(content)
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    for file in tiny_folder.iterdir():
        (damaged / file.name).write_bytes(file.read_bytes())
    weights = damaged / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    gguf = tmp_path / "bad.gguf"
    gguf.write_bytes(b"GGUF" + bytes(40))
    return paths | {"model": tiny_folder, "text": tiny_text, "there": there, "damaged": damaged, "gguf": gguf,
                    "out": tmp_path / "out", "missing": tmp_path / "missing"}  # fmt: skip


BAD = {
    "model missing": ("prune {missing} --train {text} --out {out}", 2, "missing"),
    "weights truncated": ("prune {damaged} --train {text} --out {out}", 2, "model.safetensors"),
    "gguf damaged": ("prune {gguf} --train {text} --out {out}", 2, "bad.gguf"),
    "text missing": ("prune {model} --train {missing} --out {out}", 2, "missing"),
    "text empty": ("prune {model} --train {empty} --out {out}", 2, "empty"),
    "text not UTF-8": ("prune {model} --train {latin} --out {out}", 2, "UTF-8"),
    "text short": ("prune {model} --train {short} --out {out} --seq-len 64", 2, "shorter than one window"),
    "no text": ("prune {model} --out {out}", 2, "--train"),
    "sparsity one": ("prune {model} --train {text} --out {out} --sparsity 1", 2, "sparsity must be in [0, 1)"),
    "sparsity nan": ("prune {model} --train {text} --out {out} --sparsity nan", 2, "sparsity must be in [0, 1)"),
    "sparsity a word": ("prune {model} --train {text} --out {out} --sparsity much", 2, "--sparsity"),
    "pattern a word": ("prune {model} --train {text} --out {out} --pattern half", 2, "such as 2:4"),
    "pattern does not divide": (
        "prune {model} --train {text} --out {out} --seq-len 16 --pattern 3:5", 2, "multiple of 5",
    ),
    "out exists": ("prune {model} --train {text} --out {there} --seq-len 16", 2, "--force"),
    "nothing to resume": ("prune {model} --train {text} --out {there} --seq-len 16 --resume", 2, "nothing to resume"),
    "unknown method": ("prune {model} --train {text} --out {out} --method sieve", 2, "elsa, elsa-l, magnitude"),
    "option of another method": ("prune {model} --method magnitude --steps 4 --out {out}", 2, "--steps"),
    "unknown device": ("prune {model} --train {text} --out {out} --device quantum --seq-len 16", 2, "quantum"),
    "out missing": ("prune {model} --train {text}", 2, "--out"),
    "unknown verb": ("sieve {model}", 2, "sieve"),
    "unknown option": ("prune {model} --train {text} --out {out} --sieve 3", 2, "--sieve"),
    "eval: text short": ("eval {model} --text {short} --seq-len 64", 2, "shorter than one window"),
    "eval: model missing": ("eval {missing} --text {text}", 2, "missing"),
    "plan: no config": ("plan {there}", 2, "config.json"),
    "plan: option of another method": ("plan {model} --method dense --sparsity 0.5", 2, "no meaning"),
    "plan: method that does not train": ("plan {model} --method wanda", 2, "trains the whole model"),
    "plan: devices": ("plan {model} --seq-len 16 --devices 100000", 2, "devices must be at most"),
    "plan: memory": ("plan {model} --seq-len 16 --device-memory much", 2, "80GB"),
    "plan: rate": ("plan {model} --seq-len 16 --rate fast", 2, "400TFLOPS"),
    "inspect: no weights": ("inspect {there}", 2, "there"),
    "compare: no run": ("compare {there}", 2, "run.json"),
    "train-sparse: data missing": ("train-sparse --data {missing} --out {out}", 2, "missing"),
    "train-sparse: no images there": ("train-sparse --data {there} --out {out}", 2, "data_batch_1.bin"),
    "train-sparse: arch": ("train-sparse --arch resnet9 --out {out}", 2, "arch must be one of resnet8"),
    "train-sparse: method": ("train-sparse --method elsa --out {out}", 2, "safe, admm, gmp"),
    "train-sparse: option of another method": ("train-sparse --method gmp --penalty 1 --out {out}", 2, "--penalty"),
    "train-sparse: sparsity": ("train-sparse --sparsity 1 --out {out}", 2, "sparsity must be in [0, 1)"),
    "train-sparse: noise": ("train-sparse --label-noise 2 --out {out}", 2, "label_noise must be in [0, 1]"),
    "train-sparse: out exists": ("train-sparse --out {there}", 2, "--force"),
    "train-sparse: out missing": ("train-sparse --arch mlp", 2, "--out"),
    "demo: sparsity": ("demo --out {out} --sparsity 2", 2, "sparsity must be in [0, 1)"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_leaves_nothing(case, places, tamis):
    command, code, message = BAD[case]
    got, _, errors = tamis(*command.format(**places).split())
    assert got == code, errors
    assert message in errors
    assert "Traceback" not in errors
    assert len(errors.strip().splitlines()) == 1, errors
    assert not places["out"].exists()


def test_a_folder_that_cannot_be_written_fails_with_1(places, tamis):
    blocked = places["text"] / "out"  # below a file
    code, _, errors = tamis(
        "prune", places["model"], "--train", places["text"], "--seq-len", 16, "--out", blocked
    )
    assert code == 1 and "cannot write" in errors and len(errors.strip().splitlines()) == 1


def test_prune_eval_inspect_and_compare_agree(places, tamis):
    runs = [places["out"], places["out"].with_name("magnitude")]
    code, out, errors = tamis("prune", places["model"], "--train", places["text"], *TINY, "--eval", places["text"],
                              "--eval-seq-len", 32, "--out", runs[0], "--json")  # fmt: skip
    assert code == 0, errors
    pruned = json.loads(out.splitlines()[-1])
    assert tamis("prune", places["model"], "--method", "magnitude", "--out", runs[1])[0] == 0
    code, out, _ = tamis(
        "eval", runs[0] / "model", "--text", places["text"], "--seq-len", 32, "--windows", 20, "--json"
    )
    assert json.loads(out.splitlines()[-1])["perplexity"] == pytest.approx(
        pruned["perplexity"]["after"], rel=1e-6
    )
    code, out, _ = tamis("inspect", runs[0], "--json")
    assert json.loads(out.splitlines()[-1])["sparsity"] == pytest.approx(pruned["sparsity"], abs=1e-9)
    page = places["out"].with_name("page.html")
    code, out, _ = tamis("compare", *runs, "--out", page)
    assert code == 0 and "magnitude" in out and page.exists()
    figure = page.with_suffix(".svg")
    code, out, _ = tamis("compare", *runs, "--out", page, "--figure", figure, "--json")
    compared = json.loads(out.splitlines()[-1])
    assert [run["method"] for run in compared["runs"]] == ["elsa", "magnitude"] and figure.exists()


def test_plan_says_in_words_and_in_json_what_python_says(places, tamis):
    import tamis_torch as tt

    command = ["plan", places["model"], "--method", "elsa-l", "--seq-len", 16, "--device-memory", "80GB"]
    code, out, errors = tamis(*command, "--rate", 64, "--json")
    assert code == 0, errors
    said = json.loads(out.splitlines()[-1])
    planned = tt.plan(places["model"], "elsa-l", seq_len=16, device_memory="80GB", rate=64)
    assert said == json.loads(json.dumps(planned.summary())) and said["smallest_devices"] == 1
    code, out, _ = tamis(*command)
    assert code == 0 and "moments" in out and "give --rate" in out and "devices 1 of 80.0 GB" in out


AGAIN = {
    "elsa-l": TINY, "elsa-l ": [*TINY, "--after-backward"], "elsa": [*TINY, "--recompute", "--warmup", "0.5"],
    "alps": ["--samples", "2", "--seq-len", "16"], "sparsegpt": ["--samples", "2", "--seq-len", "16"],
    "ladmm": ["--samples", "2", "--seq-len", "16"], "wanda": ["--samples", "2", "--seq-len", "16"],
    "safe": ["--samples", "2", "--seq-len", "16", "--epochs", "1"], "magnitude": [], "dense": TINY,
}  # fmt: skip


@pytest.mark.parametrize("method", AGAIN)
def test_the_command_on_the_page_does_it_again(method, places, tamis):
    again = places["out"].with_name("again")
    given = ["--method", method.strip(), *AGAIN[method]] + (
        ["--train", places["text"]] if AGAIN[method] else []
    )
    code, _, errors = tamis("prune", places["model"], *given, "--out", places["out"])
    assert code == 0, errors
    code, _, errors = tamis(*typed(places["out"], again))
    assert code == 0, errors
    configs = [json.loads((folder / "config.json").read_text("utf-8")) for folder in (places["out"], again)]
    weights = [(folder / "model" / "model.safetensors").read_bytes() for folder in (places["out"], again)]
    assert configs[0] == configs[1] and weights[0] == weights[1]


def typed(folder: Path, out: Path) -> list[str]:
    """Return the words of the command on a run's page, with another folder to write."""
    page = html.unescape((folder / "report.html").read_text("utf-8"))
    command = re.search(r"tamis ((?:prune|train-sparse).*?)</code>", page, re.DOTALL)[1]
    words = shlex.split(command.replace("\\\n", " "))
    words[words.index("--out") + 1] = str(out)
    return words


def test_train_sparse_says_what_python_does_and_its_page_has_the_command_that_does_it_again(places, tamis):
    import tamis_torch as tt

    runs = [places["out"].with_name(name) for name in ("safe", "gmp", "again")]
    quick = ["--arch", "mlp", "--epochs", 1, "--sparsity", 0.9, "--seed", 2]
    code, out, errors = tamis("train-sparse", *quick, "--label-noise", 0.2, "--out", runs[0], "--json")
    assert code == 0, errors
    said = json.loads(out.splitlines()[-1])
    method = tt.vision.Safe(sparsity=0.9, epochs=1, seed=2)
    python = tt.train_sparse("mlp", "digits", method, out=places["out"], label_noise=0.2)
    assert said["accuracy"] == python.results["accuracy"] and said["sparsity"] == python.results["sparsity"]
    code, out, _ = tamis("train-sparse", *quick, "--method", "gmp", "--out", runs[1])
    assert code == 0 and re.search(r"accuracy [\d.]+% on 360 test images of digits", out)
    assert "sparsity 90.0" in out
    assert tamis(*typed(runs[0], runs[2]))[0] == 0
    weights = [(run / "model" / "model.safetensors").read_bytes() for run in (runs[0], runs[2])]
    assert weights[0] == weights[1]
    code, out, _ = tamis("compare", *runs[:2], "--out", places["out"].with_name("page.html"), "--json")
    rows = json.loads(out.splitlines()[-1])["runs"]
    assert rows[0]["accuracy"] == said["accuracy"]["after"] and rows[1]["method"] == "gmp"
    code, out, _ = tamis("compare", *runs[:2], "--out", places["out"].with_name("page.html"))
    assert "accuracy" in out and "ppl" not in out
    assert "note: Not all were given the same training images" in out  # one had wrong labels
    page = places["out"].with_name("page.html").read_text("utf-8")
    assert "Accuracy after" in page and "test images of digits" in page
    assert f"{100 * said['accuracy']['after']:.1f}%" in page


def test_words_are_the_default(places, tamis):
    code, out, _ = tamis("eval", places["model"], "--text", places["text"], "--seq-len", 32)
    assert code == 0 and out.startswith("perplexity ") and "windows of 32 tokens" in out


def test_force_replaces_a_run_and_keeps_what_is_not_of_a_run(places, tamis):
    command = ["prune", places["model"], "--method", "magnitude", "--out", places["out"]]
    assert tamis(*command)[0] == 0
    (places["out"] / "notes.txt").write_text("mine")
    assert tamis(*command, "--sparsity", 0.5, "--force")[0] == 0
    assert json.loads((places["out"] / "config.json").read_text())["sparsity"] == 0.5
    assert (places["out"] / "notes.txt").read_text() == "mine"


def test_help_does_not_wait_for_torch():
    code = "import sys; sys.argv = ['tamis', '--help']\nfrom tamis_torch.cli import app\n" \
           "try: app()\nexcept SystemExit: pass\nassert 'torch' not in sys.modules"  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ)
    assert done.returncode == 0, done.stderr


OPTIONS = {
    "prune": "accumulate batch-size budget checkpoint-every checkpoint-minutes compile damping device "
    "dtype epochs eval eval-seq-len eval-windows force growth help in-backward interval json layers lr method metric "
    "moments order out pattern penalty penalty-rise pull radius ratios recompute resume retrain rounding samples seed seq-len skip "
    "sparsity start start-sparsity state steps train warmup weights",
    "train-sparse": "arch augment batch-size budget checkpoint-every checkpoint-minutes compile data dense-share device "
    "dtype epochs force growth help interval json label-noise layers lr method momentum out penalty penalty-rise pull "
    "radius radius-rise resume retrain rewind rounds seed skip sparsity train-images warmup weight-decay",
    "eval": "arch batch-size corrupted data device help json seq-len task-limit task-path tasks text windows",
    "plan": "accumulate batch-size budget device-memory devices dtype from-run help in-backward json layers method "
    "moments radius rate recompute rounding seq-len skip sparsity state steps weights",
    "inspect": "all help json",
    "compare": "figure help json out",
    "demo": "help json out sparsity steps",
}


@pytest.mark.parametrize("verb", OPTIONS)
def test_a_new_option_is_a_decision(verb):
    """The list of options stands here, so that adding one is seen."""
    import typer

    from tamis_torch.cli import app

    command = typer.main.get_command(app).commands[verb]
    flags = {flag.removeprefix("--") for p in command.params for flag in p.opts if flag.startswith("--")}
    assert sorted(flags | {"help"}) == OPTIONS[verb].split()
