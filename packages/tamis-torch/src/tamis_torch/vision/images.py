"""Images with their labels: what a classifier learns from and what it is judged by."""

import hashlib
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from tamis_torch.errors import InputError
from tamis_torch.methods.checks import check_count


class Part(NamedTuple):
    """Inputs and labels, sample by sample."""

    inputs: Tensor  # (n, ...): images (n, channels, height, width) of uint8, or anything of float32
    labels: Tensor  # int64, (n,)


@dataclass(frozen=True)
class Images:
    """Training and test images.

    Parameters
    ----------
    train, test : (inputs, labels)
        Inputs of uint8 are images in 0...255, (n, channels, height, width), which are standardised by the
        training images' mean and deviation of each channel.  Inputs of float32 are taken as they are,
        whatever their shape.  Labels are integers from 0.
    name : str
        As reports call them.
    classes : int, optional
        By default as many as have a name, or one more than the largest label.
    class_names : sequence of str, optional
        Of class 0, 1 and so on, as far as they are known.

    Raises
    ------
    InputError
        If shapes, types or labels do not fit, or an input is not finite.
    """

    train: Part
    test: Part
    name: str = "images given in Python"
    classes: int = 0
    class_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for role in ("train", "test"):
            object.__setattr__(self, role, _checked(role, *getattr(self, role)))
        if self.train.inputs.dtype != self.test.inputs.dtype or self.train.inputs[0].shape != self.shape:
            raise InputError("test inputs must be of the training inputs' type and shape")
        largest = max(int(part.labels.max()) for part in (self.train, self.test))
        object.__setattr__(self, "class_names", tuple(self.class_names))
        if not self.classes:
            object.__setattr__(self, "classes", len(self.class_names) or largest + 1)
        if self.classes < 2:
            raise InputError(f"images must be of two classes or more, got {self.classes}")
        if largest >= self.classes:
            raise InputError(f"labels must be below the number of classes ({self.classes}), got {largest}")
        if len(self.class_names) not in (0, self.classes):
            raise InputError(f"class_names must be {self.classes}, one a class, got {len(self.class_names)}")

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one input."""
        return tuple(self.test.inputs.shape[1:])

    def sample(self, count: int | None) -> "Images":
        """Return these images with a fixed random sample of so many training images; None: all."""
        if count is None:
            return self
        check_count("images", count, 1)
        if count > len(self.train.labels):
            raise InputError(
                f"images must be at most the {len(self.train.labels)} that there are, got {count}"
            )
        chosen = torch.from_numpy(np.random.default_rng(0).permutation(len(self.train.labels))[:count])
        part = Part(self.train.inputs[chosen], self.train.labels[chosen])
        return replace(self, train=part, name=f"{self.name} ({count} of its training images)")

    def untaught(self) -> list[str]:
        """Return the classes of which there is no training image, by name or number."""
        counts = torch.bincount(self.train.labels, minlength=self.classes).tolist()
        names = self.class_names or range(self.classes)
        return [str(name) for name, count in zip(names, counts, strict=True) if not count]

    def describe(self) -> dict[str, Any]:
        """Return what identifies them, as run.json has it."""
        parts = {"train": self.train, "eval": self.test}
        return {
            role: {"path": self.name, "images": len(part.labels), "hash": digest(part)}
            for role, part in parts.items()
        }


class Standard(NamedTuple):
    """The mean and deviation by which images of uint8 are standardised, each (channels, 1, 1)."""

    mean: Tensor
    deviation: Tensor

    def __call__(self, inputs: Tensor) -> Tensor:
        """Return inputs of float32: images standardised, others as they are.

        Raises
        ------
        InputError
            If inputs are not of uint8, as those were whose mean and deviation these are.
        """
        if inputs.dtype != torch.uint8:
            if self.mean.any():
                raise InputError(f"inputs must be images in 0...255 of uint8, got {inputs.dtype}")
            return inputs
        return (inputs.float() / 255 - self.mean.to(inputs.device)) / self.deviation.to(inputs.device)


def standard_of(part: Part) -> Standard:
    """Return the mean and deviation of each channel of images of uint8; those of others are 0 and 1."""
    if part.inputs.dtype != torch.uint8:
        return Standard(torch.zeros(1, 1, 1), torch.ones(1, 1, 1))
    channels = part.inputs.movedim(1, 0).flatten(1)
    counts = torch.stack([torch.bincount(channel, minlength=256) for channel in channels]).double()
    values, total = torch.arange(256).double() / 255, counts.sum(1, keepdim=True)
    mean = (counts @ values)[:, None] / total
    variance = (counts * (values - mean) ** 2).sum(1, keepdim=True) / total
    deviation = variance.sqrt().clamp(min=1 / 255)  # a channel that is one colour
    return Standard(mean.float()[:, :, None], deviation.float()[:, :, None])


def digest(part: Part) -> str:
    """Return a hash of inputs and labels as 16 hexadecimal digits."""
    found = hashlib.blake2b(digest_size=8)
    for tensor in part:
        found.update(np.ascontiguousarray(tensor.cpu().numpy()).data)
    return found.hexdigest()


def _checked(role: str, inputs: Tensor, labels: Tensor) -> Part:
    inputs, labels = torch.as_tensor(inputs), torch.as_tensor(labels)
    if inputs.dtype not in (torch.uint8, torch.float32):
        raise InputError(f"{role} inputs must be of uint8 or float32, got {inputs.dtype}")
    if inputs.ndim < 2 or (inputs.dtype == torch.uint8 and inputs.ndim != 4):
        wanted = "(n, channels, height, width)" if inputs.dtype == torch.uint8 else "(n, ...)"
        raise InputError(f"{role} inputs must have the shape {wanted}, got {tuple(inputs.shape)}")
    if labels.ndim != 1 or labels.is_floating_point() or not 0 < len(labels) == len(inputs):
        raise InputError(
            f"{role} labels must be integers, one for each of {len(inputs)} inputs, got {labels.dtype} of "
            f"{tuple(labels.shape)}"
        )
    if int(labels.min()) < 0:
        raise InputError(f"{role} labels must be 0 or more, got {int(labels.min())}")
    if inputs.dtype == torch.float32 and not bool(torch.isfinite(inputs).all()):
        raise InputError(f"{role} inputs must be finite")
    return Part(inputs, labels.long())
