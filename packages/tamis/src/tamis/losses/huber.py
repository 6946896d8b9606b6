"""Huber regression: least squares for small residuals, least absolute values for large ones."""

import math
from dataclasses import dataclass, fields, replace
from typing import ClassVar

from tamis import design
from tamis.arrays import Array
from tamis.losses import newton
from tamis.losses.intercept import root
from tamis.losses.linear_model import LinearModel


@dataclass(frozen=True, eq=False)
class Huber(LinearModel):
    r"""The loss ``f(x) = sum_i s_i phi(eta_i - b_i) + (ridge/2) |x|^2``, ``eta = A x + offset + c``.

    ``phi(r) = r^2/2`` for ``|r| <= delta`` and ``delta |r| - delta^2/2`` beyond, so an outlier
    pulls no harder than delta (Huber 1964, Robust estimation of a location parameter).  No
    factor 1/n.  The second derivative is 1 within delta and 0 beyond; the minimiser need not be
    unique, and :meth:`refit` returns one of them.

    Parameters
    ----------
    A, b, ridge, weights, offset, intercept
        As for :class:`~tamis.losses.LeastSquares`.
    delta : float
        Where the loss turns linear, in the units of b; positive and finite.  1.345 standard
        deviations of the noise keep 95% of the efficiency of least squares on normal noise.

    Raises
    ------
    ValueError, TypeError
        As for LeastSquares, or if ``delta`` is not positive and finite.
    """

    steepest: ClassVar[float] = 1.0

    delta: float = 1.345

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.delta < math.inf:
            raise ValueError(f"delta must be positive and finite, got {self.delta}")

    def phi(self, eta: Array) -> Array:
        """Return ``phi(eta - b)``, as ``m (|r| - m/2)`` with ``m = min(|r|, delta)``."""
        xp = design.namespace(self.A)
        size = xp.abs(eta - self.b)
        low = xp.where(size < self.delta, size, 0 * size + self.delta)
        return low * (size - low / 2)

    def slope(self, eta: Array) -> Array:
        """Return the residual ``eta - b``, cut at -delta and delta."""
        r = eta - self.b
        return self.secant_curvature(eta) * r

    def curvature(self, eta: Array) -> Array:
        """Return 1 where ``|eta - b| <= delta``, else 0."""
        xp = design.namespace(self.A)
        return xp.astype(xp.abs(eta - self.b) <= self.delta, eta.dtype)

    def secant_curvature(self, eta: Array) -> Array:
        """Return ``min(1, delta/|r|)``, of the quadratic above phi that touches it at +-r."""
        xp = design.namespace(self.A)
        size = xp.abs(eta - self.b)
        return self.delta / xp.where(size > self.delta, size, 0 * size + self.delta)

    def fit(self, columns: Array, start: Array | None) -> Array:
        """Return the best coefficients of the dense ``columns``, shape (k,).

        A Newton step that sees few residuals within delta knows little, so delta comes down to
        its value from the median size of the residuals, a factor 4 at a time.
        """
        xp = design.namespace(self.A)
        small = replace(self, A=columns)
        r = xp.abs(small.predictor(small.start() if start is None else start) - self.b)
        middle = float(xp.sort(r)[r.shape[0] // 2])
        for power in range(max(0, math.ceil(math.log(max(middle / self.delta, 1), 4))), -1, -1):
            start = newton.minimise(replace(small, delta=self.delta * 4**power), columns, start)
        return start

    def best_intercept(self, eta: Array) -> float:
        """Return the intercept at which the cut residuals sum to zero: between the extreme residuals."""
        xp = design.namespace(self.A)
        r = self.b - eta

        def derivative(c: float) -> tuple[float, float]:
            return (
                float(xp.sum(self.weigh(self.slope(eta + c)))),
                float(xp.sum(self.weigh(self.curvature(eta + c)))),
            )

        lowest, highest = float(xp.min(r)), float(xp.max(r))
        middle = float(xp.sort(r)[r.shape[0] // 2])
        tol = 2 * float(xp.finfo(r.dtype).eps) * max(abs(lowest), abs(highest))
        return root(derivative, lowest, highest, middle, tol)

    def majorant(self) -> "Huber":
        """Return the loss whose Hessian is that of the quadratic above this one that touches it.

        A residual beyond delta has no curvature; a search that looks for what to change needs some.
        """
        return _Majorant(**{field.name: getattr(self, field.name) for field in fields(self)})


class _Majorant(Huber):
    """A Huber loss with the secant curvature ``min(1, delta / |residual|)``."""

    def curvature(self, eta: Array) -> Array:
        """Return the secant curvature."""
        return self.secant_curvature(eta)
