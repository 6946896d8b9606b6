"""
A portfolio of few assets, near the one that is held
====================================================

Of twelve assets at most k are to be held. The whole budget is invested, nothing is sold short, and the
trades from what is held now are limited::

    minimise    1/2 w'Cw - a mu'w
    subject to  w >= 0,  sum w = 1,  at most k nonzeros,  |w - held|_1 <= 1

The first three conditions are the set :class:`~tamis.sets.SparseSimplex`, which holds exactly; the turnover
is a :class:`~tamis.Constraint`. How much does it cost to hold few?
"""

import matplotlib.pyplot as plt
import numpy as np

import tamis
from tamis.losses import Quadratic
from tamis.sets import L1Ball, SparseSimplex

# %%
# Returns with a market factor and two more; a year's mean and covariance. Five assets are held in equal
# shares.

rng = np.random.default_rng(0)
p, limit = 12, 1.0
exposure = np.column_stack([0.15 + 0.05 * rng.standard_normal(p), 0.08 * rng.standard_normal((p, 2))])
covariance = exposure @ exposure.T + np.diag((0.08 + 0.17 * rng.random(p)) ** 2)
mean = 0.02 + 0.35 * exposure[:, 0] + 0.02 * rng.standard_normal(p)
held = np.append(np.full(5, 0.2), np.zeros(p - 5))
trades = tamis.Constraint(lambda w: w - held, lambda w, y: y, L1Ball(limit))


def portfolio(k, appetite):
    """Return the best portfolio of at most k assets for an appetite for return."""
    loss = Quadratic(covariance, -appetite * mean)
    return tamis.minimize_subject_to(loss, trades, within=SparseSimplex(k), x0=held)


# %%
# The frontier: from the least risk to a high mean return, for each number of assets.

sizes, appetites = (4, 5, p), (0.0, 0.1, 0.2, 0.4)
found = {k: [portfolio(k, appetite) for appetite in appetites] for k in sizes}
weights = {k: np.array([result.x for result in results]) for k, results in found.items()}
risk = {k: np.sqrt(np.einsum("ij,jk,ik->i", w, covariance, w)) for k, w in weights.items()}
for k in sizes:
    turnover = max(np.abs(weights[k] - held).sum(axis=1))
    print(f"at most {k:2d} assets: least risk {risk[k][0]:.1%}, largest turnover {turnover:.5f}")
results = [result for row in found.values() for result in row]
print(f"KKT points: {sum(result.success for result in results)} of {len(results)}")
proved = sum(result.certificate.exchange for result in results)
print(f"no exchange of assets helps: {proved} of {len(results)}")

# %%
# A limit that cannot be kept is reported, not bent: one asset alone needs a turnover of 1.6.

alone = portfolio(1, 0.0)
print(f"one asset: {alone.status.name}, turnover {np.abs(alone.x - held).sum():.1f}")

# %%

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for k, style in zip(sizes, ("C1s-", "C2^-", "C0o-"), strict=True):
    left.plot(100 * risk[k], 100 * weights[k] @ mean, style, label=f"at most {k} assets")
left.set(xlabel="risk, % a year", ylabel="mean return, % a year")
left.set_title("Efficient frontier")
left.legend()

for place, w in enumerate((held, *(weights[k][0] for k in sizes))):
    ends = np.cumsum(w)
    for i in np.flatnonzero(w > 1e-6):
        right.bar(place, w[i], bottom=ends[i] - w[i], color=plt.cm.tab20(i), edgecolor="white")
        if w[i] > 0.03:
            right.text(place, ends[i] - w[i] / 2, i + 1, ha="center", va="center", fontsize=8)
right.set_xticks(range(4), ["held", *(f"k = {k}" for k in sizes)])
right.set(ylabel="share of the budget", title="Portfolios of least risk (assets numbered)")
plt.show()
