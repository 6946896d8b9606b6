"""Solvers of a penalised problem, which cannot be asked for k.

They run along a path of penalties, and the best of the supports on it counts, those with more
than k columns cut to the k largest (:func:`best_on_path`).
"""

import os
import pickle
import subprocess
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import numpy as np
import scores
from designs import Design
from offer import NotOffered, need

Array = np.ndarray
PATH = 100  # penalties on a path, the default of scikit-learn, celer and pycasso


def best_on_path(design: Design, path: Iterable[Array], limit: float = 1.5) -> Array:
    """Return the refit on the best support on a path of coefficients that grows denser.

    Points with more than k nonzeros (or groups) are cut to the k largest; the path is left
    once a point has more than ``limit`` times k, so that a lazy path is not computed further.
    """
    best, seen = scores.refit(design, np.array([], int)), set()
    for coefficients in path:
        size, support = cut(design, coefficients)
        if support.tobytes() not in seen:
            seen.add(support.tobytes())
            best = min(best, scores.refit(design, support), key=lambda fit: fit.objective)
        if size > limit * design.k:
            break
    return best.coefficients


def cut(design: Design, x: Array) -> tuple[int, Array]:
    """Return how many nonzeros (groups) x has, and the indices of the k largest of them."""
    if design.groups is None:
        order = np.argsort(-np.abs(x), kind="stable")[: design.k]
        return np.count_nonzero(x), np.sort(order[x[order] != 0])
    norms = np.bincount(design.groups, x**2)
    order = np.argsort(-norms, kind="stable")[: design.k]
    return np.count_nonzero(norms), np.flatnonzero(np.isin(design.groups, order[norms[order] > 0]))


def lasso(design: Design) -> Array:
    """Return the path of scikit-learn's Lasso, or of its logistic regression under an L1 penalty."""
    need(design, "least squares", "logistic")
    path = lasso_path if design.loss == "least squares" else lasso_path_logistic
    return best_on_path(design, path(design))


def lasso_path(design: Design) -> Iterable[Array]:
    """Yield the coefficients of the Lasso by coordinate descent, each from the last."""
    from sklearn.linear_model import lasso_path as solve

    A, b, x = np.asfortranarray(design.A), design.b, None
    top = np.abs(A.T @ b).max() / len(b)
    for alpha in top * np.geomspace(1, 1e-3, PATH)[1:]:
        x = solve(A, b, alphas=[alpha], coef_init=x)[1][:, 0]
        yield x


def lasso_path_logistic(design: Design) -> Iterable[Array]:
    """Yield the coefficients of logistic regression under an L1 penalty (liblinear)."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import l1_min_c

    start = l1_min_c(design.A, design.b, loss="log", fit_intercept=design.intercept)
    model = LogisticRegression(l1_ratio=1.0, solver="liblinear", fit_intercept=design.intercept)
    for C in start * np.geomspace(1, 1000, PATH)[1:]:
        yield model.set_params(C=C).fit(design.A, design.b).coef_[0]


def celer(design: Design) -> Array:
    """Return the path of the Lasso, the logistic Lasso or the group Lasso of celer."""
    from celer import celer_path

    need(design, "least squares", "logistic", groups=True, intercept=False)
    A, b, kind, options = np.asfortranarray(design.A), design.b, "lasso", {}
    slopes = np.abs(A.T @ b) / len(b)
    if design.loss == "logistic":
        b, kind = 2 * b - 1, "logreg"
        slopes = np.abs(A.T @ b) / 2
    if design.groups is not None:
        kind, options = "grouplasso", {"groups": int(np.bincount(design.groups)[0])}
        slopes = np.sqrt(np.bincount(design.groups, slopes**2))

    def path() -> Iterable[Array]:
        x = np.zeros(A.shape[1])
        for alpha in slopes.max() * np.geomspace(1, 1e-3, PATH)[1:]:
            x = celer_path(A, b, kind, alphas=[alpha], coef_init=x, **options)[1][:, 0]
            yield x

    return best_on_path(design, path())


def skglm_mcp(design: Design) -> Array:
    """Return the path of skglm under the minimax concave penalty."""
    from skglm.datafits import Quadratic
    from skglm.penalties import MCPenalty
    from skglm.solvers import AndersonCD
    from skglm.utils.jit_compilation import compiled_clone

    need(design, "least squares")
    A, b = np.asfortranarray(design.A), design.b
    top = np.abs(A.T @ b).max() / len(b)
    datafit, penalty = compiled_clone(Quadratic()), compiled_clone(MCPenalty(top, 3.0))
    solver = AndersonCD(tol=1e-6, fit_intercept=False)

    def path() -> Iterable[Array]:
        x = np.zeros(A.shape[1])
        for alpha in top * np.geomspace(1, 1e-3, PATH)[1:]:
            x = solver.path(A, b, datafit, penalty, [alpha], w_init=x)[1][:, 0]
            yield x

    return best_on_path(design, path())


def pycasso_mcp(design: Design) -> Array:
    """Return the path of pycasso under the minimax concave penalty."""
    from pycasso import Solver

    need(design, "least squares", "logistic", "poisson")
    family = {"least squares": "gaussian", "logistic": "binomial", "poisson": "poisson"}[design.loss]
    solver = Solver(
        design.A,
        design.b,
        lambdas=(PATH, 0.005),
        family=family,
        penalty="mcp",
        useintercept=design.intercept,
        dfmax=2 * design.k,
        lla_max_stages=20,  # with the default 3 many a path ends early, unconverged
    )
    solver.train()
    return best_on_path(design, solver.coef()["beta"])


def l0learn(design: Design) -> Array:
    """Return the path of L0Learn, in the process of another Python that ``L0LEARN_PYTHON`` names.

    Its time includes handing the problem over (a hundredth of the solve, or less).
    """
    need(design, "least squares", "logistic")
    if "L0LEARN_PYTHON" not in os.environ:
        raise NotOffered("not installed: see l0learn_environment.sh")
    worker = _l0learn_worker(os.environ["L0LEARN_PYTHON"])
    try:
        pickle.dump((design.A, design.b, design.loss, design.k, design.intercept), worker.stdin, protocol=4)
        worker.stdin.flush()
        path = pickle.load(worker.stdout)
    except BaseException:  # the time ran out, or it died: the next problem gets a new process
        worker.kill()
        _l0learn_worker.cache_clear()
        raise
    if isinstance(path, str):
        raise RuntimeError(path)
    return best_on_path(design, path)


@cache
def _l0learn_worker(python: str) -> subprocess.Popen:
    script = Path(__file__).with_name("l0learn_worker.py")
    return subprocess.Popen([python, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
