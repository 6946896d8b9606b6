"""Penalty schedules: iteration -> penalty."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Geometric:
    """``min(stop, start * factor**iteration)``; a factor of 1 keeps the penalty constant.

    Parameters
    ----------
    start, stop : float
        First and greatest penalty, in the units of the loss's curvature; 0 < start <= stop.
    factor : float
        Growth an iteration, 1 or more.

    Raises
    ------
    ValueError
        If the penalty would not be positive and finite, or would fall.

    Examples
    --------
    >>> [Geometric(1.0, 2.0, 5.0)(i) for i in range(4)]
    [1.0, 2.0, 4.0, 5.0]
    """

    start: float
    factor: float
    stop: float

    def __post_init__(self) -> None:
        if not (0 < self.start <= self.stop < math.inf and 1 <= self.factor < math.inf):
            raise ValueError(
                "a geometric penalty needs 0 < start <= stop and factor >= 1, all finite, "
                f"got start={self.start}, factor={self.factor}, stop={self.stop}"
            )

    def __call__(self, iteration: int) -> float:
        """Return the penalty at ``iteration``, counted from 0."""
        room = math.log(self.stop) - math.log(self.start)
        if iteration * math.log(self.factor) >= room:  # before the power overflows
            return self.stop
        return min(self.stop, self.start * self.factor**iteration)
