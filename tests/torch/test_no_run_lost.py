"""A run that was killed or damaged goes on as if nothing had happened, or says why it cannot."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from breaking import breaking

from tamis_torch import Elsa, InputError, RunError, journal, prune, training
from tamis_torch.checkpoint import load_state
from tamis_torch.intervals import Clock, Intervals

ELSA = Elsa(sparsity=0.9, steps=12, batch_size=2, seq_len=16, seed=3, pull="gradient", lr=1e-6)
TORTURE = Path(__file__).parents[1] / "torture" / "run.py"


def bytes_of(run: Path) -> bytes:
    return (run / "model" / "model.safetensors").read_bytes()


def read(path: Path) -> dict:
    return json.loads(path.read_text("utf-8"))


def untimed(run: Path) -> list[dict]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text("utf-8").splitlines()]
    return [{key: value for key, value in line.items() if key != "tokens_per_second"} for line in lines]


def killed_in(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Break off this gradient as Ctrl-C twice would, without a word to the folder."""
    monkeypatch.setattr(training, "gradient", breaking(training.gradient, step))


def broken_off(step: int, *, out: Path, model: Path, text: Path, resume: bool = False) -> None:
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        killed_in(patch, step)
        prune(model, text, ELSA, out=out, resume=resume, checkpoint_every=2)


