"""The whole state of a training as named tensors, and back: what a checkpoint holds.

model.NAME          parameters and buffers, tied ones once
optimizer.I.KEY     what the inner optimiser keeps for its I-th parameter
admm.z.NAME, admm.u.NAME
"""

from typing import Any

import torch
from torch import Tensor, nn

from tamis.admm import State
from tamis_torch.optimizer import ADMM


def take(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return the state of a training as named tensors (views, not copies)."""
    tensors = {f"model.{name}": p.detach() for name, p in _unique(model)}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{key}": torch.as_tensor(value) for key, value in state.items()}
    if isinstance(optimizer, ADMM):
        for name, state in optimizer.states.items():
            tensors |= {f"admm.z.{name}": state.z, f"admm.u.{name}": state.u}
    return tensors


def describe(optimizer: torch.optim.Optimizer, step: int) -> dict[str, Any]:
    """Return what belongs to the state after ``step`` steps and is no tensor."""
    return {"step": step, "watch": optimizer.watch if isinstance(optimizer, ADMM) else None}


@torch.no_grad()
def put_back(
    tensors: dict[str, Tensor], meta: dict[str, Any], model: nn.Module, optimizer: torch.optim.Optimizer
) -> None:
    """Restore what :func:`take` and :func:`describe` returned."""
    for name, p in _unique(model):
        p.copy_(tensors[f"model.{name}"])
    full = optimizer.state_dict()
    full["state"] = _nested({k: v for k, v in tensors.items() if k.startswith("optimizer.")})
    if isinstance(optimizer, ADMM):
        states = {n: State(tensors[f"admm.z.{n}"], tensors[f"admm.u.{n}"]) for n in optimizer.states}
        full["admm"] = {
            "states": {n: s._asdict() for n, s in states.items()},
            "count": meta["step"],
            "watch": meta["watch"],
        }
    optimizer.load_state_dict(full)


def _unique(model: nn.Module) -> list[tuple[str, Tensor]]:
    return [*model.named_parameters(), *model.named_buffers()]


def _nested(flat: dict[str, Tensor]) -> dict[int, dict[str, Any]]:
    states: dict[int, dict[str, Any]] = {}
    for name, tensor in flat.items():
        _, index, key = name.split(".", 2)
        states.setdefault(int(index), {})[key] = tensor
    return states
