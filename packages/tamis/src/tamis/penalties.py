"""Penalty schedules: iteration -> penalty, or with the residuals of the last one, -> penalty.

The driver calls every schedule the same way, ``schedule(i, penalty, residuals)``, with the
penalty and the residuals of iteration ``i - 1`` (None at ``i = 0``).  A schedule that follows
the clock only, such as :class:`Geometric`, does not look at them and may be called as
``schedule(i)``.  Whoever changes the penalty rescales the dual: :func:`tamis.admm.rescale`.
"""

import math
from dataclasses import dataclass
from typing import Any, Protocol

from tamis.arrays import Variable, norm, require_integer


class Residuals(Protocol):
    """What a schedule looks at; :class:`tamis.admm.Residuals` is one."""

    @property
    def primal(self) -> float:
        """How far w is from z."""
        ...

    @property
    def dual(self) -> float:
        """How far z moved, times the penalty."""
        ...


class Schedule(Protocol):
    """A rule for the penalty of iteration ``iteration``, counted from 0."""

    def __call__(
        self, iteration: int, penalty: float | None = None, residuals: Residuals | None = None, /
    ) -> float:
        """Return the penalty, given that of the last iteration and the residuals it left."""
        ...


@dataclass(frozen=True)
class Constant:
    """The same penalty throughout.

    Parameters
    ----------
    value : float
        Positive and finite, in the units of the loss's curvature.

    """

    value: float

    def __post_init__(self) -> None:
        if not 0 < self.value < math.inf:
            raise ValueError(f"a constant penalty must be positive and finite, got {self.value}")

    def __call__(
        self, iteration: int, penalty: float | None = None, residuals: Residuals | None = None
    ) -> float:
        """Return ``value``."""
        return self.value


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

    def __call__(
        self, iteration: int, penalty: float | None = None, residuals: Residuals | None = None
    ) -> float:
        """Return the penalty at ``iteration``, counted from 0."""
        room = math.log(self.stop) - math.log(self.start)
        if iteration * math.log(self.factor) >= room:  # before the power overflows
            return self.stop
        return min(self.stop, self.start * self.factor**iteration)


@dataclass(frozen=True)
class ResidualBalancing:
    """Raise the penalty where the primal residual is the greater, lower it where the dual is.

    ::

        penalty  <-  penalty * factor    if primal > ratio * dual
                     penalty / factor    if dual > ratio * primal
                     penalty             otherwise, and from iteration ``stop_after`` on

    For convex problems whose scale is not known (Boyd et al. 2011, sec. 3.4.1, eq. 3.13); there
    the iteration converges for any penalty that stops changing.  Both residuals go to zero, but
    in different units: with relative ones (:func:`relative`) the rule is the same whatever the
    units of the loss and of x (Wohlberg 2017, arXiv 1704.06209).  For a set that selects a
    support use :class:`Geometric`: there the penalty must grow slowly.

    Parameters
    ----------
    start : float
        First penalty, positive and finite.
    ratio : float
        How far the residuals may differ, 1 or more.
    factor : float
        Change an iteration, above 1.
    stop_after : int
        Iteration from which the penalty is constant, 1 or more; ``factor**stop_after`` bounds
        how far it can get.

    Raises
    ------
    ValueError, TypeError
        If a parameter is out of range or ``stop_after`` is no integer; on use, if the residuals
        or the penalty of the last iteration are missing after iteration 0.

    Examples
    --------
    >>> from tamis.admm import Residuals
    >>> ResidualBalancing(1.0)(1, 1.0, Residuals(primal=5.0, dual=0.1))
    2.0
    """

    start: float
    ratio: float = 10.0
    factor: float = 2.0
    stop_after: int = 100

    def __post_init__(self) -> None:
        require_integer("stop_after", self.stop_after)
        if not 0 < self.start < math.inf:
            raise ValueError(f"start must be positive and finite, got {self.start}")
        if not (1 <= self.ratio < math.inf and 1 < self.factor < math.inf and self.stop_after >= 1):
            raise ValueError(
                "residual balancing needs ratio >= 1, factor > 1 and stop_after >= 1, "
                f"got ratio={self.ratio}, factor={self.factor}, stop_after={self.stop_after}"
            )

    def __call__(
        self, iteration: int, penalty: float | None = None, residuals: Residuals | None = None
    ) -> float:
        """Return the penalty at ``iteration``, from that of the last one and its residuals."""
        if iteration == 0:
            return self.start
        if penalty is None or residuals is None:
            raise ValueError(
                f"residual balancing needs the last penalty and its residuals at iteration {iteration}"
            )
        if iteration >= self.stop_after:
            return penalty
        changed = penalty * self._change(residuals)
        return changed if 0 < changed < math.inf else penalty

    def _change(self, residuals: Residuals) -> float:
        if residuals.primal > self.ratio * residuals.dual:
            return self.factor
        return 1 / self.factor if residuals.dual > self.ratio * residuals.primal else 1.0


def relative(residuals: Any, w: Variable, z: Variable, u: Variable, penalty: float) -> Any:
    """Return the residuals relative to what they are differences of (Wohlberg 2017).

    ``primal / max(|w|, |z|)`` and ``dual / (penalty |u|)``: numbers without units.  0 where both
    are zero; a dual residual without a multiplier to compare with is infinite.
    """
    return residuals._replace(
        primal=_ratio(residuals.primal, max(norm(w), norm(z))),
        dual=_ratio(residuals.dual, penalty * norm(u)),
    )


def _ratio(part: float, whole: float) -> float:
    if whole > 0:
        return part / whole
    return math.inf if part > 0 else 0.0
