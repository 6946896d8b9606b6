"""How much of a search is done, by the name of the effort.

The default's numbers are measured in docs/experiments.md: the width matters most.
"""

import math
from dataclasses import dataclass

from tamis.penalties import Geometric


@dataclass(frozen=True)
class Effort:
    """How much of the search is done."""

    width: int  # columns of the small quadratic besides the support
    penalties: tuple[Geometric, ...]  # of the ADMM starts, in units of the mean curvature
    steps: int  # ADMM iterations a start
    narrow: int  # columns that they work on besides the support, as their cost grows with the cube
    perturbations: int
    restarts: int  # on the loss itself, where it is not quadratic
    recovery: int  # ADMM iterations for data without noise
    entries: float  # predictors, rows times models, that the proof of a GLM may evaluate


EFFORTS = {
    "fast": Effort(
        width=128, penalties=(), steps=0, narrow=0, perturbations=0, restarts=0, recovery=300, entries=1e8
    ),
    "default": Effort(
        width=700,
        penalties=(Geometric(0.05, 1.07, 50.0),),
        steps=105,
        narrow=500,
        perturbations=12,
        restarts=4,
        recovery=1000,
        entries=3e8,
    ),
    "thorough": Effort(
        width=1000,
        penalties=tuple(Geometric(start, 1.02, 50.0) for start in (0.01, 0.1, 1.0)),
        steps=300,
        narrow=500,
        perturbations=200,
        restarts=40,
        recovery=5000,
        entries=math.inf,
    ),
}
