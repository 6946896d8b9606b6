"""Random layers for the tests of the layer-wise methods, and the best that could be done with them."""

import itertools
from collections.abc import Iterator

import torch
from torch import Tensor

from tamis_torch.methods.reconstruction import refit_matrix, relative_error


def random_layer(rows: int, inputs: int, tokens: int | None = None, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return a weight matrix and the Gram of correlated inputs of unlike sizes, in float32."""
    random = torch.Generator().manual_seed(seed)
    tokens = tokens or 4 * inputs
    factors = torch.randn(tokens, max(1, inputs // 8), generator=random)
    loads = torch.randn(factors.shape[1], inputs, generator=random) / factors.shape[1] ** 0.5
    x = torch.randn(tokens, inputs, generator=random) + 2 * factors @ loads
    x = x * torch.exp(torch.randn(inputs, generator=random))
    return torch.randn(rows, inputs, generator=random), 2 / tokens * x.T @ x


def supports(shape: tuple[int, int], count: int) -> Iterator[Tensor]:
    """Yield the masks of all supports of ``count`` entries."""
    for chosen in itertools.combinations(range(shape[0] * shape[1]), count):
        mask = torch.zeros(shape[0] * shape[1], dtype=torch.bool)
        mask[list(chosen)] = True
        yield mask.reshape(shape)


def least_error(weight: Tensor, gram: Tensor, masks: Iterator[Tensor]) -> float:
    """Return the least error that any of ``masks`` allows."""
    return min(relative_error(refit_matrix(weight, gram, mask), weight, gram) for mask in masks)
