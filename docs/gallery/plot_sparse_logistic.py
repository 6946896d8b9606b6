"""
Three measurements that tell breast tumours apart
=================================================

Scikit-learn's breast-cancer data: 569 tumours, 30 correlated measurements, malignant or benign. How few
measurements are enough? Each number of variables is fitted by :func:`tamis.minimize` and by L1-penalised
logistic regression on four fifths of the data, and judged on the last fifth, in turn.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import l1_min_c

import tamis
from tamis.losses import Logistic
from tamis.sets import Sparse

data = load_breast_cancer()
sizes = (1, 2, 3, 4, 6, 8)


def held_out(log_odds, labels):
    """Return the share of errors and the mean logistic loss."""
    return np.mean((log_odds > 0) != labels), np.mean(np.logaddexp(0, log_odds) - labels * log_odds)


def lasso_path(A, b):
    """Return the least penalised L1 fit for each number of variables up to the largest size."""
    model = LogisticRegression(l1_ratio=1, solver="liblinear", intercept_scaling=100, warm_start=True)
    for C in l1_min_c(A, b, loss="log") * np.logspace(0, 3, 60):
        model.set_params(C=C).fit(A, b)
        if (count := np.count_nonzero(model.coef_)) <= max(sizes):
            yield count, (model.coef_[0].copy(), model.intercept_[0])


# %%
# A small ridge keeps the coefficients of separable data finite; at most k nonzeros is then the only
# shrinkage.

scores = {"best subset": {k: [] for k in sizes}, "L1": {k: [] for k in range(max(sizes) + 1)}}
for train, test in StratifiedKFold(5, shuffle=True, random_state=0).split(data.data, data.target):
    mean, deviation = data.data[train].mean(axis=0), data.data[train].std(axis=0)
    A, b = (data.data - mean) / deviation, data.target
    loss = Logistic(A[train], b[train], ridge=1.0, intercept=True)
    for k in sizes:
        result = tamis.minimize(loss, Sparse(k))
        scores["best subset"][k].append(held_out(A[test] @ result.x + loss.intercept_at(result.x), b[test]))
    for k, (x, intercept) in dict(lasso_path(A[train], b[train])).items():
        scores["L1"][k].append(held_out(A[test] @ x + intercept, b[test]))

means = {
    name: {k: np.mean(s, axis=0) for k, s in found.items() if len(s) > 2} for name, found in scores.items()
}
for name, found in means.items():
    print(f"{name} of 3 variables: {found[3][0]:.1%} errors, loss {found[3][1]:.3f} on held-out tumours")

# %%
# The subset of three is chosen again on all data, and proved: no exchange of a measurement for another
# lowers the loss.

A = (data.data - data.data.mean(axis=0)) / data.data.std(axis=0)
final = tamis.minimize(Logistic(A, data.target, ridge=1.0, intercept=True), Sparse(3))
print("chosen:", ", ".join(data.feature_names[final.x != 0]), f"({final.status.name})")

# %%
# L1 penalises the size of coefficients to get their number down, which costs most where they are few; in
# errors it catches up at six variables.

figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for axis, column, label in zip(axes, (0, 1), ("share of errors", "mean logistic loss"), strict=True):
    for (name, found), style in zip(means.items(), ("C0o-", "C1s--"), strict=True):
        counts = [k for k in found if k > 0]
        axis.plot(counts, [found[k][column] for k in counts], style, label=name)
    axis.set(xlabel="variables", ylabel=f"held-out {label}", ylim=(0, None))
axes[0].legend()
plt.show()
