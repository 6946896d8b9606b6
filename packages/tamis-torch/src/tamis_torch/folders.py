"""Files and folders that are whole or not there.

Everything is written beside its final name (``.NAME.partial``) and renamed when complete, so
that an interruption or a full disk never leaves half a file under the name that is read later.
A partial left by a killed process is removed by the next write of the same name.
"""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tamis_torch.errors import InputError, RunError

# config.json first: a folder without it is not resumed
TRACES = ("checkpoints", "metrics.jsonl", "run.json", "report.html")  # names that a run alone gives
RUN_ENTRIES = ("config.json", "model", "start", *TRACES)


def prepare_folder(out: str | Path, force: bool = False, resume: bool = False) -> Path:
    """Make the folder of a run and make sure that it can be written.

    Call it when every other argument has been checked: a folder made for a run that is then
    refused stands in the way of the next try.

    Parameters
    ----------
    out
    force
        Take a folder that exists and remove an earlier run's files from it; other files stay.  A folder
        with such names that are no run's is refused.
    resume
        Take the folder of a run that began, and remove what was left half written in it.

    Raises
    ------
    InputError
        If the folder exists and neither ``force`` nor ``resume`` is given, if both are, if ``out`` is
        a file, or if no run began in it that could be resumed.
    RunError
        If the folder cannot be made or written.
    """
    out = Path(out)
    _check_wanted(out, force, resume)
    with writing(out):
        if force and out.is_dir():
            _clear(out)
        make_folder(out)
        _clear_partials(out)
        probe = partial_of(out / "probe")
        probe.write_bytes(b"1")
        probe.unlink()
    return out


def write_atomically(path: str | Path, content: str | bytes) -> None:
    """Write a file whole, or leave what was there (``str`` as UTF-8).

    Raises
    ------
    RunError
        If it cannot be written.
    """
    path = Path(path)
    partial = partial_of(path)
    with writing(path):
        try:
            partial.write_bytes(content.encode() if isinstance(content, str) else content)
            sync(partial)
            partial.replace(path)
            sync(path.parent)
        finally:
            partial.unlink(missing_ok=True)


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Give a partial folder to write into; it takes the final name if the block ends well.

    A folder that has the name already is replaced then, and kept if the block fails.

    Raises
    ------
    RunError
        If it cannot be written.
    """
    partial = partial_of(folder)
    with writing(folder):
        try:
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            yield partial
            for path in [*partial.rglob("*"), partial]:
                sync(path)
            _rename_over(partial, folder)
            sync(folder.parent)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn a failure of the file system into one line that names what was being written."""
    try:
        yield
    except Exception as error:
        if not _from_file_system(error):
            raise
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise RunError(f"cannot write {path}: {reason}") from error


def make_folder(path: Path) -> None:
    """Make a folder with its parents, if it is not there, and wait until it is on the disk."""
    if not path.is_dir():
        path.mkdir(parents=True, exist_ok=True)
        sync(path.parent)


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk: a full disk may be noticed only here."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def partial_of(path: Path) -> Path:
    """Return the name under which a file or folder is written before it is complete."""
    return path.with_name(f".{path.name}.partial")


def folder_bytes(path: str | Path) -> int:
    """Return the bytes of a file, or of all files of a folder and its subfolders."""
    path = Path(path)
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)


def _check_wanted(out: Path, force: bool, resume: bool) -> None:
    if force and resume:
        raise InputError("force and resume exclude each other: force begins anew, resume goes on")
    if out.exists() and not out.is_dir():
        raise InputError(f"output folder {out} is a file; choose another name")
    if resume and not out.exists():
        raise InputError(f"nothing to resume in {out}: there is no such folder; run without --resume")
    if resume and not (out / "config.json").exists():
        raise InputError(f"nothing to resume in {out}: no run began there (config.json); begin with --force")
    if out.exists() and not force and not resume:
        raise InputError(
            f"output folder {out} exists; choose another name, or use --force to overwrite it "
            "or --resume to go on with an interrupted run"
        )
    if force and (foreign := [name for name in RUN_ENTRIES if (out / name).exists()]) and not _is_run(out):
        raise InputError(
            f"output folder {out} is not a run's, --force would remove its {', '.join(foreign)}; "
            "choose another name"
        )


def _is_run(out: Path) -> bool:
    """Return whether a run began here, or what is left of one that was being removed lies here."""
    if any((out / name).exists() for name in TRACES):
        return True
    try:
        return "method" in json.loads((out / "config.json").read_text("utf-8"))
    except (OSError, ValueError, TypeError):
        return False


def _clear(out: Path) -> None:
    """Remove an earlier run; killed meanwhile, what is left of it is not taken for a run."""
    for name in RUN_ENTRIES:
        _remove(out / name)


def _clear_partials(out: Path) -> None:
    """Remove what a killed process left half written."""
    for folder in (out, out / "start"):
        for partial in (folder / "checkpoints").glob(".partial*"):  # of each rank
            _remove(partial)
        for entry in map(folder.joinpath, RUN_ENTRIES):
            _remove(partial_of(entry))
            _remove(_old_of(entry))


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _old_of(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.old")


def _rename_over(new: Path, folder: Path) -> None:
    """Rename ``new`` to ``folder``; one that is there is moved aside first, as folders cannot be swapped."""
    old = _old_of(folder)
    if folder.exists():
        _remove(old)
        folder.rename(old)
    try:
        new.rename(folder)
    except BaseException:
        if not folder.exists() and old.exists():
            old.rename(folder)
        raise
    _remove(old)


def _from_file_system(error: Exception) -> bool:
    """Tell whether an error is the file system's; the writers in Rust say so only in their message."""
    return isinstance(error, OSError) or "(os error " in str(error)
