r"""The estimators that choose their number of features: a path over sizes, and a criterion.

    cv          the mean over the folds of the held-out loss a row (weighted, without the ridge)
    aic, bic, ebic    as of :meth:`tamis.Path.criterion`, n being the rows of positive weight

The loss a row is half the squared error, the log loss, or ``exp(eta) - y eta`` for counts.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from scipy.special import gammaln, log_softmax
from sklearn.base import is_classifier
from sklearn.model_selection import check_cv

from tamis.arrays import Array
from tamis.losses import Multinomial
from tamis.minimize import minimize
from tamis.path import CRITERIA, Path, path
from tamis.result import Result
from tamis.sklearn.base import LARGEST, SparseEstimator, at_most, size, used, weighted_rows
from tamis.sklearn.display import PathDisplay

RULES = ("min", "one_se")


class PathChoice(SparseEstimator):
    """The fit of an estimator that chooses its number of features.

    Parameters
    ----------
    ks : iterable of int, optional
        Numbers of features to choose from; 0, 1, ..., ``min(10, n_features)`` if left out.
    cv : int, splitter or iterable of splits
        As in scikit-learn.  Unshuffled if it is a number, so give a splitter for sorted rows.
    rule : {"min", "one_se"}
        The k of least criterion, or the least k within one standard error (over the folds) of it.
    criterion : {"cv", "aic", "bic", "ebic"}
        Only "cv" takes the time of further fits and uses ``cv`` and ``rule``.
    ridge, fit_intercept, effort, time_limit, random_state
        As of the estimator with a fixed number; the time limit is for the whole fit.

    Attributes
    ----------
    n_nonzero_ : int
        The number chosen.
    ks_ : array of int, shape (n_ks,)
    criterion_ : array, shape (n_ks,)
        The criterion for each k; the least is best.
    criterion_error_ : array, shape (n_ks,), or None
        Its standard error over the folds.
    path_ : tuple of tamis.Result
        The solution on all rows for each k.
    """

    def __init__(
        self,
        ks: Any = None,
        *,
        cv: Any = 5,
        rule: str = "min",
        criterion: str = "cv",
        ridge: float = 1.0,
        fit_intercept: bool = True,
        effort: str = "default",
        time_limit: float | None = None,
        random_state: Any = 0,
    ) -> None:
        self.ks = ks
        self.cv = cv
        self.rule = rule
        self.criterion = criterion
        self.ridge = ridge
        self.fit_intercept = fit_intercept
        self.effort = effort
        self.time_limit = time_limit
        self.random_state = random_state

    def plot_path(self, ax: Any = None) -> PathDisplay:
        """Plot the coefficients and the criterion along the sizes.

        Parameters
        ----------
        ax : pair of matplotlib axes, optional
            Where they are drawn; a new figure if left out.

        Returns
        -------
        PathDisplay
        """
        return PathDisplay.from_estimator(self, ax=ax)

    def _solve(self, X: Any, b: Array, weights: Array) -> None:
        """Set the attributes of the fit at the best size."""
        _require("criterion", self.criterion, ("cv", *CRITERIA))
        _require("rule", self.rule, RULES)
        ks = _sizes(self.ks, X.shape[1])
        splits = self._splits(X, b, weights) if self.criterion == "cv" else []
        share = None if self.time_limit is None else self.time_limit / (len(splits) + 1)
        options: dict[str, Any] = {"effort": self.effort, "time_limit": share, "seed": self._seed()}
        loss = self._loss(*weighted_rows(X, b, weights))
        results = solve_path(loss, ks, **options)
        if splits:
            folds = [self._held_out(X, b, weights, train, test, ks, options) for train, test in splits]
            self.criterion_ = np.mean(folds, axis=0)
            self.criterion_error_ = np.std(folds, axis=0, ddof=1) / len(folds) ** 0.5
        else:
            self.criterion_, self.criterion_error_ = information(loss, ks, results, self.criterion), None
        best = self._best()
        self.ks_, self.path_, self.n_nonzero_ = np.array(ks), results, ks[best]
        self._store(loss, results[best])

    def _splits(self, X: Any, b: Array, weights: Array) -> list[tuple[Array, Array]]:
        """Return the rows of each training and test part."""
        rows, cv = np.arange(b.size), check_cv(self.cv, b, classifier=is_classifier(self))
        splits = [(rows[train], rows[test]) for train, test in cv.split(X, b)]
        if len(splits) < 2:
            raise ValueError(f"cv must have 2 splits or more, got {len(splits)}")
        for train, test in splits:
            if not (weights[train].any() and weights[test].any()):
                raise ValueError("each part of cv must have a row of positive sample_weight")
            self._require_targets(b[train[weights[train] > 0]])
        return splits

    def _held_out(
        self, X: Any, b: Array, weights: Array, train: Array, test: Array, ks: list[int], options: Any
    ) -> list[float]:
        """Return the mean loss on the rows ``test`` for each size fitted on the rows ``train``."""
        loss = self._loss(*weighted_rows(X, b, weights, train))
        points = [result.x for result in solve_path(loss, ks, **options)]
        losses = [row_losses(loss, X[test], b[test], x) for x in points]
        return [float(np.average(values, weights=weights[test])) for values in losses]

    def _best(self) -> int:
        least = int(np.argmin(self.criterion_))
        if self.criterion_error_ is None or self.rule == "min":
            return least
        return int(np.argmax(self.criterion_ <= self.criterion_[least] + self.criterion_error_[least]))


def solve_path(
    loss: Any, ks: list[int], *, effort: str, time_limit: float | None, seed: int
) -> tuple[Result, ...]:
    """Return the solution of each size, with several classes each started from the size before."""
    if not isinstance(loss, Multinomial):
        return path(loss, ks, effort=effort, time_limit=time_limit, seed=seed).results
    share = None if time_limit is None else time_limit / len(ks)
    results: list[Result] = []
    for k in ks:
        start = results[-1].x if results else None
        results.append(minimize(loss, at_most(k, loss), start, effort=effort, time_limit=share, seed=seed))
    return tuple(results)


def row_losses(loss: Any, X: Any, b: Array, x: Array) -> Array:
    """Return the loss of each of the rows (X, b), which ``loss`` has not seen, at the point ``x``."""
    eta = X @ x + loss.intercept_at(x)
    if isinstance(loss, Multinomial):
        return -log_softmax(eta, axis=1)[np.arange(b.size), b]
    return replace(loss, A=X, b=b.astype(X.dtype), weights=None, intercept=False).phi(eta)


def information(loss: Any, ks: list[int], results: tuple[Result, ...], name: str) -> Array:
    """Return the criterion "aic", "bic" or "ebic" of each size; one of K classes counts K - 1 times."""
    if not isinstance(loss, Multinomial):
        return Path(loss, tuple(ks), results).criterion(name)
    n, (p, classes) = loss.A.shape[0], loss.start().shape
    deviance = np.array([2 * result.fun - loss.ridge * np.sum(result.x**2) for result in results])
    k = np.array([np.count_nonzero(used(result.x)) for result in results])
    choices = gammaln(p + 1) - gammaln(k + 1) - gammaln(p - k + 1)
    each = 2.0 if name == "aic" else np.log(n)
    return deviance + each * k * (classes - 1) + (2 * choices if name == "ebic" else 0.0)


def _sizes(ks: Any, features: int) -> list[int]:
    if ks is None:
        return list(range(min(LARGEST, features) + 1))
    sizes = sorted({size("each of ks", k, features) for k in ks})
    if not sizes:
        raise ValueError("ks must hold at least one size")
    return sizes


def _require(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")
