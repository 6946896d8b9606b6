"""What the non-convex sets are by definition, and the least squared distance to them over every support.

In long double, whose squares of 1e150 and 1e-150 are in range.
"""

import itertools

import numpy as np

LONG = np.longdouble


# The oracles: the least squared distance over all supports, one formula a set.


def squares(misfit, diagonal):
    return (diagonal * misfit**2).sum(axis=-1)


def box_distance(lower, upper):
    """On a support each entry goes to its nearest bound if it is outside."""

    def distance(y, diagonal, supports):
        z = supports * np.clip(y, np.asarray(lower, dtype=LONG), np.asarray(upper, dtype=LONG))
        return squares(z - y, diagonal).min()

    return distance


def sum_distance(total, *, nonnegative):
    """On a support all entries are shifted alike; with signs, a shift counts if it leaves none negative.

    The nearest point of the simplex is the shift on its own positive entries, so no algorithm is needed.
    """

    def distance(y, diagonal, supports):
        sizes = np.maximum(supports.sum(axis=1), 1)
        shift = ((supports * y).sum(axis=1) - LONG(total)) / sizes
        z = supports * (y - shift[:, None])
        fits = supports.any(axis=1) | (total == 0)
        if nonnegative:
            fits &= (z >= 0).all(axis=1)
        return squares(z - y, diagonal)[fits].min()

    return distance


def ball_distance(radius, *, on_sphere):
    """On a support the norm is brought to the radius, if it is above it or must be equal to it."""

    def distance(y, diagonal, supports):
        norms = np.sqrt((supports * y**2).sum(axis=1))
        gap = norms - LONG(radius) if on_sphere else np.maximum(norms - LONG(radius), 0)
        return (gap**2 + (~supports * y**2).sum(axis=1)).min()

    return distance


def support_distance(y, diagonal, supports):
    """On a support all values are free."""
    return squares(~supports * y, diagonal).min()


def ones_distance(y, diagonal, supports):
    """A point of the set is its support."""
    return squares(supports - y, diagonal).min()


def levels_distance(values):
    def distance(y, diagonal, supports):
        points = np.array(list(itertools.product(values, repeat=y.size)), dtype=LONG)
        return squares(points - y, diagonal).min()

    return distance


# The definitions: which points are in the set, up to a slack.


def anywhere(z, slack):
    return True


def in_box(lower, upper):
    return lambda z, slack: bool(((z >= lower) & (z <= upper)).all())


def has_sum(total):
    return lambda z, slack: abs(z.sum() - LONG(total)) <= slack


def in_simplex(total):
    return lambda z, slack: bool((z >= 0).all()) and abs(z.sum() - LONG(total)) <= slack


def has_norm(radius):
    return lambda z, slack: abs(np.sqrt((z**2).sum()) - LONG(radius)) <= slack


def norm_at_most(radius):
    return lambda z, slack: np.sqrt((z**2).sum()) <= LONG(radius) + slack


def among(values):
    return lambda z, slack: bool(np.isin(z, values).all())
