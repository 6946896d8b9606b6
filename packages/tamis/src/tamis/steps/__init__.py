"""The step of the iteration: ways to minimise ``f(x) + (penalty/2) |x - v|^2``.

A step is a function of a loss, which does what is done once (it factorises, say) and returns
``solve(v, penalty, x)``: about the minimiser, warm-started at ``x``.

=========================  =================================  ==================================
step                       for losses                         leaves an error of
=========================  =================================  ==================================
exact_step                 quadratic, dense                   rounding
affine_step                least squares without noise        rounding (the limit penalty -> 0)
conjugate_gradient_step    quadratic, sparse or an operator   tol
lbfgs_step                 any smooth                         tol
gradient_step              any smooth with a Lipschitz bound  a factor that shrinks with steps
sharpness_aware_step       any smooth; seeks a flat minimum   (minimises another function)
=========================  =================================  ==================================
"""

from tamis.steps.affine import affine_step
from tamis.steps.conjugate_gradient import conjugate_gradient_step
from tamis.steps.default import default_step
from tamis.steps.exact import exact_step
from tamis.steps.gradient import gradient_step
from tamis.steps.lbfgs import lbfgs_step
from tamis.steps.proximal import Solve, Step
from tamis.steps.sharpness_aware import sharpness_aware_step

__all__ = [
    "Solve",
    "Step",
    "affine_step",
    "conjugate_gradient_step",
    "default_step",
    "exact_step",
    "gradient_step",
    "lbfgs_step",
    "sharpness_aware_step",
]
