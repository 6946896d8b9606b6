"""Ctrl-C between two steps (or blocks), not within one."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from tamis_torch.errors import RunError


class Interrupted(RunError):
    """The user stopped the run; its checkpoint is whole."""

    def __init__(self, done: int, total: int, unit: str = "step") -> None:
        super().__init__(f"stopped after {unit} {done} of {total}; the same command with --resume goes on")


@contextmanager
def stop_requested() -> Iterator[Callable[[], bool]]:
    """Give a function that tells whether Ctrl-C (or a polite kill) came since the block began.

    The first one is remembered, a second one interrupts at once.  Outside the main thread, where
    Python delivers no signals, the answer is always no.
    """
    asked: list[int] = []

    def remember(number: int, frame: FrameType | None) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)

    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = {number: signal.signal(number, remember) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
