"""The state of an interrupted run: tensors as safetensors, the rest as JSON in the same file's header.

One file a checkpoint, ``state-NNNNNNNN.safetensors``, numbered upwards and renamed when complete,
so that tensors and settings can never be of different steps.  The newest that can be read wins;
older ones are deleted once a newer is complete.  Nothing is ever unpickled.

What will not change any more, such as a finished block, is written once, as a part beside the state
that counts on it: ``part-NAME.safetensors``, before that state.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from tamis_torch.errors import InputError
from tamis_torch.folders import sync, writing

PATTERN = "state-*.safetensors"


def save_state(folder: str | Path, tensors: dict[str, Tensor], meta: dict[str, Any]) -> Path:
    """Write a checkpoint and delete the older ones.

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
        If it cannot be written: then the checkpoint before it is still there.
    """
    folder = Path(folder)
    header = {"format": "pt", "meta": json.dumps(meta)}
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        older = _checkpoints(folder)
        path = folder / f"state-{_number(older) + 1:08d}.safetensors"
        with _partial_file(path) as partial:
            save_file(_unshared(tensors), partial, metadata=header)
        for file in older:
            file.unlink()
    return path


def can_resume(folder: str | Path) -> bool:
    """Return whether a run's folder has a checkpoint."""
    return bool(_checkpoints(Path(folder) / "checkpoints"))


def load_state(folder: str | Path, device: str = "cpu") -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read the newest complete checkpoint.

    Returns
    -------
    tensors, meta
        As given to :func:`save_state`.

    Raises
    ------
    InputError
        If there is none, or none that can be read.
    """
    folder = Path(folder)
    reasons = []
    for path in reversed(_checkpoints(folder)):
        try:
            return _read(path, device)
        except (SafetensorError, OSError, KeyError, TypeError, json.JSONDecodeError) as error:
            reasons.append(f"{path.name}: {error}")
    found = "; ".join(reasons) or "there is none"
    raise InputError(f"no complete checkpoint in {folder} to resume from ({found})")


def save_part(folder: str | Path, name: str, tensors: dict[str, Tensor]) -> Path:
    """Write tensors that later checkpoints count on, under a name of their own.

    Raises
    ------
    RunError
        If they cannot be written.
    """
    path = Path(folder) / f"part-{name}.safetensors"
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with _partial_file(path) as partial:
            save_file(_unshared(tensors), partial)
    return path


def load_part(folder: str | Path, name: str, device: str = "cpu") -> dict[str, Tensor]:
    """Read what :func:`save_part` wrote.

    Raises
    ------
    InputError
        If it is missing or cannot be read.
    """
    path = Path(folder) / f"part-{name}.safetensors"
    try:
        with safe_open(path, framework="pt", device=device) as file:
            return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}, on which the newest checkpoint counts, cannot be read: {error}") from error


def _read(path: Path, device: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    with safe_open(path, framework="pt", device=device) as file:
        meta = json.loads(file.metadata()["meta"])
        return {name: file.get_tensor(name) for name in file.keys()}, meta  # noqa: SIM118 (not a dict)


@contextmanager
def _partial_file(path: Path) -> Iterator[Path]:
    """Give a file in a folder of its own, as its writer makes temporary files beside it."""
    partial = path.parent / ".partial"
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        yield partial / path.name
        sync(partial / path.name)
        (partial / path.name).replace(path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _checkpoints(folder: Path) -> list[Path]:
    return sorted(folder.glob(PATTERN))


def _number(checkpoints: list[Path]) -> int:
    digits = checkpoints[-1].stem.removeprefix("state-") if checkpoints else "0"
    return int(digits) if digits.isdigit() else 0


def _unshared(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return contiguous tensors, each alone in its storage, as safetensors wants them."""
    seen: set[int] = set()
    result = {}
    for name, tensor in tensors.items():
        storage = tensor.untyped_storage()
        alone = storage.nbytes() == tensor.nbytes and storage.data_ptr() not in seen
        seen.add(storage.data_ptr())
        tensor = tensor.detach().contiguous()
        result[name] = tensor if alone else tensor.clone(memory_format=torch.contiguous_format)
    return result
