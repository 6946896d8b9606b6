"""Matrix completion: ``f(X) = 1/2 sum over observed (i, j) of (X_ij - v_ij)^2``."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from tamis.arrays import Array, require_finite, require_integer, widen


@dataclass(frozen=True, eq=False)
class MatrixCompletion:
    r"""The misfit ``f(X) = 1/2 sum_t (X[rows_t, columns_t] - values_t)^2`` of a matrix X of shape (m, n).

    numpy only.  The gradient is the residual on the observed entries and zero elsewhere.  An
    entry observed several times counts as often.

    Parameters
    ----------
    values : array, shape (t,)
        What was observed; at least one.
    rows, columns : integer arrays, shape (t,)
        Where, from 0.
    shape : (int, int)
        Of X.

    Raises
    ------
    ValueError, TypeError
        If the three arrays differ in shape or are empty, a value is not finite and real, or an
        index is no integer within the shape.

    Examples
    --------
    >>> import numpy as np
    >>> loss = MatrixCompletion(np.array([3.0]), rows=np.array([0]), columns=np.array([1]), shape=(1, 2))
    >>> loss.gradient(np.ones((1, 2))).tolist()
    [[0.0, -2.0]]
    """

    quadratic: ClassVar[bool] = True

    values: Array
    rows: Array
    columns: Array
    shape: tuple[int, int]

    def __post_init__(self) -> None:
        require_finite("values", self.values)
        if not isinstance(self.shape, tuple | list) or len(self.shape) != 2:
            raise TypeError(f"shape must be a pair of integers, got {self.shape!r}")
        for name, length in zip(("shape[0]", "shape[1]"), self.shape, strict=True):
            require_integer(name, length)
            if length < 1:
                raise ValueError(f"{name} must be 1 or more, got {length}")
        values = np.asarray(widen(self.values))
        if values.ndim != 1 or values.size == 0:
            raise ValueError(f"values must have shape (t,) with t >= 1, got {values.shape}")
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "shape", (int(self.shape[0]), int(self.shape[1])))
        for name, length in (("rows", self.shape[0]), ("columns", self.shape[1])):
            _require_indices(name, getattr(self, name), values.shape, length)

    def start(self) -> Array:
        """Return zero, shape (m, n)."""
        return np.zeros(self.shape, dtype=self.values.dtype)

    def value(self, x: Array) -> float:
        """Return f(X)."""
        residual = self._residual(x)
        return float(residual @ residual) / 2

    def gradient(self, x: Array) -> Array:
        """Return the residual in the observed places, zero elsewhere, shape (m, n)."""
        return self._spread(self._residual(x))

    def hessian_product(self, x: Array, v: Array) -> Array:
        """Return ``v`` in the observed places, times how often each was observed; the same at every ``x``."""
        return self._spread(v[self.rows, self.columns])

    def smoothness(self) -> float:
        """Return how often the most frequent place was observed: the largest eigenvalue of the Hessian."""
        return float(np.max(self._spread(np.ones_like(self.values))))

    def _residual(self, x: Array) -> Array:
        return x[self.rows, self.columns] - self.values

    def _spread(self, entries: Array) -> Array:
        """Return the matrix with ``entries`` summed in the observed places."""
        flat = np.asarray(self.rows) * self.shape[1] + self.columns
        sums = np.bincount(flat, weights=entries, minlength=self.shape[0] * self.shape[1])
        return sums.reshape(self.shape).astype(self.values.dtype, copy=False)


def _require_indices(name: str, indices: Any, shape: tuple[int, ...], length: int) -> None:
    if not isinstance(indices, np.ndarray) or indices.dtype.kind not in "iu":
        kind = getattr(indices, "dtype", type(indices).__name__)
        raise TypeError(f"{name} must be a numpy array of integers, got {kind}")
    if indices.shape != shape:
        raise ValueError(f"{name} must have the shape of values {shape}, got {indices.shape}")
    if indices.min() < 0 or indices.max() >= length:
        raise ValueError(f"{name} must be from 0 to {length - 1}, got {indices.min()} to {indices.max()}")
