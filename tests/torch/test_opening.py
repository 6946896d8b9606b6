"""Elsa's start: pruned block by block first, grown from there, and never made twice."""

import json

import pytest
import torch

from tamis_torch import ADMM, ALPS, Elsa, InputError, Magnitude, load, prunable, prune
from tamis_torch.interrupt import Interrupted
from tamis_torch.methods.iteration import sparsity_at
from tamis_torch.zeros import zeros

SETTINGS = {"steps": 8, "batch_size": 2, "seq_len": 16, "growth": 0.5}
ELSA = Elsa(sparsity=0.9, start_sparsity=0.6, **SETTINGS)


def lines(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_the_sparsity_grows_from_that_of_the_start(tiny_folder, tiny_text, tmp_path):
    run = prune(tiny_folder, tiny_text, ELSA, out=tmp_path / "run")
    blocks, steps = (lines(tmp_path / "run" / part) for part in ("start/metrics.jsonl", "metrics.jsonl"))
    assert [line["sparsity"] for line in blocks] == pytest.approx([0.6] * len(blocks), abs=1e-3)
    assert 0.6 < steps[0]["sparsity"] < steps[1]["sparsity"] < 0.9 == steps[-1]["sparsity"]
    assert run.results["sparsity"] == pytest.approx(0.9, abs=1e-4)
    assert run.results["calibration_tokens"] > 0


def test_a_model_that_is_as_sparse_already_is_taken_as_it_is(tiny_folder, tiny_text, tmp_path):
    sparse = prune(tiny_folder, None, Magnitude(sparsity=0.75), out=tmp_path / "sparse").model
    run = prune(sparse, tiny_text, ELSA, out=tmp_path / "run")
    assert not (tmp_path / "run" / "start").exists()
    assert lines(tmp_path / "run" / "metrics.jsonl")[0]["sparsity"] > 0.75
    assert run.results["calibration_tokens"] == 0


def test_without_a_start_nothing_is_pruned_before_the_training(tiny_folder, tiny_text, tmp_path):
    prune(tiny_folder, tiny_text, Elsa(sparsity=0.9, start="none", **SETTINGS), out=tmp_path / "run")
    assert not (tmp_path / "run" / "start").exists()


@pytest.mark.parametrize("start", ["alps", "sparsegpt"])
def test_a_pattern_is_there_from_the_start(start, tiny_folder, tiny_text, tmp_path):
    config = Elsa(pattern="2:4", start=start, **SETTINGS)
    prune(tiny_folder, tiny_text, config, out=tmp_path / "run")
    assert {line["sparsity"] for line in lines(tmp_path / "run" / "metrics.jsonl")} == {0.5}


@pytest.mark.parametrize("stopped_in", ["start", "training"])
def test_a_stopped_run_goes_on_to_the_same_bytes(stopped_in, tiny_folder, tiny_text, tmp_path, monkeypatch):
    whole = prune(tiny_folder, tiny_text, ELSA, out=tmp_path / "whole").model
    module = {"start": "blockwise.walk", "training": "recording"}[stopped_in]
    with monkeypatch.context() as patch:
        patch.setattr(f"tamis_torch.{module}.stop_requested", stop_at_once)
        with pytest.raises(Interrupted):
            prune(tiny_folder, tiny_text, ELSA, out=tmp_path / "run")
    end = prune(tiny_folder, tiny_text, ELSA, out=tmp_path / "run", resume=True).model
    assert (end / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()


class stop_at_once:
    def __enter__(self):
        return lambda: True

    def __exit__(self, *error):
        return None


def test_zeros_of_the_model_are_where_the_own_loop_begins(tiny_folder):
    model = load(str(tiny_folder)).model
    weights = prunable(model)
    with torch.no_grad():
        for weight in weights.values():
            weight[:, ::2] = 0
    optimizer = ADMM(torch.optim.Adam(model.parameters()), weights, Elsa(sparsity=0.9, steps=10))
    assert optimizer.begun == zeros(weights) == 0.5
    assert all(torch.equal(optimizer.kept[name], weight != 0) for name, weight in weights.items())


def test_growth_runs_from_the_beginning_to_the_goal():
    config = Elsa(sparsity=0.8, steps=10, growth=0.5)
    assert [sparsity_at(config, step, 0.5) for step in (0, 5, 10)] == [0.5, 0.8, 0.8]
    assert 0.5 < sparsity_at(config, 1, 0.5) < sparsity_at(config, 2, 0.5) < 0.8


def test_a_start_beyond_the_goal_is_refused():
    with pytest.raises(InputError, match=r"start_sparsity must be in \[0, 0.5\], got 0.7"):
        Elsa(sparsity=0.5, start_sparsity=0.7)


def test_the_default_start_leaves_a_twentieth_and_is_no_sparser_than_it_does_little_harm():
    starts = {goal: Elsa(sparsity=goal).start_sparsity for goal in (0.0, 0.05, 0.5, 0.75, 0.9, 0.99)}
    assert starts == pytest.approx({0.0: 0, 0.05: 0, 0.5: 0.45, 0.75: 0.7, 0.9: 0.7, 0.99: 0.7})


def test_a_pattern_has_no_other_start():
    with pytest.raises(InputError, match="start_sparsity must be left out with the pattern 2:4"):
        Elsa(pattern="2:4", start_sparsity=0.25)


def test_a_start_is_not_made_again_for_a_rounding(tiny_folder, tiny_text, tmp_path):
    """ALPS rounds the count of every matrix, so that all together may be some entries short."""
    start = prune(tiny_folder, tiny_text, ALPS(sparsity=0.77, samples=8, seq_len=16), out=tmp_path / "start")
    config = Elsa(sparsity=0.9, start_sparsity=0.77, **SETTINGS)
    run = prune(start.model, tiny_text, config, out=tmp_path / "run")
    assert start.results["sparsity"] < 0.77 and run.results["calibration_tokens"] == 0


def test_zeros_without_the_pattern_are_no_start_for_it(tiny_folder, tiny_text, tmp_path):
    sparse = prune(tiny_folder, None, Magnitude(sparsity=0.6), out=tmp_path / "sparse").model
    prune(sparse, tiny_text, Elsa(pattern="2:4", **SETTINGS), out=tmp_path / "run")
    assert (tmp_path / "run" / "start").exists()


def test_a_stop_in_the_last_block_of_the_start_is_one(tiny_folder, tiny_text, tmp_path, monkeypatch):
    asked = iter([False] * 2 + [True] * 9)

    class stop_in_the_last_block(stop_at_once):
        def __enter__(self):
            return lambda: next(asked)

    monkeypatch.setattr("tamis_torch.blockwise.walk.stop_requested", stop_in_the_last_block)
    with pytest.raises(Interrupted, match="block 2 of 2"):
        prune(tiny_folder, tiny_text, ELSA, out=tmp_path / "run")
    assert not (tmp_path / "run" / "metrics.jsonl").exists()


def test_too_few_windows_are_told_of_also_after_a_stop(tiny_folder, tiny_text, tmp_path, monkeypatch):
    config = Elsa(sparsity=0.9, steps=8, batch_size=2, seq_len=128)
    with monkeypatch.context() as patch:
        patch.setattr("tamis_torch.recording.stop_requested", stop_at_once)
        with pytest.raises(Interrupted):
            prune(tiny_folder, tiny_text, config, out=tmp_path / "run")
    run = prune(tiny_folder, tiny_text, config, out=tmp_path / "run", resume=True)
    assert any("windows of 128 tokens only, 128 were asked for" in text for text in run.results["warnings"])


def test_less_left_to_grow_grows_in_fewer_steps():
    growths = {s: Elsa(sparsity=s).growth for s in (0.5, 0.7, 0.75, 0.8, 0.99)}
    assert growths == pytest.approx({0.5: 0.2, 0.7: 0.2, 0.75: 0.2, 0.8: 0.4, 0.99: 0.4})
    assert Elsa(sparsity=0.9, start="none").growth == Elsa(pattern="2:4").growth == 0.4
    assert Elsa(sparsity=0.5, growth=0.3).growth == 0.3
