"""Run a function on several ranks: processes of gloo on this machine, or of nccl if there are GPUs for all."""

import contextlib
import multiprocessing
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist

SECONDS = 60  # after which a hang is an error
MODULES = [
    "torch.distributed.fsdp",
    "torch.distributed.tensor",
    "transformers.models.llama",
    "tamis_torch.fit",
]


def over(ranks: int, job: Callable[..., Any], *args: Any, device: str = "cpu") -> list[Any]:
    """Return what ``job(*args)`` returns on each rank: numbers, texts, numpy arrays.

    An exception is returned as its text, "TypeName: message".  ``job`` must be importable.
    """
    if device == "cuda" and torch.cuda.device_count() < ranks:
        pytest.skip(f"needs {ranks} CUDA devices")
    context = multiprocessing.get_context("forkserver")  # which imports once for all
    context.set_forkserver_preload([job.__module__, *MODULES])
    with tempfile.TemporaryDirectory() as folder:
        ends = [context.Pipe(duplex=False) for _ in range(ranks)]
        processes = [
            context.Process(target=_run, args=(Path(folder), device, rank, ranks, send, job, args))
            for rank, (_, send) in enumerate(ends)
        ]
        for process in processes:
            process.start()
        for _, send in ends:
            send.close()
        try:
            return [_received(rank, receive) for rank, (receive, _) in enumerate(ends)]
        finally:
            for process in processes:
                process.kill()
                process.join()


def _received(rank: int, receive: Any) -> Any:
    assert receive.poll(SECONDS), f"rank {rank} hangs"
    try:
        return receive.recv()
    except EOFError:
        return "died"


def _run(folder: Path, device: str, rank: int, ranks: int, send: Any, job: Any, args: Any) -> None:
    torch.set_num_threads(1)
    if device == "cuda":
        torch.cuda.set_device(rank)
    dist.init_process_group(
        "nccl" if device == "cuda" else "gloo",
        init_method=f"file://{folder}/store",
        rank=rank,
        world_size=ranks,
    )
    try:
        send.send(job(*args))
    except Exception as error:
        traceback.print_exc()
        send.send(f"{type(error).__name__}: {error}")
    with contextlib.suppress(RuntimeError):  # another rank has died
        dist.barrier()  # or its connections would close under the others
        dist.destroy_process_group()
