"""How an answer is scored: by its support, refitted by one routine for all solvers.

The objective of a support is the least value of the loss over coefficients that vanish off it:
half the squared residuals; the negative log-likelihood (logistic); half the deviance (Poisson,
so that it is 0 or more and its relative excess means something).
"""

from typing import NamedTuple

import numpy as np
from designs import Design

Array = np.ndarray


class Fit(NamedTuple):
    """The minimiser on a support: coefficients (p,), intercept, and the loss there."""

    coefficients: Array
    intercept: float
    objective: float


def refit(design: Design, support: Array) -> Fit:
    """Return the minimiser among coefficients that vanish off ``support`` (indices)."""
    columns = design.A[:, support]
    if design.intercept:
        columns = np.column_stack([columns, np.ones(len(design.b))])
    if design.loss == "least squares":
        values = np.linalg.lstsq(columns, design.b, rcond=None)[0]
    else:
        values = newton(design.loss, columns, design.b)
    coefficients = np.zeros(design.A.shape[1])
    coefficients[support] = values[: len(support)]
    objective = float(losses(design.loss, columns @ values, design.b).sum())
    return Fit(coefficients, float(values[-1]) if design.intercept else 0.0, objective)


def losses(loss: str, eta: Array, b: Array) -> Array:
    """Return the loss of each observation at the predictor ``eta``."""
    if loss == "least squares":
        return (eta - b) ** 2 / 2
    if loss == "logistic":
        return np.logaddexp(0.0, eta) - b * eta
    saturated = b - b * np.log(np.where(b > 0, b, 1.0))
    return np.exp(np.minimum(eta, 700.0)) - b * eta - saturated


def newton(loss: str, X: Array, b: Array, iterations: int = 100) -> Array:
    """Return the minimiser of the sum of losses over ``X v`` by damped Newton steps from zero.

    On separable data, which have no minimiser, it stops once the loss no longer falls.
    """
    v = np.zeros(X.shape[1])
    value = losses(loss, X @ v, b).sum()
    for _ in range(iterations):
        eta = X @ v
        mean = 1 / (1 + np.exp(-np.clip(eta, -700, 700))) if loss == "logistic" else np.exp(eta)
        weights = mean * (1 - mean) if loss == "logistic" else mean
        gradient = X.T @ (mean - b)
        direction = np.linalg.lstsq(X.T @ (weights[:, None] * X), gradient, rcond=None)[0]
        slope, step, before = gradient @ direction, 1.0, value
        while step > 1e-10:
            value = losses(loss, X @ (v - step * direction), b).sum()
            if value <= before - 1e-4 * step * slope:
                break
            step /= 2
        if not value < before - 1e-12 * abs(before):
            return v
        v = v - step * direction
    return v


def f1(truth: Array, support: Array) -> float:
    """Return the harmonic mean of precision and recall of ``support`` (indices) for that of truth."""
    true = np.flatnonzero(truth)
    return 2 * len(np.intersect1d(true, support)) / (len(true) + len(support))


def held_out(design: Design, fit: Fit) -> float:
    """Return the mean loss on the rows held out; twice it, the mean squared error, for least squares."""
    eta = design.A_test @ fit.coefficients + fit.intercept
    mean = float(losses(design.loss, eta, design.b_test).mean())
    return 2 * mean if design.loss == "least squares" else mean


def gaps(objectives: dict[str, float]) -> dict[str, float]:
    """Return each solver's excess over the best of all, in percent of the best."""
    best = min(objectives.values())
    return {name: 100 * (value - best) / max(best, 1e-300) for name, value in objectives.items()}


def allowed(design: Design, support: Array) -> bool:
    """Return whether ``support`` has at most k entries, or lies in at most k groups."""
    labels = support if design.groups is None else np.unique(design.groups[support])
    return len(labels) <= design.k
