r"""What the estimators share: from X, y and parameters to a loss, a result and ``coef_``.

    minimise  sum_i s_i phi(x_i^T w + c; y_i) + (ridge/2) |w|^2     subject to at most k features

by :func:`tamis.minimize`, s being ``sample_weight``.  With several classes w is a matrix
(features, classes), and a feature is one of its rows.
"""

import math
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from tamis.arrays import Array, require_integer
from tamis.losses import Multinomial
from tamis.minimize import minimize
from tamis.result import Result
from tamis.sets import Blocks, Sparse

LARGEST = 10  # size of a model or path, where none is given


class SparseEstimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """The fit of an estimator with a fixed number of features.

    A subclass says what its targets are (``_encode``), which loss they have (``_loss``) and, if
    it is not the vector of a regression, how ``coef_`` looks (``_store``).
    """

    def __init__(
        self,
        n_nonzero: int | None = None,
        *,
        ridge: float = 1.0,
        fit_intercept: bool = True,
        effort: str = "default",
        time_limit: float | None = None,
        random_state: Any = 0,
    ) -> None:
        self.n_nonzero = n_nonzero
        self.ridge = ridge
        self.fit_intercept = fit_intercept
        self.effort = effort
        self.time_limit = time_limit
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : array, sparse matrix or data frame, shape (n_samples, n_features)
        y : array, shape (n_samples,)
        sample_weight : array, shape (n_samples,), optional
            Weights of the rows, 0 or more; an integer weight is a row that often.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            If X, y or a parameter is out of range or of another kind.
        """
        X, y = validate_data(self, X, y, accept_sparse=("csr", "csc"), dtype=(np.float64, np.float32))
        weights = _check_sample_weight(sample_weight, X, dtype=X.dtype, ensure_non_negative=True)
        self._solve(X, self._encode(y, weights), weights)
        return self

    def _encode(self, y: Array, weights: Array) -> Array:
        """Return the targets as the loss takes them."""
        raise NotImplementedError

    def _require_targets(self, b: Array) -> None:
        """Raise unless a loss can be made of the targets ``b``, a part of those that were encoded."""

    def _loss(self, X: Any, b: Array, weights: Array | None) -> Any:
        """Return the loss of rows of positive weight."""
        raise NotImplementedError

    def _solve(self, X: Any, b: Array, weights: Array) -> None:
        """Set the attributes of the fit."""
        k = size("n_nonzero", self.n_nonzero, X.shape[1])
        loss = self._loss(*weighted_rows(X, b, weights))
        options: dict[str, Any] = {
            "effort": self.effort,
            "time_limit": self.time_limit,
            "seed": self._seed(),
        }
        self._store(loss, minimize(loss, at_most(k, loss), **options))

    def _store(self, loss: Any, result: Result) -> None:
        """Set ``coef_``, ``intercept_`` and what is known of them."""
        self.result_, self.n_iter_ = result, result.nit
        self.coef_, self.intercept_ = result.x, loss.intercept_at(result.x)
        self.support_ = used(result.x)

    def _seed(self) -> int:
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _linear(self, X: Any) -> Array:
        """Return ``X coef_^T + intercept_``."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, accept_sparse=("csr", "csc"), dtype=(np.float64, np.float32))
        return X @ self.coef_.T + self.intercept_

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def size(name: str, k: Any, features: int) -> int:
    """Return the number of features asked for: if it is None the square root of all, at most 10."""
    if k is None:
        return min(math.ceil(math.sqrt(features)), LARGEST)
    require_integer(name, k)
    if not 0 <= k <= features:
        raise ValueError(f"{name} must be between 0 and n_features={features}, got {k}")
    return int(k)


def weighted_rows(
    X: Any, b: Array, weights: Array, rows: Array | None = None
) -> tuple[Any, Array, Array | None]:
    """Return the rows (of the indices ``rows``) that have a weight; None for weights that are all 1."""
    kept = np.flatnonzero(weights) if rows is None else rows[weights[rows] > 0]
    if rows is not None or kept.size < b.size:
        X, b, weights = X[kept], b[kept], weights[kept]
    return X, b, None if (weights == 1).all() else weights


def at_most(k: int, loss: Any) -> Any:
    """Return the set of coefficients of at most k features."""
    return Blocks(k, (1, None)) if isinstance(loss, Multinomial) else Sparse(k)


def used(x: Array) -> Array:
    """Return the mask of the features that ``x``, of shape (p,) or (p, K), uses."""
    return x != 0 if x.ndim == 1 else (x != 0).any(axis=1)
