r"""What all losses of a linear model share: everything but three functions of one number.

    f(x) = sum_i s_i phi(eta_i; b_i) + (ridge/2) |x|^2,      eta = A x + offset + c

A loss is given by phi and its first two derivatives in eta.  There is no factor 1/n.  Without
an intercept c = 0.  With one, c is profiled out, ``f(x) = min_c ...``, so that x keeps its
shape and no set touches c.  With the weights ``w = s phi''(eta)`` and W = diag(w)::

    gradient   A^T (s phi'(eta)) + ridge x                       (at the best c: envelope theorem)
    Hessian    A^T (W - w w^T / sum(w)) A + ridge I              (without intercept: A^T W A + ridge I)

The subtracted term centres the columns: ``(W - w w^T / sum w) = (I - 1 m^T)^T W (I - 1 m^T)``
with m = w / sum(w), and in that form it is computed, as it loses no digits.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
from array_api_compat import device

from tamis import design
from tamis.arrays import Array, widen
from tamis.losses import checks, newton
from tamis.losses.scatter import scatter
from tamis.losses.spectrum import largest_square


@dataclass(frozen=True, eq=False)
class LinearModel(ABC):
    """The part of a loss that does not depend on phi; see the losses for the parameters."""

    quadratic: ClassVar[bool] = False  # whether the Hessian is the same everywhere
    steepest: ClassVar[float]  # an upper bound of phi'', inf if there is none

    A: design.Design
    b: Array
    ridge: float = 0.0
    weights: Array | None = None
    offset: Array | None = None
    intercept: bool = False

    def __post_init__(self) -> None:
        A = design.accept(self.A)
        xp, n = design.namespace(A), A.shape[0]
        checks.require_pair(A, self.b, xp)
        checks.require_ridge(self.ridge)
        checks.require_flag("intercept", self.intercept)
        dtype = xp.result_type(design.float_dtype(A), widen(self.b).dtype)
        object.__setattr__(self, "A", design.cast(A, dtype))
        object.__setattr__(self, "ridge", float(self.ridge))
        for name, check in _VECTORS.items():
            vector = getattr(self, name)
            if vector is not None:
                check(name, vector, n, xp)
                object.__setattr__(self, name, xp.astype(vector, dtype, copy=False))

    @abstractmethod
    def phi(self, eta: Array) -> Array:
        """Return the loss of each row at ``eta``, before its weight, shape (n,)."""

    @abstractmethod
    def slope(self, eta: Array) -> Array:
        """Return the derivative of ``phi`` in eta."""

    @abstractmethod
    def curvature(self, eta: Array) -> Array:
        """Return the second derivative of ``phi`` in eta."""

    @abstractmethod
    def best_intercept(self, eta: Array) -> float:
        """Return ``argmin_c sum_i s_i phi(eta_i + c)``."""

    def secant_curvature(self, eta: Array) -> Array:
        """Return a curvature to step by where the true one vanishes though the slope does not."""
        return self.curvature(eta)

    def slope_size(self, eta: Array) -> Array:
        """Return the size of the terms of ``slope``, of which a slope counts as zero if it is a tiny part."""
        return design.namespace(self.A).abs(self.slope(eta))

    def weigh(self, values: Array) -> Array:
        """Return ``s * values``, zero where s is, even if the value is infinite."""
        if self.weights is None:
            return values
        return design.namespace(self.A).where(self.weights > 0, self.weights * values, self.weights)

    def start(self) -> Array:
        """Return the point from which a solver starts when none is given: zero, shape (p,)."""
        xp = design.namespace(self.A)
        return xp.zeros(self.A.shape[1], dtype=self.b.dtype, device=device(self.b))

    def predictor(self, x: Array) -> Array:
        """Return ``eta = A x + offset + c(x)``, shape (n,)."""
        eta = self._without_intercept(x)
        return eta + self.best_intercept(eta) if self.intercept else eta

    def intercept_at(self, x: Array) -> float:
        """Return ``c(x)``, the best intercept that goes with ``x``; 0 for a loss without one."""
        return self.best_intercept(self._without_intercept(x)) if self.intercept else 0.0

    @np.errstate(over="ignore", invalid="ignore")  # what overflows is an infinite loss
    def value(self, x: Array) -> float:
        """Return f(x); inf if it overflows."""
        rows = self.weigh(self.phi(self.predictor(x)))
        return float(design.namespace(self.A).sum(rows)) + self.ridge / 2 * float(x @ x)

    @np.errstate(over="ignore", invalid="ignore")
    def gradient(self, x: Array) -> Array:
        """Return ``A^T (s phi'(eta)) + ridge x``, shape (p,); not finite where f overflows."""
        return design.transposed_times(self.A, self.weigh(self.slope(self.predictor(x)))) + self.ridge * x

    def hessian_diagonal(self, x: Array) -> Array:
        """Return the diagonal of the Hessian at ``x``, shape (p,).

        With an intercept the entry of a constant column is the ridge alone.
        """
        w = self._curvatures(x)
        return design.column_squares(self.A, w, self._centre(w, self.A)) + self.ridge

    def hessian_rows(self, x: Array, indices: Array) -> Array:
        """Return the rows ``indices`` of the Hessian at ``x``, dense, shape (m, p): one matrix product."""
        xp, w = design.namespace(self.A), self._curvatures(x)
        indices = xp.asarray(indices, dtype=xp.int64, device=device(self.b))
        kept = self._centred(w, design.columns(self.A, indices))
        rows = design.rows_times(w[:, None] * kept, self.A)
        if self.ridge == 0:
            return rows
        own = indices[:, None] == xp.arange(rows.shape[1], device=device(self.b))[None, :]
        return rows + self.ridge * xp.astype(own, rows.dtype)

    def hessian_block(self, x: Array, indices: Array) -> Array:
        """Return the Hessian at ``x`` between the columns ``indices``, dense, shape (m, m)."""
        xp, w = design.namespace(self.A), self._curvatures(x)
        indices = xp.asarray(indices, dtype=xp.int64, device=device(self.b))
        scaled = self._centred(w, design.columns(self.A, indices))
        if self.weights is not None or not self.quadratic:
            scaled = xp.sqrt(w)[:, None] * scaled
        block = scaled.T @ scaled  # one half of it, as BLAS sees that it is symmetric
        return block if self.ridge == 0 else block + self.ridge * xp.eye(block.shape[0], dtype=block.dtype)

    def hessian_product(self, x: Array, v: Array) -> Array:
        """Return the Hessian at ``x`` times ``v``, shape (p,)."""
        w = self._curvatures(x)
        inner = self._centred(w, design.times(self.A, v))
        return design.transposed_times(self.A, w * inner) + self.ridge * v

    def smoothness(self) -> float:
        """Return an upper bound of the largest eigenvalue of the Hessian anywhere; inf if there is none."""
        return self.steepest * self._largest_square + self.ridge if self.steepest < math.inf else math.inf

    def refit(self, support: Array, x0: Array | None = None) -> Array:
        """Return the minimiser of f among the points that vanish off ``support``, shape (p,).

        ``x0``, of shape (p,), is where an iteration may start.  Raises ValueError or TypeError if
        ``support`` is no mask of shape (p,).
        """
        checks.require_support(support, self.A.shape[1])
        xp = design.namespace(self.A)
        kept = xp.nonzero(support)[0]
        if kept.shape[0] == 0:
            return self.start()
        start = None if x0 is None else xp.take(x0, kept)
        return scatter(self.fit(design.columns(self.A, kept), start), support)

    def fit(self, columns: Array, start: Array | None) -> Array:
        """Return the best coefficients of the dense ``columns``, shape (k,); by damped Newton steps."""
        return newton.minimise(self, columns, start)

    def restrict(self, indices: Array) -> Self:
        """Return the same loss on the columns ``indices`` only, as a dense matrix."""
        xp = design.namespace(self.A)
        indices = xp.asarray(indices, dtype=xp.int64, device=device(self.b))
        return replace(self, A=design.columns(self.A, indices))

    @cached_property
    def _largest_square(self) -> float:
        return largest_square(self.A, self.weights)

    def _without_intercept(self, x: Array) -> Array:
        eta = design.times(self.A, x)
        return eta if self.offset is None else eta + self.offset

    @np.errstate(over="ignore", invalid="ignore")
    def _curvatures(self, x: Array) -> Array:
        return self.weigh(self.curvature(self.predictor(x)))

    def _centre(self, w: Array, A: design.Design) -> Array | None:
        """Return the means of the columns under the weights w, shape (p,); None without intercept."""
        total = float(design.namespace(self.A).sum(w))
        return design.transposed_times(A, w) / total if self.intercept and total > 0 else None

    def _centred(self, w: Array, values: Array) -> Array:
        """Return ``values``, of shape (n,) or (n, m), less their means under w if there is an intercept."""
        total = float(design.namespace(self.A).sum(w))
        return values - (w @ values) / total if self.intercept and total > 0 else values


_VECTORS: dict[str, Callable[[str, Array, int, Any], None]] = {
    "b": checks.require_vector,
    "weights": checks.require_weights,
    "offset": checks.require_vector,
}
