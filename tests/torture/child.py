"""A run of the command line in a process of its own, forked so that torch is loaded once for all of them."""

import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import torch
import transformers.models.llama.modeling_llama  # noqa: F401 (what each child would load)

import tamis_torch.pruning  # noqa: F401
from tamis_torch.cli import main

from .faults import After, Fault, arm, count_calls

KILLED = -signal.SIGKILL


def run(
    command: Sequence[object], folder: Path, fault: Fault | None = None, counts: Path | None = None
) -> int:
    """Run ``tamis COMMAND``; return its exit code, or KILLED.

    What it says is appended to ``folder.log``.  The parent must not have computed anything by torch:
    threads do not outlive a fork.
    """
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        _in_child(command, folder, fault, counts)
    if isinstance(fault, After):
        _kill_after(pid, folder, fault.seconds)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def said(folder: Path) -> str:
    """Return all that the runs of a folder wrote to the terminal."""
    return folder.with_suffix(".log").read_text("utf-8")


def _in_child(command: Sequence[object], folder: Path, fault: Fault | None, counts: Path | None) -> None:
    code = 99
    try:
        torch.set_num_threads(1)
        log = os.open(folder.with_suffix(".log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        sys.argv = ["tamis", *map(str, command)]
        arm(fault, folder)
        if counts is not None:
            count_calls(folder, counts)
        main()
    except SystemExit as ended:
        code = int(ended.code or 0)
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
    finally:
        sys.stderr.flush()
        os._exit(code)


def _kill_after(pid: int, folder: Path, seconds: float) -> None:
    """Kill a child so long after its settings are there, unless it ends before; it is left to be waited for."""
    begun = None
    while begun is None or time.monotonic() < begun + seconds:
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            return
        if begun is None and (folder / "config.json").exists():
            begun = time.monotonic()
        time.sleep(0.001)
    os.kill(pid, signal.SIGKILL)
