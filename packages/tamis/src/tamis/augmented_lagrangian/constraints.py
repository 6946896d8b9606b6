r"""Constraints ``c(w) in D``: a smooth map with the product of its transposed Jacobian, and a set.

One form covers what is usually written in several:

    A w in S        c(w) = A w   D = S             Constraint.linear(A, S)
    h(w)  = 0       c = h        D = {0}           Constraint.equal(h, product)
    g(w) <= 0       c = g        D = {s <= 0}      Constraint.at_most(g, product)
    r(w) in D       any set with a projection      Constraint(r, product, D)

``product(w, y)`` is ``J(w)^T y`` with ``J_ij = dc_i/dw_j``, an array like w.  With
``max(0, s)`` as what the projection on ``{s <= 0}`` takes away, the multiplier step of
:mod:`tamis.augmented_lagrangian` becomes the well-known ``max(0, mu + rho g)``.  Numpy only.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tamis.admm import Set
from tamis.arrays import Array

Map = Callable[[Array], Any]
JacobianProduct = Callable[[Array, Array], Array]


@dataclass(frozen=True)
class Zero:
    """The set ``{0}``."""

    convex = True

    def project(self, y: Array, metric: Array | None = None) -> Array:
        """Return zero."""
        return np.zeros_like(y)


@dataclass(frozen=True)
class Nonpositive:
    """The set ``{s : s <= 0}``, entry by entry; a diagonal metric does not matter."""

    convex = True

    def project(self, y: Array, metric: Array | None = None) -> Array:
        """Return ``min(y, 0)``."""
        return np.minimum(y, 0.0)


@dataclass(frozen=True, eq=False)
class Constraint:
    """The constraint ``function(w) in target``.

    Parameters
    ----------
    function : callable
        w -> c(w), a number or an array of any shape; continuously differentiable.
    jacobian_product : callable
        (w, y) -> ``J(w)^T y``, an array of the shape of w; y has the shape of c(w).
    target : set
        Anything with ``project``, such as the sets of ``tamis.sets``.
    matrix : array, sparse matrix or LinearOperator, optional
        Set by :meth:`linear`; left out for a map that is not ``w -> A w``.

    Raises
    ------
    TypeError
        If a map is not callable or ``target`` has no projection.

    Examples
    --------
    >>> import numpy as np
    >>> disc = Constraint.at_most(lambda w: w @ w - 1, lambda w, y: 2 * w * y)
    >>> float(disc.value(np.array([1.0, 1.0]))[0])
    1.0
    """

    function: Map
    jacobian_product: JacobianProduct
    target: Set
    matrix: Any = None

    def __post_init__(self) -> None:
        for name in ("function", "jacobian_product"):
            if not callable(getattr(self, name)):
                raise TypeError(f"{name} of a constraint must be callable, got {getattr(self, name)!r}")
        if not hasattr(self.target, "project"):
            raise TypeError(f"target of a constraint must be a set such as Sparse(k), got {self.target!r}")

    @classmethod
    def linear(cls, A: Any, target: Set) -> "Constraint":
        """Return ``A w in target``; A an array, a scipy.sparse matrix or a LinearOperator of shape (m, p)."""
        if len(getattr(A, "shape", ())) != 2:
            raise ValueError(f"A must be a matrix of shape (m, p), got {np.shape(A)}")
        if isinstance(A, np.ndarray) and not np.isfinite(A).all():
            raise ValueError("A must be finite, but it holds NaN or infinite entries")
        return cls(lambda w: A @ w, lambda w, y: A.T @ y, target, A)

    @classmethod
    def equal(cls, function: Map, jacobian_product: JacobianProduct) -> "Constraint":
        """Return ``function(w) = 0``."""
        return cls(function, jacobian_product, Zero())

    @classmethod
    def at_most(cls, function: Map, jacobian_product: JacobianProduct) -> "Constraint":
        """Return ``function(w) <= 0``, entry by entry."""
        return cls(function, jacobian_product, Nonpositive())

    def onto(self, target: Set) -> "Constraint":
        """Return the constraint with another target."""
        return Constraint(self.function, self.jacobian_product, target, self.matrix)

    def value(self, w: Array) -> Array:
        """Return c(w), at least one-dimensional."""
        return np.atleast_1d(np.asarray(self.function(w), dtype=float))

    def pull_back(self, w: Array, y: Array) -> Array:
        """Return ``J(w)^T y``."""
        return np.asarray(self.jacobian_product(w, y), dtype=float).reshape(w.shape)

    def check(self, w: Array) -> None:
        """Raise unless shapes fit at ``w`` and the Jacobian agrees with a difference quotient.

        Raises
        ------
        ValueError
            If c(w) is not finite, or ``jacobian_product`` has another shape than w or is wrong.
        """
        if self.matrix is not None and (w.ndim == 0 or self.matrix.shape[1] != w.shape[0]):
            raise ValueError(
                f"A of a constraint has {self.matrix.shape[1]} columns, but w has shape {w.shape}"
            )
        c = self.value(w)
        if not np.isfinite(c).all():
            raise ValueError(f"function of a constraint must be finite at the start, got {c}")
        self.target.project(c)
        rng = np.random.default_rng(0)
        y, d = rng.standard_normal(c.shape), rng.standard_normal(w.shape)
        product = np.asarray(self.jacobian_product(w, y), dtype=float)
        if product.size != w.size:
            raise ValueError(f"jacobian_product must return the shape of w {w.shape}, got {product.shape}")
        h = 1e-6 * max(1.0, float(np.abs(w).max(initial=0.0)))
        quotient = float(np.sum(y * (self.value(w + h * d) - self.value(w - h * d)))) / (2 * h)
        claimed = float(np.sum(product.reshape(w.shape) * d))
        size = max(abs(quotient), abs(claimed), 1e-6 * float(np.abs(y).sum() * np.abs(c).max(initial=1.0)))
        if np.isfinite(quotient) and abs(quotient - claimed) > 0.1 * size:
            raise ValueError(
                "jacobian_product does not agree with the differences of function at the start: "
                f"{claimed:.4g} against {quotient:.4g} along one direction"
            )
