"""A classifier as a folder: its weights as safetensors, and a JSON that says what they are the weights of.

model.safetensors       the network's state, names as PyTorch has them; zeros are exact zeros
network.json            architecture, shape of an input, classes with their names, how images are standardised
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from tamis_torch.errors import InputError, in_one_line
from tamis_torch.folders import new_folder
from tamis_torch.jsons import dumps
from tamis_torch.sources import CLASSIFIER
from tamis_torch.vision.images import Standard
from tamis_torch.vision.networks import NETWORKS, build

WEIGHTS, ABOUT = "model.safetensors", CLASSIFIER


class Classifier(NamedTuple):
    """A trained network, and what its inputs have to go through before."""

    network: nn.Module
    standard: Standard
    classes: int
    shape: tuple[int, ...]  # of one input
    class_names: tuple[str, ...] = ()  # of class 0, 1 ..., where they are known


def save_network(folder: Path, classifier: Classifier, arch: str) -> None:
    """Write a classifier of this architecture; the folder appears whole or not at all.

    Raises
    ------
    RunError
        If it cannot be written.
    """
    network, standard, classes, shape, names = classifier
    about = {
        "architecture": arch, "shape": list(shape), "classes": classes, "class_names": list(names),
        "mean": standard.mean.flatten().tolist(), "deviation": standard.deviation.flatten().tolist(),
    }  # fmt: skip
    state = {
        name: tensor.detach().cpu().contiguous().clone() for name, tensor in network.state_dict().items()
    }
    with new_folder(folder) as partial:
        save_file(state, partial / WEIGHTS, {"format": "pt"})
        (partial / ABOUT).write_text(dumps(about, indent=1) + "\n", "utf-8")


def load_network(folder: str | Path, network: nn.Module | str | None = None) -> Classifier:
    """Read what :func:`save_network` wrote, in evaluation mode on the CPU.

    Parameters
    ----------
    folder
        ``RUN/model``.
    network
        Of the same architecture, to be filled, or the ``"module:function"`` that makes it; needed for one
        that is a user's own, whose code is not imported because a file names it.

    Raises
    ------
    InputError
        If a file is missing or damaged, or the network does not fit or is needed.
    """
    folder = Path(folder)
    _check_place(folder)
    try:
        about: dict[str, Any] = json.loads((folder / ABOUT).read_text("utf-8"))
        state = load_file(folder / WEIGHTS)
    except (OSError, ValueError, SafetensorError) as error:
        raise InputError(f"{folder} is not a saved classifier: {error}") from error
    arch, shape = about["architecture"], tuple(about["shape"])
    if network is None and arch not in NETWORKS:
        raise InputError(
            f"network must be given, as {folder} is of {arch}: give it, or --arch module:function"
        )
    if not isinstance(network, nn.Module):
        network = build(network or arch, shape, about["classes"])
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        reason = in_one_line(error, 200)
        raise InputError(f"{folder}, which is of {arch}, does not fit the network: {reason}") from error
    names = tuple(about.get("class_names", ()))
    mean, deviation = (torch.tensor(about[name])[:, None, None] for name in ("mean", "deviation"))
    return Classifier(network.eval(), Standard(mean, deviation), about["classes"], shape, names)


def _check_place(folder: Path) -> None:
    if (folder / "model" / ABOUT).is_file():
        raise InputError(f"{folder} is the folder of a run; give its model: {folder / 'model'}")
    if not folder.is_dir():
        raise InputError(f"model folder {folder} does not exist; a run that was stopped has none yet")
