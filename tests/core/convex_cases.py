"""The convex sets that are tested, each with its oracle and its constraints for cvxpy.

A new convex set joins all tests by a case here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cvxpy
import numpy as np

from tamis import sets

from . import convex_oracles as oracles

INF = float("inf")
A = np.array([[1.0, -2.0, 0.5, 3.0], [0.0, 1.0, 1.0, -1.0]])
DEPENDENT = np.vstack([A, 1e-9 * (A[0] + A[1]), np.zeros(4)])  # rank 2, rows of other units, one zero
LEVELS = np.array([[-1.0, 0.0, 2.0], [0.0, -INF, -3.0]]), np.array([[1.0, 0.0, INF], [2.0, INF, -3.0]])


@dataclass(frozen=True)
class ConvexCase:
    """A set at each scale s (that is s times the set at 1), and who says what is right."""

    name: str
    make: Callable[[float], Any]
    shapes: tuple[tuple[int, ...], ...]
    oracle: Callable[..., tuple[float, float]]  # (z, g) at scale 1 -> (distance from the set, greatest gain)
    constraints: Callable[..., list[Any]]  # of a cvxpy vector, at scale 1
    is_list: bool = False
    weighted: bool = True

    @property
    def size(self):
        return sum(int(np.prod(shape)) for shape in self.shapes)

    def variable(self, flat):
        """Cut a flat array into the arrays of the case: one array, or a list."""
        cuts = np.cumsum([int(np.prod(shape)) for shape in self.shapes])[:-1]
        arrays = [a.reshape(s) for a, s in zip(np.split(np.asarray(flat), cuts), self.shapes, strict=True)]
        return arrays if self.is_list else arrays[0]


def box_constraints(lower, upper):
    def constraints(z):
        low, high = (np.broadcast_to(np.reshape(bound, -1), z.shape) for bound in (lower, upper))
        return [z[i] >= low[i] for i in np.flatnonzero(np.isfinite(low))] + [
            z[i] <= high[i] for i in np.flatnonzero(np.isfinite(high))
        ]

    return constraints


def matrix(z, shape):
    return cvxpy.reshape(z, shape, order="C")


def _boxes():
    for name, low, high in [
        ("box", -1.0, 2.0),
        ("box below", -INF, 0.5),
        ("box above", -0.5, INF),
        ("a point", 0.5, 0.5),
        ("a box an entry", *LEVELS),
    ]:
        yield ConvexCase(
            name,
            lambda s, low=low, high=high: sets.Box(low * s, high * s),
            ((2, 3),),
            oracles.box(low, high),
            box_constraints(low, high),
        )
    yield ConvexCase(
        "nonnegative", lambda s: sets.Nonnegative(), ((5,),), oracles.box(0.0, INF), lambda z: [z >= 0]
    )
    yield ConvexCase(
        "box of a list",
        lambda s: sets.Box([-s, np.full((2, 2), -2.0 * s)], 0.5 * s),
        ((2,), (2, 2)),
        oracles.box(np.array([-1.0, -1, -2, -2, -2, -2]), 0.5),
        lambda z: [z <= 0.5, z[:2] >= -1, z[2:] >= -2],
        is_list=True,
    )


def _budgets():
    shapes = [((6,), False), ((2, 3), False), ((1,), False), ((), False)]
    for size in (0.0, 1.0, 2.5):
        for shape, is_list in shapes if size == 1.0 else [((2,), True)]:
            arrays = ((2,), (0,), (2, 2)) if is_list else (shape,)
            tail = f"{size} of {arrays}"
            yield ConvexCase(
                f"simplex {tail}",
                lambda s, r=size: sets.Simplex(r * s),
                arrays,
                oracles.simplex(size),
                lambda z, r=size: [z >= 0, cvxpy.sum(z) == r],
                is_list,
            )
            for make, norm, dual, order in [
                (sets.L1Ball, 1, INF, 1),
                (sets.L2Ball, 2, 2, 2),
                (sets.LinfBall, INF, 1, "inf"),
            ]:
                yield ConvexCase(
                    f"{make.__name__} {tail}",
                    lambda s, r=size, make=make: make(r * s),
                    arrays,
                    oracles.ball(size, norm, dual),
                    lambda z, r=size, order=order: [cvxpy.norm(z, order) <= r],
                    is_list,
                )


def _linear():
    point = np.array([1.0, -1.0, 0.0, 2.0])
    for name, B in [
        ("two equations", A),
        ("dependent equations", DEPENDENT),
        ("as many as unknowns", np.vstack([A, np.eye(4)[:2]])),
        ("no equations", np.zeros((0, 4))),
    ]:
        yield ConvexCase(
            name,
            lambda s, B=B: sets.Affine(B, B @ point * s),
            ((4,),),
            oracles.affine(B, B @ point),
            lambda z, B=B: [B[:4] @ z == B[:4] @ point] if len(B) else [],
        )
    for a, beta in [(np.array([[1.0, -2.0], [0.0, 3.0]]), 0.5), (np.zeros((2, 2)), 0.0), (A[:1], -1.0)]:
        yield ConvexCase(
            f"half-space {beta}",
            lambda s, a=a, beta=beta: sets.HalfSpace(a, beta * s),
            (a.shape,),
            oracles.half_space(a.reshape(-1), beta),
            lambda z, a=a, beta=beta: [a.reshape(-1) @ z <= beta],
        )


def _others():
    for n in (1, 3):
        yield ConvexCase(
            f"PSD {n}",
            lambda s: sets.PSD(),
            ((n, n),),
            oracles.psd(n),
            lambda z, n=n: [matrix(z, (n, n)) >> 0, matrix(z, (n, n)) == matrix(z, (n, n)).T],
            weighted=False,
        )
    for n in (1, 2, 4):
        yield ConvexCase(
            f"cone {n}",
            lambda s: sets.SecondOrderCone(),
            ((n,),),
            oracles.cone,
            lambda z, n=n: [cvxpy.SOC(z[0], z[1:])] if n > 1 else [z >= 0],
            weighted=False,
        )
    for n, up in [(1, True), (6, True), (6, False)]:
        yield ConvexCase(
            f"monotone {n} {up}",
            lambda s, up=up: sets.Monotone(up),
            ((n,),),
            oracles.monotone(1 if up else -1),
            lambda z, up=up: [cvxpy.diff(z) >= 0 if up else cvxpy.diff(z) <= 0] if z.size > 1 else [],
        )
    for shape, radius in [((2, 3), 1.5), ((3, 2), 0.0)]:
        yield ConvexCase(
            f"nuclear {radius}",
            lambda s, r=radius: sets.NuclearBall(r * s),
            (shape,),
            oracles.nuclear(radius, shape),
            lambda z, shape=shape, r=radius: [cvxpy.normNuc(matrix(z, shape)) <= r],
            weighted=False,
        )
    yield ConvexCase(
        "everything", lambda s: sets.Everything(), ((2,), ()), oracles.everything, lambda z: [], is_list=True
    )


CASES = [*_boxes(), *_budgets(), *_linear(), *_others()]
