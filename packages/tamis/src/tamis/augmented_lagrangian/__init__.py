"""Minimise a smooth loss under general constraints ``c(w) in D`` and ``w in T``."""

from tamis.augmented_lagrangian.constraints import Constraint
from tamis.augmented_lagrangian.minimize_subject_to import minimize_subject_to
from tamis.augmented_lagrangian.result import KKT, ConstrainedResult, ConstrainedStatus
from tamis.augmented_lagrangian.safeguards import Safeguards

__all__ = ["KKT", "ConstrainedResult", "ConstrainedStatus", "Constraint", "Safeguards", "minimize_subject_to"]
