"""How much time is left."""

import math
import time


class Clock:
    """Counts from its making; ``limit`` in seconds, None for no limit."""

    def __init__(self, limit: float | None = None) -> None:
        self.start, self.limit = time.perf_counter(), math.inf if limit is None else limit

    def seconds(self) -> float:
        """Return how long it has run."""
        return time.perf_counter() - self.start

    def left(self) -> float:
        """Return the seconds left; negative after the limit."""
        return self.limit - self.seconds()

    def expired(self) -> bool:
        """Tell whether the limit has passed."""
        return self.left() < 0
