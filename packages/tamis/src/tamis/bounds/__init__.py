"""Lower bounds of best-subset least squares; :mod:`tamis.bounds.branch_and_bound` closes the gap to them."""

from tamis.bounds.lower import lower_bound_certificate, perspective_bound

__all__ = ["lower_bound_certificate", "perspective_bound"]
