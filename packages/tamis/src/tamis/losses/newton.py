r"""The fit of a few dense columns: damped Newton steps on the coefficients and the intercept at once.

    minimise  F(x, c) = sum_i s_i phi(C x + offset + c) + (ridge/2) |x|^2       over x in R^k, c in R
    d  =  -H^+ g,     t  the first of 1, 1/2, 1/4, ... that passes,     (x, c)  <-  (x, c) + t d

The columns are centred and scaled first, so that neither a constant column nor a unit of
measurement matters; H^+ is the pseudo-inverse, so that of equal columns each takes its share.
A step t passes if F has fallen by a fraction of what its slope promised (Armijo), or if F still
falls along d at its end: F is convex, so it is lower there, and a slope can be told to rounding
where values cannot.  Where the Hessian is singular though the gradient is not in its range (all
residuals of a Huber loss beyond delta, probabilities that are 0 or 1 to rounding), the loss's
secant curvature takes the place of phi''.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from array_api_compat import array_namespace, device, is_numpy_array
from scipy.linalg import cho_solve, get_lapack_funcs

from tamis.arrays import Array

_ITERATIONS = 200
_HALVINGS = 60
_TOLERANCE = 1e-12  # of a component of the gradient, relative to the size of its terms


class Problem(NamedTuple):
    """F in scaled coordinates, the intercept being the last column."""

    model: Any  # the loss: phi, slope, curvature, secant_curvature, slope_size, weigh, offset
    X: Array  # (n, m)
    ridge: Array  # (m,), zero for the intercept


class Point(NamedTuple):
    """A point and what is known there."""

    x: Array  # (m,)
    eta: Array  # (n,)
    value: float
    gradient: Array  # (m,)


@np.errstate(over="ignore", invalid="ignore")  # an infinite F fails the test of the line search
def minimise(model: Any, columns: Array, start: Array | None) -> Array:
    """Return the minimiser x, shape (k,), for ``columns`` of shape (n, k).

    The gradient is then zero to 1e-12 of the sum of its terms' sizes, or to rounding.  If there
    is no minimiser (separable classes without a ridge) the iteration ends, after some thirty
    steps, at a finite point whose gradient is that small.  From zero the first step is by the
    secant curvature, which leads near the minimiser from far off.

    Parameters
    ----------
    model : LinearModel
    columns : array, shape (n, k)
    start : array, shape (k,), optional
        The iteration starts here or at zero, wherever F is lower.

    Raises
    ------
    ValueError
        If F overflows at zero (and at the start).
    """
    problem, scale = _standardise(model, columns)
    point, cold = _first(problem, scale, start)
    for iteration in range(_ITERATIONS):
        if _stationary(problem, point):
            break
        new = _search(problem, point, _direction(problem, point, cold and iteration == 0))
        if new is None:  # no progress beyond rounding
            break
        point = new
    return point.x[: scale.shape[0]] / scale


def _standardise(model: Any, columns: Array) -> tuple[Problem, Array]:
    """Return the problem and the scale of its columns, shape (k,)."""
    xp, X = array_namespace(columns), columns
    s = model.weigh(xp.ones_like(model.b))
    if model.intercept:
        X = X - (s @ X) / float(xp.sum(s))
    scale = xp.sqrt(s @ (X * X))
    scale = xp.where(scale > 0, scale, xp.ones_like(scale))
    X, ridge = X / scale, model.ridge / (scale * scale)
    if model.intercept:
        X = xp.concat([X, xp.ones_like(model.b)[:, None] / float(xp.sum(s)) ** 0.5], axis=1)
        ridge = xp.concat([ridge, xp.zeros_like(ridge[:1])])
    return Problem(model, X, ridge), scale


def _first(problem: Problem, scale: Array, start: Array | None) -> tuple[Point, bool]:
    """Return the point to start from, and whether it is zero."""
    xp = array_namespace(problem.X)
    zero = _evaluate(problem, _with_intercept(problem, xp.zeros_like(scale)))
    if start is not None:
        given = _evaluate(problem, _with_intercept(problem, xp.astype(start, scale.dtype) * scale))
        if math.isfinite(given.value) and not given.value >= zero.value:
            return given, False
    if not math.isfinite(zero.value):
        raise ValueError("the loss overflows where all coefficients are zero: check offset and b")
    return zero, True


def _with_intercept(problem: Problem, x: Array) -> Array:
    """Return x with the best intercept appended, if the model has one."""
    if not problem.model.intercept:
        return x
    xp = array_namespace(x)
    none = xp.zeros(1, dtype=x.dtype, device=device(x))
    c = problem.model.best_intercept(_eta(problem, xp.concat([x, none])))
    return xp.concat([x, none + c / float(problem.X[0, -1])])


def _eta(problem: Problem, x: Array) -> Array:
    eta = problem.X @ x
    return eta if problem.model.offset is None else eta + problem.model.offset


def _evaluate(problem: Problem, x: Array) -> Point:
    model, eta = problem.model, _eta(problem, x)
    gradient = problem.X.T @ model.weigh(model.slope(eta)) + problem.ridge * x
    return Point(x, eta, _value(problem, x, eta), gradient)


def _value(problem: Problem, x: Array, eta: Array) -> float:
    rows = problem.model.weigh(problem.model.phi(eta))
    return float(array_namespace(x).sum(rows)) + float(problem.ridge @ (x * x)) / 2


def _stationary(problem: Problem, point: Point) -> bool:
    """Return whether the gradient is tiny beside the sum of its terms' sizes (of scaled columns)."""
    xp, model = array_namespace(point.x), problem.model
    terms = model.weigh(model.slope_size(point.eta))
    size = xp.abs(problem.X).T @ terms + problem.ridge * xp.abs(point.x)
    tolerance = max(_TOLERANCE, 10 * float(xp.finfo(size.dtype).eps))
    return bool(xp.all(xp.abs(point.gradient) <= tolerance * xp.max(size)))


