r"""Spectral projected gradient: ``minimise F(x) subject to x in T``.

    x  <-  P_T(x - a g),    g the gradient of F at x

with a step a of Barzilai & Borwein (1988), halved until the new value is below the largest of
the last ten by ``1e-4 |change|^2 / (2 a)``: the nonmonotone rule of Grippo, Lampariello & Lucidi
(1986), as in Birgin, Martinez & Raydan (2000), but along the projection arc, which needs no
convexity of T (Kanzow & Mehlitz, 2022).  It ends when the projected gradient
``L |x - P_T(x - g/L)|`` is at most ``tol``, L the largest curvature of F met.  With no T, L-BFGS of
scipy does the same with fewer evaluations.  Numpy only.
"""

import math
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tamis.arrays import Array

Objective = Callable[[Array], tuple[float, Array]]
Project = Callable[[Array], Array]

MEMORY = 10  # values that a new one is compared with; Birgin, Martinez & Raydan (2000)
SUFFICIENT = 1e-4  # share of the decrease that a step of length a promises
HALVINGS = 60


class Solution(NamedTuple):
    """Where the iteration ended."""

    x: Array
    value: float
    gradient: Array
    stationarity: float  # largest entry of the projected gradient at x, in the units of g
    evaluations: int


def solve(
    objective: Objective,
    x: Array,
    project: Project | None = None,
    *,
    curvature: float = 1.0,
    tol: float = 1e-8,
    max_iter: int = 1000,
    deadline: float = math.inf,
) -> Solution:
    """Minimise ``objective`` over T from ``x``.

    Parameters
    ----------
    objective : callable
        x -> (value, gradient); a value that is not finite makes the step shorter.
    x : array
        The start, in T.
    project : callable, optional
        The projection on T; free if left out.
    curvature : float
        First guess of L, in the units of the gradient over those of x; positive.
    tol : float
        Bound of the largest entry of the projected gradient, in the units of the gradient.
    max_iter : int
        Bound of the number of steps.
    deadline : float
        ``time.monotonic()`` after which the last point is returned.
    """
    if project is None:
        return _lbfgs(objective, x, tol, max_iter, deadline)
    value, g = objective(x)
    values, L, a, evaluations = [value], curvature, 1 / curvature, 1
    for _ in range(max_iter):
        new, a, tried = _arc_search(objective, project, x, g, a, max(values[-MEMORY:]))
        evaluations += tried
        if new is None or time.monotonic() > deadline:
            break
        dx, dg = new[0] - x, new[2] - g
        moved = math.sqrt(_dot(dx, dx))
        L = max(math.sqrt(_dot(dg, dg)) / moved, L) if moved else L
        near = moved == 0 or float(np.abs(dx).max()) / a <= tol
        x, value, g = new
        values.append(value)
        if near and projected_gradient(project, x, g, L) <= tol:
            break
        bend = _dot(dx, dg)
        a = min(max(_dot(dx, dx) / bend, 1e-10 / L), 1e10 / L) if bend > 0 else min(10 * a, 1e10 / L)
    return Solution(x, value, g, projected_gradient(project, x, g, L), evaluations)


def projected_gradient(project: Project | None, x: Array, g: Array, L: float) -> float:
    """Return the largest entry of ``L (x - P_T(x - g/L))``; of g itself without T."""
    moved = g if project is None else L * (x - project(x - g / L))
    return float(np.abs(moved).max(initial=0.0))


def _arc_search(
    objective: Objective, project: Project, x: Array, g: Array, a: float, bar: float
) -> tuple[tuple[Array, float, Array] | None, float, int]:
    """Return the first point of the arc low enough, its step, and how many were tried."""
    slack = 1e-15 * abs(bar)  # what rounding of F may cost
    for tried in range(1, HALVINGS + 1):
        candidate = project(x - a * g)
        value, gradient = objective(candidate)
        d = candidate - x
        if np.isfinite(value) and value <= bar - SUFFICIENT / (2 * a) * _dot(d, d) + slack:
            return (candidate, value, gradient), a, tried
        a /= 2
    return None, a, HALVINGS


def _lbfgs(objective: Objective, x: Array, tol: float, max_iter: int, deadline: float) -> Solution:
    from scipy.optimize import minimize  # slow to import

    def flat(v: Array) -> tuple[float, Array]:
        value, gradient = objective(v.reshape(x.shape))
        return (value if math.isfinite(value) else 1e300), gradient.reshape(-1)

    def stop(_: Array) -> None:
        if time.monotonic() > deadline:
            raise StopIteration

    options = {"maxiter": max_iter, "maxfun": 10 * max_iter, "gtol": tol, "ftol": 0.0, "maxcor": 20}
    found = minimize(flat, x.reshape(-1), jac=True, method="L-BFGS-B", callback=stop, options=options)
    end = found.x.reshape(x.shape)
    value, gradient = objective(end)
    return Solution(end, value, gradient, projected_gradient(None, end, gradient, 1.0), int(found.nfev))


def _dot(a: Array, b: Array) -> float:
    return float(np.sum(a * b))
