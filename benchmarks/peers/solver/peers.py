"""One small function a solver: a design in, coefficients with at most k nonzeros out.

Every peer runs at its defaults, but without an intercept where the problem has none.  Here are
those that are asked for k, and the table of all; those that solve a penalised problem are in
``penalised.py``.  A solver that has no such loss, or no groups, raises ``NotOffered``.
Libraries are imported inside, so that one that is missing stops only its own rows.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
from designs import Design
from offer import need
from penalised import celer, l0learn, lasso, pycasso_mcp, skglm_mcp
from tamis_solvers import tamis_admm, tamis_minimize, tamis_user

Array = np.ndarray


def abess(design: Design) -> Array:
    """Return the splicing algorithm of abess."""
    import abess as package

    kinds = {
        "least squares": package.LinearRegression,
        "logistic": package.LogisticRegression,
        "poisson": package.PoissonRegression,
    }
    model = kinds[design.loss](
        support_size=design.k, fit_intercept=design.intercept, group=design.groups, thread=1
    )
    return model.fit(design.A, design.b).coef_


def skscope(design: Design, solver: str = "ScopeSolver") -> Array:
    """Return a solver of skscope on the loss written in JAX, as its manual does, compiled."""
    import jax.numpy as jnp
    import skscope as package

    A, b, k, groups = design.A, jnp.asarray(design.b), design.k, design.groups
    if design.intercept:  # a column of ones that is always kept
        A, k = np.column_stack([A, np.ones(len(A))]), k + 1
    A, p = jnp.asarray(A), A.shape[1]

    def objective(x):
        eta = A @ x
        if design.loss == "least squares":
            return jnp.sum((eta - b) ** 2) / 2
        if design.loss == "logistic":
            return jnp.sum(jnp.logaddexp(0.0, eta) - b * eta)
        return jnp.sum(jnp.exp(eta) - b * eta)

    kept = {"preselect": [p - 1]} if design.intercept else {}
    search = getattr(package, solver)(p, k, len(design.b), group=groups, **kept)
    return np.asarray(search.solve(objective, jit=True))[: design.A.shape[1]]


def omp(design: Design) -> Array:
    """Return orthogonal matching pursuit of scikit-learn."""
    from sklearn.linear_model import orthogonal_mp

    need(design, "least squares")
    return orthogonal_mp(design.A, design.b, n_nonzero_coefs=design.k)


SOLVERS: dict[str, Callable[[Design], Array]] = {
    "tamis": tamis_minimize,
    "tamis-fast": partial(tamis_minimize, effort="fast"),
    "tamis-thorough": partial(tamis_minimize, effort="thorough"),
    "tamis-admm": tamis_admm,
    "tamis-user": tamis_user,
    "abess": abess,
    "scope": skscope,
    "foba": partial(skscope, solver="FobaSolver"),
    "omp": omp,
    "lasso": lasso,
    "celer": celer,
    "skglm": skglm_mcp,
    "pycasso": pycasso_mcp,
    "l0learn": l0learn,
}
