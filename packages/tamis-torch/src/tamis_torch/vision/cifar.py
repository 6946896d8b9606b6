"""CIFAR's binary form: records of a label's byte (CIFAR-100: coarse, then fine) and 3 x 32 x 32 bytes.

CIFAR-10 has ``data_batch_1.bin`` to ``data_batch_5.bin`` and ``test_batch.bin``, CIFAR-100 ``train.bin`` and
``test.bin``.  The form for Python is pickled, and pickles are not read.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from tamis_torch.errors import InputError
from tamis_torch.vision.images import Images, Part

SIDE = 32
TEN = [f"data_batch_{i}.bin" for i in range(1, 6)]


def has_cifar(folder: Path) -> bool:
    """Return whether there are training images in this form."""
    return (folder / TEN[0]).is_file() or (folder / "train.bin").is_file()


def read_cifar(folder: Path) -> Images:
    """Read CIFAR-10 or CIFAR-100, with its fine labels.

    Raises
    ------
    InputError
        If a file is missing or is not a whole number of records.
    """
    if (folder / TEN[0]).is_file():
        train, test = _records([folder / name for name in TEN], 1), _records([folder / "test_batch.bin"], 1)
        return Images(train, test, folder.name, 10, _names(folder / "batches.meta.txt", 10))
    train, test = _records([folder / "train.bin"], 2), _records([folder / "test.bin"], 2)
    return Images(train, test, folder.name, 100, _names(folder / "fine_label_names.txt", 100))


def _names(path: Path, classes: int) -> tuple[str, ...]:
    """Return the names of the classes, a line each, if the file is there and has so many."""
    names = path.read_text("utf-8", "replace").split() if path.is_file() else []
    return tuple(names) if len(names) == classes else ()


def _records(paths: Sequence[Path], labels: int) -> Part:
    """Return what stands in these files, of records with so many bytes of labels, the last one counting."""
    length = labels + 3 * SIDE * SIDE
    found = []
    for path in paths:
        try:
            content = path.read_bytes()
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error}") from error
        if not content or len(content) % length:
            raise InputError(f"{path} must be records of {length} bytes, got {len(content)} bytes")
        found.append(np.frombuffer(content, np.uint8).reshape(-1, length))
    records = torch.from_numpy(np.concatenate(found))
    return Part(records[:, labels:].reshape(-1, 3, SIDE, SIDE), records[:, labels - 1].long())
