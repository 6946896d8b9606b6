"""Files and folders that are whole or not there.

Everything is written beside its final name (``.NAME.partial``) and renamed when complete, so
that an interruption or a full disk never leaves half a file under the name that is read later.
A partial left by a killed process is removed by the next write of the same name.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tamis_torch.errors import InputError, RunError

RUN_ENTRIES = ("model", "start", "checkpoints", "config.json", "metrics.jsonl", "run.json", "report.html")


def prepare_folder(out: str | Path, force: bool = False, resume: bool = False) -> Path:
    """Make the folder of a run and make sure that it can be written.

    Call it when every other argument has been checked: a folder made for a run that is then
    refused stands in the way of the next try.

    Parameters
    ----------
    out
    force
        Take a folder that exists and remove an earlier run's files from it; other files stay.
    resume
        Take a folder that exists and has a checkpoint to go on from.

    Raises
    ------
    InputError
        If the folder exists and neither ``force`` nor ``resume`` is given, if both are, if ``out`` is
        a file, or if there is nothing to resume.
    RunError
        If the folder cannot be made or written.
    """
    out = Path(out)
    _check_wanted(out, force, resume)
    with writing(out):
        if force and out.is_dir():
            _clear(out)
        out.mkdir(parents=True, exist_ok=True)
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
            for path in partial.rglob("*"):
                sync(path)
            _rename_over(partial, folder)
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


def sync(path: Path) -> None:
    """Wait until a file is on the disk: a full disk may be noticed only here."""
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
    if resume and not any(out.glob("**/checkpoints/state-*.safetensors")):
        raise InputError(f"nothing to resume in {out}: it has no checkpoint; run without resume")
    if out.exists() and not force and not resume:
        raise InputError(
            f"output folder {out} exists; choose another name, or use --force to overwrite it "
            "or --resume to go on with an interrupted run"
        )


def _clear(out: Path) -> None:
    for path in (out / name for name in RUN_ENTRIES):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _rename_over(new: Path, folder: Path) -> None:
    """Rename ``new`` to ``folder``; one that is there is moved aside first, as folders cannot be swapped."""
    if not folder.exists():
        new.rename(folder)
        return
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    folder.rename(old)
    try:
        new.rename(folder)
    except OSError:
        old.rename(folder)
        raise
    shutil.rmtree(old)


def _from_file_system(error: Exception) -> bool:
    """Tell whether an error is the file system's; the writers in Rust say so only in their message."""
    return isinstance(error, OSError) or "(os error " in str(error)
