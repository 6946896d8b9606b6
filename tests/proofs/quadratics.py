"""Random quadratics of known curvature, and turns of both orders by the code's own projections."""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from tamis import admm
from tamis.sets import NofM, Sparse

OUTCOME = json.loads((Path(__file__).parents[2] / "proofs/certificates/outcome.json").read_text("utf-8"))
seeds = st.integers(0, 10**6)
curvatures = st.sampled_from([(0.0, 1.0), (0.3, 1.0), (1.0, 1.0), (0.5, 2.0)])  # mu, beta
sets = st.sampled_from([Sparse(2), Sparse(1), NofM(1, 3)])


class Quadratic(NamedTuple):
    """``f(w) = w'Hw/2 - b'w`` with curvatures from -mu to beta, both taken."""

    H: np.ndarray
    b: np.ndarray
    mu: float
    beta: float

    def value(self, w):
        return w @ self.H @ w / 2 - self.b @ w

    def gradient(self, w):
        return self.H @ w - self.b

    def nearest(self, target, penalty):
        """The exact w-update: argmin f + penalty/2 |w - target|^2."""
        return np.linalg.solve(self.H + penalty * np.eye(len(self.b)), self.b + penalty * target)


SLACK = 1e-9  # of float64, relative to the Lagrangian


class Turn(NamedTuple):
    w: np.ndarray
    z: np.ndarray
    u: np.ndarray


def quadratic(rng, n, mu, beta):
    Q = np.linalg.qr(rng.standard_normal((n, n)))[0]
    values = np.concatenate([[-mu, beta], rng.uniform(-mu, beta, n - 2)])
    return Quadratic(Q * values @ Q.T, rng.standard_normal(n), mu, beta)


def lagrangian(f, penalty, at):
    w, z, u = at
    return f.value(w) + penalty / 2 * (np.sum((w - z + u) ** 2) - np.sum(u**2))


def zwu(f, penalty, constraint, at):
    """The order of theorem 5: z = P(w + u), the exact w, then u."""
    z = constraint.project(at.w + at.u)
    w = f.nearest(z - at.u, penalty)
    return Turn(w, z, at.u + w - z)


def wzu(f, penalty, constraint, at):
    """The order of the papers, by :mod:`tamis.admm`."""
    state = admm.State(at.z, at.u)
    w = f.nearest(admm.target(state), penalty)
    return Turn(w, *admm.dual_update(w, state, constraint))


def start(rng, f, penalty, constraint):
    """Return a state whose dual is the gradient, as theorem 5 asks of the first."""
    w = 2 * rng.standard_normal(len(f.b))
    return Turn(w, constraint.project(w), -f.gradient(w) / penalty)


def turns(f, penalty, constraint, at, count=12):
    """Yield the state before and after each turn z, w, u."""
    for _ in range(count):
        after = zwu(f, penalty, constraint, at)
        yield at, after
        at = after


def square(x):
    return float(np.sum(x**2))


def rate_of_theorem_5(f, penalty):
    return (penalty - f.mu) / 2 - f.beta**2 / penalty


def rate_of_theorem_9(f, penalty):
    low = (penalty - 2 * f.mu) * (penalty + f.mu)
    return min(low, (penalty - f.beta) * (penalty + 2 * f.beta)) / (2 * penalty)
