"""How the penalty and the multipliers of the augmented Lagrangian may move."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Safeguards:
    """How penalty and multipliers may move.

    Parameters
    ----------
    start : float, optional
        First penalty, in the units of f over those of c squared; positive.  By default ten times
        the curvature of f over that of the constraints, both measured at the start.
    factor : float
        Growth of the penalty when feasibility lags; above 1.
    decrease : float
        The violation must fall to this share of its last value, or the penalty grows; in (0, 1).
    bound : float
        Largest multiplier that is carried on, in the units of f over those of c; positive.

    Raises
    ------
    ValueError
        If a number is out of its range.
    """

    start: float | None = None
    factor: float = 10.0  # factor, decrease and bound as in Algencan (Birgin & Martinez 2014, ch. 12)
    decrease: float = 0.5
    bound: float = 1e20

    def __post_init__(self) -> None:
        if self.start is not None and not 0 < self.start < math.inf:
            raise ValueError(f"start must be a positive finite penalty, got {self.start}")
        if not 1 < self.factor < math.inf:
            raise ValueError(f"factor must be above 1 and finite, got {self.factor}")
        if not 0 < self.decrease < 1:
            raise ValueError(f"decrease must be between 0 and 1, got {self.decrease}")
        if not 0 < self.bound < math.inf:
            raise ValueError(f"bound must be positive and finite, got {self.bound}")
