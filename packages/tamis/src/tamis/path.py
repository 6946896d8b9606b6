r"""The best subsets of sizes k_1 < k_2 < ..., each started from its neighbours, and the choice among them.

    upwards     each size starts from the size before, grown by forward selection
    downwards   and once more from the k largest entries of the size after

beside its own search.  The size is chosen by an information criterion or by cross-validation.  With
l the largest log-likelihood, n rows and p columns::

    AIC   -2 l + 2 k          BIC   -2 l + k log n          EBIC   BIC + 2 gamma log C(p, k)

(Akaike 1974; Schwarz 1978; Chen & Chen 2008).  For least squares of unknown variance
``-2 l = n log(|A x - b|^2 / n)``, for logistic and Poisson losses twice the loss; the ridge is left out.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tamis.arrays import Array, require_integer
from tamis.clock import Clock
from tamis.losses.least_squares import LeastSquares
from tamis.minimize import minimize
from tamis.result import Result
from tamis.sets.sparse import Sparse

CRITERIA = ("aic", "bic", "ebic")


@dataclass(frozen=True)
class Path:
    """The results along the sizes.

    Attributes
    ----------
    loss : the loss
    ks : tuple of int
        Sizes, rising.
    results : tuple of Result
    """

    loss: Any
    ks: tuple[int, ...]
    results: tuple[Result, ...]

    def criterion(self, name: str = "ebic", gamma: float = 1.0) -> Array:
        """Return an information criterion for each size: "aic", "bic" or "ebic"; the least is the best."""
        if name not in CRITERIA:
            raise ValueError(f"criterion must be one of {', '.join(CRITERIA)}, got {name!r}")
        return np.array([self._criterion(result, name, gamma) for result in self.results])

    def best(self, name: str = "ebic", gamma: float = 1.0) -> Result:
        """Return the result that minimises the criterion."""
        return self.results[int(np.argmin(self.criterion(name, gamma)))]

    def coefficients(self) -> Array:
        """Return the points side by side, shape (sizes, p)."""
        return np.array([np.asarray(result.x) for result in self.results])

    def _criterion(self, result: Result, name: str, gamma: float) -> float:
        x = np.asarray(result.x)
        n, p, k = self.loss.A.shape[0], x.shape[0], int(np.count_nonzero(x))
        deviance = float(2 * result.fun - self.loss.ridge * float(x @ x))
        if isinstance(self.loss, LeastSquares):
            deviance = n * math.log(max(deviance, 1e-300) / n)
        if name == "aic":
            return deviance + 2 * k
        extra = 2 * gamma * _log_binomial(p, k) if name == "ebic" else 0.0
        return deviance + k * math.log(n) + extra


@dataclass(frozen=True)
class CrossValidation:
    """Held-out losses along the sizes.

    Attributes
    ----------
    ks : tuple of int
    mean, error : array, shape (sizes,)
        Mean held-out loss a row (without ridge), and its standard error over the folds.
    best_k : int
        The size of least mean; with rule "one_se" the least size within one standard error of it.
    """

    ks: tuple[int, ...]
    mean: Array
    error: Array
    best_k: int


def path(
    loss: Any, ks: Iterable[int], *, effort: str = "default", time_limit: float | None = None, seed: int = 0
) -> Path:
    """Minimise ``loss`` over at most k nonzeros for each k of ``ks``.

    Parameters
    ----------
    loss : a loss of a linear model, of p columns
    ks : iterable of int
        Sizes between 0 and p; sorted, each taken once.
    effort, seed
        As in :func:`tamis.minimize`.
    time_limit : float, optional
        Seconds for the whole path; each size gets an equal share of what is left.

    Raises
    ------
    ValueError, TypeError
        If ``ks`` is empty or holds what is no size, or as :func:`tamis.minimize` does.
    """
    sizes = _sizes(ks, loss)
    clock = Clock(time_limit)
    results: list[Result] = []
    for left, k in zip(range(2 * len(sizes), 0, -1), sizes, strict=False):
        share = None if time_limit is None else max(clock.left() / left, 1e-3)
        start = results[-1].x if results else None
        results.append(minimize(loss, Sparse(k), start, effort=effort, time_limit=share, seed=seed))

    def again(place: int, x: Array) -> None:
        constraint = Sparse(sizes[place])
        start = constraint.project(x)
        fast = minimize(loss, constraint, start, effort="fast", time_limit=share, seed=seed)
        results[place] = min(results[place], fast, key=lambda result: result.fun)

    for place in reversed(range(len(sizes) - 1)):
        again(place, results[place + 1].x)
    for place in range(1, len(sizes)):  # what got better downwards may now be below the size after
        if results[place].fun > results[place - 1].fun:
            again(place, results[place - 1].x)
    return Path(loss, tuple(sizes), tuple(results))


def cross_validate(
    loss: Any,
    ks: Iterable[int],
    *,
    folds: int = 5,
    rule: str = "min",
    effort: str = "default",
    seed: int = 0,
) -> CrossValidation:
    """Return the held-out loss of each size, the rows being cut into ``folds`` at random.

    Parameters
    ----------
    loss : a loss of a linear model on numpy arrays
    ks : iterable of int
    folds : int
        Between 2 and n.
    rule : {"min", "one_se"}
    effort, seed
        As in :func:`tamis.minimize`; the seed also shuffles the rows.

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range.
    """
    n, sizes = loss.A.shape[0], _sizes(ks, loss)
    require_integer("folds", folds)
    if not 2 <= folds <= n:
        raise ValueError(f"folds must be between 2 and the number of rows ({n}), got {folds}")
    if rule not in ("min", "one_se"):
        raise ValueError(f"rule must be 'min' or 'one_se', got {rule!r}")
    parts = np.array_split(np.random.default_rng(seed).permutation(n), folds)
    scores = np.array([_held_out(loss, sizes, part, effort, seed) for part in parts])
    mean, error = scores.mean(axis=0), scores.std(axis=0, ddof=1) / folds**0.5
    least = int(np.argmin(mean))
    limit = mean[least] + (error[least] if rule == "one_se" else 0.0)
    return CrossValidation(tuple(sizes), mean, error, sizes[int(np.argmax(mean <= limit))])


def _held_out(loss: Any, sizes: list[int], rows: Array, effort: str, seed: int) -> Array:
    """Return the mean loss on ``rows`` of each size fitted on the others."""
    others = np.setdiff1d(np.arange(loss.A.shape[0]), rows)
    train, test = _take_rows(loss, others), _take_rows(loss, rows)
    scores = []
    for result in path(train, sizes, effort=effort, seed=seed).results:
        eta = replace(test, intercept=False).predictor(result.x) + train.intercept_at(result.x)
        weights = np.ones(rows.shape[0]) if test.weights is None else test.weights
        scores.append(float(weights @ test.phi(eta)) / float(np.sum(weights)))
    return np.array(scores)


def _take_rows(loss: Any, rows: Array) -> Any:
    vectors = {name: getattr(loss, name) for name in ("b", "weights", "offset")}
    taken = {name: None if v is None else v[rows] for name, v in vectors.items()}
    return replace(loss, A=loss.A[rows], **taken)


def _sizes(ks: Iterable[int], loss: Any) -> list[int]:
    if not all(hasattr(loss, name) for name in ("start", "A", "b", "phi")):
        raise TypeError(f"loss must be a loss of a linear model (see tamis.losses), got {loss!r}")
    if not isinstance(ks, Iterable):
        raise TypeError(f"ks must be several sizes, such as range(1, 11), got {ks!r}")
    sizes, p = list(ks), int(loss.start().shape[0])
    for k in sizes:
        require_integer("k", k)
        if not 0 <= k <= p:
            raise ValueError(f"each k must be between 0 and the number of columns ({p}), got {k}")
    if not sizes:
        raise ValueError("ks must hold at least one size")
    return sorted({int(k) for k in sizes})


def _log_binomial(p: int, k: int) -> float:
    return math.lgamma(p + 1) - math.lgamma(k + 1) - math.lgamma(p - k + 1)
