"""IDX files, the form of MNIST and Fashion-MNIST: ``train-images-idx3-ubyte`` and three more, or ``.gz``.

0 0 TYPE DIMENSIONS, then each dimension as a big-endian integer of 4 bytes, then the numbers
"""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tamis_torch.errors import InputError
from tamis_torch.vision.images import Images, Part

BYTES = 0x08  # the type: unsigned bytes
NAMES = {"train": "train", "test": "t10k"}


def has_idx(folder: Path) -> bool:
    """Return whether there are training images in this form."""
    return _find(folder, "train-images-idx3-ubyte") is not None


def read_idx_folder(folder: Path) -> Images:
    """Read the four files of a folder.

    Raises
    ------
    InputError
        If one is missing or is not what its name says.
    """
    parts = {role: _part(folder, name) for role, name in NAMES.items()}
    return Images(parts["train"], parts["test"], folder.name)


def read_idx(path: Path) -> Tensor:
    """Return the numbers of one file, uint8.

    Raises
    ------
    InputError
        If the file is no IDX file of bytes, or is cut short.
    """
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] != BYTES:
        raise InputError(f"{path} is no IDX file of bytes: it begins with {content[:4].hex(' ')}")
    start = 4 + 4 * content[3]
    if len(content) < start:
        raise InputError(f"{path} is cut short in its header")
    shape = struct.unpack(f">{content[3]}I", content[4:start])
    if len(content) - start != math.prod(shape):
        raise InputError(
            f"{path} should have {math.prod(shape)} bytes for the shape {shape}, got {len(content) - start}"
        )
    return torch.from_numpy(np.frombuffer(content, np.uint8, offset=start).reshape(shape).copy())


def _part(folder: Path, role: str) -> Part:
    names = f"{role}-images-idx3-ubyte", f"{role}-labels-idx1-ubyte"
    paths = [_find(folder, name) for name in names]
    for name, path in zip(names, paths, strict=True):
        if path is None:
            raise InputError(f"{folder} has no {name} (or {name}.gz)")
    inputs, labels = (read_idx(path) for path in paths if path is not None)
    return Part(inputs[:, None], labels.long())


def _find(folder: Path, name: str) -> Path | None:
    return next((p for p in (folder / name, folder / f"{name}.gz") if p.is_file()), None)
