"""Runs of both orders on random quadratics with one sparse set: how often the Lagrangian rises.

The curvatures lie in [-mu, 1], both ends taken; the penalty is a multiple of max(1, 2 mu), above which
theorem 9 holds.  The w-updates are exact.
"""

from typing import NamedTuple

import numpy as np

TURNS, LAST = 1500, 100  # of a run; and at its end, where a mask that still changes shows a cycle
CHANGES = 5
Floats = np.ndarray


class Case(NamedTuple):
    """A family of problems."""

    entries: int
    kept: int
    mu: float
    ratio: float


class Problems(NamedTuple):
    """Many quadratics ``w'Hw/2 - b'w``, one a row."""

    H: Floats
    b: Floats
    start: Floats
    inverse: Floats  # of H + penalty
    penalty: float


def draw(case: Case, count: int, seed: int) -> Problems:
    """Return random problems of a family."""
    rng = np.random.default_rng(seed)
    Q = np.linalg.qr(rng.standard_normal((count, case.entries, case.entries)))[0]
    curvatures = rng.uniform(-case.mu, 1, (count, case.entries))
    curvatures[:, 0], curvatures[:, -1] = 1, -case.mu if case.mu else 0.01
    H = np.einsum("bij,bj,bkj->bik", Q, curvatures, Q)
    penalty = case.ratio * max(1, 2 * case.mu)
    inverse = np.linalg.inv(H + penalty * np.eye(case.entries))
    b, start = rng.standard_normal((2, count, case.entries))
    return Problems(H, b, 3 * start, inverse, penalty)


def project(v: Floats, kept: int) -> Floats:
    """Return the largest entries of each row."""
    z = v.copy()
    np.put_along_axis(z, np.argsort(-np.abs(v), axis=1)[:, kept:], 0, axis=1)
    return z


def lagrangian(p: Problems, w: Floats, z: Floats, u: Floats) -> Floats:
    """Return the augmented Lagrangian of each row."""
    loss = np.einsum("bi,bij,bj->b", w, p.H, w) / 2 - (p.b * w).sum(1)
    return loss + p.penalty / 2 * (((w - z + u) ** 2).sum(1) - (u**2).sum(1))


def turn(
    order: str, p: Problems, kept: int, w: Floats, z: Floats, u: Floats
) -> tuple[Floats, Floats, Floats]:
    """Return the next state."""

    def step(z: Floats) -> Floats:
        return np.einsum("bij,bj->bi", p.inverse, p.b + p.penalty * (z - u))

    if order == "wzu":
        w = step(z)
        z = project(w + u, kept)
    else:
        z = project(w + u, kept)
        w = step(z)
    return w, z, u + w - z


def shares(order: str, case: Case, count: int = 500, seed: int = 1) -> dict[str, float]:
    """Return the shares of runs in which the Lagrangian rises after the sixth turn, and that cycle.

    A run cycles if its mask changes more than five times in the last hundred turns while it stays bounded.
    """
    p = draw(case, count, seed)
    w, z = p.start, project(p.start, case.kept)
    u = np.zeros_like(w) if order == "wzu" else (p.b - np.einsum("bij,bj->bi", p.H, w)) / p.penalty
    rises, changes, value = np.zeros(count, bool), np.zeros(count), None
    with np.errstate(over="ignore", invalid="ignore"):
        for number in range(TURNS):
            mask, before = z != 0, value
            w, z, u = turn(order, p, case.kept, w, z, u)
            value = lagrangian(p, w, z, u)
            if number > 5:
                rises |= value > before + 1e-8 * (1e-3 + np.abs(value))
            changes += (number >= TURNS - LAST) * ((z != 0) != mask).any(1)
        bounded = np.abs(w).max(1) < 1e6
    return {"rises": float(rises.mean()), "cycles": float(((changes > CHANGES) & bounded).mean())}
