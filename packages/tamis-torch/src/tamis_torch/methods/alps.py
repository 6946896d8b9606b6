r"""ALPS: ADMM on each layer's reconstruction error, then conjugate gradients on the support it finds.

    minimise  tr((V - D) H (V - D)^T) / 2  subject to  V in S      in units of the inputs, see layerwise.py

    V     <-  argmin f(V) + (penalty/2) |V - (z - u)|^2       exact, by the inverse of H + penalty I
    z, u  <-  P_S(V + u),  u + V - z                          the iteration of tamis.admm
    and from time to time a larger penalty, u rescaled
    at the end  V  <-  argmin f on the support of z            conjugate gradients, all rows at once

(Meng et al. 2024, arXiv 2406.07831, algorithms 1 and 2.)  The paper starts at a penalty of 0.1 and lets it
grow every 3 steps by 1.1 to 1.3, the more the support still changes, until it does not.  Here it goes
from 0.1 to 1 in a fixed number of steps.  At a fixed point u = -grad f(z) / penalty off the support,
so with 1, the curvature in these units, what is left out would gain less by itself than what is
kept; beyond 1 the support only freezes, well below it no fixed point holds.  In equal time that
leaves 0.7% less error than the paper's rule (docs/experiments.md).  The damping is here in units of
each input, in the paper of their mean.  The inverse for a penalty is a Cholesky one, which costs
less than to form it from the paper's eigenvectors.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from tamis.admm import dual_update, init, rescale, target
from tamis.sets import NofM, Sparse
from tamis_torch.methods.calibrated import Calibrated
from tamis_torch.methods.checks import check_between, check_count
from tamis_torch.methods.goal import constraint
from tamis_torch.methods.layerwise import Layer, conjugate_gradients, in_units, inverse, weight_step

FIRST_PENALTY = 0.1
LAST_PENALTY = 1.0
FLOOR = 1e-3  # of the mean square of an input: what is added to each
REFIT_ITERATIONS = 200


@dataclass(frozen=True, kw_only=True)
class ALPS(Calibrated):
    """Settings of ALPS.

    Raises
    ------
    InputError
        If a value is out of its range.
    """

    damping: float = 0.01
    """Ridge, in units of the diagonal of H."""
    iterations: int = 50
    """Steps of ADMM.  More find a little better supports: 120 leave some 0.6% less error."""
    every: int = 5
    """Steps between two penalties."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_between("damping", self.damping, 0, 1)
        check_count("iterations", self.iterations, 1)
        check_count("every", self.every, 1)


@torch.no_grad()
def prune_matrix(config: ALPS, weight: Tensor, gram: Tensor, sparsity: float) -> Tensor:
    """Return the pruned matrix.

    Parameters
    ----------
    config
    weight
        Of shape (outputs, inputs), float32.
    gram
        ``(2/n) sum x x^T``, of shape (inputs, inputs), float32.
    sparsity
        Fraction of zeros of this matrix; has no effect with a pattern.

    Returns
    -------
    Tensor
        Like ``weight``.
    """
    layer = in_units(weight, gram, config.damping, FLOOR)
    start, mask = search(layer, constraint(config, axis=1, sparsity=sparsity), config)
    return conjugate_gradients(layer, mask, start, REFIT_ITERATIONS) / layer.scale


def search(layer: Layer, allowed: Sparse | NofM, config: ALPS) -> tuple[Tensor, Tensor]:
    """Return V and the support, both (outputs, inputs), that ADMM ends with."""
    penalty, state = FIRST_PENALTY, init(layer.dense, allowed)
    for iteration in range(config.iterations):
        if iteration % config.every == 0:
            before, penalty = penalty, penalty_at(config, iteration)
            state, solve = rescale(state, before, penalty), inverse(layer, penalty)
        v = weight_step(layer, solve, penalty, target(state))
        state = dual_update(v, state, allowed)
    return v, allowed.support(state.z + state.u)


def penalty_at(config: ALPS, iteration: int) -> float:
    """Return the penalty of a step, from 0: a geometric rise, in stairs of ``every`` steps."""
    share = iteration // config.every / max(1, (config.iterations - 1) // config.every)
    return FIRST_PENALTY * math.pow(LAST_PENALTY / FIRST_PENALTY, share)
