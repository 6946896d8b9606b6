"""tamis in its variants: the driver, plain ADMM, and the driver on a loss that the user wrote."""

import functools

import numpy as np
from designs import Design
from offer import need

Array = np.ndarray


def tamis_minimize(design: Design, **options: object) -> Array:
    """Return ``tamis.minimize`` on the sparse or group-sparse set."""
    import tamis

    return tamis.minimize(tamis_loss(design), tamis_set(design), **options).x


def tamis_loss(design: Design) -> object:
    """Return the design as a loss of tamis."""
    from tamis import losses

    if design.loss == "least squares":
        return losses.LeastSquares(design.A, design.b)
    kind = losses.Logistic if design.loss == "logistic" else losses.Poisson
    return kind(design.A, design.b, intercept=design.intercept)


def tamis_set(design: Design) -> object:
    """Return the set of coefficients with k nonzeros, or k groups."""
    from tamis import sets

    if design.groups is None:
        return sets.Sparse(design.k)
    return sets.GroupSparse(design.k, design.groups)


def tamis_admm(design: Design) -> Array:
    """Return plain ADMM with an exact step: no forward start, no exchange; the best support is refitted."""
    from tamis import admm
    from tamis.penalties import Geometric
    from tamis.steps import exact_step

    need(design, "least squares", groups=True)
    loss, constraint = tamis_loss(design), tamis_set(design)
    mean = float((design.A**2).sum()) / design.A.shape[1]
    penalty = Geometric(start=0.01 * mean, factor=1.02, stop=50 * mean)
    solve, fit = exact_step(loss), functools.lru_cache(lambda key: loss.refit(np.frombuffer(key, bool)))
    x, state, last, best = loss.start(), admm.init(loss.start(), constraint), penalty(0), loss.start()
    for iteration in range(430):  # 0.01 to 50 at 2% an iteration
        rho = penalty(iteration)
        state, last = admm.rescale(state, last, rho), rho
        x = solve(admm.target(state), rho, x)
        state = admm.dual_update(x, state, constraint)
        best = min(best, fit((state.z != 0).tobytes()), key=loss.value)
    return best


def tamis_user(design: Design, **options: object) -> Array:
    """Return tamis on the least-squares loss as a user would write it: a value and a gradient."""
    import tamis
    from tamis.losses import Smooth

    need(design, "least squares", groups=True)
    A, b = design.A, design.b

    def value(x: Array) -> float:
        residual = A @ x - b
        return residual @ residual / 2

    def gradient(x: Array) -> Array:
        return A.T @ (A @ x - b)

    return tamis.minimize(Smooth(value, gradient, np.zeros(A.shape[1])), tamis_set(design), **options).x
