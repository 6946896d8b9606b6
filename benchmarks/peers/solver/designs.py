"""The problems on which the solvers are compared: ``make(cell, seed)`` gives one of them.

Synthetic designs follow one recipe.  Rows of A are an autoregressive process along the columns,

    a_1 ~ N(0, 1),    a_j = rho a_{j-1} + sqrt(1 - rho^2) e_j,    so corr(a_i, a_j) = rho^|i-j|,

the truth has k entries at random places with values +1 or -1, and the noise is Gaussian with
variance ``var(A x) / snr``, the variance being that of the sample.  This is the reading of
"SNR" under which orthogonal matching pursuit and abess have the gaps that were measured before
(12 and 9% at n = 500, rho = .9, SNR 5).  Logistic: ``P(b = 1) = 1 / (1 + exp(-A x))``.
Poisson: ``b ~ Poisson(exp(A x))`` with x scaled so that A x has standard deviation 1.  Groups:
blocks of 4 adjacent columns, of which k are in the truth.

Real data (scikit-learn) are split at random, 70% to train; columns are centred and scaled to
unit variance by the training rows.  Only logistic real data need an intercept, since for
least squares b is centred too.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

GROUP = 4  # columns a group


@dataclass(frozen=True)
class Design:
    """One problem: minimise the loss over coefficients with at most k nonzeros (or k groups)."""

    loss: str  # "least squares", "logistic" or "poisson"
    A: np.ndarray  # (n, p)
    b: np.ndarray  # (n,)
    k: int
    A_test: np.ndarray
    b_test: np.ndarray
    truth: np.ndarray | None = None  # (p,), unknown for real data
    groups: np.ndarray | None = None  # (p,) labels 0, 1, ...; k then counts groups
    intercept: bool = False


def make(cell: str, seed: int) -> Design:
    """Return the problem of ``cell``; the same seed gives the same numbers."""
    if cell not in CELLS:
        raise ValueError(f"cell must be one of {', '.join(CELLS)}, got {cell!r}")
    return CELLS[cell](seed)


def small(like: Design) -> Design:
    """Return a little problem of the same kind, on which a solver warms up."""
    if like.truth is None:
        return like
    if like.groups is not None:
        return grouped(0, n=100, p=80, k=3, rho=0.5, snr=5)
    return synthetic(0, loss=like.loss, n=100, p=80, k=3, rho=0.5)


def synthetic(
    seed: int, *, loss: str, n: int, p: int, k: int, rho: float, snr: float = 5.0, n_test: int = 500
) -> Design:
    """Return a design with k of p columns in the truth, at random."""
    rng = np.random.default_rng(seed)
    A = autoregressive(rng, n + n_test, p, rho)
    truth = np.zeros(p)
    truth[rng.choice(p, k, replace=False)] = rng.choice([-1.0, 1.0], k)
    return _observe(rng, loss, A, truth, k, n, snr)


def grouped(seed: int, *, n: int, p: int, k: int, rho: float, snr: float, n_test: int = 500) -> Design:
    """Return a least-squares design with k of p/4 groups in the truth, at random."""
    rng = np.random.default_rng(seed)
    A = autoregressive(rng, n + n_test, p, rho)
    groups = np.arange(p) // GROUP
    active = np.isin(groups, rng.choice(p // GROUP, k, replace=False))
    truth = np.where(active, rng.choice([-1.0, 1.0], p), 0.0)
    return _observe(rng, "least squares", A, truth, k, n, snr, groups)


def autoregressive(rng: np.random.Generator, n: int, p: int, rho: float) -> np.ndarray:
    """Return rows with correlation ``rho^|i-j|`` between columns i and j, shape (n, p)."""
    columns = rng.standard_normal((p, n))
    columns[1:] *= np.sqrt(1 - rho**2)
    for j in range(1, p):
        columns[j] += rho * columns[j - 1]
    return np.ascontiguousarray(columns.T)


def noiseless(seed: int, *, n: int, p: int, k: int, signs: bool) -> Design:
    """Return a compressed-sensing problem ``b = A x``: A Gaussian, x normal or of signs."""
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((n, p)) / np.sqrt(n)
    truth = np.zeros(p)
    truth[rng.choice(p, k, replace=False)] = rng.choice([-1.0, 1.0], k) if signs else rng.standard_normal(k)
    return Design("least squares", A, A @ truth, k, A, A @ truth, truth)


def _observe(
    rng: np.random.Generator,
    loss: str,
    A: np.ndarray,
    truth: np.ndarray,
    k: int,
    n: int,
    snr: float,
    groups: np.ndarray | None = None,
) -> Design:
    """Draw the response and cut off the rows held out."""
    if loss == "poisson":
        truth = truth / (A[:n] @ truth).std()
    signal = A @ truth
    if loss == "least squares":
        b = signal + signal[:n].std() / np.sqrt(snr) * rng.standard_normal(len(signal))
    elif loss == "logistic":
        b = (rng.random(len(signal)) < 1 / (1 + np.exp(-signal))).astype(float)
    else:
        b = rng.poisson(np.exp(signal)).astype(float)
    return Design(loss, A[:n].copy(), b[:n], k, A[n:], b[n:], truth, groups)


def diabetes(seed: int, *, k: int) -> Design:
    """Return progression of diabetes by 10 measurements, their squares and products (p = 65)."""
    from sklearn.datasets import load_diabetes
    from sklearn.preprocessing import PolynomialFeatures

    A, b = load_diabetes(return_X_y=True)
    A = PolynomialFeatures(2, include_bias=False).fit_transform(A / A.std(axis=0))
    design = _split(seed, "least squares", A, b, k)
    mean = design.b.mean()
    return Design("least squares", design.A, design.b - mean, k, design.A_test, design.b_test - mean)


def breast_cancer(seed: int, *, k: int) -> Design:
    """Return whether a tumour is benign by 30 measurements of its cells."""
    from sklearn.datasets import load_breast_cancer

    A, b = load_breast_cancer(return_X_y=True)
    return _split(seed, "logistic", A, b.astype(float), k)


def digits(seed: int, *, k: int) -> Design:
    """Return one digit of 1 to 9 against the rest by 64 pixels (0 is separated by a few of them)."""
    from sklearn.datasets import load_digits

    A, b = load_digits(return_X_y=True)
    return _split(seed, "logistic", A, (b == 1 + seed % 9).astype(float), k)


def _split(seed: int, loss: str, A: np.ndarray, b: np.ndarray, k: int) -> Design:
    """Keep 70% of the rows to train; drop columns constant there, centre and scale the others."""
    order = np.random.default_rng(seed).permutation(len(b))
    train, test = np.split(order, [7 * len(b) // 10])
    varies = A[train].std(axis=0) > 1e-12
    mean, scale = A[train][:, varies].mean(axis=0), A[train][:, varies].std(axis=0)
    A = (A[:, varies] - mean) / scale
    return Design(loss, A[train], b[train], k, A[test], b[test], intercept=loss == "logistic")


def _cells() -> dict[str, Callable[[int], Design]]:
    cells: dict[str, Callable[[int], Design]] = {}
    for n, p, k in [(500, 2000, 20), (2000, 10_000, 50)]:
        for rho in (0.5, 0.9):
            for snr in (1, 5):
                cells[f"ls-{n}-rho{rho}-snr{snr}"] = partial(
                    synthetic, loss="least squares", n=n, p=p, k=k, rho=rho, snr=snr
                )
    for rho in (0.5, 0.9):
        for loss in ("logistic", "poisson"):
            cells[f"{loss}-1000-rho{rho}"] = partial(synthetic, loss=loss, n=1000, p=2000, k=20, rho=rho)
        cells[f"group-500-rho{rho}-snr5"] = partial(grouped, n=500, p=2000, k=10, rho=rho, snr=5)
    cells["diabetes-k10"] = partial(diabetes, k=10)
    cells["breast-cancer-k5"] = partial(breast_cancer, k=5)
    cells["digits-k5"] = partial(digits, k=5)
    return cells


CELLS = _cells()
