"""A run that goes block by block: what its folder says, and that no stop loses or changes anything."""

import json
import os
import signal
import subprocess
import sys
import time
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from tamis_torch import prunable, prune
from tamis_torch.blockwise import safe
from tamis_torch.cli import main
from tamis_torch.interrupt import Interrupted
from tamis_torch.methods import wanda
from tamis_torch.methods.safe import Safe
from tamis_torch.methods.wanda import Wanda

from .architectures import GATED, build, tokens

CONFIG = Wanda(sparsity=0.7, samples=12, seq_len=16, seed=3)
OPTIONS = ["--method", "wanda", "--sparsity", 0.7, "--samples", 12, "--seq-len", 16, "--seed", 3]
SLOW = (  # Wanda, a fifth of a second a matrix
    "import time; from tamis_torch.methods import wanda; fast = wanda.prune_matrix\n"
    "wanda.prune_matrix = lambda *given: (time.sleep(0.2), fast(*given))[1]\n"
    "from tamis_torch.cli import main; main()"
)


def bytes_of(run: Path) -> bytes:
    return (run / "model" / "model.safetensors").read_bytes()


def lines_of(run: Path) -> list[dict]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text("utf-8").splitlines()]
    timed = ("seconds", "tokens_per_second")
    return [{key: value for key, value in line.items() if key not in timed} for line in lines]


