r"""How far a logistic or Poisson loss can fall from where it is, without minimising it.

Let ``F(v) = sum_i s_i phi(a_i' v + o_i) + (ridge/2) |v|^2`` with ``|phi'''| <= phi''``: logistic,
where ``phi''' = (1 - 2 sigma) phi''``, and Poisson with the log link, where they are equal.  At the
minimiser v on the kept columns S the gradient on S is zero.  Column j joins; H is the Hessian at v
of S and j, g_j the slope of j.  How low can F get?

**Self-concordance** (Bach, Electron. J. Stat. 2010).  For directions u and h

    |D^3 F[u, u, h]| = |sum_i s_i phi'''_i (a_i'u)^2 (a_i'h)| <= max_i |a_i'h| * u'Hu .

Weights s_i stand on both sides, so rows are not scaled by them.  (Rows of weight 0 could be left out;
here they are not, as w alone does not tell them from rows of a curvature below float64.)  The ridge
adds to u'Hu and nothing to the third derivative; offsets shift eta alone; an intercept is one more
column, of ones, without ridge.  So along h the second derivative shrinks at most like ``exp(-M t)``,
``M = max_i |a_i'h|``, and two integrations give

    F(v + h) >= F(v) + grad'h + (e^-M + M - 1) / M^2 * h'Hh .

**In the norm of H.**  With ``q = sqrt(h'Hh)``: ``grad'h >= -l q``, ``l^2 = grad' H^-1 grad`` the Newton
decrement, and ``M <= R q``, ``R^2 = max_i a_i' H^-1 a_i``.  The factor falls in M, so

    F(v + h) >= F(v) - l q + (e^{-R q} + R q - 1) / R^2 .

The right side is least where ``e^{-R q} = 1 - R l``, if ``d = R l < 1``, and is there

    F(v) - (d + (1 - d) log(1 - d)) / R^2 ,

which tends to the Newton estimate ``F - l^2/2`` as d -> 0.  With d = 1 it is ``F - 1/R^2``; beyond
that there is no bound.

The search for exchanges uses it twice: :mod:`tamis.subset.ceiling` for all columns at once, and
:mod:`tamis.subset.joint_refit` for those that the first does not rule out.
"""

import numpy as np

from tamis.arrays import Array

SMALL = 1e-3  # below, the closed form loses its digits


def fall(decrement: Array, reach: Array) -> Array:
    """Return ``(d + (1 - d) log(1 - d)) / R^2`` with ``d = R l``, the most that F can fall; inf where d >= 1.

    Parameters
    ----------
    decrement : array
        ``l^2``, the squared Newton decrement, 0 or more.
    reach : array
        ``R^2``, 0 or more; with 0 the loss is quadratic and falls by ``l^2/2``.
    """
    d = np.sqrt(np.maximum(decrement * reach, 0.0))
    inside = d < 1
    s = np.where(inside, d, 0.5)
    exact = (s + (1 - s) * np.log1p(-s)) / np.where(reach > 0, reach, 1.0)
    series = decrement / 2 * (1 + s / 3 + s**2 / 6 + s**3 / 3)
    return np.where(inside, np.where(s > SMALL, exact, series), np.inf)
