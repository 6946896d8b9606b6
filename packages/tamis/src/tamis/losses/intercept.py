"""The intercept that minimises a loss in one dimension: a safeguarded Newton iteration.

    c  =  argmin_c  sum_i s_i phi(eta_i + c; b_i)      i.e.   h(c) = sum_i s_i phi'(eta_i + c) = 0

h does not fall, as phi is convex.  A Newton step that leaves the bracket, or that has no slope
to go by, is replaced by the middle of the bracket (Press et al., Numerical Recipes, sec. 9.4).
"""

from collections.abc import Callable


def root(
    function: Callable[[float], tuple[float, float]], low: float, high: float, start: float, tol: float
) -> float:
    """Return the zero of a nondecreasing function in ``[low, high]``, where it changes sign.

    Parameters
    ----------
    function : callable
        ``c -> (h(c), h'(c))``.
    low, high, start : float
        The bracket and where to begin; a start outside is moved inside.
    tol : float
        Stop when a step is at most this long.
    """
    c = min(max(start, low), high)
    last = high - low
    for _ in range(200):
        value, slope = function(c)
        if value == 0:
            return c
        low, high = (c, high) if value < 0 else (low, c)
        step = -value / slope if slope > 0 else last
        if not low <= c + step <= high or abs(step) > last / 2:
            step = (low + high) / 2 - c
        last = abs(step)
        c += step
        if last <= tol:
            return c
    return c
