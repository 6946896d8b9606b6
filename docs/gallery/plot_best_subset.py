"""
The best subset, its path, and the choice of its size
=====================================================

Eight of a hundred correlated variables matter. :func:`tamis.path` finds the best subset of each size up to
16, and EBIC chooses among the sizes. The lasso, made to choose eight variables from the same data, takes
wrong ones: it pays for large coefficients, so it spreads them over correlated neighbours.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import lars_path

import tamis
from tamis.losses import LeastSquares

# %%
# The data: neighbouring columns have a correlation of 0.8, and the noise has half the variance of the
# signal.

rng = np.random.default_rng(1)
n, p, k = 300, 100, 8
A = rng.standard_normal((n, p))
for j in range(1, p):
    A[:, j] = 0.8 * A[:, j - 1] + 0.6 * A[:, j]
truth = np.zeros(p)
truth[rng.permutation(p)[:k]] = rng.choice([-1.0, 1.0], k)
signal = A @ truth
b = 3.0 + signal + rng.standard_normal(n) * np.sqrt(signal.var() / 2)

# %%
# One call solves all sizes, each started from its neighbours. The intercept is profiled out: no set touches
# it.

sizes = range(17)
path = tamis.path(LeastSquares(A, b, intercept=True), sizes)
best = path.best("ebic")
chosen = np.flatnonzero(best.x)
found = np.count_nonzero(truth[chosen])
print(f"EBIC chooses {chosen.size} variables, {found} of the {k} true ones among them")
print(f"intercept {path.loss.intercept_at(best.x):.2f}, true 3.00")
print(f"proved at every size: {sorted({result.status.name for result in path.results})}")

# %%
# The lasso at the first point of its path with eight nonzeros.

_, _, lasso_path = lars_path(A - A.mean(axis=0), b - b.mean(), method="lasso")
lasso = next(x for x in lasso_path.T if np.count_nonzero(x) == k)
caught = np.count_nonzero(truth[lasso != 0])
print(f"the lasso with {k} variables has {caught} of the {k} true ones")

# %%
# AIC goes on adding noise; BIC and EBIC, which know n and p, have their minimum where the curve bends.

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for name, style in (("aic", "C7:"), ("bic", "C0--"), ("ebic", "C1-")):
    values = path.criterion(name)
    left.plot(sizes, values, style, label=name.upper())
    left.plot(sizes[values.argmin()], values.min(), style[:2] + "o")
left.set(xlabel="variables k", ylabel="information criterion")
left.set_title("The least value chooses k")
left.legend()

coefficients = path.coefficients()
right.plot(sizes, coefficients[:, truth == 0], color="0.75", lw=1)
right.plot(sizes, coefficients[:, truth != 0], lw=1.8)
right.axvline(chosen.size, color="k", ls=":", lw=1)
right.set(xlabel="variables k", ylabel="coefficient")
right.set_title("Coefficients (grey: not in the truth)")
plt.show()
