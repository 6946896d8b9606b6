"""The state of an interrupted run: tensors as safetensors, the rest as JSON in the same file's header.

One file a checkpoint, ``state-NNNNNNNN.safetensors``, numbered upwards and renamed when complete,
so that tensors and settings can never be of different steps.  The last two are kept.  The newest that is
what was written (:mod:`tamis_torch.checked`) wins.  Nothing is ever unpickled.

What will not change any more, such as a finished block, is written once, as a part beside the states
that count on it: ``part-NAME.safetensors``, before those states.
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from tamis_torch import checked
from tamis_torch.checked import Damaged
from tamis_torch.errors import InputError
from tamis_torch.folders import make_folder, writing

PATTERN, ASIDE = "state-*.safetensors", ".damaged"
Read = Callable[[Path, str], tuple[dict[str, Tensor], dict[str, Any]]]
KEPT = 2  # so that a damaged one costs an interval, not the run


class State(NamedTuple):
    """A checkpoint that was read, and what is to be said about those that could not be."""

    tensors: dict[str, Tensor]
    meta: dict[str, Any]
    warnings: list[str]


def save_state(folder: str | Path, tensors: dict[str, Tensor], meta: dict[str, Any]) -> Path:
    """Write a checkpoint, wait until it is on the disk, and delete all older ones but the last.

    While it is written there are three on the disk.

    Parameters
    ----------
    folder
        Made if it is not there.
    tensors
        Of any dtype and device; views and tensors that share memory are stored apart.
    meta
        Whatever JSON can hold: step, settings, losses.  Floats come back to the last bit.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    RunError
        If it cannot be written: then the checkpoints before it are still there.
    """
    folder = Path(folder)
    with writing(folder):
        make_folder(folder)
        older = checkpoints(folder)
        path = folder / f"state-{number_of(older) + 1:08d}.safetensors"
        checked.write(path, tensors, meta)
        for file in [*older[: 1 - KEPT], *folder.glob(PATTERN + ASIDE)]:
            file.unlink()
    return path


def can_resume(folder: str | Path) -> bool:
    """Return whether a run's folder has a checkpoint."""
    return bool(checkpoints(Path(folder) / "checkpoints"))


def load_state(folder: str | Path, device: str = "cpu", read: Read = checked.read) -> State:
    """Read the newest checkpoint that is whole.

    Newer ones, which are damaged, are moved aside as ``NAME.damaged``, so that they do not count among
    the last two; the next checkpoint deletes them.

    Parameters
    ----------
    folder, device
    read
        Reads one, and what it names; raises :class:`Damaged`.

    Raises
    ------
    InputError
        If there is none, if none is whole, or if the newest whole one is of another version.
    """
    folder = Path(folder)
    damaged: list[tuple[Path, Damaged]] = []
    for path in reversed(checkpoints(folder)):
        try:
            tensors, meta = read(path, device)
        except Damaged as reason:
            damaged.append((path, reason))
            continue
        return State(tensors, meta, [_set_aside(bad, reason, path) for bad, reason in damaged])
    found = "; ".join(str(reason) for _, reason in damaged) or "there is none"
    raise InputError(
        f"no complete checkpoint in {folder} to resume from ({found}); --force begins the run anew"
    )


def save_part(folder: str | Path, name: str, tensors: dict[str, Tensor]) -> Path:
    """Write tensors that later checkpoints count on, under a name of their own.

    Raises
    ------
    RunError
        If they cannot be written.
    """
    path = _part(folder, name)
    with writing(path):
        make_folder(path.parent)
        checked.write(path, tensors, {})
    return path


def load_part(folder: str | Path, name: str, device: str = "cpu") -> dict[str, Tensor]:
    """Read what :func:`save_part` wrote.

    Raises
    ------
    Damaged
        If it is missing, or is not what was written.
    """
    return checked.read(_part(folder, name), device)[0]


def _part(folder: str | Path, name: str) -> Path:
    return Path(folder) / f"part-{name}.safetensors"


def _set_aside(path: Path, reason: Damaged, taken: Path) -> str:
    with writing(path), suppress(FileNotFoundError):  # another rank was quicker
        path.replace(path.with_name(path.name + ASIDE))
    return f"a checkpoint is damaged ({reason}); the run goes on from the one before, {taken.name}"


def checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints in a folder, the newest last."""
    return sorted(folder.glob(PATTERN))


def number_of(states: list[Path]) -> int:
    """Return the number of the last of these checkpoints, 0 if there is none."""
    digits = states[-1].stem.removeprefix("state-") if states else "0"
    return int(digits) if digits.isdigit() else 0
