"""The worst case of one turn of ADMM, over all losses of curvature in [-mu, beta] and all closed sets.

Performance estimation (Drori & Teboulle 2014; Taylor, Hendrickx & Glineur 2017): what a turn sees of a
loss are its values and gradients at two points, which a loss of the class has if and only if they
satisfy the interpolation inequalities; so the worst case is a semidefinite program in the points' inner
products, exact if the space has enough dimensions.  beta is 1 throughout.
"""

from typing import Any

from PEPit import PEP, Point
from PEPit.functions import SmoothConvexFunction

SOLVER = "CLARABEL"  # the default, SCS, is off by a percent


def lagrangian(value: Any, penalty: float, w: Point, z: Point, u: Point) -> Any:
    """Return the augmented Lagrangian."""
    return value + penalty / 2 * (w - z + u) ** 2 - penalty / 2 * u**2


def worst_change(penalty: float, mu: float, residual: float = 0.0) -> float:
    """Return the largest rise of the Lagrangian in a turn z, w, u that moves w by 1.

    A linear function added to the loss shifts u alone, so the last dual is 0 and the loss, less
    mu/2 |.|^2 about w, stationary.  The projection only lowers the Lagrangian, so z stays.  The w-update
    leaves a residual of at most the one given.
    """
    problem = PEP()
    h = problem.declare_function(SmoothConvexFunction, L=1 + mu)
    w, _, before = h.stationary_point(return_gradient_and_function_value=True)
    new = problem.set_initial_point()
    slope, after = h.oracle(new)
    gradient, value = slope - mu * (new - w), after - mu / 2 * (new - w) ** 2
    u = -gradient / penalty
    if residual:
        error = Point()
        problem.add_constraint(error**2 <= residual**2)
        u = u + error / penalty
    z = new - u
    problem.add_constraint((new - w) ** 2 == 1)
    problem.set_performance_metric(
        lagrangian(value, penalty, new, z, u) - before - penalty / 2 * (w - z) ** 2
    )
    return float(problem.solve(verbose=0, solver=SOLVER))


def threshold(mu: float, tol: float = 1e-6) -> float:
    """Return the smallest penalty at which no turn z, w, u raises the Lagrangian, by bisection."""
    low, high = 0.2, 4.0
    while high - low > tol:
        middle = (low + high) / 2
        low, high = (low, middle) if worst_change(middle, mu) <= 0 else (middle, high)
    return high


def worst_change_of_the_papers_order(penalty: float, mu: float) -> float:
    """Return the largest rise in a turn w, z, u that follows another, all of it of size 1.

    The size is |w' - w|^2 + |z' - z|^2 + |z - z_before|^2 + |u|^2.  Any three points are a closed
    set; that each projection takes the nearest of them is what is asked.
    """
    problem = PEP()
    h = problem.declare_function(SmoothConvexFunction, L=1 + mu)
    w, new, before_u, new_z = (problem.set_initial_point() for _ in range(4))
    (slope, value), (new_slope, new_value) = h.oracle(w), h.oracle(new)
    gradient, new_gradient = slope - mu * w, new_slope - mu * new
    before_z = w + gradient / penalty + before_u  # what the step that led to w was drawn to
    z = (new + new_gradient / penalty + before_u + w) / 2  # and the step to w', with the u of the next line
    u = before_u + w - z
    new_u = u + new - new_z
    for taken, point in ((z, w + before_u), (new_z, new + u)):
        for other in (before_z, z, new_z):
            if other is not taken:
                problem.add_constraint((taken - point) ** 2 <= (other - point) ** 2)
    problem.add_constraint((new - w) ** 2 + (new_z - z) ** 2 + (z - before_z) ** 2 + u**2 == 1)
    before = lagrangian(value - mu / 2 * w**2, penalty, w, z, u)
    problem.set_performance_metric(
        lagrangian(new_value - mu / 2 * new**2, penalty, new, new_z, new_u) - before
    )
    return float(problem.solve(verbose=0, solver=SOLVER))
