"""A network with the images that it learns from and is judged by, and what is asked of the two."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from tamis_torch.errors import InputError, in_one_line
from tamis_torch.vision.accuracy import Score, score
from tamis_torch.vision.augment import Kind
from tamis_torch.vision.batch_norm import SAMPLES, estimate_again
from tamis_torch.vision.batches import Batches, in_order
from tamis_torch.vision.images import Images, Part, Standard, standard_of
from tamis_torch.vision.layers import prunable
from tamis_torch.vision.methods.training import ImageTraining, Plan, Pruned
from tamis_torch.vision.networks import build, find
from tamis_torch.vision.noisy_labels import symmetric_noise


@dataclass(frozen=True)
class Task:
    """A network with the images that it learns from and is judged by."""

    arch: str
    network: nn.Module
    images: Images
    standard: Standard
    batches: Batches
    weights: dict[str, nn.Parameter]  # what is pruned
    method: ImageTraining  # every setting resolved
    plan: Plan
    device: torch.device

    def score(self, part: Part, count: int | None = None) -> Score:
        """Return how the network does as it is."""
        return score(self.network, in_order(part, self.standard, self.device, count))

    def norm_again(self) -> None:
        """Take batch norm's statistics again, on training images as they are."""
        size, part = self.batches.batch_size, self.images.train
        count = min(SAMPLES, len(part.labels)) // size * size
        batches = in_order(part, self.standard, self.device, count, size)
        estimate_again(self.network, (inputs for inputs, _ in batches))


def check_network(network: object) -> None:
    """Refuse what is no name of a network and no network, before any image is read."""
    if isinstance(network, str):
        find(network)
        return
    if isinstance(network, nn.Module):
        return
    got = f"the class {network.__name__}" if isinstance(network, type) else type(network).__name__
    raise InputError(
        f"network must be a name, 'module:function' or an nn.Module, got {got}; a function or class of yours "
        "is called first"
    )


def prepare(
    network: str | nn.Module, images: Images, method: ImageTraining, label_noise: float, device: str
) -> Task:
    """Return the task that is asked for, every setting resolved.

    Raises
    ------
    InputError
        If network, images and settings do not fit.
    """
    if label_noise:
        labels = symmetric_noise(images.train.labels, label_noise, images.classes, method.seed)
        images = replace(images, train=Part(images.train.inputs, labels))
    if isinstance(network, str):
        arch, network = network, build(network, images.shape, images.classes, method.seed)
    else:
        arch = type(network).__name__
    network.to(device)
    method = replace(method, augment=_augmentation(method, images))
    standard = standard_of(images.train)
    batches = Batches(images.train, standard, method.batch_size, method.seed, method.augment)
    _check_outputs(network, standard(images.test.inputs[:2]).to(device), images.classes)
    _check_finite(network)
    chosen = (method.layers, method.skip) if isinstance(method, Pruned) else ()
    steps = method.epochs * batches.per_epoch
    return Task(
        arch, network, images, standard, batches, prunable(network, *chosen), method, method.plan(steps),
        torch.device(device),
    )  # fmt: skip


def _check_finite(network: nn.Module) -> None:
    for name, tensor in network.state_dict().items():
        if not bool(torch.isfinite(tensor).all()):
            raise InputError(f"network must have finite weights, but {name} has NaN or infinity")


def _augmentation(method: ImageTraining, images: Images) -> Kind:
    if method.augment not in (None, "none") and len(images.shape) != 3:
        raise InputError(
            f"augment must be none for inputs of the shape {images.shape}, got {method.augment!r}"
        )
    are_images = len(images.shape) == 3 and images.train.inputs.dtype == torch.uint8
    return method.augment or ("crop" if are_images else "none")


@torch.no_grad()
def _check_outputs(network: nn.Module, inputs: Tensor, classes: int) -> None:
    training = network.training
    try:
        found = network.eval()(inputs)
    except Exception as error:  # of a user's own code
        raise InputError(
            f"network cannot take inputs of the shape {tuple(inputs.shape)}: {in_one_line(error)}"
        ) from error
    finally:
        network.train(training)
    if not isinstance(found, Tensor):
        raise InputError(f"network must return one tensor, (samples, classes), got {type(found).__name__}")
    if tuple(found.shape) != (len(inputs), classes):
        raise InputError(
            f"network must return (samples, classes), here {(len(inputs), classes)}, got {tuple(found.shape)}"
        )
