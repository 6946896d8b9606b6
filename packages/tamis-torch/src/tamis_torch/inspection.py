"""What is in a saved model, read from its safetensors files: exact counts, one tensor at a time.

Nothing is loaded as a model and no name is guessed: every number is counted in the file.  Only
which axis N:M groups lie along is taken from the names: the last, but for GPT-2, which stores
its layers as (in, out).
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from tamis_torch.errors import InputError
from tamis_torch.human import percent
from tamis_torch.sources import CLASSIFIER

INDEX = "model.safetensors.index.json"
FILLED = 0.9  # share of the allowed nonzeros from which on a pattern with n > m / 2 is no accident
FP8 = torch.float8_e4m3fn, torch.float8_e5m2  # torch counts nothing in these
TRANSPOSED = ("gpt2",)  # model types whose layers are Conv1D: (in, out)


@dataclass(frozen=True)
class Row:
    """A tensor of the file.

    ``pattern`` names the n:4 and n:8 patterns that hold and are not implied by another, for
    example "2:4" (which implies 4:8); empty if there is none or the tensor is not a matrix.
    With n above m / 2 only those that are filled are named: others hold by chance.  ``inside`` says
    that it is a weight in a numbered layer, or any weight of a classifier; ``not_finite`` counts NaN
    and infinities.
    """

    name: str
    shape: tuple[int, ...]
    entries: int
    nonzeros: int
    sparsity: float
    pattern: str
    bytes: int
    dtype: str
    inside: bool
    not_finite: int


def inspect(folder: str | Path) -> list[Row]:
    """Return a row for each tensor of a model folder, a run folder or a safetensors file.

    Raises
    ------
    InputError
        If there is no safetensors file, one that the index names is missing, or one is truncated
        or corrupt.
    """
    folder = _model_folder(Path(folder))
    axis = 0 if _model_type(folder) in TRANSPOSED else -1
    every = (folder / CLASSIFIER).is_file()  # every layer of a classifier is pruned
    return [_row(name, tensor, axis, every) for path in _files(folder) for name, tensor in _tensors(path)]


def matrices(rows: Sequence[Row]) -> list[Row]:
    """Return the weights that pruning is about: those in numbered layers, or all if there are none."""
    return [row for row in rows if row.inside] or [row for row in rows if len(row.shape) > 1]


def plot(rows: Sequence[Row], width: int = 30) -> str:
    """Return a line a tensor with a bar for its sparsity, ASCII and without colour."""
    longest = max((len(row.name) for row in rows), default=0)
    lines = [
        f"{row.name:<{longest}}  {_bar(row.sparsity, width)}  {percent(row.sparsity):>8}  {row.pattern}"
        for row in rows
    ]
    return "\n".join(line.rstrip() for line in lines)


def _bar(share: float, width: int) -> str:
    return f"{'#' * round(width * share):.<{width}}"


def _model_folder(path: Path) -> Path:
    """Return the folder (or file) with the weights: of a run folder, its model."""
    return path / "model" if (path / "run.json").is_file() and (path / "model").is_dir() else path


def _model_type(folder: Path) -> str:
    config = (folder if folder.is_dir() else folder.parent) / "config.json"
    try:
        settings = json.loads(config.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    return str(settings.get("model_type", "")) if isinstance(settings, dict) else ""


def _files(folder: Path) -> list[Path]:
    """Return the safetensors files of a model, as its index names them if it has one."""
    if folder.is_file() and folder.suffix == ".safetensors":
        return [folder]
    if not folder.is_dir():
        found = "is not a .safetensors file" if folder.exists() else "does not exist"
        raise InputError(f"model {folder} {found}; give a folder with safetensors files or such a file")
    if (folder / INDEX).is_file():
        return _shards(folder)
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise InputError(f"model folder {folder} has no .safetensors file")
    return files


def _shards(folder: Path) -> list[Path]:
    try:
        names = set(json.loads((folder / INDEX).read_text(encoding="utf-8"))["weight_map"].values())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{folder / INDEX} is not a safetensors index: it has no map 'weight_map'"
        ) from error
    files = [folder / str(name) for name in sorted(names, key=str)]
    for path in files:
        if not path.is_file():
            raise InputError(f"{path} is missing, though {INDEX} names it")
    return files


def _tensors(path: Path) -> Iterator[tuple[str, Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118  (a safetensors file is no mapping)
                yield name, file.get_tensor(name)
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path} is truncated or not a safetensors file: {error}") from error


def _row(name: str, tensor: Tensor, axis: int, every: bool) -> Row:
    numbered = any(part.isdigit() for part in name.split("."))
    values = tensor.float() if tensor.dtype in FP8 else tensor
    nonzeros = int(torch.count_nonzero(values))
    entries = tensor.numel()
    return Row(
        name=name,
        shape=tuple(tensor.shape),
        entries=entries,
        nonzeros=nonzeros,
        sparsity=1 - nonzeros / entries if entries else 0.0,
        pattern=_patterns(values, axis) if tensor.ndim == 2 and entries else "",
        bytes=entries * tensor.element_size(),
        dtype=str(tensor.dtype).removeprefix("torch."),
        inside=tensor.ndim > 1 and (every or numbered),
        not_finite=entries - int(values.isfinite().sum()) if tensor.is_floating_point() else 0,
    )


def _patterns(matrix: Tensor, axis: int) -> str:
    """Return the patterns n:4 and n:8 that hold, the second only where it says more than the first.

    A pattern with n above m / 2 counts only if it is filled: 7:8 holds in most matrices with 90% of zeros.
    """
    kept = (matrix != 0).movedim(axis, -1).view(torch.uint8)
    density = float(kept.sum()) / kept.numel()
    four, eight = _fullest_group(kept, 4), _fullest_group(kept, 8)
    found = [f"{four}:4"] if four is not None and _means_something(four, 4, density) else []
    if eight is not None and four is not None and eight < 2 * four and _means_something(eight, 8, density):
        found.append(f"{eight}:8")
    return ", ".join(found)


def _means_something(n: int, m: int, density: float) -> bool:
    return n <= m / 2 or (n < m and density > FILLED * n / m)


def _fullest_group(kept: Tensor, m: int) -> int | None:
    """Return the most ones of any m consecutive entries of the last axis; None if m does not divide it."""
    if kept.shape[-1] % m:
        return None
    while m > 1:
        kept, m = kept[..., 0::2] + kept[..., 1::2], m // 2
    return int(kept.max())
