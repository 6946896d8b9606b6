"""What a solve returns: the point, how it ended in words, and how it came there."""

from dataclasses import dataclass, field
from enum import Enum

from tamis.arrays import Array


class Status(Enum):
    """How a solve ended; the value is the sentence shown to the user."""

    CONVERGED = "converged: x and z agree and the best point is a fixed point of projected gradient"
    NOT_STATIONARY = (
        "x and z agree, but the best point is not a fixed point of projected gradient: "
        "let the penalty grow more slowly (a smaller factor) or start elsewhere (x0)"
    )
    ITERATION_LIMIT = (
        "the iteration limit was reached before x and z agreed: "
        "raise max_iter or let the penalty grow further"
    )


@dataclass(frozen=True)
class Result:
    """What :func:`tamis.minimize` found.

    Attributes
    ----------
    x : array
        The best feasible point; entries off the support are exact zeros.
    fun : float
        The loss at ``x``.
    success : bool
        Whether ``status`` is ``Status.CONVERGED``.
    status : Status
    message : str
        The status in words, with what to try next.
    nit : int
        Iterations made.
    certificate : float
        :func:`tamis.certificates.fixed_point` at ``x``; zero at a stationary point.
    history : list of dict
        One record an iteration: ``penalty``, ``primal`` and ``dual`` residual
        (:class:`tamis.admm.Residuals`) and ``loss`` at z.
    """

    x: Array
    fun: float
    success: bool
    status: Status
    message: str
    nit: int
    certificate: float
    history: list[dict[str, float]] = field(repr=False)
