"""How many test images a classifier gets right when they are corrupted, six kinds at five strengths."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from tamis_torch.errors import InputError
from tamis_torch.vision.accuracy import score
from tamis_torch.vision.batches import EVALUATED
from tamis_torch.vision.corruptions import STRENGTHS, corrupted
from tamis_torch.vision.images import Part, Standard

Accuracies = dict[str, list[float]]


def under_corruption(
    network: nn.Module, standard: Standard, part: Part, device: torch.device | None = None
) -> Accuracies:
    """Return the accuracy under each kind of corruption, at strengths 1 to 5.

    Parameters
    ----------
    network
        On ``device``; left as it was.
    standard
        By which its training images were standardised, as :func:`tamis_torch.vision.load_network` has it.
    part
        The test images, of uint8, and their labels.
    device
        By default the CPU.

    Raises
    ------
    InputError
        If the inputs are not images, or Pillow is missing.
    """
    if part.inputs.dtype != torch.uint8:
        raise InputError(f"images must be of uint8 to be corrupted, got {part.inputs.dtype}")
    device = device or torch.device("cpu")
    return {
        kind: [
            score(network, _changed(standard, part, device, kind, strength)).accuracy
            for strength in range(1, len(strengths) + 1)
        ]
        for kind, strengths in STRENGTHS.items()
    }


def _changed(
    standard: Standard, part: Part, device: torch.device, kind: str, strength: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the images with one corruption, in 8 bits as image files have them, and then standardised."""
    for number, start in enumerate(range(0, len(part.labels), EVALUATED)):
        here = slice(start, start + EVALUATED)
        pictures = corrupted(part.inputs[here].float() / 255, kind, strength, seed=number)
        inputs = standard((255 * pictures).round().to(torch.uint8))
        yield inputs.to(device), part.labels[here].to(device)
