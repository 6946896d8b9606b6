"""Multinomial logistic regression: the softmax cross-entropy of a linear model of several classes."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from array_api_compat import array_namespace, device

from tamis import design
from tamis.arrays import Array, require_finite
from tamis.losses import checks
from tamis.losses.newton import solve
from tamis.losses.spectrum import largest_square


@dataclass(frozen=True, eq=False)
class Multinomial:
    r"""The negative log-likelihood of classes ``y_i`` in {0, .., K - 1}, x being a matrix (p, K).

    ::

        f(x) = sum_i s_i (log sum_k exp(eta_ik) - eta_{i, y_i}) + (ridge/2) |x|^2,    eta = A x + 1 c^T

    No factor 1/n.  With ``intercept=True``, c is profiled out: it is the best for x, with entries
    that sum to zero, as only their differences matter.  The same holds for each row of x, where
    the ridge, if any, makes the sum zero.  With the probabilities P and the one-hot classes Y the
    gradient is ``A^T (s (P - Y)) + ridge x``.

    Parameters
    ----------
    A, ridge, weights, intercept
        As for :class:`~tamis.losses.LeastSquares`.
    labels : integer array, shape (n,)
        The classes, from 0; K is the largest plus 1, and every class must occur.

    Raises
    ------
    ValueError, TypeError
        As for LeastSquares; if the labels are no integers from 0, or a class does not occur (in
        rows of positive weight).
    """

    quadratic: ClassVar[bool] = False

    A: design.Design
    labels: Array
    ridge: float = 0.0
    weights: Array | None = None
    intercept: bool = False

    def __post_init__(self) -> None:
        A = design.accept(self.A)
        xp, n = design.namespace(A), A.shape[0]
        if A.ndim != 2 or n == 0:
            raise ValueError(f"A must have shape (n, p) with n, p >= 1, got {tuple(A.shape)}")
        _require_classes(self.labels, n, xp)
        checks.require_ridge(self.ridge)
        checks.require_flag("intercept", self.intercept)
        dtype = design.float_dtype(A)
        object.__setattr__(self, "A", design.cast(A, dtype))
        object.__setattr__(self, "ridge", float(self.ridge))
        if self.weights is not None:
            checks.require_weights("weights", self.weights, n, xp)
            object.__setattr__(self, "weights", xp.astype(self.weights, dtype, copy=False))
        counts = xp.sum(self._weigh(self._one_hot), axis=0)
        if float(xp.min(counts)) == 0:
            missing = int(xp.argmin(counts))
            raise ValueError(f"labels must hold every class, but class {missing} does not occur")

    def start(self) -> Array:
        """Return zero, shape (p, K)."""
        xp, like = design.namespace(self.A), self._one_hot
        return xp.zeros((self.A.shape[1], like.shape[1]), dtype=like.dtype, device=device(like))

    def value(self, x: Array) -> float:
        """Return f(x)."""
        xp = design.namespace(self.A)
        return self._misfit(self.predictor(x)) + self.ridge / 2 * float(xp.sum(x * x))

    def gradient(self, x: Array) -> Array:
        """Return ``A^T (s (P - Y)) + ridge x``, shape (p, K)."""
        slopes = self._weigh(self._softmax(self.predictor(x)) - self._one_hot)
        return design.transposed_times(self.A, slopes) + self.ridge * x

    def hessian_product(self, x: Array, v: Array) -> Array:
        """Return the Hessian at ``x`` times ``v``, both of shape (p, K)."""
        xp, P = design.namespace(self.A), self._softmax(self.predictor(x))

        def curve(inner: Array) -> Array:
            return self._weigh(P * (inner - xp.sum(P * inner, axis=1)[:, None]))

        inner = design.times(self.A, v)
        if self.intercept:
            inner = inner - solve(self._intercept_hessian(P), xp.sum(curve(inner), axis=0))
        return design.transposed_times(self.A, curve(inner)) + self.ridge * v

    def smoothness(self) -> float:
        """Return half a bound of the largest eigenvalue of ``A^T diag(s) A``, plus the ridge.

        Softmax curves by at most 1/2 (Boehning 1992, Multinomial logistic regression algorithm).
        """
        return largest_square(self.A, self.weights) / 2 + self.ridge

    def predictor(self, x: Array) -> Array:
        """Return ``eta = A x + 1 c^T``, shape (n, K)."""
        eta = design.times(self.A, x)
        return eta + self._best_intercept(eta) if self.intercept else eta

    def intercept_at(self, x: Array) -> Array:
        """Return the best intercepts for ``x``, shape (K,), of sum zero; zeros for a loss without."""
        eta = design.times(self.A, x)
        return self._best_intercept(eta) if self.intercept else 0 * eta[0, :]

    def _best_intercept(self, eta: Array) -> Array:
        """Return the c at which the probabilities of each class sum to its count.

        Where eta spreads over many units the misfit is nearly piecewise linear in c, and Newton
        knows little; so it starts from the answer for a quarter of eta, scaled, and so on.
        """
        xp = design.namespace(self.A)
        spread = float(xp.max(eta)) - float(xp.min(eta))
        c = xp.mean(eta, axis=0) * 0
        for power in range(max(0, math.ceil(math.log(max(spread / 20, 1), 4))), -1, -1):
            c = self._improve_intercept(eta * 0.25**power, 4 * c)
        return c - xp.mean(c)

    def _improve_intercept(self, eta: Array, c: Array) -> Array:
        """Return the best c, from one near it: Newton steps while they pass, else one of Sinkhorn.

        Sinkhorn's ``c += log(count / sum P)`` never fails: softmax scales the rows of exp(eta), c
        its columns.
        """
        xp = design.namespace(self.A)
        counts = xp.sum(self._weigh(self._one_hot), axis=0)
        eps = float(xp.finfo(eta.dtype).eps)
        for _ in range(200):
            P, value = self._softmax(eta + c), self._misfit(eta + c)
            slope = xp.sum(self._weigh(P), axis=0) - counts
            step = -solve(self._intercept_hessian(P), slope)
            enough = value + 1e-4 * float(slope @ step) + 4 * eps * abs(value)
            if not self._misfit(eta + c + step) <= enough:
                step = xp.log(counts) - self._log_masses(eta + c)
            c = c + step
            if float(xp.max(xp.abs(step))) <= 4 * eps * (1 + float(xp.max(xp.abs(eta)))):
                break
        return c

    def _intercept_hessian(self, P: Array) -> Array:
        xp = design.namespace(self.A)
        unit = xp.eye(P.shape[1], dtype=P.dtype, device=device(P))
        return unit * xp.sum(self._weigh(P), axis=0) - P.T @ self._weigh(P)

    def _log_masses(self, eta: Array) -> Array:
        """Return the logarithm of ``sum_i s_i P_ik``, which may be too small for P itself."""
        xp = design.namespace(self.A)
        log = eta - self._log_sum(eta)[:, None]
        top, tiny = xp.max(log, axis=0), float(xp.finfo(eta.dtype).smallest_normal)
        return top + xp.log(xp.sum(self._weigh(xp.exp(log - top)), axis=0) + tiny)

    def _misfit(self, eta: Array) -> float:
        xp = design.namespace(self.A)
        rows = self._log_sum(eta) - xp.sum(eta * self._one_hot, axis=1)
        return float(xp.sum(rows if self.weights is None else self.weights * rows))

    def _log_sum(self, eta: Array) -> Array:
        xp = design.namespace(self.A)
        top = xp.max(eta, axis=1)
        return top + xp.log(xp.sum(xp.exp(eta - top[:, None]), axis=1))

    def _softmax(self, eta: Array) -> Array:
        xp = design.namespace(self.A)
        return xp.exp(eta - self._log_sum(eta)[:, None])

    def _weigh(self, rows: Array) -> Array:
        return rows if self.weights is None else self.weights[:, None] * rows

    @cached_property
    def _one_hot(self) -> Array:
        xp = array_namespace(self.labels)
        classes = xp.arange(int(xp.max(self.labels)) + 1, device=device(self.labels))
        return xp.astype(self.labels[:, None] == classes[None, :], design.float_dtype(self.A))


def _require_classes(labels: Any, n: int, xp: Any) -> None:
    """Raise unless the labels are n integers from 0, few enough for a matrix of classes."""
    require_finite("labels", labels)
    if array_namespace(labels) is not xp:
        raise TypeError(f"A and labels must be arrays of one library, got {xp.__name__} and {type(labels)}")
    if not xp.isdtype(labels.dtype, "integral"):
        raise TypeError(f"labels must be integers from 0, got dtype {labels.dtype}")
    if tuple(labels.shape) != (n,):
        raise ValueError(f"labels must have shape ({n},), one entry a row of A, got {tuple(labels.shape)}")
    if int(xp.min(labels)) < 0:
        raise ValueError(f"labels must be integers from 0, got {int(xp.min(labels))}")
    if int(xp.max(labels)) >= n:
        raise ValueError(
            f"labels must hold every class, but the largest is {int(xp.max(labels))} in {n} rows"
        )
