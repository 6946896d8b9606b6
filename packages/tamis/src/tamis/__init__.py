"""tamis: sparse-constrained optimisation.

``minimise f(w) subject to w in S``, for smooth f and any set S with a cheap projection.
"""

from tamis.augmented_lagrangian import Constraint, minimize_subject_to
from tamis.minimize import Result, Status, minimize
from tamis.path import Path, cross_validate, path

__version__ = "0.1.0"
__all__ = [
    "Constraint",
    "Path",
    "Result",
    "Status",
    "__version__",
    "cross_validate",
    "minimize",
    "minimize_subject_to",
    "path",
]
