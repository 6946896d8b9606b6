"""Checkpoints of several ranks: each writes what it has, and one file names them.

    part-00000012.rank-0.safetensors      what rank 0 had, checksummed as every state
    part-00000012.rank-1.safetensors
    state-00000012.safetensors            settings, and how many parts there are: written last, by rank 0

So a checkpoint is there when all of it is.  Resuming on as many ranks reads each rank's own part, bit for
bit; on another number, also one, what is needed of each (:mod:`tamis_torch.regroup`).  All ranks must see the
same folder.  ``torch.distributed.checkpoint`` would do, but that its metadata is a pickle without a checksum.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import Tensor

from tamis_torch import checked, resume
from tamis_torch.checked import Damaged
from tamis_torch.errors import RunError
from tamis_torch.folders import make_folder, writing
from tamis_torch.ranks import Ranks
from tamis_torch.regroup import KindOf, regroup

PARTS = "parts"  # in a state's settings: how many ranks wrote it


def save_shards(folder: Path, tensors: dict[str, Tensor], meta: dict[str, Any], ranks: Ranks) -> None:
    """Write a checkpoint of all ranks, and delete all older ones but the last; all must call.

    Raises
    ------
    RunError
        On all ranks, if one cannot write.
    """
    if ranks.count == 1:
        resume.save_state(folder, tensors, meta)
        return
    number = resume.number_of(resume.checkpoints(folder)) + 1
    with _together(ranks), writing(folder):
        make_folder(folder)
        checked.write(_part(folder, number, ranks.rank), tensors, {})
    with _together(ranks):
        if ranks.rank == 0:
            resume.save_state(folder, {}, meta | {PARTS: ranks.count})
            _delete_parts(folder)


def load_shards(folder: Path, ranks: Ranks, kind: KindOf) -> resume.State:
    """Read this rank's share of the newest checkpoint that is whole; all must call.

    ``kind`` as for :func:`tamis_torch.regroup.regroup`.

    Raises
    ------
    InputError
        As :func:`tamis_torch.resume.load_state`.
    """

    def read(path: Path, device: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
        reason = None
        try:
            found = _read(path, ranks, kind)
        except Damaged as error:
            reason = error
        (bad,) = ranks.any(reason is not None)
        if bad:
            raise reason or Damaged(f"{path.name}: another rank cannot read its part")
        return found

    return resume.load_state(folder, read=read)


def _read(path: Path, ranks: Ranks, kind: KindOf) -> tuple[dict[str, Tensor], dict[str, Any]]:
    tensors, meta = checked.read(path)
    number = resume.number_of([path])
    before = int(meta.get(PARTS, 1))
    if before == ranks.count:
        return tensors if before == 1 else checked.read(_part(path.parent, number, ranks.rank))[0], meta
    parts = (checked.read(_part(path.parent, number, rank))[0] for rank in range(before))
    files = [tensors] if before == 1 else parts
    return regroup(files, before, (ranks.count, ranks.rank), kind), meta


def _part(folder: Path, number: int, rank: int) -> Path:
    return folder / f"part-{number:08d}.rank-{rank}.safetensors"


def _delete_parts(folder: Path) -> None:
    """Delete the parts that no checkpoint names any more."""
    numbers = {f"{resume.number_of([path]):08d}" for path in resume.checkpoints(folder)}
    with writing(folder):
        for part in folder.glob("part-*.rank-*.safetensors"):
            if part.name.removeprefix("part-").partition(".")[0] not in numbers:
                part.unlink()


@contextmanager
def _together(ranks: Ranks) -> Iterator[None]:
    """Let all ranks end a block well, or all with an error."""
    try:
        yield
    except RunError:
        ranks.any(True)
        raise
    (bad,) = ranks.any(False)
    if bad:
        raise RunError("cannot write a checkpoint: another rank of the run says why")
