"""Compiled training: the same network to rounding, and a clear word where torch cannot compile."""

import shutil
import subprocess
import sys

import pytest
import torch
from breaking import breaking

import tamis_torch as tt
from tamis_torch.vision import load_network, prunable, train

COMMANDS = {
    "images": "train-sparse --arch mlp --epochs 1",
    "text": "prune {model} --method elsa-l --train {text} --seq-len 16 --steps 2 --batch-size 2",
}


@pytest.mark.parametrize("kind", COMMANDS)
def test_without_a_compiler_it_is_refused_before_anything_is_written(
    kind, tiny_folder, tiny_text, tmp_path, monkeypatch
):
    monkeypatch.setenv("CXX", "no-such-compiler")
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "cache"))
    words = COMMANDS[kind].format(model=tiny_folder, text=tiny_text).split()
    command = [sys.executable, "-m", "tamis_torch.cli", *words, "--compile", "--out", str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done.stderr
    assert "compile must be False here" in done.stderr and "C++ compiler" in done.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler on CPUs")
def test_a_compiled_training_of_images_is_the_same_to_rounding_and_goes_on_with_the_same_bytes(
    tmp_path, monkeypatch
):
    def run(name: str, **more):
        method = tt.vision.Sam(epochs=1, batch_size=64, lr=0.01)  # no selection, in which rounding turns ties
        made = tt.train_sparse("resnet8", "digits", method, out=tmp_path / name, train_images=256, **more)
        return prunable(load_network(made.model).network)

    plain, compiled = run("plain"), run("compiled", compile=True)
    for name, weight in plain.items():
        torch.testing.assert_close(compiled[name], weight, atol=1e-3, rtol=1e-3)
    assert any(not torch.equal(compiled[name], weight) for name, weight in plain.items())
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(train, "cross_entropy", breaking(train.cross_entropy, call=6))
        run("killed", compile=True, checkpoint_every=1)
    again = run("killed", compile=True, checkpoint_every=1, resume=True)
    assert all(torch.equal(again[name], weight) for name, weight in compiled.items())
