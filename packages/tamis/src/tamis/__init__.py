"""tamis: sparse-constrained optimisation.

``minimise f(w) subject to w in S``, for smooth f and any set S with a cheap projection.
"""

from tamis.minimize import Result, Status, minimize

__version__ = "0.1.0"
__all__ = ["Result", "Status", "__version__", "minimize"]