@pytest.fixture(scope="module")
def whole(tiny_folder: Path, tiny_text: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the run that nothing happened to; it has a warning that depends on the weights it began with."""
    run = prune(
        tiny_folder, tiny_text, ELSA, out=tmp_path_factory.mktemp("whole") / "run", checkpoint_every=2
    )
    assert any("cannot arrive" in text for text in run.results["warnings"])
    return run.folder


def test_kills_at_the_moments_that_matter(tmp_path):
    """Real processes, real kills: the short form of `nox -s torture`."""
    out = tmp_path / "outcome.json"
    done = subprocess.run(
        [sys.executable, TORTURE, "--quick", "--out", out], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    summary = read(out)["summary"]
    assert summary["runs_killed"] == summary["identical"] == 5 and summary["lost"] == []


@pytest.mark.parametrize("step", [1, 2, 8])
def test_a_run_broken_off_before_its_first_checkpoint_or_after_it_goes_on(
    step, whole, tiny_folder, tiny_text, tmp_path
):
    out = tmp_path / "run"
    broken_off(step, out=out, model=tiny_folder, text=tiny_text)
    assert (out / "checkpoints").exists() == (step > 2)
    run = prune(tiny_folder, tiny_text, ELSA, out=out, resume=True, checkpoint_every=2)
    assert bytes_of(out) == bytes_of(whole) and untimed(out) == untimed(whole)
    assert run.results["warnings"] == read(whole / "run.json")["warnings"]


def test_a_damaged_checkpoint_is_said_on_the_terminal_and_in_the_results_also_after_another_stop(
    whole, tiny_folder, tiny_text, tmp_path, capsys
):
    out = tmp_path / "run"
    broken_off(8, out=out, model=tiny_folder, text=tiny_text)
    newest = sorted((out / "checkpoints").glob("state-*"))[-1]
    content = bytearray(newest.read_bytes())
    content[-1] ^= 16
    newest.write_bytes(content)
    broken_off(4, out=out, model=tiny_folder, text=tiny_text, resume=True)
    assert [path.suffix for path in (out / "checkpoints").iterdir()] == [".safetensors"] * 2
    run = prune(tiny_folder, tiny_text, ELSA, out=out, resume=True, checkpoint_every=2)
    said = [text for text in run.results["warnings"] if newest.name in text]
    assert len(said) == 1 and "its checksum is" in said[0] and "state-00000002" in said[0]
    assert capsys.readouterr().err.count(f"warning: {said[0]}") == 2
    assert bytes_of(out) == bytes_of(whole) and untimed(out) == untimed(whole)


def test_a_run_without_its_page_is_not_trained_again(whole, tiny_folder, tiny_text, tmp_path, monkeypatch):
    out = tmp_path / "run"
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(
            "tamis_torch.runs.write_report", lambda folder: (_ for _ in ()).throw(KeyboardInterrupt)
        )
        prune(tiny_folder, tiny_text, ELSA, out=out)
    monkeypatch.setattr(training, "gradient", None)
    before = (out / "run.json").read_bytes()
    run = prune(tiny_folder, tiny_text, ELSA, out=out, resume=True)
    assert (out / "report.html").exists() and (out / "run.json").read_bytes() == before
    assert run.results == read(out / "run.json")
    with pytest.raises(InputError, match="is complete, nothing is left to resume"):
        prune(tiny_folder, tiny_text, ELSA, out=out, resume=True)


def test_results_of_an_earlier_part_are_not_those_of_a_run_that_ends_without_a_page(
    tiny_folder, tiny_text, tmp_path, monkeypatch
):
    """The page of the stopped part goes before the results of the whole come."""
    out = tmp_path / "run"
    with monkeypatch.context() as patch, pytest.raises(RunError):
        patch.setattr(training, "gradient", lambda *_: (float("nan"), 1.0))
        prune(tiny_folder, tiny_text, ELSA, out=out)
    assert "failed" in (out / "report.html").read_text("utf-8")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(
            "tamis_torch.runs.write_report", lambda folder: (_ for _ in ()).throw(KeyboardInterrupt)
        )
        prune(tiny_folder, tiny_text, ELSA, out=out, resume=True)
    assert not (out / "report.html").exists() and read(out / "run.json")["status"] == "complete"


def test_the_reason_of_a_failure_is_not_that_its_results_could_not_be_written(
    tiny_folder, tiny_text, tmp_path, monkeypatch
):
    def full(*given):
        raise RunError("cannot write run.json: No space left on device")

    monkeypatch.setattr(training, "gradient", lambda *_: (float("nan"), 1.0))
    monkeypatch.setattr("tamis_torch.runs.write", full)
    with pytest.raises(RunError, match="loss is nan"):
        prune(tiny_folder, tiny_text, ELSA, out=tmp_path / "run")


def test_checkpoints_come_by_time_too(tiny_folder, tiny_text, tmp_path):
    given = {"checkpoint_every": 0, "checkpoint_minutes": 1e-9}
    prune(tiny_folder, tiny_text, ELSA, out=tmp_path / "run", **given)
    names = sorted(path.name for path in (tmp_path / "run" / "checkpoints").iterdir())
    assert names == ["state-00000010.safetensors", "state-00000011.safetensors"]
    assert load_state(tmp_path / "run" / "checkpoints").meta["step"] == 11


def test_no_checkpoint_is_written_where_none_is_wanted(tiny_folder, tiny_text, tmp_path):
    prune(tiny_folder, tiny_text, ELSA, out=tmp_path / "run", checkpoint_every=0, checkpoint_minutes=0)
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_a_checkpoint_is_due_by_count_and_so_long_after_the_last():
    now = [0.0]
    clock = Clock(Intervals(every=4, minutes=1), default=7, now=lambda: now[0])
    assert [step for step in range(1, 9) if clock.due(step)] == [4, 8]
    now[0] = 59.9
    assert not clock.due(9)
    now[0] = 60.0
    assert clock.due(9)
    clock.kept()
    assert not clock.due(9) and clock.due(12)
    assert Clock(Intervals(), default=7).due(7) and not Clock(Intervals(every=0), default=7).due(7)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"checkpoint_every": -1}, "checkpoint_every must be a whole number from 0 on, got -1"),
        ({"checkpoint_every": 2.5}, "checkpoint_every must be a whole number from 0 on, got 2.5"),
        ({"checkpoint_minutes": -0.1}, "checkpoint_minutes must be a number from 0 on, got -0.1"),
        ({"checkpoint_minutes": float("nan")}, "checkpoint_minutes must be a number from 0 on, got nan"),
    ],
)
def test_an_interval_that_is_none_is_refused(given, message, tiny_folder, tiny_text, tmp_path):
    with pytest.raises(InputError, match=message):
        prune(tiny_folder, tiny_text, ELSA, out=tmp_path / "run", **given)
    assert not (tmp_path / "run").exists()


def test_lines_are_on_the_disk_before_the_checkpoint_that_counts_on_them(tmp_path, monkeypatch):
    done = []
    monkeypatch.setattr(journal.os, "fsync", lambda handle: done.append("lines"))
    monkeypatch.setattr(journal, "save_shards", lambda *given: done.append("state"))
    with journal.Journal(tmp_path, 2, 8) as written:
        written.write(1, {"loss": 1.0})
        done.clear()
        written.checkpoint({}, {})
    assert done == ["lines", "state"]
