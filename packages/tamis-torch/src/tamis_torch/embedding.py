r"""A sparse gradient of the input embedding, where steps are made in the backward pass.

The gradient of an embedding E with V rows is zero but for the rows of the tokens that were read.  As a
dense tensor it is the largest of all, and where the head is tied to it there are two of that size,
of which the sum is a third:

    dE  =  dE_head + dE_input        dE_head dense, there from the beginning of the backward pass
                                     dE_input as (token, row), at its end

Here the second stays sparse and is added to the first in place, and only then is E stepped.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from tamis_torch.in_backward import InBackward


@contextmanager
def sparse_embedding(model: Any, inside: InBackward | None) -> Iterator[None]:
    """Keep the gradient of the model's input embedding sparse while steps are made in the backward pass.

    Models whose embedding is not an ``nn.Embedding``, or is sharded, are left as they are.
    """
    find = getattr(model, "get_input_embeddings", None)
    embedding = find() if inside is not None and find is not None else None
    if inside is None or not isinstance(embedding, nn.Embedding) or isinstance(embedding.weight, DTensor):
        yield
        return
    weight, was = cast(nn.Parameter, embedding.weight), embedding.sparse
    read = nn.Parameter(weight.detach())  # the same memory, a leaf of its own
    step = inside.defer(weight)

    def add(_: Tensor) -> None:
        assert read.grad is not None
        weight.grad = read.grad.to_dense() if weight.grad is None else _added(weight.grad, read.grad)
        read.grad = None
        if not inside.holding:
            step()

    handles = [
        read.register_post_accumulate_grad_hook(add),  # type: ignore[no-untyped-call]
        embedding.register_forward_pre_hook(lambda module, given: _put(embedding, read)),
        embedding.register_forward_hook(lambda module, given, result: _put(embedding, weight)),
    ]
    embedding.sparse = True
    try:
        yield
    finally:
        embedding.sparse = was
        _put(embedding, weight)
        for handle in handles:
            handle.remove()


def _put(embedding: nn.Embedding, weight: nn.Parameter) -> None:
    embedding._parameters["weight"] = weight


@torch.no_grad()
def _added(total: Tensor, part: Tensor) -> Tensor:
    return total.add_(part)
