"""Image files, a folder a class, below ``train/`` and ``test/``; in a folder or a .zip file."""

import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tamis_torch.errors import InputError
from tamis_torch.extras import borrow
from tamis_torch.vision.images import Images, Part

ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".ppm", ".pgm")
PACKED_TOO = ("__MACOSX",)  # beside what a user packs
Place = Path | zipfile.Path


def has_class_folders(place: Path) -> bool:
    """Return whether there is a .zip file or a folder ``train``."""
    return zipfile.is_zipfile(place) if place.is_file() else (place / "train").is_dir()


def read_class_folders(place: Path) -> Images:
    """Read all images; classes are numbered by their names in alphabetical order.

    In a .zip file the two may lie in one folder that holds all.  Grey images have one channel if the first
    one has; any others are read as red, green, blue.  What begins with a dot is left out.

    Raises
    ------
    InputError
        If ``train`` or ``test`` is missing, their classes differ, an image is of another size than the first,
        or Pillow is not installed.
    """
    open_image = borrow("PIL.Image", "open", "images", "reading image files")
    root: Place = _top(zipfile.Path(place)) if place.is_file() else place
    names = {role: _classes(root, role) for role in ("train", "test")}
    if names["train"] != names["test"]:
        other = min(set(names["train"]) ^ set(names["test"]))
        lacks = "train" if other in names["test"] else "test"
        raise InputError(f"{place} must have the same classes in train and test; {lacks} lacks {other}")
    parts = {}
    like: Tensor | None = None
    for role in names:
        inputs: list[Tensor] = []
        labels: list[int] = []
        for number, name in enumerate(names[role]):
            for file in _images(root / role / name):
                like = inputs[0] if inputs else like
                inputs.append(_image(open_image, file, like))
                labels.append(number)
        if not inputs:
            raise InputError(f"{place} has no images below {role}/ (files ending in {', '.join(ENDINGS)})")
        parts[role] = Part(torch.stack(inputs), torch.tensor(labels))
    return Images(parts["train"], parts["test"], place.stem, class_names=tuple(names["train"]))


def _top(archive: zipfile.Path) -> zipfile.Path:
    """Return the folder in which ``train`` lies: the file's own, or the only one in it."""
    folders = [place for place in archive.iterdir() if place.is_dir() and place.name not in PACKED_TOO]
    alone = len(folders) == 1 and (folders[0] / "train").is_dir()
    return folders[0] if alone else archive


def _classes(root: Place, role: str) -> list[str]:
    if not (root / role).is_dir():
        raise InputError(
            f"{root} must have the folders train and test, with a folder a class, but has no {role}"
        )
    folders = (place for place in (root / role).iterdir() if place.is_dir())
    return sorted(folder.name for folder in folders if not folder.name.startswith("."))


def _images(folder: Place) -> Iterator[Place]:
    files = [file for file in folder.iterdir() if _is_image(file.name)]
    yield from sorted(files, key=lambda file: file.name)


def _is_image(name: str) -> bool:
    return name.lower().endswith(ENDINGS) and not name.startswith(".")


def _image(open_image: Any, file: Place, like: Tensor | None) -> Tensor:
    """Return an image, (channels, height, width) of uint8, with as many channels as the one it is like."""
    try:
        with open_image(BytesIO(file.read_bytes())) as image:
            if image.mode[0] in "IF":
                raise ValueError(f"it must have 8 bits a channel, got Pillow's mode {image.mode}")
            grey = image.mode in ("1", "L") if like is None else len(like) == 1
            pixels = np.array(image.convert("L" if grey else "RGB"))
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"{file} cannot be read as an image: {error}") from error
    found = torch.from_numpy(pixels[:, :, None] if grey else pixels).movedim(-1, 0)
    if like is not None and found.shape != like.shape:
        sizes = f"{found.shape[2]}x{found.shape[1]}", f"{like.shape[2]}x{like.shape[1]}"
        raise InputError(f"{file} must have the size of the first image, {sizes[1]}, got {sizes[0]}")
    return found.contiguous()
