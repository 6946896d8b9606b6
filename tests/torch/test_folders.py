"""Output folders and files are whole or not there, wherever a write fails."""

import errno
import os
from pathlib import Path

import pytest
import torch

from tamis_torch import checked, folders
from tamis_torch.checkpoint import (
    folder_bytes,
    load,
    load_state,
    prepare_folder,
    save,
    save_state,
    write_atomically,
)
from tamis_torch.errors import InputError, RunError


def fill(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_new_folder_is_made_with_its_parents(tmp_path: Path) -> None:
    out = prepare_folder(tmp_path / "runs" / "a")
    assert out == tmp_path / "runs" / "a" and list(out.iterdir()) == []


def test_an_existing_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(InputError, match=r"a exists; choose another name, or use --force .* or --resume"):
        prepare_folder(tmp_path / "a")


def test_force_removes_an_earlier_run_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    for name in ("model/w", "run.json", "metrics.jsonl", "thesis.tex"):
        (tmp_path / name).write_text("x")
    prepare_folder(tmp_path, force=True)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_resume_needs_the_settings_of_a_run_and_nothing_else(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing to resume in .*there: there is no such folder"):
        prepare_folder(tmp_path / "there", resume=True)
    with pytest.raises(InputError, match=r"nothing to resume in .*no run began there .* with --force"):
        prepare_folder(tmp_path, resume=True)
    (tmp_path / "config.json").write_text("{}")
    assert prepare_folder(tmp_path, resume=True) == tmp_path
    save_state(tmp_path / "checkpoints", {}, {"step": 3})
    assert prepare_folder(tmp_path, resume=True) == tmp_path
    assert load_state(tmp_path / "checkpoints")[1] == {"step": 3}
    with pytest.raises(InputError, match="exclude each other"):
        prepare_folder(tmp_path, resume=True, force=True)


def test_a_file_as_output_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("mine")
    for force in (False, True):
        with pytest.raises(InputError, match="a is a file"):
            prepare_folder(tmp_path / "a", force=force)
    with pytest.raises(RunError, match=r"cannot write .*a/b: Not a directory"):
        prepare_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a").read_text() == "mine"


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path, monkeypatch) -> None:
    def deny(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "write_bytes", deny)
    with pytest.raises(RunError, match=r"cannot write .*out: Permission denied"):
        prepare_folder(tmp_path / "out")


def test_a_real_folder_without_permission_is_refused(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    tmp_path.chmod(0o500)
    with pytest.raises(RunError, match=r"cannot write .*out: Permission denied"):
        prepare_folder(tmp_path / "out")


def test_write_atomically_replaces_the_content(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    for content in ("ä", b"\x00\xff"):
        write_atomically(path, content)
        assert path.read_bytes() == (content.encode() if isinstance(content, str) else content)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("place", ["write_bytes", "sync", "replace"])
def test_a_failed_write_leaves_the_old_file_and_no_temporary(tmp_path: Path, monkeypatch, place: str) -> None:
    path = tmp_path / "a.json"
    write_atomically(path, "old")
    monkeypatch.setattr(folders if place == "sync" else Path, place, fill)
    with pytest.raises(RunError, match=r"cannot write .*a\.json: No space left on device"):
        write_atomically(path, "new")
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_model_appears_whole_or_not_at_all(tiny_model, tiny_tokenizer, tmp_path: Path, monkeypatch) -> None:
    """Failures at each stage of a save, an interrupt among them, on a new and on an existing folder."""

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    save(tiny_model, tiny_tokenizer, tmp_path / "old")
    before = (tmp_path / "old" / "model.safetensors").read_bytes()
    with torch.no_grad():
        tiny_model.model.norm.weight.mul_(2)
    for target, place in ((tiny_tokenizer, "save_pretrained"), (folders, "sync"), (Path, "rename")):
        for failure, error in ((fill, RunError), (interrupt, KeyboardInterrupt)):
            for name in ("new", "old"):
                with monkeypatch.context() as patch:
                    patch.setattr(target, place, failure)
                    with pytest.raises(error):
                        save(tiny_model, tiny_tokenizer, tmp_path / name)
                assert [path.name for path in tmp_path.iterdir()] == ["old"]
                assert (tmp_path / "old" / "model.safetensors").read_bytes() == before


def test_a_rename_that_fails_half_way_puts_the_old_folder_back(
    tiny_model, tiny_tokenizer, tmp_path: Path, monkeypatch
) -> None:
    save(tiny_model, tiny_tokenizer, tmp_path / "model")
    rename, calls = Path.rename, []

    def fail_second(self: Path, target: Path) -> Path:
        calls.append(target)
        return fill() if len(calls) == 2 else rename(self, target)  # type: ignore[func-returns-value]

    monkeypatch.setattr(Path, "rename", fail_second)
    with pytest.raises(RunError, match="No space left on device"):
        save(tiny_model, tiny_tokenizer, tmp_path / "model")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert load(str(tmp_path / "model")).model is not None


def test_force_killed_under_way_leaves_nothing_that_is_taken_for_a_run(tmp_path: Path, monkeypatch) -> None:
    for name in ("config.json", "run.json", "metrics.jsonl"):
        (tmp_path / name).write_text("{}")
    honest = folders._remove

    def killed(path: Path) -> None:
        if path.name == "metrics.jsonl":
            raise KeyboardInterrupt
        honest(path)

    with monkeypatch.context() as patch:
        patch.setattr(folders, "_remove", killed)
        with pytest.raises(KeyboardInterrupt):
            prepare_folder(tmp_path, force=True)
    with pytest.raises(InputError, match="nothing to resume"):
        prepare_folder(tmp_path, resume=True)


def test_content_is_on_the_disk_before_the_name_and_the_name_before_the_next(tmp_path, monkeypatch) -> None:
    """A power cut leaves the old or the new: the file is synced, renamed, then the folder is synced."""
    honest, seen = folders.sync, []

    def watched(path: Path) -> None:
        seen.append((path.name, final.exists()))
        honest(path)

    for module in (folders, checked):
        monkeypatch.setattr(module, "sync", watched)
    final = tmp_path / "a.json"
    write_atomically(final, "x")
    assert seen == [(".a.json.partial", False), (tmp_path.name, True)]
    seen.clear()
    final = tmp_path / "state-00000001.safetensors"
    save_state(tmp_path, {}, {})
    assert seen == [(final.name, False), (tmp_path.name, True)]
    seen.clear()
    final = tmp_path / "model"
    with folders.new_folder(final) as partial:
        (partial / "w").write_text("x")
    assert seen == [("w", False), (".model.partial", False), (tmp_path.name, True)]


def test_what_a_killed_process_left_half_written_goes_when_the_run_goes_on(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    for name in (".model.old", ".model.partial", "checkpoints/.partial", "start/checkpoints/.partial"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "half").write_text("x")
    for name in (".run.json.partial", "start/.metrics.jsonl.partial", ".mine.partial"):
        (tmp_path / name).write_text("x")
    prepare_folder(tmp_path, resume=True)
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")}
    assert left == {"config.json", "checkpoints", "start", "start/checkpoints", ".mine.partial"}


def test_what_a_killed_process_left_is_removed_by_the_next(
    tiny_model, tiny_tokenizer, tmp_path: Path
) -> None:
    for name in (".model.partial", ".model.old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "half").write_text("x")
    save(tiny_model, tiny_tokenizer, tmp_path / "model")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert not (tmp_path / "model" / "half").exists()


def test_folder_bytes_counts_all_files(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "x").write_bytes(b"123")
    (tmp_path / "a" / "b" / "y").write_bytes(b"12345")
    assert folder_bytes(tmp_path) == 8 and folder_bytes(tmp_path / "x") == 3


@pytest.mark.parametrize("config", ["{}", "[1]", "not json", None])
def test_force_takes_nothing_that_is_not_a_runs(tmp_path: Path, config) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine.pt").write_text("years of work")
    if config is not None:
        (tmp_path / "config.json").write_text(config)
    with pytest.raises(InputError, match=r"is not a run's, --force would remove its .*model"):
        prepare_folder(tmp_path, force=True)
    assert (tmp_path / "model" / "mine.pt").read_text() == "years of work"
    (tmp_path / "config.json").write_text('{"method": "elsa"}')
    prepare_folder(tmp_path, force=True)
    assert not (tmp_path / "model").exists()
