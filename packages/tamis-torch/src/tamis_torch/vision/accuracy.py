"""The share of samples that a classifier gets right, and its mean cross-entropy."""

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from tamis_torch.modes import evaluating


class Score(NamedTuple):
    """How a classifier does on some samples."""

    accuracy: float
    loss: float  # cross-entropy, in nats a sample


@torch.no_grad()
def score(network: nn.Module, batches: Iterable[tuple[Tensor, Tensor]]) -> Score:
    """Return accuracy and loss over the batches, in evaluation mode; the network is left as it was."""
    right, total, count = 0, 0.0, 0
    with evaluating(network):
        for inputs, labels in batches:
            outputs = network(inputs)
            right += int((outputs.argmax(1) == labels).sum())
            total += float(cross_entropy(outputs, labels, reduction="sum"))
            count += len(labels)
    return Score(right / count, total / count)
