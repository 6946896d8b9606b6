"""A run as a whole: the same twice, exact in its counts, whole or not there, and never lost."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from tamis_torch import (
    Dense,
    Elsa,
    Finetune,
    InputError,
    Magnitude,
    RunError,
    inspect,
    load,
    prunable,
    prune,
    training,
)
from tamis_torch.inspection import matrices
from tamis_torch.interrupt import Interrupted

from .architectures import build, tokens

ELSA = Elsa(sparsity=0.9, steps=12, batch_size=2, seq_len=16, seed=3)
COMMAND = ["--sparsity", "0.9", "--steps", "12", "--batch-size", "2", "--seq-len", "16", "--seed", "3"]


def bytes_of(run: Path) -> bytes:
    return (run / "model" / "model.safetensors").read_bytes()


def tamis(*arguments: object) -> list[str]:
    return [sys.executable, "-c", "from tamis_torch.cli import main; main()", *map(str, arguments)]


def read(path: Path) -> dict:
    return json.loads(path.read_text("utf-8"))


def untimed(metrics: Path) -> list[dict]:
    lines = [json.loads(line) for line in metrics.read_text("utf-8").splitlines()]
    return [{key: value for key, value in line.items() if key != "tokens_per_second"} for line in lines]


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tiny_folder, tiny_text, tmp_path):
    for name in ("a", "b"):
        prune(tiny_folder, tiny_text, ELSA, out=tmp_path / name)
    prune(
        tiny_folder,
        tiny_text,
        Elsa(sparsity=0.9, steps=12, batch_size=2, seq_len=16, seed=4),
        out=tmp_path / "c",
    )
    assert bytes_of(tmp_path / "a") == bytes_of(tmp_path / "b") != bytes_of(tmp_path / "c")


def test_python_and_the_command_line_give_the_same_bytes(tiny_folder, tiny_text, tmp_path):
    prune(tiny_folder, tiny_text, ELSA, out=tmp_path / "python")
    command = tamis("prune", tiny_folder, "--train", tiny_text, *COMMAND, "--out", tmp_path / "cli", "--json")
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    assert bytes_of(tmp_path / "python") == bytes_of(tmp_path / "cli")
    assert json.loads(done.stdout.splitlines()[-1])["status"] == "complete"
    assert read(tmp_path / "python" / "config.json") == read(tmp_path / "cli" / "config.json")


@pytest.mark.parametrize("method", [replace(ELSA, budget="tensor"), Magnitude(sparsity=0.7)])
def test_every_matrix_in_the_file_has_exactly_the_asked_zeros(method, tiny_folder, tiny_text, tmp_path):
    prune(tiny_folder, tiny_text, method, out=tmp_path / "run")
    names = set(prunable(load(str(tiny_folder)).model))
    rows = [row for row in inspect(tmp_path / "run") if row.name in names]
    assert len(rows) == len(names) == 14
    for row in rows:
        assert row.nonzeros == round((1 - method.sparsity) * row.entries)


def test_all_matrices_in_the_file_have_exactly_the_asked_zeros_together(tiny_folder, tiny_text, tmp_path):
    prune(tiny_folder, tiny_text, ELSA, out=tmp_path / "run")
    names = set(prunable(load(str(tiny_folder)).model))
    rows = [row for row in inspect(tmp_path / "run") if row.name in names]
    assert sum(row.nonzeros for row in rows) == round(0.1 * sum(row.entries for row in rows))


def test_a_pattern_holds_in_the_file(tiny_folder, tiny_text, tmp_path):
    config = Elsa(pattern="2:4", steps=8, batch_size=2, seq_len=16)
    run = prune(tiny_folder, tiny_text, config, out=tmp_path / "run")
    for row in matrices(inspect(run.folder)):
        assert row.pattern.split(", ")[0] in ("1:4", "2:4")
        assert row.sparsity == 0.5


def test_the_folder_is_what_the_design_says(tiny_folder, tiny_text, tmp_path):
    run = prune(tiny_folder, tiny_text, ELSA, out=tmp_path / "run", evaluation=tiny_text, eval_seq_len=32)
    assert {p.name for p in run.folder.iterdir()} == {
        "model", "start", "config.json", "metrics.jsonl", "run.json", "report.html", "checkpoints"
    }  # fmt: skip
    lines = [json.loads(line) for line in (run.folder / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, 13))
    assert lines[-1]["residual"] is not None and lines[0]["sparsity"] < lines[-1]["sparsity"] == 0.9
    results = read(run.folder / "run.json")
    assert results["status"] == "complete" and results["perplexity"]["windows"] == 20
    AutoModelForCausalLM.from_pretrained(run.model)


def test_a_dense_run_keeps_every_weight(tiny_folder, tiny_text, tmp_path):
    run = prune(tiny_folder, tiny_text, Dense(steps=5, batch_size=2, seq_len=16), out=tmp_path / "run")
    assert run.results["sparsity"] < 0.01
    assert run.results["perplexity"]["after"] < run.results["perplexity"]["before"]


def test_training_reaches_a_lower_loss_than_magnitude_pruning(tiny_folder, tiny_text, tmp_path):
    config = Elsa(sparsity=0.7, steps=150, batch_size=4, seq_len=32, lr=1e-2)
    run = prune(tiny_folder, tiny_text, config, out=tmp_path / "run")
    judged = run.results["perplexity"]
    assert judged["after"] < 0.5 * judged["projected_at_start"]
    assert run.results["warnings"] == []


def test_magnitude_needs_no_text_and_no_perplexity(tiny_folder, tmp_path):
    run = prune(tiny_folder, None, Magnitude(sparsity=0.5), out=tmp_path / "run")
    assert run.results["perplexity"] is None
    assert "0.5" in (run.folder / "config.json").read_text()


def test_a_loss_that_is_not_finite_keeps_the_last_good_state(tiny_folder, tiny_text, tmp_path, monkeypatch):
    whole = prune(tiny_folder, tiny_text, ELSA, out=tmp_path / "whole")
    honest, calls = training.gradient, []

    def spoilt(*arguments):
        calls.append(1)
        return (float("nan"), 1.0) if len(calls) == 8 else honest(*arguments)

    monkeypatch.setattr(training, "gradient", spoilt)
    with pytest.raises(RunError, match="loss is nan.*in step 8.*after step 7 is kept"):
        prune(tiny_folder, tiny_text, ELSA, out=tmp_path / "run")
    assert read(tmp_path / "run" / "run.json")["status"] == "failed"
    assert not (tmp_path / "run" / "model").exists()
    resumed = prune(tiny_folder, tiny_text, ELSA, out=tmp_path / "run", resume=True)
    assert bytes_of(resumed.folder) == bytes_of(whole.folder)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_goes_on_to_the_same_bytes(number, tiny_folder, tiny_text, tmp_path):
    """A real process, a real signal."""
    out = tmp_path / "run"
    budget = ["--steps", 4000, "--batch-size", 2, "--seq-len", 16]
    command = tamis("prune", tiny_folder, "--train", tiny_text, *budget, "--out", out)
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    while not ((out / "metrics.jsonl").exists() and (out / "metrics.jsonl").stat().st_size):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "--resume goes on" in errors and "Traceback" not in errors
    assert not (out / "model").exists()
    made = len((out / "metrics.jsonl").read_text().splitlines())
    assert read(out / "run.json")["status"] == "interrupted"
    assert f"after step {made} of 4000" in read(out / "run.json")["message"]


def test_resuming_after_a_stop_gives_the_bytes_of_an_unbroken_run(
    tiny_folder, tiny_text, tmp_path, monkeypatch
):
    whole = prune(tiny_folder, tiny_text, ELSA, out=tmp_path / "whole")
    honest, calls = training.gradient, []

    def interrupting(*arguments):
        calls.append(1)
        if len(calls) == 5:
            os.kill(os.getpid(), signal.SIGINT)
        return honest(*arguments)

    monkeypatch.setattr(training, "gradient", interrupting)
    with pytest.raises(Interrupted, match="after step 5 of 12"):
        prune(tiny_folder, tiny_text, ELSA, out=tmp_path / "run")
    resumed = prune(tiny_folder, tiny_text, ELSA, out=tmp_path / "run", resume=True)
    assert bytes_of(resumed.folder) == bytes_of(whole.folder)
    lines = [untimed(tmp_path / name / "metrics.jsonl") for name in ("run", "whole")]
    assert lines[0] == lines[1] and len(lines[0]) == 12


def test_resuming_under_other_settings_is_refused(tiny_folder, tiny_text, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "gradient", lambda *_: (float("nan"), 1.0))
    with pytest.raises(RunError):
        prune(tiny_folder, tiny_text, ELSA, out=tmp_path / "run")
    other = Elsa(sparsity=0.8, steps=12, batch_size=2, seq_len=16, seed=3)
    with pytest.raises(InputError, match=r"had other settings: .*sparsity 0\.9, got 0\.8"):
        prune(tiny_folder, tiny_text, other, out=tmp_path / "run", resume=True)


def test_a_run_that_cannot_arrive_is_warned_about_before_it_starts(tiny_folder, tiny_text, tmp_path, capsys):
    config = Elsa(sparsity=0.9, steps=6, batch_size=2, seq_len=16, pull="gradient", lr=1e-6)
    run = prune(tiny_folder, tiny_text, config, out=tmp_path / "run")
    assert any("cannot arrive" in text for text in run.results["warnings"])
    shown = capsys.readouterr().err
    assert shown.index("cannot arrive") < shown.index("step 1/6")


def test_a_last_projection_that_hurts_is_said(tiny_folder, tiny_text, tmp_path):
    config = Elsa(sparsity=0.9, steps=8, batch_size=2, seq_len=16, penalty=1e-6)
    run = prune(tiny_folder, tiny_text, config, out=tmp_path / "run")
    assert any("the last projection hurts" in text for text in run.results["warnings"])
    assert "the last projection hurts" in (run.folder / "report.html").read_text("utf-8")


def test_a_model_in_memory_is_pruned_in_place(tiny_model, tmp_path):
    tokens = torch.randint(320, (4000,), generator=torch.Generator().manual_seed(0))
    prune(tiny_model, tokens, ELSA, out=tmp_path / "run")
    weights = prunable(tiny_model).values()
    assert sum(int((weight != 0).sum()) for weight in weights) == round(0.1 * sum(w.numel() for w in weights))


BAD = [
    ({"out": "there"}, "exists"),
    ({"method": Elsa(pattern="3:7", steps=2, seq_len=16)}, r"pattern 3:7 needs.*multiple of 7.*has 32"),
    ({"method": Elsa(seq_len=100_000)}, "at most the model's 128 positions, got 100000"),
    ({"tokens": None}, "--train"),
    ({"evaluation": "missing.txt"}, "missing.txt"),
    ({"eval_seq_len": 4096}, "128 positions, got 4096"),
    ({"dtype": "int3"}, "dtype must be one of float32, bfloat16, got 'int3'"),
    ({"device": "quantum"}, "quantum"),
    ({"tokens": torch.arange(10)}, "shorter than one window: it has 10 tokens"),
    ({"tokens": torch.full((4000,), 5000)}, r"vocabulary \(320\), got 5000"),
]


@pytest.mark.parametrize(("changed", "message"), BAD)
def test_bad_input_is_refused_before_anything_is_written(changed, message, tiny_folder, tiny_text, tmp_path):
    (tmp_path / "there").mkdir()
    arguments = {"model": tiny_folder, "tokens": tiny_text, "method": ELSA, "out": "new"} | changed
    arguments["out"] = tmp_path / arguments["out"]
    with pytest.raises(InputError, match=message):
        prune(arguments.pop("model"), arguments.pop("tokens"), arguments.pop("method"), **arguments)
    assert [p.name for p in tmp_path.iterdir()] == ["there"]
    assert not list((tmp_path / "there").iterdir())


def test_a_complete_run_is_not_resumed(tiny_folder, tiny_text, tmp_path):
    prune(tiny_folder, tiny_text, ELSA, out=tmp_path / "run")
    before = (tmp_path / "run" / "run.json").read_bytes()
    with pytest.raises(InputError, match="is complete, nothing is left to resume"):
        prune(tiny_folder, tiny_text, ELSA, out=tmp_path / "run", resume=True)
    assert (tmp_path / "run" / "run.json").read_bytes() == before


def test_a_batch_beyond_the_memory_is_one_line(tiny_folder, tiny_text, tmp_path, monkeypatch):
    def full(*_):
        raise RuntimeError(
            "[enforce fail] DefaultCPUAllocator: not enough memory: you tried to allocate 9e9 bytes"
        )

    monkeypatch.setattr(torch.autograd, "backward", full)
    with pytest.raises(RunError, match="out of memory on cpu with batch_size 2 and seq_len 16"):
        prune(tiny_folder, tiny_text, ELSA, out=tmp_path / "run")
    assert read(tmp_path / "run" / "run.json")["status"] == "failed"


def test_a_method_by_name_is_refused(tiny_folder, tiny_text, tmp_path):
    with pytest.raises(InputError, match="method must be the settings of one of elsa, .* got 'elsa'"):
        prune(tiny_folder, tiny_text, "elsa", out=tmp_path / "run")


def test_finetuning_keeps_the_zeros_and_moves_the_rest(tiny_folder, tiny_text, tmp_path):
    start = prune(tiny_folder, None, Magnitude(sparsity=0.5), out=tmp_path / "start").model
    config = Finetune(steps=4, batch_size=2, seq_len=16, lr=1e-3)
    end = prune(start, tiny_text, config, out=tmp_path / "end").model
    before, after = (prunable(load(str(model)).model) for model in (start, end))
    for name, weight in before.items():
        assert torch.equal(weight == 0, after[name] == 0)
        assert not torch.equal(weight, after[name])


def test_layers_that_are_skipped_stay_dense(tiny_folder, tiny_text, tmp_path):
    config = Elsa(sparsity=0.5, layers="*.mlp.*", skip="*.down_proj", steps=4, batch_size=2, seq_len=16)
    run = prune(tiny_folder, tiny_text, config, out=tmp_path / "run")
    weights = prunable(load(str(run.model)).model)
    sparse = {name for name, weight in weights.items() if (weight == 0).float().mean() > 0.4}
    assert sparse == {name for name in weights if ".gate_proj" in name or ".up_proj" in name}


def test_a_layer_pattern_that_matches_nothing_is_refused(tiny_folder, tmp_path):
    with pytest.raises(InputError, match="layers must match names of layers such as .*'mlp' matches none"):
        prune(tiny_folder, None, Magnitude(layers="mlp"), out=tmp_path / "run")


def test_there_must_be_zeros_to_finetune_with(tiny_folder, tiny_text, tmp_path):
    with pytest.raises(InputError, match="finetune keeps the zeros of a pruned model, but .* has none"):
        prune(tiny_folder, tiny_text, Finetune(steps=2, seq_len=16), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_model_that_had_more_zeros_than_asked_for_is_told_of(tiny_folder, tmp_path):
    sparse = prune(tiny_folder, None, Magnitude(sparsity=0.8), out=tmp_path / "sparse")
    run = prune(sparse.model, None, Magnitude(sparsity=0.5), out=tmp_path / "run")
    assert "80.0% zeros, 50.0% were asked for" in run.results["warnings"][-1]
    assert not sparse.results["warnings"]


def test_a_model_with_dropout_is_trained_without_it(tmp_path):
    """The same bytes twice, and to rounding in parts: dropout would draw from a generator no seed governs."""
    settings = {"steps": 4, "batch_size": 2, "seq_len": 16, "lr": 1e-3}
    for name, config in {
        "a": Dense(**settings),
        "b": Dense(**settings),
        "parts": Dense(**settings, accumulate=2),
    }.items():
        model = build("opt")
        assert model.config.dropout == 0.1
        prune(model, tokens(2000), config, out=tmp_path / name, eval_seq_len=32)
        assert model.model.decoder.layers[0].dropout == 0.1, "the rate is put back"
    assert bytes_of(tmp_path / "a") == bytes_of(tmp_path / "b")
    whole, parts = (read(tmp_path / name / "run.json")["perplexity"]["after"] for name in ("a", "parts"))
    assert parts == pytest.approx(whole, rel=1e-4)


def test_a_stopped_run_does_not_go_on_with_another_text(tiny_folder, tiny_text, tmp_path, monkeypatch):
    text = tmp_path / "text.txt"
    text.write_text(tiny_text.read_text("utf-8"), "utf-8")
    with monkeypatch.context() as patch:
        patch.setattr("tamis_torch.recording.stop_requested", stop_at_once)
        with pytest.raises(Interrupted):
            prune(tiny_folder, text, ELSA, out=tmp_path / "run")
    text.write_text(tiny_text.read_text("utf-8")[:-200], "utf-8")
    with pytest.raises(InputError, match="had other settings: train_hash"):
        prune(tiny_folder, text, ELSA, out=tmp_path / "run", resume=True)


def test_the_seconds_of_a_resumed_run_are_those_of_all_its_parts(
    tiny_folder, tiny_text, tmp_path, monkeypatch
):
    with monkeypatch.context() as patch:
        patch.setattr("tamis_torch.recording.stop_requested", stop_at_once)
        with pytest.raises(Interrupted):
            prune(tiny_folder, tiny_text, ELSA, out=tmp_path / "run")
    told = read(tmp_path / "run" / "run.json")
    (tmp_path / "run" / "run.json").write_text(json.dumps(told | {"seconds": 1000.0}), "utf-8")
    run = prune(tiny_folder, tiny_text, ELSA, out=tmp_path / "run", resume=True)
    assert 1000 < run.results["seconds"] < 1100


def test_a_model_in_memory_that_is_not_float32_is_not_trained(tiny_model, tmp_path):
    tokens = torch.randint(320, (4000,), generator=torch.Generator().manual_seed(0))
    with pytest.raises(InputError, match="float32 weights to be trained, got bfloat16; load it with dtype"):
        prune(tiny_model.bfloat16(), tokens, ELSA, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


class stop_at_once:
    def __enter__(self):
        return lambda: True

    def __exit__(self, *error):
        return None
