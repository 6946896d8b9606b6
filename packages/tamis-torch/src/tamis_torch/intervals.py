"""When a checkpoint is due: every so many steps (or blocks), and so many minutes after the last one."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from tamis_torch.errors import InputError

MINUTES = 15.0  # the most work that a kill takes away


@dataclass(frozen=True)
class Intervals:
    """How often a run keeps its state.

    Parameters
    ----------
    every : int, optional
        Steps, or blocks; 0: never by count.  None: left to the kind of run.
    minutes : float
        Since the last checkpoint was written; 0: never by time.

    Raises
    ------
    InputError
        If one is negative or no number.
    """

    every: int | None = None
    minutes: float = MINUTES

    def __post_init__(self) -> None:
        if self.every is not None and (not isinstance(self.every, int) or self.every < 0):
            raise InputError(f"checkpoint_every must be a whole number from 0 on, got {self.every!r}")
        if math.isnan(self.minutes) or self.minutes < 0:
            raise InputError(f"checkpoint_minutes must be a number from 0 on, got {self.minutes!r}")


class Clock:
    """Tell after each step whether a checkpoint is due.

    Parameters
    ----------
    intervals : Intervals
    default : int
        Steps or blocks, if the user named no count.
    now : callable, optional
        Seconds that only grow; for tests.
    """

    def __init__(self, intervals: Intervals, default: int, now: Callable[[], float] = monotonic) -> None:
        self._every = default if intervals.every is None else intervals.every
        self._seconds = 60 * intervals.minutes
        self._now, self._last = now, now()

    def due(self, done: int) -> bool:
        """Return whether the state after ``done`` steps or blocks is to be kept."""
        by_count = self._every > 0 and done % self._every == 0
        return by_count or 0 < self._seconds <= self._now() - self._last

    def kept(self) -> None:
        """Say that it has been."""
        self._last = self._now()
