"""Parameters that are cut over ranks, as FSDP2 (``torch.distributed.fsdp.fully_shard``) leaves them.

A parameter of n rows lies on R ranks, in the order of the ranks and of the rows:

    rank r has the rows  r c ... min((r + 1) c, n) - 1      c = ceil(n / R);  the last may have fewer, or none

What is done entry by entry is done on the rows that are here; what is of the whole, as counts and norms,
is added up over the ranks.  A plain tensor, or one without a process group, is whole on one rank, whose
sums are what it has: code that is written for many ranks works on one unchanged.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from tamis_torch.errors import InputError


@dataclass(frozen=True)
class Ranks:
    """Those that share parameters; all must make the same calls in the same order."""

    count: int = 1
    rank: int = 0
    group: Any = None  # torch.distributed.ProcessGroup; None on one rank

    def sum(self, x: Tensor) -> Tensor:
        """Return the sum over the ranks, the same bits on each; ``x`` itself on one."""
        if self.count == 1:
            return x
        total = x.clone()
        dist.all_reduce(total, group=self.group)
        return total

    def any(self, *flags: bool) -> list[bool]:
        """Return of each flag whether a rank has it up."""
        if self.count == 1:
            return list(flags)
        return [bool(up) for up in self.sum(torch.tensor(flags, dtype=torch.int32, device=self.device))]

    @property
    def device(self) -> torch.device:
        """Where tensors that are sent have to lie."""
        return torch.device("cuda" if dist.get_backend(self.group) == "nccl" else "cpu")

    def gather(self, x: Tensor) -> Tensor:
        """Return what each rank has, in their order, (ranks, ...); of one shape on all."""
        if self.count == 1:
            return x[None]
        found = [torch.empty_like(x) for _ in range(self.count)]
        dist.all_gather(found, x.contiguous(), group=self.group)
        return torch.stack(found)

    def mean(self, x: Tensor, entries: int) -> Tensor:
        """Return the mean over all ranks' entries, of x's dtype and no dimension."""
        if self.count == 1:
            return x.mean()
        return (self.sum(x.sum(dtype=torch.float64)) / entries).to(x.dtype)


ONE = Ranks()


def ranks_of(tensors: Iterable[Tensor]) -> Ranks:
    """Return the ranks that these tensors are cut over, the same for all of them.

    Raises
    ------
    InputError
        If some are cut over others, or otherwise than by rows over one dimension of ranks.
    """
    found = {_ranks(tensor) for tensor in tensors}
    if len(found) > 1:
        counts = sorted(ranks.count for ranks in found)
        raise InputError(
            f"weights must all be cut over the same ranks, got some over {counts[0]} and some over "
            f"{counts[-1]}; call fully_shard on the whole model before the optimiser is made"
        )
    return found.pop() if found else ONE


def local(x: Tensor) -> Tensor:
    """Return the rows that are here, sharing memory; a plain tensor itself."""
    return x if _placements(x) is None else x.to_local()  # type: ignore[attr-defined]


def rows_before(x: Tensor) -> int:
    """Return how many rows lie on lower ranks."""
    if _placements(x) is None:
        return 0
    ranks, rows = _ranks(x), x.shape[0]
    wanted, here = share(rows, ranks.count, ranks.rank), local(x.detach()).shape[0]
    if here != len(wanted):
        raise InputError(
            f"weights must be cut evenly by rows, as fully_shard does: of {rows} rows rank {ranks.rank} of "
            f"{ranks.count} should have {len(wanted)}, got {here}"
        )
    return wanted.start


def share(count: int, parts: int, number: int) -> range:
    """Return which of so many rows lie on a rank."""
    each = -(-count // parts)
    return range(min(number * each, count), min((number + 1) * each, count))


def placed(here: Tensor, like: Tensor) -> Tensor:
    """Return this rank's rows as what is cut like ``like``; a plain tensor's as they are."""
    if _placements(like) is None:
        return here
    cut: Any = like.data  # a DTensor
    shape, stride = like.shape, like.stride()
    whole: Tensor = type(cut).from_local(here, cut.device_mesh, cut.placements, shape=shape, stride=stride)
    return whole


def entries_before(x: Tensor) -> int:
    """Return how many entries lie on lower ranks."""
    return rows_before(x) * x.shape[1:].numel()


def _placements(x: Tensor) -> Any:
    return getattr(x, "placements", None)  # only a DTensor has any


def _ranks(x: Tensor) -> Ranks:
    placements = _placements(x)
    if placements is None:
        return ONE
    if len(placements) != 1 or not placements[0].is_shard(0):
        raise InputError(
            f"weights must be cut by rows over one dimension of ranks, as fully_shard does on a mesh of one "
            f"dimension, got the placements {tuple(placements)}; other parallelism is not supported"
        )
    group = x.device_mesh.get_group()  # type: ignore[attr-defined]
    return Ranks(dist.get_world_size(group), dist.get_rank(group), group)
