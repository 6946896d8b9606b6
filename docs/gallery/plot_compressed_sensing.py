"""
Recovering a signal that basis pursuit loses
============================================

b = A x is measured without noise, with fewer measurements n than unknowns p, and x has k nonzeros. Basis
pursuit takes the solution of least L1 norm; it is the standard answer and fails beyond a known k/n.
:func:`tamis.minimize` takes the set of k nonzeros as it is, and recovers further.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import linprog

import tamis
from tamis.losses import LeastSquares
from tamis.sets import Sparse

n, p, trials = 32, 64, 10
sizes = (3, 6, 10, 13, 16, 19)


def basis_pursuit(A, b):
    """Return the x of least L1 norm among those with A x = b."""
    found = linprog(np.ones(2 * p), A_eq=np.hstack([A, -A]), b_eq=b, method="highs").x
    return found[:p] - found[p:]


def recovered(x, truth):
    """Tell whether x is the truth up to a millionth of its size."""
    return np.linalg.norm(x - truth) <= 1e-6 * np.linalg.norm(truth)


# %%
# Gaussian measurements of normal signals. Recovery is a yes or no: the error is either at rounding, or
# large.

rates = {"tamis": [], "basis pursuit": []}
for k in sizes:
    hits = {name: 0 for name in rates}
    for trial in range(trials):
        rng = np.random.default_rng([k, trial])
        A, truth = rng.standard_normal((n, p)), np.zeros(p)
        truth[rng.permutation(p)[:k]] = rng.standard_normal(k)
        b = A @ truth
        hits["tamis"] += recovered(tamis.minimize(LeastSquares(A, b), Sparse(k)).x, truth)
        hits["basis pursuit"] += recovered(basis_pursuit(A, b), truth)
    for name, count in hits.items():
        rates[name].append(count / trials)
    ours, theirs = rates["tamis"][-1], rates["basis pursuit"][-1]
    print(f"k/n = {k / n:.1f}: tamis recovers {ours:.0%}, basis pursuit {theirs:.0%}")

# %%
# The bars are one standard error of a rate from ten trials.

figure, axis = plt.subplots(figsize=(6.5, 4), layout="constrained")
for (name, rate), style in zip(rates.items(), ("C0o-", "C1s--"), strict=True):
    error = np.sqrt(np.multiply(rate, np.subtract(1, rate)) / trials)
    axis.errorbar(np.array(sizes) / n, rate, error, fmt=style, capsize=3, label=name)
axis.set(xlabel="nonzeros a measurement, k/n", ylabel="share of signals recovered", ylim=(-0.05, 1.05))
axis.set_title(f"{n} measurements of {p} unknowns, {trials} trials a point")
axis.legend()
plt.show()
