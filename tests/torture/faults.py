"""Where a process is to be killed: faults that are put into it from outside, tamis knows nothing of them.

Every call of the file system that Python makes raises an audit event before it is made, with its paths;
a fault kills the process there by SIGKILL, as `kill -9` would.  What safetensors writes, it writes by itself:
there the file is written, cut to a share of its length, and the process is killed.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any, NamedTuple

import safetensors.torch

CALLS = ("open", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.truncate", "shutil.rmtree")


class Before(NamedTuple):
    """Killed just before a call of the file system in the run's folder."""

    call: str = ""  # any
    ending: str = ""  # of a path that is given to it
    count: int = 1  # the how manyth such call


class Within(NamedTuple):
    """Killed when a share of a safetensors file is written."""

    name: str  # part of its path
    share: float  # of its bytes


class After(NamedTuple):
    """Killed by the parent so many seconds after the settings of the run are there."""

    seconds: float


Fault = Before | Within | After


def arm(fault: Fault | None, folder: Path) -> None:
    """Put a fault into this process, for as long as it lives."""
    if isinstance(fault, Before):
        _arm_call(fault, str(folder))
    elif isinstance(fault, Within):
        _arm_save(fault)


def count_calls(folder: Path, into: Path) -> None:
    """Write down how many calls this process makes in the folder, a byte for each."""
    handle = os.open(into, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in CALLS and _paths(arguments, str(folder)):
            os.write(handle, b".")

    sys.addaudithook(hook)


def die() -> None:
    """End this process as `kill -9` does."""
    os.kill(os.getpid(), signal.SIGKILL)


def _arm_call(fault: Before, folder: str) -> None:
    left = fault.count

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal left
        if event not in CALLS or fault.call not in ("", event):
            return
        if any(path.endswith(fault.ending) for path in _paths(arguments, folder)):
            left -= 1
            if left == 0:
                die()

    sys.addaudithook(hook)


def _arm_save(fault: Within) -> None:
    honest = safetensors.torch.serialize_file

    def cut(tensors: Any, path: Any, *rest: Any, **options: Any) -> None:
        honest(tensors, path, *rest, **options)
        if fault.name in str(path):
            os.truncate(path, int(fault.share * os.path.getsize(path)))
            die()

    safetensors.torch.serialize_file = cut


def _paths(arguments: tuple[Any, ...], folder: str) -> list[str]:
    """Return the paths given to a call that are in the folder; relative ones are, as rmtree's are."""
    given = [os.fsdecode(path) for path in arguments[:2] if isinstance(path, str | bytes | os.PathLike)]
    return [path for path in given if path.startswith(folder) or not path.startswith("/")]
