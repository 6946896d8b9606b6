"""What a solve returns: the point, what is proved of it, and how it came there."""

from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from tamis.arrays import Array


class Status(Enum):
    """What is known of the point, the strongest first; the value is the sentence shown to the user."""

    OPTIMAL = "optimal: no point of the set has a lower loss, up to the gap"
    EXCHANGE_OPTIMAL = "exchange optimal: no exchange of one entry (or group) for another lowers the loss"
    STATIONARY = "stationary: a fixed point of projected gradient (for a non-convex set a local statement)"
    NO_MINIMUM = (
        "no minimum: some rows can be told without error, so a coefficient would grow for ever: "
        "give the loss a ridge, or allow fewer nonzeros"
    )
    NOT_STATIONARY = (
        "not stationary: the best point is not a fixed point of projected gradient up to tol; raise the "
        "effort, let the penalty grow more slowly (a smaller factor) or start elsewhere (x0)"
    )
    ITERATION_LIMIT = (
        "the iteration limit was reached before x and z agreed: "
        "raise max_iter or let the penalty grow further"
    )
    TIME_LIMIT = "the time limit was reached: this is the best point until then, and nothing is proved of it"


PROVED = frozenset({Status.OPTIMAL, Status.EXCHANGE_OPTIMAL, Status.STATIONARY})


class Certificate(NamedTuple):
    """Numbers that a reader can check; None where nothing was computed.

    Attributes
    ----------
    fixed_point : float
        :func:`tamis.certificates.fixed_point` at x, without units; 0 at a stationary point.
    exchange : float or None
        The largest decrease of the loss by any single exchange (one entry or group out, one in),
        in the units of the loss: 0 or less, up to rounding, at an exchange optimum.
    primal, dual : float or None
        The last residuals of ADMM, if it ran (:class:`tamis.admm.Residuals`).
    bound : float or None
        A lower bound of the loss over the whole set.
    """

    fixed_point: float
    exchange: float | None = None
    primal: float | None = None
    dual: float | None = None
    bound: float | None = None


class Found(NamedTuple):
    """What an algorithm hands to :func:`tamis.minimize`, which turns it into a :class:`Result`."""

    x: Array
    value: float
    ended: Status  # STATIONARY, or the limit that was reached
    exchange: float | None = None
    curvature: float | None = None  # of the fixed point that x is held to; the loss's own if None
    gradient: Array | None = None  # at x, if it is known
    bound: float | None = None
    optimal: bool = False  # the bound meets the value
    primal: float | None = None
    dual: float | None = None


@dataclass(frozen=True)
class Result:
    """What :func:`tamis.minimize` found.

    Attributes
    ----------
    x : array
        The best point of the set; entries off its support are exact zeros.
    fun : float
        The loss at ``x``.
    success : bool
        Whether ``status`` is OPTIMAL, EXCHANGE_OPTIMAL or STATIONARY.
    status : Status
    message : str
        The status in words, with what to try next.
    nit : int
        Iterations of ADMM, or points visited by the search for a support.
    certificate : Certificate
    history : list of dict
        A record for each iteration of ADMM (``penalty``, ``primal``, ``dual``, and the
        ``loss`` of z refitted), or each better point of the search (``loss``, ``nonzeros``).
    """

    x: Array
    fun: float
    success: bool
    status: Status
    message: str
    nit: int
    certificate: Certificate
    history: list[dict[str, float]] = field(repr=False)

    @property
    def gap(self) -> float | None:
        """``(fun - bound) / |fun|``, the largest share by which x can be beaten; None without a bound."""
        bound = self.certificate.bound
        return None if bound is None else (self.fun - bound) / max(abs(self.fun), 1e-300)
