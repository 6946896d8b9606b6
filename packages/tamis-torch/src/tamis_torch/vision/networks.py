"""Image classifiers by name: the ResNets and VGGs of the pruning literature in their CIFAR form, and an MLP.

``resnet8``, ``resnet20``, ``resnet32``
    6n + 2 layers in three stages of 16, 32, 64 channels (He et al. 2016, section 4.2).  Shortcuts have
    no parameters (their option A): every second pixel, and zeros for the new channels.
``vgg11``, ``vgg19``
    3x3 convolutions with batch norm, five max-poolings, one linear layer (Simonyan & Zisserman 2015,
    tables A and E, with the head that is usual for small images).
``mlp``
    Two hidden layers of 256 and 128 units, for any shape.
``module:function``
    A user's own: called with the shape of an image and the number of classes.
"""

import sys
from collections.abc import Callable
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, relu

from tamis_torch.errors import InputError, in_one_line

Shape = tuple[int, ...]  # of one input: (channels, height, width) of an image
VGG = {
    "vgg11": (64, 0, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512, 0),
    "vgg19": (64,) * 2 + (0,) + (128,) * 2 + (0,) + (256,) * 4 + (0,) + ((512,) * 4 + (0,)) * 2,
}  # channels of each convolution; 0 halves the image
HIDDEN = 256, 128  # units of the MLP


class Block(nn.Module):
    """x -> relu(F(x) + shortcut(x)), F of two 3x3 convolutions with batch norm."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.stride, self.more = stride, width - channels

    def forward(self, x: Tensor) -> Tensor:
        """Return the output, (n, width, height / stride, width / stride)."""
        out = self.norm2(self.conv2(relu(self.norm1(self.conv1(x)))))
        if self.stride > 1 or self.more:
            x = pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.more))
        return relu(out + x)


def resnet(blocks: int, shape: Shape, classes: int) -> nn.Module:
    """Return a ResNet with so many blocks in each of three stages."""
    layers = [nn.Conv2d(shape[0], 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    channels = 16
    for stage, width in enumerate((16, 32, 64)):
        for number in range(blocks):
            layers.append(Block(channels, width, 2 if stage and not number else 1))
            channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, classes))


def vgg(plan: tuple[int, ...], shape: Shape, classes: int) -> nn.Module:
    """Return a VGG of these convolutions; an image that is one pixel wide is not halved any more."""
    layers: list[nn.Module] = []
    channels = shape[0]
    for width in plan:
        if not width:
            layers.append(nn.MaxPool2d(2, ceil_mode=True))
            continue
        layers += [nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))


def mlp(shape: Shape, classes: int) -> nn.Module:
    """Return an MLP of two hidden layers."""
    widths = (torch.Size(shape).numel(), *HIDDEN)
    layers: list[nn.Module] = [nn.Flatten()]
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(widths[-1], classes))


NETWORKS: dict[str, Callable[[Shape, int], nn.Module]] = {
    "resnet8": lambda shape, classes: resnet(1, shape, classes),
    "resnet20": lambda shape, classes: resnet(3, shape, classes),
    "resnet32": lambda shape, classes: resnet(5, shape, classes),
    "vgg11": lambda shape, classes: vgg(VGG["vgg11"], shape, classes),
    "vgg19": lambda shape, classes: vgg(VGG["vgg19"], shape, classes),
    "mlp": mlp,
}


def build(arch: str, shape: Shape, classes: int, seed: int = 0) -> nn.Module:
    """Return a network with random weights, the same for the same seed.

    Parameters
    ----------
    arch
        One of the names above, or ``module:function``: a function of the shape of an input and the
        number of classes; modules are also looked for in the working folder.
    shape
        Of one input, such as (3, 32, 32).
    classes
        How many outputs.
    seed
        Of the weights; the random numbers of anything else are left as they are.

    Raises
    ------
    InputError
        If there is no such network, it wants images and the inputs are none, or the function fails.
    """
    make = find(arch)
    if arch in NETWORKS and arch != "mlp" and len(shape) != 3:
        raise InputError(
            f"arch {arch} needs images of (channels, height, width), got inputs of {tuple(shape)}"
        )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        try:
            network = make(tuple(shape), classes)
        except Exception as error:  # of a user's own code
            raise InputError(
                f"arch {arch} fails for shape {tuple(shape)} and {classes} classes: {in_one_line(error)}"
            ) from error
        if not isinstance(network, nn.Module):
            raise InputError(f"{arch} must return a torch.nn.Module, got {type(network).__name__}")
        if arch in NETWORKS:
            _begin(network)
    return network


def _begin(network: nn.Module) -> None:
    """Draw the convolutions' weights with variance 2 / fan-out (He et al. 2015)."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


def find(arch: str) -> Callable[[Shape, int], nn.Module]:
    """Return what makes a network of this name, of ours or the user's; nothing is made yet.

    Raises
    ------
    InputError
        If there is none.
    """
    if arch in NETWORKS:
        return NETWORKS[arch]
    module, colon, name = arch.partition(":")
    if not (module and colon and name):
        raise InputError(f"arch must be one of {', '.join(NETWORKS)} or module:function, got {arch!r}")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found: Callable[[Shape, int], nn.Module] = getattr(import_module(module), name)
    except Exception as error:  # a module of the user's, which may do anything
        raise InputError(f"arch {arch} cannot be imported: {in_one_line(error)}") from error
    return found
