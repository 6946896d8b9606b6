"""Image classification: networks pruned while they are trained, and how flat and how robust they are.

``Safe``, ``Admm``, ``Gradual`` and the others are the methods' settings for :func:`tamis_torch.train_sparse`;
``Images`` holds a user's own data.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tamis_torch.vision.images import Images
    from tamis_torch.vision.layers import prunable
    from tamis_torch.vision.methods.admm import Admm
    from tamis_torch.vision.methods.dense import Dense
    from tamis_torch.vision.methods.gradual import Gradual, GradualSam
    from tamis_torch.vision.methods.iterative import Iterative
    from tamis_torch.vision.methods.magnitude import Magnitude
    from tamis_torch.vision.methods.safe import Safe
    from tamis_torch.vision.methods.sam import Sam
    from tamis_torch.vision.networks import build
    from tamis_torch.vision.reading import read_images
    from tamis_torch.vision.saving import load_network

_HOMES = {
    "Admm": "methods.admm",
    "Dense": "methods.dense",
    "Gradual": "methods.gradual",
    "GradualSam": "methods.gradual",
    "Images": "images",
    "Iterative": "methods.iterative",
    "Magnitude": "methods.magnitude",
    "Safe": "methods.safe",
    "Sam": "methods.sam",
    "build": "networks",
    "load_network": "saving",
    "prunable": "layers",
    "read_images": "reading",
}

__all__ = [
    "Admm",
    "Dense",
    "Gradual",
    "GradualSam",
    "Images",
    "Iterative",
    "Magnitude",
    "Safe",
    "Sam",
    "build",
    "load_network",
    "prunable",
    "read_images",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'tamis_torch.vision' has no attribute {name!r}")
    value = getattr(import_module(f"tamis_torch.vision.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
