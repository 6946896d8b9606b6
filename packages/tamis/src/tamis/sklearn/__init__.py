"""Estimators for scikit-learn, with at most k features in the model.

========================================  =====================================================
:class:`SparseLinearRegression`           least squares
:class:`SparseLogisticRegression`         two classes, or more that share their features
:class:`SparsePoissonRegression`          counts
:class:`SparseLinearRegressionCV` etc.    the same, k chosen along a path
:class:`PathDisplay`                      the plot of such a path
========================================  =====================================================

They take dense and sparse matrices and data frames, and weights of the rows.  scikit-learn has to
be installed (``pip install "tamis[sklearn]"``), matplotlib only for the plot.
"""

try:
    import sklearn  # noqa: F401
except ImportError as error:
    raise ImportError('tamis.sklearn needs scikit-learn: pip install "tamis[sklearn]"') from error

from tamis.sklearn.classification import SparseLogisticRegression, SparseLogisticRegressionCV
from tamis.sklearn.display import PathDisplay
from tamis.sklearn.regression import (
    SparseLinearRegression,
    SparseLinearRegressionCV,
    SparsePoissonRegression,
    SparsePoissonRegressionCV,
)

__all__ = [
    "PathDisplay",
    "SparseLinearRegression",
    "SparseLinearRegressionCV",
    "SparseLogisticRegression",
    "SparseLogisticRegressionCV",
    "SparsePoissonRegression",
    "SparsePoissonRegressionCV",
]
