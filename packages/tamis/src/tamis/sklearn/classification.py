"""Classification on at most k features: two classes, or several that share them."""

from dataclasses import replace
from typing import Any

import numpy as np
from scipy.special import expit, softmax
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets

from tamis.arrays import Array
from tamis.losses import Logistic, Multinomial
from tamis.result import Result
from tamis.sklearn.base import SparseEstimator
from tamis.sklearn.path_choice import PathChoice


class SparseLogisticRegression(ClassifierMixin, SparseEstimator):  # type: ignore[misc]
    """Logistic regression with at most ``n_nonzero`` features.

    Minimises the log loss, summed with ``sample_weight``, plus ``(ridge/2) |w|^2``.  With more
    than two classes it is the multinomial model, w a matrix with a column for each class, and
    ``n_nonzero`` features serve all classes.

    Parameters
    ----------
    n_nonzero, fit_intercept, effort, time_limit, random_state
        As of :class:`SparseLinearRegression`.
    ridge : float
        Weight of the squared norm: ``1/C`` of scikit-learn's LogisticRegression, and the same
        default, so that with all features the models are equal.  With 0, classes that some w
        separates have no finite best w; the fit then ends at a large one.

    Attributes
    ----------
    classes_ : array, shape (n_classes,)
        The labels, sorted (of rows of positive weight).
    coef_ : array, shape (1, n_features) or (n_classes, n_features)
        One row, of the second class, if there are two classes.
    intercept_ : array, shape (1,) or (n_classes,)
    support_, result_, n_iter_, n_features_in_, feature_names_in_
        As of :class:`SparseLinearRegression`.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).standard_normal((100, 8))
    >>> model = SparseLogisticRegression(n_nonzero=1).fit(X, np.where(X[:, 5] > 0, "up", "down"))
    >>> np.flatnonzero(model.support_).tolist(), model.predict(X[:2]).tolist()
    ([5], ['up', 'down'])
    """

    def decision_function(self, X: Any) -> Array:
        """Return the log-odds of the second class, (n_samples,), or a score a class, (n_samples, K)."""
        eta = self._linear(X)
        return eta[:, 0] if eta.shape[1] == 1 else eta

    def predict_proba(self, X: Any) -> Array:
        """Return the probability of each class, in the order of ``classes_``, (n_samples, K)."""
        eta = self.decision_function(X)
        return softmax(eta, axis=1) if eta.ndim == 2 else np.stack([expit(-eta), expit(eta)], axis=1)

    def predict_log_proba(self, X: Any) -> Array:
        """Return the logarithm of :meth:`predict_proba`."""
        return np.log(self.predict_proba(X))

    def predict(self, X: Any) -> Array:
        """Return the most probable class of each row, (n_samples,)."""
        eta = self.decision_function(X)
        return self.classes_[eta.argmax(axis=1) if eta.ndim == 2 else (eta > 0).astype(int)]

    def _encode(self, y: Array, weights: Array) -> Array:
        """Return the place of each label in ``classes_``, which it sets."""
        check_classification_targets(y)
        self.classes_ = np.unique(y[weights > 0])
        if self.classes_.size < 2:
            raise ValueError(f"y must hold two classes or more, got only one class, {self.classes_[0]}")
        return np.minimum(np.searchsorted(self.classes_, y), self.classes_.size - 1)

    def _require_targets(self, b: Array) -> None:
        counts = np.bincount(b, minlength=self.classes_.size)
        if not counts.all():
            missing = self.classes_[counts.argmin()]
            raise ValueError(f"each training part of cv must hold every class, but one has no {missing}")

    def _loss(self, X: Any, b: Array, weights: Array | None) -> Logistic | Multinomial:
        kind = Logistic if self.classes_.size == 2 else Multinomial
        return kind(X, b, self.ridge, weights, intercept=bool(self.fit_intercept))

    def _store(self, loss: Any, result: Result) -> None:
        super()._store(loss, _settled(loss, result) if isinstance(loss, Multinomial) else result)
        self.coef_ = np.atleast_2d(self.coef_.T)
        self.intercept_ = np.atleast_1d(self.intercept_)


def _settled(loss: Multinomial, result: Result) -> Result:
    """Return the result after one Newton step on its support, unless it raises the loss.

    The search's L-BFGS ends where values no longer tell two points apart, at half the digits.
    """
    from scipy.sparse.linalg import LinearOperator, cg

    x, support = result.x, result.x != 0

    def embed(kept: Array) -> Array:
        full = np.zeros_like(x)
        full[support] = kept
        return full

    def product(kept: Array) -> Array:
        return loss.hessian_product(x, embed(kept.ravel()))[support]

    slope = loss.gradient(x)[support]
    hessian = LinearOperator((slope.size, slope.size), matvec=product, dtype=x.dtype)
    moved = x - embed(cg(hessian, slope, rtol=1e-8, maxiter=500)[0]) if slope.size else x
    value = loss.value(moved)
    return replace(result, x=moved, fun=value) if value <= result.fun + 1e-14 * abs(result.fun) else result


class SparseLogisticRegressionCV(PathChoice, SparseLogisticRegression):
    """Logistic regression with a number of features chosen along a path.

    Parameters and further attributes as of :class:`~tamis.sklearn.path_choice.PathChoice`, the
    rest as of :class:`SparseLogisticRegression`.  Folds are stratified.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((200, 8))
    >>> y = 2 * X[:, 2] - 2 * X[:, 5] + rng.logistic(size=200) > 0
    >>> SparseLogisticRegressionCV(criterion="ebic").fit(X, y).n_nonzero_
    2
    """