def _direction(problem: Problem, point: Point, by_secant: bool) -> Array:
    """Return the Newton direction, by the secant curvature if asked or where the true one leads nowhere."""
    xp, model = array_namespace(point.x), problem.model
    g = point.gradient
    unit = xp.eye(g.shape[0], dtype=g.dtype, device=device(g))
    for curvature in (model.secant_curvature,) if by_secant else (model.curvature, model.secant_curvature):
        w = model.weigh(curvature(point.eta))
        H = problem.X.T @ (w[:, None] * problem.X) + unit * problem.ridge
        d = -solve(H, g)
        if float(xp.linalg.vector_norm(H @ d + g)) <= 0.1 * float(xp.linalg.vector_norm(g)):
            break
    return d


def solve(H: Array, g: Array) -> Array:
    """Return ``H^+ g`` for a symmetric positive semidefinite H: Cholesky if it is safe, else eigenvalues."""
    xp = array_namespace(H)
    if is_numpy_array(H):
        factor, info = get_lapack_funcs("potrf", (H,))(H, lower=True)
        pivots, own = np.diag(factor) ** 2, np.diag(H)
        if info == 0 and (pivots > 1e-8 * own).all():
            return cho_solve((factor, True), g, check_finite=False)
    values, vectors = xp.linalg.eigh(H)
    cut = 4 * H.shape[0] * float(xp.finfo(H.dtype).eps) * float(xp.max(values))
    inverse = xp.where(values > cut, 1 / xp.where(values > cut, values, xp.ones_like(values)), 0 * values)
    return vectors @ (inverse * (vectors.T @ g))


def _search(problem: Problem, point: Point, d: Array) -> Point | None:
    """Return the point ``x + t d`` for the first t that passes; None if none does or d is below rounding."""
    xp, model, along = array_namespace(d), problem.model, problem.X @ d
    slope = float(point.gradient @ d)
    eps = float(xp.finfo(d.dtype).eps)
    moved, size = float(xp.max(xp.abs(along))), float(xp.max(xp.abs(point.eta)))
    if not slope < 0 or moved <= 2 * eps * size or not math.isfinite(moved):
        return None
    slack = 4 * eps * abs(point.value)
    for halvings in range(_HALVINGS):
        t = 0.5**halvings
        x, eta = point.x + t * d, point.eta + t * along
        value = _value(problem, x, eta)
        end = float(model.weigh(model.slope(eta)) @ along) + float((problem.ridge * x) @ d)
        if math.isfinite(value) and (end <= 0 or value <= point.value + 1e-4 * t * slope + slack):
            return _evaluate(problem, x)
    return None
