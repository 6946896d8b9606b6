"""The history of a solve, and who is told of it."""

from collections.abc import Callable

from tamis.arrays import Array
from tamis.clock import Clock


class Record:
    """Writes the history and tells the caller."""

    def __init__(self, clock: Clock, callback: Callable[[Array, dict[str, float]], None] | None) -> None:
        self.clock, self.callback = clock, callback
        self.history: list[dict[str, float]] = []

    def __call__(self, z: Array, **numbers: float) -> None:
        """Note the numbers of an iteration or of a better point z."""
        self.history.append(numbers)
        if self.callback:
            self.callback(z, self.history[-1])
