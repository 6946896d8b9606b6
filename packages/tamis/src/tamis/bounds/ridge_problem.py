"""Least squares as bounds need it: ``f(x) = 1/2 x'Qx - c'x + bb/2 + (ridge/2) |x|^2``, ridge split off.

The bounds are the better the larger the ridge.  Where A has full column rank the Hessian
``A'A + ridge I`` has more of a multiple of I in it than the user's ridge: its smallest
eigenvalue, which is split off here (less the rounding of the eigenvalues), and Q is the rest.
Weights, offset and a profiled intercept are absorbed in A and b first: rows times the root of
their weight, then columns and b made orthogonal to the intercept's column.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tamis import design
from tamis.losses import LeastSquares

Floats = NDArray[np.float64]
Index = NDArray[np.intp]
LARGEST_EIGENPROBLEM = 2000  # columns; the eigenvalues of more take minutes


@dataclass(frozen=True, eq=False)
class Gram:
    """The loss ``f(x) = 1/2 x'Gx - c'x + bb/2`` with ``G = A'A + ridge I``, ``c = A'b``.

    Parameters
    ----------
    G : array, shape (p, p)
        Symmetric and positive semidefinite.
    c : array, shape (p,)
    bb : float
        ``b'b``, at least ``c' G^-1 c``, so that f is nowhere negative.

    Raises
    ------
    ValueError
        If the shapes do not fit or an entry is not finite.
    """

    G: Floats
    c: Floats
    bb: float

    def __post_init__(self) -> None:
        p = self.c.size
        if self.c.shape != (p,) or self.G.shape != (p, p) or p == 0:
            raise ValueError(
                "G must have shape (p, p) and c shape (p,) with p >= 1, "
                f"got G {self.G.shape} and c {self.c.shape}"
            )
        if not (np.isfinite(self.G).all() and np.isfinite(self.c).all() and 0 <= self.bb < math.inf):
            raise ValueError(f"G, c and bb must be finite and bb 0 or more, got bb {self.bb}")

    def value(self, x: Floats) -> float:
        """Return f(x)."""
        return float(x @ (self.G @ x)) / 2 - float(self.c @ x) + self.bb / 2


@dataclass(frozen=True, eq=False)
class RidgeProblem:
    """``f(x) = 1/2 x'Qx - c'x + bb/2 + (ridge/2) |x|^2`` with Q = A'A, held as A or as Q.

    Parameters
    ----------
    A : array (n, p) or None
    Q : array (p, p) or None
        Positive semidefinite.  One of the two is enough; Q is used if it is there.
    c : array (p,)
    bb, ridge : float
    own : float
        The part of the ridge that was not split off Q.
    lengths : array (p,)
        At least the norms of the columns; what rounding is measured by.
    length : float
        At least ``sqrt(bb)``, likewise.
    rounding : float
        Relative error of a scalar product of this size, twofold.
    curvature : float
        About the largest eigenvalue of Q; the proximal step is its inverse.
    """

    A: Floats | None
    Q: Floats | None
    c: Floats
    bb: float
    ridge: float
    own: float
    lengths: Floats
    length: float
    rounding: float
    curvature: float

    def product(self, x: Floats) -> Floats:
        """Return Q x, at the cost of the nonzeros of x where they are few."""
        index = np.flatnonzero(x)
        few = 4 * index.size < x.size  # gathering costs more than it saves otherwise
        if self.Q is not None:
            return x[index] @ self.Q[index] if few else x @ self.Q
        assert self.A is not None
        return (self.A[:, index] @ x[index] if few else self.A @ x) @ self.A

    def block(self, index: Index) -> Floats:
        """Return a copy of the rows and columns ``index`` of Q."""
        if self.Q is not None:
            return self.Q[np.ix_(index, index)]
        assert self.A is not None
        columns = self.A[:, index]
        return columns.T @ columns

    def restrict(self, index: Index) -> "RidgeProblem":
        """Return the problem on the variables ``index`` alone, held as Q unless that is the larger."""
        part = replace(self, c=self.c[index], lengths=self.lengths[index])
        if self.A is not None and self.Q is None and index.size > self.A.shape[0]:
            return replace(part, A=self.A[:, index])
        return replace(part, A=None, Q=self.block(index))

    def value(self, x: Floats, product: Floats | None = None) -> float:
        """Return f(x); ``product`` is Q x where it is known."""
        product = self.product(x) if product is None else product
        return float(x @ product + self.ridge * (x @ x)) / 2 - float(self.c @ x) + self.bb / 2


def ridge_problem(loss: Any) -> RidgeProblem:
    """Return a :class:`~tamis.losses.LeastSquares` or :class:`Gram` loss with its ridge split off.

    A Gram matrix is formed where A has at most twice as many columns as rows.

    Raises
    ------
    TypeError
        If the loss is another one, or its A of another library.
    """
    if isinstance(loss, Gram):
        lengths = np.sqrt(np.maximum(np.diag(loss.G), 0))
        c, n = loss.c, loss.c.size
        problem = _problem(None, loss.G, c, loss.bb, 0.0, lengths, math.sqrt(loss.bb), n)
    else:
        A, b, lengths, length = _absorb(loss)
        n, p = A.shape
        Q = A.T @ A if p <= 2 * n else None
        problem = _problem(A, Q, A.T @ b, float(b @ b), float(loss.ridge), lengths, length, n)
    if problem.Q is None or n < problem.c.size or problem.c.size > LARGEST_EIGENPROBLEM:
        return problem
    return _split(problem, problem.Q)


def _problem(
    A: Floats | None,
    Q: Floats | None,
    c: Floats,
    bb: float,
    ridge: float,
    lengths: Floats,
    length: float,
    n: int,
) -> RidgeProblem:
    rounding = 2 * (n + c.size + 8) * float(np.finfo(np.float64).eps)
    problem = RidgeProblem(A, Q, c, bb, ridge, ridge, lengths, length, rounding, 1.0)
    return replace(problem, curvature=_curvature(problem))


def _split(problem: RidgeProblem, Q: Floats) -> RidgeProblem:
    """Return the problem with the smallest eigenvalue of Q, less its rounding, moved to the ridge."""
    least = float(np.linalg.eigvalsh(Q)[0]) - problem.rounding * float(problem.lengths @ problem.lengths)
    if least <= 0:
        return problem
    return replace(problem, A=None, Q=Q - least * np.eye(problem.c.size), ridge=problem.ridge + least)


def _curvature(problem: RidgeProblem) -> float:
    """Return about the largest eigenvalue of Q: thirty power steps and a tenth on top, never 0."""
    v = np.random.default_rng(0).standard_normal(problem.c.size)
    size = 0.0
    for _ in range(30):
        v = problem.product(v / (float(np.linalg.norm(v)) or 1.0))
        size = float(np.linalg.norm(v))
    return 1.1 * size or 1.0


def _absorb(loss: Any) -> tuple[Floats, Floats, Floats, float]:
    """Return A and b with weights, offset and intercept absorbed, and their lengths before centring."""
    if not isinstance(loss, LeastSquares):
        raise TypeError(f"loss must be a LeastSquares or Gram, got {type(loss).__name__}")
    A = loss.A if isinstance(loss.A, np.ndarray) else design.columns(loss.A, np.arange(loss.A.shape[1]))
    if not isinstance(A, np.ndarray):
        raise TypeError(f"A must be a numpy array, scipy.sparse or an operator, got {type(A).__name__}")
    A, b = A.astype(np.float64, copy=False), loss.b.astype(np.float64, copy=False)
    weights, offset = loss.weights, loss.offset
    b = b if offset is None else b - offset
    root = np.ones_like(b) if weights is None else np.sqrt(weights)
    A, b = (A, b) if weights is None else (root[:, None] * A, root * b)
    lengths, length = np.sqrt(np.einsum("ij,ij->j", A, A)), float(np.linalg.norm(b))
    if loss.intercept:
        unit = root / np.linalg.norm(root)
        A, b = A - np.outer(unit, unit @ A), b - unit * (unit @ b)
    return A, b, lengths, length
