"""How long a step takes, measured over the last steps."""

from collections import deque
from collections.abc import Callable
from time import monotonic

WINDOW = 50  # steps: several updates of z and u, which are slower than the steps between them


class Speed:
    """Seconds a step over the last ``WINDOW`` reports.

    The first step is slow (memory is allocated, kernels are chosen), so it counts only as long as
    it is the only one.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._begun: float = clock()
        self._ends: deque[tuple[int, float]] = deque(maxlen=WINDOW + 1)  # (step, when it ended)

    def begin(self) -> None:
        """Say that the first step begins now."""
        self._begun = self._clock()

    def ended(self, step: int) -> None:
        """Say that ``step`` ended now."""
        self._ends.append((step, self._clock()))

    def seconds_per_step(self) -> float | None:
        """Return the mean time of a step, None before the first has ended."""
        if not self._ends:
            return None
        last, now = self._ends[-1]
        first, then = self._ends[0] if len(self._ends) > 1 else (last - 1, self._begun)
        return (now - then) / (last - first) if last > first and now > then else None
