"""The processes that ``torchrun`` started: how they find each other, and what only the first of them does.

    torchrun --nproc-per-node 2 -m tamis_torch.cli prune MODEL ...

Without torchrun, or with one process, nothing here does anything.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import nn

from tamis_torch.errors import InputError, RunError, in_one_line
from tamis_torch.ranks import ONE, Ranks

WAIT = timedelta(days=7)  # for the first rank, which may prune a start for hours; a lost one shows at once


class LostRank(RunError):
    """Another process of the run has ended."""


@contextmanager
def joined(device: str) -> Iterator[tuple[Ranks, str]]:
    """Join the processes of this run; give them, and this one's device: cuda is that of its number.

    A process group that the caller made is used, and left.

    Raises
    ------
    LostRank
        In place of what gloo or NCCL raises when one of the others has ended.
    """
    alone = os.environ.get("WORLD_SIZE", "1") == "1" or "MASTER_ADDR" not in os.environ
    if alone and not (dist.is_available() and dist.is_initialized()):
        yield ONE, device
        return
    if device == "cuda":
        device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
    mine = not dist.is_initialized()
    if mine:
        if device.startswith("cuda"):
            torch.cuda.set_device(device)
        dist.init_process_group("nccl" if device.startswith("cuda") else "gloo", timeout=WAIT)
    try:
        yield Ranks(dist.get_world_size(), dist.get_rank(), dist.group.WORLD), device
    finally:
        if mine:
            dist.destroy_process_group()


@contextmanager
def noticing() -> Iterator[None]:
    """Say in one line that another rank was lost, where the library of collectives says it in many."""
    try:
        yield
    except RuntimeError as error:
        if isinstance(error, RunError) or not (isinstance(error, dist.DistError) or "gloo" in str(error)):
            raise
        raise LostRank(
            f"another rank of the run has ended ({in_one_line(error, 200)}); the same command with --resume "
            "goes on from the last checkpoint"
        ) from error


def first(ranks: Ranks, work: Callable[[], Any]) -> Any:
    """Let the first rank alone do something; return what it returns, as JSON holds it, on all.

    Raises
    ------
    InputError, RunError
        On all ranks what the first one raises, in the same words.
    """
    if ranks.count == 1:
        return work()
    said: dict[str, Any] = {}
    if ranks.rank == 0:
        try:
            said = {"value": work()}
        except (InputError, RunError) as error:
            _tell(ranks, {"error": str(error), "given": isinstance(error, InputError)})
            raise
    said = _tell(ranks, said)
    if "error" in said:
        raise (InputError if said["given"] else RunError)(said["error"])
    return said["value"]


@torch.no_grad()
def spread(ranks: Ranks, model: nn.Module) -> None:
    """Give all ranks the first one's parameters, which are whole."""
    if ranks.count > 1:
        for parameter in model.parameters():
            dist.broadcast(parameter.detach(), 0, group=ranks.group)


def _tell(ranks: Ranks, said: dict[str, Any]) -> dict[str, Any]:
    """Return what the first rank says."""
    text = json.dumps(said).encode() if ranks.rank == 0 else b""
    size = torch.tensor(len(text), device=ranks.device)
    dist.broadcast(size, 0, group=ranks.group)
    content = torch.zeros(int(size), dtype=torch.uint8, device=ranks.device)
    if ranks.rank == 0:
        content.copy_(torch.frombuffer(bytearray(text), dtype=torch.uint8))
    dist.broadcast(content, 0, group=ranks.group)
    told: dict[str, Any] = json.loads(content.cpu().numpy().tobytes())
    return told