def test_the_command_and_python_give_the_same_bytes_and_the_folder_tells_what_was_done(
    tiny_folder, tiny_text, tmp_path, monkeypatch, capsys
):
    run = prune(tiny_folder, tiny_text, CONFIG, out=tmp_path / "python", eval_seq_len=32)
    command = [
        "prune",
        tiny_folder,
        "--train",
        tiny_text,
        *OPTIONS,
        "--eval-seq-len",
        32,
        "--out",
        tmp_path / "cli",
    ]
    monkeypatch.setattr(sys, "argv", ["tamis", *map(str, command)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    assert "block 2/2  error 0." in capsys.readouterr().err
    assert bytes_of(tmp_path / "python") == bytes_of(tmp_path / "cli")
    results = run.results
    assert (results["steps"], results["train_tokens"], results["calibration_tokens"]) == (0, 0, 192)
    assert results["perplexity"]["after"] != results["perplexity"]["before"]
    lines = lines_of(run.folder)
    assert [(line["step"], line["block"]) for line in lines] == [(1, "model.layers.0"), (2, "model.layers.1")]
    for line in lines:
        assert 0 < line["error"] < 1 and line["sparsity"] == pytest.approx(0.7, abs=1e-3)
        assert len(line["layer_errors"]) == 7 and all(
            0 < error < 1 for error in line["layer_errors"].values()
        )


def test_the_error_is_that_of_what_the_block_adds(tmp_path):
    """Nothing is left of a block whose weights are all but zero: its error is 1."""
    model = build("llama")
    prune(
        model,
        tokens(600),
        Wanda(sparsity=0.9999, samples=4, seq_len=16),
        out=tmp_path / "run",
        eval_seq_len=64,
    )
    assert [line["error"] for line in lines_of(tmp_path / "run")] == pytest.approx([1, 1], abs=0.02)


def test_the_report_shows_blocks_instead_of_steps(tmp_path):
    run = prune(build("llama"), tokens(), CONFIG, out=tmp_path / "run", eval_seq_len=64)
    page = (run.folder / "report.html").read_text("utf-8")
    for part in ("Reconstruction error of each block", "Reconstruction error of each layer", "model.layers.1",
                 "2 blocks one by one, on 192 tokens", "12 windows of 16 tokens", "--samples 12"):  # fmt: skip
        assert part in page, part
    for part in ("Training loss", "Learning rate", "NaN"):
        assert part not in page, part


def test_a_model_in_bfloat16_and_a_forward_pass_in_it(tmp_path):
    model = build("llama").bfloat16()
    prune(model, tokens(600), CONFIG, out=tmp_path / "run", dtype="bfloat16", eval_seq_len=64)
    for weight in prunable(model).values():
        assert weight.dtype == torch.bfloat16
        assert int(torch.count_nonzero(weight)) == round(0.3 * weight.numel())


def test_warnings_of_a_method_are_kept_with_their_block(tmp_path, monkeypatch):
    honest = wanda.prune_matrix

    def warning(*given):
        warnings.warn("the damping was raised", stacklevel=2)
        return honest(*given)

    monkeypatch.setattr(wanda, "prune_matrix", warning)
    run = prune(build("llama"), tokens(600), CONFIG, out=tmp_path / "run", eval_seq_len=64)
    assert run.results["warnings"] == [f"model.layers.{i}: the damping was raised" for i in (0, 1)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_killed_process_goes_on_to_the_same_bytes(number, tiny_folder, tiny_text, tmp_path):
    """SIGTERM within the first block; SIGKILL within the second, whose work is lost."""
    whole = prune(tiny_folder, tiny_text, CONFIG, out=tmp_path / "whole", eval_seq_len=32)
    out = tmp_path / "run"
    command = ["prune", tiny_folder, "--train", tiny_text, *OPTIONS, "--eval-seq-len", 32, "--out", out]
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, *map(str, command)], stderr=subprocess.PIPE, text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    sign = out / ("metrics.jsonl" if number == signal.SIGTERM else "checkpoints/state-00000001.safetensors")
    while not sign.exists():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    if number == signal.SIGTERM:
        assert process.returncode == 130
        assert "stopped after block 1 of 2; the same command with --resume goes on" in errors
    assert not (out / "model").exists() and len(lines_of(out)) == 1
    resumed = prune(tiny_folder, tiny_text, CONFIG, out=out, eval_seq_len=32, resume=True)
    assert bytes_of(resumed.folder) == bytes_of(whole.folder)
    assert lines_of(resumed.folder) == lines_of(whole.folder)


@pytest.mark.parametrize("every", [None, 0, 3])
def test_every_stop_goes_on_and_writes_no_block_twice(every, tmp_path, monkeypatch):
    """Stopped in each of the 5 blocks of a model in turn, whatever the interval of checkpoints."""
    given = {"checkpoint_every": every, "eval_seq_len": 64}
    whole = prune(deep(), tokens(600), CONFIG, out=tmp_path / "whole", **given)
    stop_in_call(monkeypatch, 7, 14, 21, 28)
    written = {}
    for block in range(1, 5):
        with pytest.raises(Interrupted, match=f"after block {block} of 5"):
            prune(deep(), tokens(600), CONFIG, out=tmp_path / "run", resume=block > 1, **given)
        parts = sorted((tmp_path / "run" / "checkpoints").glob("part-*"))
        assert len(parts) == block
        written |= {path: path.stat().st_mtime_ns for path in parts[block - 1 :]}
        assert {path: path.stat().st_mtime_ns for path in parts} == written
    resumed = prune(deep(), tokens(600), CONFIG, out=tmp_path / "run", resume=True, **given)
    assert bytes_of(resumed.folder) == bytes_of(whole.folder)
    assert lines_of(resumed.folder) == lines_of(whole.folder)


def test_owl_ratios_are_those_of_the_dense_model_after_a_stop_too(tmp_path, monkeypatch):
    config = replace(CONFIG, ratios="owl")
    whole = prune(uneven(), tokens(600), config, out=tmp_path / "whole", eval_seq_len=64)
    sparsities = [line["sparsity"] for line in lines_of(whole.folder)]
    assert max(sparsities) - min(sparsities) > 0.1
    assert whole.results["sparsity"] == pytest.approx(0.7, abs=1e-3)
    stop_in_call(monkeypatch, 8)
    with pytest.raises(Interrupted, match="after block 2 of 5"):
        prune(uneven(), tokens(600), config, out=tmp_path / "run", eval_seq_len=64)
    resumed = prune(uneven(), tokens(600), config, out=tmp_path / "run", resume=True, eval_seq_len=64)
    assert bytes_of(resumed.folder) == bytes_of(whole.folder)


def test_what_a_method_trains_besides_the_weights_is_kept_too(tmp_path, monkeypatch):
    """SAFE moves the norms."""
    config = Safe(sparsity=0.7, samples=4, seq_len=16, epochs=2)
    whole = prune(deep(), tokens(600), config, out=tmp_path / "whole", eval_seq_len=64)
    honest, calls = safe.prune_block, []

    def interrupting(*arguments):
        calls.append(1)
        if len(calls) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return honest(*arguments)

    monkeypatch.setattr(safe, "prune_block", interrupting)
    with pytest.raises(Interrupted, match="after block 2 of 5"):
        prune(deep(), tokens(600), config, out=tmp_path / "run", eval_seq_len=64)
    resumed = prune(deep(), tokens(600), config, out=tmp_path / "run", resume=True, eval_seq_len=64)
    assert bytes_of(resumed.folder) == bytes_of(whole.folder)
    assert lines_of(resumed.folder) == lines_of(whole.folder)


def stop_in_call(monkeypatch, *numbers):
    """Send SIGINT in these calls of Wanda, counted from 1."""
    honest, calls = wanda.prune_matrix, []

    def interrupting(*arguments):
        calls.append(1)
        if len(calls) in numbers:
            os.kill(os.getpid(), signal.SIGINT)
        return honest(*arguments)

    monkeypatch.setattr(wanda, "prune_matrix", interrupting)


def uneven():
    """Return a model whose later blocks have ever larger outliers among their inputs."""
    model = deep()
    with torch.no_grad():
        for depth, block in enumerate(model.model.layers):
            block.input_layernorm.weight[:3] *= 1 + 8 * depth
    return model


def deep():
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(**GATED | {"num_hidden_layers": 5})).eval()


@pytest.mark.parametrize("damaged", [0, 2])
def test_a_damaged_block_is_pruned_again_and_it_is_said(damaged, tmp_path, monkeypatch, capsys):
    whole = prune(deep(), tokens(600), CONFIG, out=tmp_path / "whole", eval_seq_len=64)
    stop_in_call(monkeypatch, 22)
    with pytest.raises(Interrupted, match="after block 4 of 5"):
        prune(deep(), tokens(600), CONFIG, out=tmp_path / "run", eval_seq_len=64)
    part = sorted((tmp_path / "run" / "checkpoints").glob("part-*"))[damaged]
    content = bytearray(part.read_bytes())
    content[-1] ^= 1
    part.write_bytes(content)
    resumed = prune(deep(), tokens(600), CONFIG, out=tmp_path / "run", eval_seq_len=64, resume=True)
    assert bytes_of(resumed.folder) == bytes_of(whole.folder)
    assert lines_of(resumed.folder) == lines_of(whole.folder)
    (warning,) = resumed.results["warnings"]
    assert f"a finished block is damaged (part-block-0000{damaged}.safetensors: its checksum" in warning
    assert warning in capsys.readouterr().err


def test_a_stop_in_the_survey_of_owl_goes_on(tmp_path, monkeypatch):
    """Before the first block there is nothing to go on from: it begins anew in the same folder."""
    config = replace(CONFIG, ratios="owl")
    whole = prune(uneven(), tokens(600), config, out=tmp_path / "whole", eval_seq_len=64)

    def stopped(*given):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("tamis_torch.blockwise.owl.outliers", stopped)
        prune(uneven(), tokens(600), config, out=tmp_path / "run", eval_seq_len=64)
    resumed = prune(uneven(), tokens(600), config, out=tmp_path / "run", resume=True, eval_seq_len=64)
    assert bytes_of(resumed.folder) == bytes_of(whole.folder)
