"""The whole state of a training as named tensors, and back: what a checkpoint holds.

model.NAME          parameters (masters if there are any) and buffers, tied ones once
optimizer.I.KEY     what the inner optimiser keeps for its I-th parameter
admm.PART.NAME      the targets, supports and moments of ADMM
"""

from typing import Any

import torch
from torch import Tensor, nn

from tamis_torch.errors import InputError
from tamis_torch.few_bits import FewBitsAdam
from tamis_torch.in_backward import InBackward
from tamis_torch.inner import innermost
from tamis_torch.layout import parameters
from tamis_torch.masters import Masters
from tamis_torch.optimizer import ADMM, PARTS
from tamis_torch.ranks import local, placed
from tamis_torch.state.held import tensors_of


def take(model: nn.Module | Masters, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return the state of a training as named tensors (views, not copies): the rows that are here."""
    tensors = {f"model.{name}": local(p.detach()) for name, p in _unique(model)}
    for index, state in optimizer.state_dict()["state"].items():
        own = {key: local(torch.as_tensor(value)) for key, value in state.items()}
        tensors |= {f"optimizer.{index}.{key}": value for key, value in own.items()}
    if isinstance(optimizer, ADMM):
        for part in PARTS:
            own = tensors_of(getattr(optimizer, part))
            tensors |= {f"admm.{part}.{name}": tensor for name, tensor in own.items()}
    return tensors


def describe(optimizer: torch.optim.Optimizer, inside: InBackward | None, step: int) -> dict[str, Any]:
    """Return what belongs to the state after ``step`` steps and is no tensor."""
    last = None if inside is None or inside.last is None else inside.last.item()
    meta: dict[str, Any] = {"step": step, "norm": last}
    if isinstance(optimizer, ADMM):
        meta |= {"begun": optimizer.begun, "watch": optimizer.watch}
    return meta


@torch.no_grad()
def put_back(
    tensors: dict[str, Tensor],
    meta: dict[str, Any],
    model: nn.Module | Masters,
    optimizer: torch.optim.Optimizer,
    inside: InBackward | None = None,
) -> None:
    """Restore what :func:`take` and :func:`describe` returned.

    Raises
    ------
    InputError
        If it is the state of a network of other layers; nothing is changed then.
    """
    own = {f"model.{name}": local(p.detach()) for name, p in _unique(model)}
    _check_same(own, {name: kept for name, kept in tensors.items() if name.startswith("model.")})
    for name, tensor in own.items():
        tensor.copy_(tensors[name])
    full = optimizer.state_dict()
    full["state"] = _nested({k: v for k, v in tensors.items() if k.startswith("optimizer.")})
    if not isinstance(innermost(optimizer), FewBitsAdam):  # whose state is plain
        for index, state in full["state"].items():
            like = parameters(optimizer)[index]
            full["state"][index] = {k: placed(v, like) if v.ndim else v for k, v in state.items()}
    if isinstance(optimizer, ADMM):
        full["admm"] = (
            {key: meta[key] for key in ("begun", "watch")}
            | {"count": meta["step"]}
            | {
                part: {name: tensors[f"admm.{part}.{name}"] for name in tensors_of(getattr(optimizer, part))}
                for part in PARTS
            }
        )
    optimizer.load_state_dict(full)
    if inside is not None and meta["norm"] is not None:
        inside.last = torch.tensor(meta["norm"])


def _unique(model: nn.Module | Masters) -> list[tuple[str, Tensor]]:
    return [*model.named_parameters(), *model.named_buffers()]


def _check_same(own: dict[str, Tensor], kept: dict[str, Tensor]) -> None:
    """Refuse to go on with tensors of other names or shapes."""
    shapes = [{name: tuple(tensor.shape) for name, tensor in side.items()} for side in (own, kept)]
    for name in sorted(shapes[0].keys() | shapes[1].keys()):
        here, there = (side.get(name, "none") for side in shapes)
        if here != there:
            raise InputError(
                f"the model must be that of the run: {name.removeprefix('model.')} has the shape {here}, in "
                f"the checkpoint {there}"
            )


def _nested(flat: dict[str, Tensor]) -> dict[int, dict[str, Any]]:
    states: dict[int, dict[str, Any]] = {}
    for name, tensor in flat.items():
        _, index, key = name.split(".", 2)
        states.setdefault(int(index), {})[key] = tensor
    return states
