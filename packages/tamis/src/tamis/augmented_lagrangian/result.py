"""What a solve under constraints returns, and how it ended in words."""

from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from tamis.arrays import Array


class ConstrainedStatus(Enum):
    """How a constrained solve ended; the value is the sentence shown to the user."""

    KKT_POINT = "KKT point: feasible, and stationary for the Lagrangian, within tol"
    INFEASIBLE = (
        "no feasible point near: the violation is stationary and raising the penalty does not lower it; "
        "the constraints contradict one another or need another start (x0)"
    )
    ITERATION_LIMIT = (
        "the iteration limit was reached before the conditions held within tol: raise max_iter or tol, "
        "or scale the constraints to like size"
    )
    TIME_LIMIT = "the time limit was reached; the best point so far is returned"


class KKT(NamedTuple):
    """How far a point is from the first-order conditions; all zero at a KKT point."""

    stationarity: float  # projected gradient of the Lagrangian over the size of gradients, no unit
    infeasibility: float  # largest entry of |c(w) - P_D(c(w))|, in the units of c
    complementarity: float  # largest entry of |c(w) - P_D(c(w) + y/rho)|, in the units of c
    exchange: bool | None  # True: no exchange in the support helps; False: not all tried; None: no support


@dataclass(frozen=True)
class ConstrainedResult:
    """What :func:`tamis.augmented_lagrangian.minimize_subject_to` found.

    Attributes
    ----------
    x : array
        In ``within`` exactly; the constraints hold to ``infeasibility``.
    fun : float
        The loss at ``x``.
    success : bool
        Whether ``status`` is ``ConstrainedStatus.KKT_POINT``.
    status : ConstrainedStatus
    message : str
        The status in words, with what to try next.
    nit : int
        Outer iterations (multiplier steps) of the run from x0; refits after exchanges are not counted.
    certificate : KKT
    history : list of dict
        One record an outer iteration: ``penalty``, ``infeasibility``, ``complementarity``,
        ``stationarity``, ``loss`` and ``evaluations`` of the inner solver.
    multipliers : list of arrays
        One a constraint, of the shape of c(w): the sensitivity of the optimal loss to a shift of D.
    infeasibility : float
        Largest entry of ``|c(x) - P_D(c(x))|``, in the units of c.
    """

    x: Array
    fun: float
    success: bool
    status: ConstrainedStatus
    message: str
    nit: int
    certificate: KKT
    history: list[dict[str, float]] = field(repr=False)
    multipliers: list[Array] = field(repr=False)
    infeasibility: float
