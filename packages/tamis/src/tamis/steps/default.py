"""The step for a loss when the user names none: as exact as the loss allows."""

from typing import Any

from array_api_compat import is_array_api_obj

from tamis.steps.conjugate_gradient import conjugate_gradient_step
from tamis.steps.exact import exact_step
from tamis.steps.lbfgs import lbfgs_step
from tamis.steps.proximal import Step

DENSE = 3000  # the shorter side up to which a factorisation is worth its cost


def default_step(loss: Any) -> Step:
    """Return the exact step for a dense quadratic, conjugate gradients for another, else L-BFGS."""
    if not getattr(loss, "quadratic", False) or not hasattr(loss, "hessian_product"):
        return lbfgs_step
    matrix: Any = getattr(loss, "Q", getattr(loss, "A", None))
    if is_array_api_obj(matrix) and min(matrix.shape) <= DENSE:
        return exact_step
    return conjugate_gradient_step
