"""
Segments of a noisy series, as good as dynamic programming
==========================================================

A series jumps k times: its differences have k nonzeros. That is a constraint on A w, not on w::

    minimise 1/2 |w - y|^2   subject to   D w in Sparse(k),   (D w)_i = w_{i+1} - w_i

For this loss the answer can be computed by dynamic programming, so it can be checked. The same two lines
with second differences give a broken line, for which there is no such short cut.
"""

import matplotlib.pyplot as plt
import numpy as np

import tamis
from tamis.losses import LeastSquares
from tamis.sets import Sparse

n = 150
rng = np.random.default_rng(0)
t = np.arange(n)


def fit(y, order, k):
    """Return the best w whose differences of this order have at most k nonzeros, and where they are."""
    D = np.diff(np.eye(n), n=order, axis=0)
    result = tamis.minimize_subject_to(LeastSquares(np.eye(n), y), tamis.Constraint.linear(D, Sparse(k)))
    return result, np.flatnonzero(np.abs(D @ result.x) > 1e-8) + 1


def optimal_segments(y, k):
    """Return the least 1/2 |w - y|^2 of k + 1 constant segments, by dynamic programming."""
    S, SS = np.append(0, np.cumsum(y)), np.append(0, np.cumsum(y**2))

    def cost(i, j):  # of one segment y[i:j]
        return (SS[j] - SS[i] - (S[j] - S[i]) ** 2 / (j - i)) / 2

    best = np.array([np.inf, *(cost(0, j) for j in range(1, n + 1))])
    for _ in range(k):
        best = np.array(
            [min((best[i] + cost(i, j) for i in range(1, j)), default=np.inf) for j in range(n + 1)]
        )
    return best[n]


# %%
# Five jumps, with noise of standard deviation 0.6.

steps = np.repeat([0.0, 2.0, 1.0, 3.0, 1.5, 0.5], [30, 20, 30, 20, 35, 15])
noisy_steps = steps + 0.6 * rng.standard_normal(n)
jumps, places = fit(noisy_steps, order=1, k=5)
print(f"loss {jumps.fun:.6f}, by dynamic programming {optimal_segments(noisy_steps, 5):.6f}")
print(f"jumps at {places.tolist()}, true [30, 50, 80, 100, 135]; {jumps.status.name}")

# %%
# A trend that bends three times.

trend = np.interp(t, [0, 40, 70, 110, n - 1], [0.0, 2.0, 0.0, 1.0, 3.0])
noisy_trend = trend + 0.3 * rng.standard_normal(n)
bends, corners = fit(noisy_trend, order=2, k=3)
print(f"bends at {corners.tolist()}, true [40, 70, 110]; no exchange helps: {bends.certificate.exchange}")

# %%

figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for axis, y, true, found, title in (
    (axes[0], noisy_steps, steps, jumps.x, "Sparse first differences: jumps"),
    (axes[1], noisy_trend, trend, bends.x, "Sparse second differences: bends"),
):
    axis.plot(t, y, ".", color="0.6", ms=4, label="data")
    axis.plot(t, true, "k--", lw=1, label="truth")
    axis.plot(t, found, "C0", lw=2, label="tamis")
    axis.set(xlabel="time", ylabel="value", title=title)
axes[0].legend()
plt.show()
