"""Logistic and Poisson losses with groups of variables, and the exact losses around a point of theirs."""

from dataclasses import replace

import numpy as np

from tamis.losses import Poisson
from tamis.subset.groups.landscape import CurvedGroups

SIZES = [1, 3, 2, 2, 4, 1, 2, 3]
GROUPS = np.random.default_rng(3).permutation(np.repeat([5, -2, 90, 1, 7, 33, 4, 60], SIZES))
P = GROUPS.size


def model(kind, seed, n=90):
    """No two seeds in a row alike: ridge, intercept, weights, offset, correlation come and go."""
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((n, P)) + [0.0, 0.5, 2.0][seed % 3] * rng.standard_normal((n, 1))
    eta = A[:, ::2] @ rng.uniform(-0.4, 0.4, (P + 1) // 2)
    b = rng.poisson(np.exp(eta.clip(-4, 4))) if kind is Poisson else rng.random(n) < 1 / (1 + np.exp(-eta))
    weights, offset = rng.uniform(-0.2, 3, n).clip(0), rng.standard_normal(n) / 2
    ridge = [0.1, 2.0, 0.0, 50.0][(seed // 2) % 4]
    rest = (weights if seed & 2 else None, offset if seed & 4 else None, bool(seed & 1))
    return kind(A, b.astype(float), ridge, *rest)


def dependent(kind, seed):
    """Return a loss with a column that its own group repeats, one that another repeats, and one of zeros."""
    loss = model(kind, seed)
    A, own = loss.A.copy(), [np.flatnonzero(GROUPS == J) for J in (7, -2, 60, 90)]
    A[:, own[0][3]] = A[:, own[0][:2]].sum(axis=1)
    A[:, own[1][0]], A[:, own[3][1]] = A[:, own[2][0]], 0
    return replace(loss, A=A, ridge=0.0)


def dropped(loss, seed):
    """For each group out of three: the point without it, and the exact loss with each other group."""
    landscape, chosen = CurvedGroups(loss, GROUPS), np.random.default_rng(seed).permutation(8)[:3]
    for place in range(3):
        less = landscape.settle(np.delete(chosen, place))
        others = np.setdiff1d(np.arange(8), less.residue.chosen)
        exact = np.array([landscape.refit(np.append(less.residue.chosen, J))[1] for J in others])
        yield landscape.layout, less, others, exact
