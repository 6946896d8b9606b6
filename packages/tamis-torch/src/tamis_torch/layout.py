"""What each tensor of a checkpoint belongs to: the shape of the whole parameter, and the format of codes."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import nn

from tamis_torch.few_bits import FewBitsAdam
from tamis_torch.inner import innermost
from tamis_torch.masters import Masters
from tamis_torch.optimizer import ADMM
from tamis_torch.state.codes import Format
from tamis_torch.state.held import Encoded


class Kind(NamedTuple):
    """How a tensor is to be cut."""

    shape: torch.Size | None = None  # of the whole parameter; None: the same on all ranks
    form: Format | None = None  # if it is codes


Layout = Callable[[str], Kind]


def layout(model: nn.Module | Masters, optimizer: torch.optim.Optimizer) -> Layout:
    """Return a function that tells of each name in a checkpoint (:mod:`tamis_torch.snapshot`) its kind."""
    named = dict(model.named_parameters())
    inner = innermost(optimizer)
    numbered = parameters(optimizer)

    def of_inner(number: str, key: str) -> Kind:
        form = None
        if isinstance(inner, FewBitsAdam):
            form = {"first_codes": inner.kept.first, "second_codes": inner.kept.second}.get(key)
        return Kind(numbered[int(number)].shape, form)

    def of_admm(part: str, name: str) -> Kind:
        assert isinstance(optimizer, ADMM), "only its checkpoints have such names"
        targets = optimizer.targets
        form = targets.form if part == "targets" and isinstance(targets, Encoded) else None
        return Kind(optimizer.weights[name].shape, form)

    def kind(name: str) -> Kind:
        owner, _, rest = name.partition(".")
        if owner == "model":
            return Kind(named[rest].shape) if rest in named else Kind()
        head, _, rest = rest.partition(".")
        return of_inner(head, rest) if owner == "optimizer" else of_admm(head, rest)

    return kind


def parameters(optimizer: torch.optim.Optimizer) -> list[nn.Parameter]:
    """Return the parameters in the order in which an optimiser's state numbers them."""
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]
