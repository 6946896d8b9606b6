"""What makes z the projection of y on a convex set: the variational inequality, in numpy.

z is the projection of y in the metric M exactly if z is in the set and no w of the set has
``<g, w - z> > 0``, where ``g = M (y - z)``.  An oracle takes z and g as vectors and returns how far
z is from the set and the greatest ``<g, w - z>`` there is.  On a set that is not bounded the latter
is 0 or infinite, so there the oracle returns how far g is from the normal cone instead, and
``|<g, z>|`` where that has to vanish.
"""

import numpy as np


def box(lower, upper):
    def oracle(z, g):
        low, high = (np.broadcast_to(np.reshape(bound, -1), z.shape) for bound in (lower, upper))
        room = np.where(g > 0, high - z, low - z)
        gain = np.multiply(g, room, out=np.zeros_like(g), where=g != 0)
        return max(0, (low - z).max(), (z - high).max()), gain.sum()

    return oracle


def simplex(total):
    return lambda z, g: (max(-z.min(), abs(z.sum() - total)), total * g.max() - g @ z)


def ball(radius, norm, dual):
    """Return the oracle of a norm and its dual, by their order in numpy."""
    norm_of = np.linalg.norm
    return lambda z, g: (max(0, norm_of(z, norm) - radius), radius * norm_of(g, dual) - g @ z)


def nuclear(radius, shape):
    def oracle(z, g):
        excess = np.linalg.norm(z.reshape(shape), "nuc") - radius
        return max(0, excess), radius * np.linalg.norm(g.reshape(shape), 2) - g @ z

    return oracle


def affine(A, b):
    """The normal cone is the row space of A; what is orthogonal to it is left over by lstsq."""
    row_norms = np.maximum(np.linalg.norm(A, axis=1), 1e-300)

    def oracle(z, g):
        left_over = g - A.T @ np.linalg.lstsq(A.T, g, rcond=None)[0] if A.size else g
        return np.linalg.norm((A @ z - b) / row_norms), np.linalg.norm(left_over)

    return oracle


def half_space(a, beta):
    """The normal cone is ``t a`` with t >= 0, where t > 0 only on the boundary."""
    length = max(np.linalg.norm(a), 1e-300)
    unit = a / length

    def oracle(z, g):
        excess, pull = unit @ z - beta / length, unit @ g
        return max(0, excess), np.linalg.norm(g - pull * unit) + max(-pull, 0) + abs(pull * min(excess, 0))

    return oracle


def psd(n):
    """The normal cone is the skew matrices plus the negative semidefinite ones with ``<g, z> = 0``."""

    def oracle(z, g):
        Z, G = z.reshape(n, n), g.reshape(n, n)
        positive = np.linalg.eigvalsh(G / 2 + G.T / 2).max(initial=0)
        outside = max(-np.linalg.eigvalsh(Z).min(), abs(Z - Z.T).max(), 0)
        return outside, positive * max(1, np.abs(z).max()) + abs(g @ z)

    return oracle


def cone(z, g):
    """The normal cone is minus the cone, with ``<g, z> = 0``."""
    outside = max(np.linalg.norm(z[1:]) - z[0], 0)
    return outside, max(np.linalg.norm(g[1:]) + g[0], 0) * max(1, np.abs(z).max()) + abs(g @ z)


def monotone(sign):
    """``<g, w>`` of a rising w is that of tail sums and steps: no tail may be > 0, all g sum to 0."""

    def oracle(z, g):
        tails = np.cumsum((sign * g)[::-1])[::-1]
        polar = max(0, tails.max(), -tails[0])
        return max(0, -(sign * np.diff(z)).min(initial=0)), polar * max(1, np.abs(z).max()) + abs(g @ z)

    return oracle


def everything(z, g):
    return 0.0, np.abs(g).max()
