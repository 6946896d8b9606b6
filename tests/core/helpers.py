"""What the core's tests run over: every array library, every set, and the slow and obvious oracles.

A new set joins all tests by one line in ``SETS``.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import array_api_compat.numpy as numpy_namespace
import array_api_compat.torch as torch_namespace
import array_api_strict as strict_namespace
import numpy as np
import pytest
from hypothesis import strategies as st

from tamis.losses import LeastSquares
from tamis.sets import Blocks, GroupSparse, NofM, Sparse

NAMESPACES = [
    pytest.param(numpy_namespace, id="numpy"),
    pytest.param(torch_namespace, id="torch"),
    pytest.param(strict_namespace, id="strict"),
]


@dataclass(frozen=True)
class Case:
    """A set, the shapes of a variable small enough for all its supports, and which supports are allowed."""

    set: Any
    shapes: tuple[tuple[int, ...], ...]
    allowed: Callable[..., bool]  # of one boolean mask an array
    is_list: bool = False

    def variable(self, flat):
        """Cut a flat array into the arrays of the case: one array, or a list."""
        sizes = np.cumsum([int(np.prod(shape)) for shape in self.shapes])[:-1]
        arrays = [a.reshape(s) for a, s in zip(np.split(np.asarray(flat), sizes), self.shapes, strict=True)]
        return arrays if self.is_list else arrays[0]

    @property
    def size(self):
        return sum(int(np.prod(shape)) for shape in self.shapes)

    @cached_property
    def supports(self):
        """All allowed supports, shape (many, size)."""
        masks = np.array(list(itertools.product([False, True], repeat=self.size)))
        fits = [self.allowed(*arrays) for arrays in map(self.arrays, masks)]
        return masks[fits]

    def arrays(self, mask):
        variable = self.variable(mask)
        return variable if self.is_list else [variable]


def at_most(k):
    return lambda *masks: sum(mask.sum() for mask in masks) <= k


def groups_at_most(n, m, axis):
    return lambda mask: bool((np.moveaxis(mask, axis, -1).reshape(-1, m).sum(axis=1) <= n).all())


def labels_at_most(k, labels):
    """At most k of the groups that share a label hold a true entry."""
    labels = np.array(labels)
    return lambda *masks: np.unique(labels[np.concatenate([mask.ravel() for mask in masks])]).size <= k


def both(first, second):
    return lambda a, b: first(a) and second(b)


SETS = [
    pytest.param(Case(Sparse(0), ((5,),), at_most(0)), id="none"),
    pytest.param(Case(Sparse(3), ((7,),), at_most(3)), id="3 of 7"),
    pytest.param(Case(Sparse(4), ((4,),), at_most(4)), id="all"),
    pytest.param(Case(Sparse(2), ((2, 3),), at_most(2)), id="matrix"),
    pytest.param(Case(Sparse(1), ((),), at_most(1)), id="0-d"),
    pytest.param(Case(Sparse(0.4), ((7,),), at_most(3)), id="fraction"),
    pytest.param(Case(Sparse(3), ((3,), (2, 2)), at_most(3), is_list=True), id="one threshold over two"),
    pytest.param(Case(Sparse(0.5), ((2,), (0,), (4,)), at_most(3), is_list=True), id="fraction over three"),
    pytest.param(Case(NofM(2, 4), ((8,),), groups_at_most(2, 4, -1)), id="2:4"),
    pytest.param(Case(NofM(1, 2, axis=0), ((4, 2),), groups_at_most(1, 2, 0)), id="1:2 down"),
    pytest.param(Case(NofM(1, 2, axis=0), ((2, 1, 3),), groups_at_most(1, 2, 0)), id="1:2 in 3-d"),
    pytest.param(Case(NofM(0, 2), ((4,),), groups_at_most(0, 2, -1)), id="0:2"),
    pytest.param(Case(NofM(3, 3), ((2, 3),), groups_at_most(3, 3, -1)), id="3:3"),
    pytest.param(
        Case(
            NofM(1, 2),
            ((4,), (2, 2)),
            both(groups_at_most(1, 2, -1), groups_at_most(1, 2, -1)),
            is_list=True,
        ),
        id="1:2 in two",
    ),
    pytest.param(
        Case(GroupSparse(2, [[0, 3], [1, 5], [2, 4]]), ((6,),), labels_at_most(2, [0, 1, 2, 0, 2, 1])),
        id="groups",
    ),
    pytest.param(Case(Blocks(1, (1, None)), ((3, 2),), labels_at_most(1, [0, 0, 1, 1, 2, 2])), id="one row"),
    pytest.param(
        Case(Blocks(2, (1, 2)), ((1, 4), (2, 2)), labels_at_most(2, [0, 0, 1, 1, 2, 2, 3, 3]), is_list=True),
        id="blocks of two",
    ),
]

# Ties, zeros of both signs, and numbers of very different size.
entries = st.sampled_from([0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 0.5]) | st.floats(-1e6, 1e6, width=32)
weights = st.sampled_from([1.0, 4.0, 0.25]) | st.floats(2.0**-20, 2.0**20, width=32)


def each(function, variable):
    return [function(a) for a in variable] if isinstance(variable, list) else function(variable)


def convert(xp, variable):
    """Return a numpy variable as arrays of ``xp``."""
    return each(xp.asarray, variable)


def numpy_flat(variable):
    """Return all entries of a variable of any library as one numpy array."""
    arrays = variable if isinstance(variable, list) else [variable]
    return np.concatenate([np.asarray(a).reshape(-1) for a in arrays])


def regression(seed, n, p, k=None, *, noise=0.1, correlation=0.0):
    """Return A, b and the planted x with k nonzeros of size 1 to 3 (all p of them if k is left out)."""
    rng = np.random.default_rng(seed)
    covariance = correlation ** np.abs(np.subtract.outer(np.arange(p), np.arange(p)))
    A = rng.standard_normal((n, p)) @ np.linalg.cholesky(covariance).T
    x = np.zeros(p)
    chosen = rng.choice(p, p if k is None else k, replace=False)
    x[chosen] = rng.choice([-1, 1], chosen.size) * rng.uniform(1, 3, chosen.size)
    return A, A @ x + noise * rng.standard_normal(n), x


def best_subset(loss: LeastSquares, supports):
    """Return the least loss over ``supports``, each solved by numpy's lstsq."""
    A, b = np.asarray(loss.A), np.asarray(loss.b)
    A = np.vstack([A, np.sqrt(loss.ridge) * np.eye(A.shape[1])])
    b = np.append(b, np.zeros(A.shape[1]))
    return min(least_loss(A[:, support], b) for support in supports)


def least_loss(columns, b):
    x = np.linalg.lstsq(columns, b, rcond=None)[0]
    return 0.5 * np.sum((columns @ x - b) ** 2)
