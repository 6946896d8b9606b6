"""Regression on at most k features: least squares and Poisson, k given or chosen along a path."""

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import d2_tweedie_score

from tamis.arrays import Array
from tamis.losses import LeastSquares, Poisson
from tamis.sklearn.base import SparseEstimator
from tamis.sklearn.path_choice import PathChoice


class SparseLinearRegression(RegressorMixin, SparseEstimator):  # type: ignore[misc]
    """Least squares with at most ``n_nonzero`` features.

    Minimises ``sum_i s_i (x_i^T w + c - y_i)^2 / 2 + (ridge/2) |w|^2``.

    Parameters
    ----------
    n_nonzero : int, optional
        The number of features, between 0 and n_features; if left out the square root of
        n_features, rounded up, at most 10.
    ridge : float
        Weight of the squared norm: ``alpha`` of scikit-learn's Ridge.
    fit_intercept : bool
        Whether c is fitted, else it is 0.  It is not penalised.
    effort : {"fast", "default", "thorough"}
        How much is searched, see :func:`tamis.minimize`.
    time_limit : float, optional
        Seconds after which the best model so far is taken.
    random_state : int, RandomState or None
        Of the perturbations of the search.

    Attributes
    ----------
    coef_ : array, shape (n_features,)
    intercept_ : float
    support_ : bool array, shape (n_features,)
        The features in the model.
    result_ : tamis.Result
        The solution with its certificate.
    n_iter_ : int
        ``result_.nit``.
    n_features_in_, feature_names_in_
        As of every estimator.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).standard_normal((50, 8))
    >>> model = SparseLinearRegression(n_nonzero=2).fit(X, 3 * X[:, 1] - X[:, 6] + 2)
    >>> np.flatnonzero(model.support_).tolist(), round(model.intercept_, 6)
    ([1, 6], 2.0)
    """

    def __init__(
        self,
        n_nonzero: int | None = None,
        *,
        ridge: float = 0.0,
        fit_intercept: bool = True,
        effort: str = "default",
        time_limit: float | None = None,
        random_state: Any = 0,
    ) -> None:
        super().__init__(
            n_nonzero,
            ridge=ridge,
            fit_intercept=fit_intercept,
            effort=effort,
            time_limit=time_limit,
            random_state=random_state,
        )

    def predict(self, X: Any) -> Array:
        """Return ``X w + c``, shape (n_samples,)."""
        return self._linear(X)

    def _encode(self, y: Array, weights: Array) -> Array:
        return np.asarray(y, dtype=np.float64)

    def _loss(self, X: Any, b: Array, weights: Array | None) -> LeastSquares:
        b = b.astype(X.dtype, copy=False)
        return LeastSquares(X, b, self.ridge, weights, intercept=bool(self.fit_intercept))


class SparsePoissonRegression(RegressorMixin, SparseEstimator):  # type: ignore[misc]
    """Poisson regression of counts, log-linear in at most ``n_nonzero`` features.

    Minimises ``sum_i s_i (exp(eta_i) - y_i eta_i) + (ridge/2) |w|^2`` with ``eta = X w + c``.

    Parameters
    ----------
    n_nonzero, fit_intercept, effort, time_limit, random_state
        As of :class:`SparseLinearRegression`.
    ridge : float
        Weight of the squared norm: n_samples times ``alpha`` of scikit-learn's
        PoissonRegressor.  With 0 the coefficient of a feature that only occurs where the counts
        are 0 has no finite best value.

    Attributes
    ----------
    coef_, intercept_, support_, result_, n_iter_, n_features_in_, feature_names_in_
        As of :class:`SparseLinearRegression`.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).standard_normal((50, 8))
    >>> model = SparsePoissonRegression(n_nonzero=1, ridge=0.0).fit(X, np.exp(X[:, 3]))
    >>> model.coef_.round(6).tolist()
    [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]
    """

    def predict(self, X: Any) -> Array:
        """Return the means ``exp(X w + c)``, shape (n_samples,)."""
        return np.exp(self._linear(X))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return D^2, the share of the deviance that the model explains; 1 is best."""
        return float(d2_tweedie_score(y, self.predict(X), sample_weight=sample_weight, power=1))

    def _encode(self, y: Array, weights: Array) -> Array:
        y = np.asarray(y, dtype=np.float64)
        if y.min() < 0:
            raise ValueError(f"y must hold counts, 0 or more, but the least is {y.min():g}")
        return y

    def _loss(self, X: Any, b: Array, weights: Array | None) -> Poisson:
        b = b.astype(X.dtype, copy=False)
        return Poisson(X, b, self.ridge, weights, intercept=bool(self.fit_intercept))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.positive_only = True
        return tags


class SparseLinearRegressionCV(PathChoice, SparseLinearRegression):
    """Least squares with a number of features chosen along a path.

    Parameters and further attributes as of :class:`~tamis.sklearn.path_choice.PathChoice`, the
    rest as of :class:`SparseLinearRegression`.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((100, 8))
    >>> y = 3 * X[:, 1] - X[:, 6] + 0.1 * rng.standard_normal(100)
    >>> SparseLinearRegressionCV(criterion="ebic").fit(X, y).n_nonzero_
    2
    """

    def __init__(
        self,
        ks: Any = None,
        *,
        cv: Any = 5,
        rule: str = "min",
        criterion: str = "cv",
        ridge: float = 0.0,
        fit_intercept: bool = True,
        effort: str = "default",
        time_limit: float | None = None,
        random_state: Any = 0,
    ) -> None:
        super().__init__(
            ks,
            cv=cv,
            rule=rule,
            criterion=criterion,
            ridge=ridge,
            fit_intercept=fit_intercept,
            effort=effort,
            time_limit=time_limit,
            random_state=random_state,
        )


class SparsePoissonRegressionCV(PathChoice, SparsePoissonRegression):
    """Poisson regression with a number of features chosen along a path.

    Parameters and further attributes as of :class:`~tamis.sklearn.path_choice.PathChoice`, the
    rest as of :class:`SparsePoissonRegression`.
    """
