"""The whole state of a training as named tensors, and back: what a checkpoint holds.

model.NAME          parameters (masters if there are any) and buffers, tied ones once
optimizer.I.KEY     what the inner optimiser keeps for its I-th parameter
admm.PART.NAME      the targets, supports and moments of ADMM
"""

from typing import Any

import torch
from torch import Tensor, nn

from tamis_torch.masters import Masters
from tamis_torch.optimizer import ADMM

PARTS = ("targets", "kept", "moments")


def take(model: nn.Module | Masters, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return the state of a training as named tensors (views, not copies)."""
    tensors = {f"model.{name}": p.detach() for name, p in _unique(model)}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{key}": torch.as_tensor(value) for key, value in state.items()}
    if isinstance(optimizer, ADMM):
        for part in PARTS:
            tensors |= {f"admm.{part}.{name}": own for name, own in getattr(optimizer, part).items()}
    return tensors


def describe(optimizer: torch.optim.Optimizer, step: int) -> dict[str, Any]:
    """Return what belongs to the state after ``step`` steps and is no tensor."""
    if not isinstance(optimizer, ADMM):
        return {"step": step}
    return {"step": step, "begun": optimizer.begun, "watch": optimizer.watch}


@torch.no_grad()
def put_back(
    tensors: dict[str, Tensor],
    meta: dict[str, Any],
    model: nn.Module | Masters,
    optimizer: torch.optim.Optimizer,
) -> None:
    """Restore what :func:`take` and :func:`describe` returned."""
    for name, p in _unique(model):
        p.copy_(tensors[f"model.{name}"])
    full = optimizer.state_dict()
    full["state"] = _nested({k: v for k, v in tensors.items() if k.startswith("optimizer.")})
    if isinstance(optimizer, ADMM):
        full["admm"] = (
            {key: meta[key] for key in ("begun", "watch")}
            | {"count": meta["step"]}
            | {
                part: {name: tensors[f"admm.{part}.{name}"] for name in getattr(optimizer, part)}
                for part in PARTS
            }
        )
    optimizer.load_state_dict(full)


def _unique(model: nn.Module | Masters) -> list[tuple[str, Tensor]]:
    return [*model.named_parameters(), *model.named_buffers()]


def _nested(flat: dict[str, Tensor]) -> dict[int, dict[str, Any]]:
    states: dict[int, dict[str, Any]] = {}
    for name, tensor in flat.items():
        _, index, key = name.split(".", 2)
        states.setdefault(int(index), {})[key] = tensor
    return states
