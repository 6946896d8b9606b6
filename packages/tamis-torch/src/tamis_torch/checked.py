"""A safetensors file that tells when it is not what was written: cut short, a bit flipped, another version.

safetensors compares the length of a file with its header, and notices no more than that.  So the header
holds, beside names, dtypes, shapes and places,

    version    of this layout, see :data:`VERSION`
    meta       JSON
    crc32      of version, meta, and of each tensor in the order of names: name, dtype, shape, bytes

CRC-32 finds every flipped bit, every burst of up to 32, and of all other damage all but one in 4e9.  Of
what is in the standard library it is the quickest (zlib 2.3 GB/s, SHA-256 1.2, BLAKE2b 1.0 on one core where
this was written), and what damages a file is no adversary.  It reads the tensors where they are: no copy, or
of one tensor at a time if they are on a GPU.

In every later version the three entries have to stay what they are, so that a file of another version can be
told from a damaged one.
"""

import json
import re
import shutil
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from tamis_torch.errors import InputError
from tamis_torch.folders import sync

VERSION = 3  # 1 had no checksum, 2 had other blocks and noise
RANK = re.compile(r"\.rank-\d+$")  # at the end of the name of a rank's file
UNREADABLE = (SafetensorError, OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError)


class Damaged(InputError):
    """A file is not what was written; the message says how that shows."""


def write(path: Path, tensors: Mapping[str, Tensor], meta: Mapping[str, Any]) -> None:
    """Write tensors and what JSON can hold; the file appears whole, and on the disk, or not at all.

    Parameters
    ----------
    path
        In a folder that is there.
    tensors
        Of any dtype and device; views and tensors that share memory are stored apart.
    meta
        Floats come back to the last bit.
    """
    stored, text = _unshared(tensors), json.dumps(meta)
    header = {"format": "pt", "version": str(VERSION), "meta": text}
    header["crc32"] = checksum(stored, header["version"], text)
    with _partial_file(path) as partial:
        save_file(stored, partial, metadata=header)


def read(path: Path, device: str = "cpu") -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return what was given to :func:`write`.

    Raises
    ------
    Damaged
        If the file cannot be read, or holds something else.
    InputError
        If it is whole, but of another version.
    """
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except UNREADABLE as error:
        raise Damaged(f"{path.name}: {error}") from error
    _check(path, tensors, header)
    return {name: tensor.to(device) for name, tensor in tensors.items()}, json.loads(header["meta"])


def checksum(tensors: Mapping[str, Tensor], version: str, meta: str) -> str:
    """Return the CRC-32 of what a file says, as 8 hexadecimal digits."""
    crc = zlib.crc32(json.dumps([version, meta]).encode())
    for name, tensor in sorted(tensors.items()):
        crc = zlib.crc32(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode(), crc)
        crc = zlib.crc32(tensor.detach().contiguous().cpu().reshape(-1).view(torch.uint8).numpy().data, crc)
    return f"{crc:08x}"


def _check(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, str]) -> None:
    """Refuse a file that is not what was written, then one that is but of another version."""
    version, told = header.get("version"), header.get("crc32")
    if version is None and told is None and "meta" in header:
        version = "1"
    elif version is None or told is None or "meta" not in header:
        raise Damaged(f"{path.name}: its header lacks an entry of version, meta and crc32")
    elif (found := checksum(tensors, version, header["meta"])) != told:
        raise Damaged(f"{path.name}: its checksum is {found}, its header says {told}")
    if version != str(VERSION):
        raise InputError(
            f"{path} is of version {version} of the checkpoints' format, this tamis-torch reads version "
            f"{VERSION}: go on with the tamis-torch that wrote it, or begin anew with --force"
        )


@contextmanager
def _partial_file(path: Path) -> Iterator[Path]:
    """Give a file in a folder of its own, as its writer makes temporary files beside it.

    Ranks that write at the same time, each its part of a state, have one each.
    """
    rank = RANK.search(path.stem)
    partial = path.parent / f".partial{rank[0] if rank else ''}"
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        yield partial / path.name
        sync(partial / path.name)
        (partial / path.name).replace(path)
        sync(path.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _unshared(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
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
