r"""One layer's problem in the units of its inputs, and the two steps that solve it.

    minimise  f(V) = 1/2 tr((V - D) H (V - D)^T)   subject to  V in S       all (outputs, inputs)

With the Gram G = (2/n) sum x x^T of the inputs x and s_j = sqrt(G_jj): D = W s, H = G / (s s^T) + damping I,
and V / s is the matrix looked for.  Without damping f is half the squared change of the layer's outputs.
Now every input has size one: the projection keeps what is largest in Wanda's sense, one penalty serves all
layers, and the diagonal is the preconditioner of the conjugate gradients.

    weight step        V  <-  argmin f(V) + (penalty/2) |V - T|^2  =  D + penalty (T - D) (H + penalty I)^{-1}
    conjugate gradients for V on a support: each row is a problem of its own, a product with H does all rows
"""

from typing import NamedTuple

import torch
from torch import Tensor

from tamis_torch.errors import RunError
from tamis_torch.methods.reconstruction import damped, shifted

LEAST_SCALE = 1e-6  # of the largest: what an input that is always zero is given
LEAST_GAIN = 1e-6  # of the error: conjugate gradients end when a step gains less


class Layer(NamedTuple):
    """One layer's problem in the units of its inputs."""

    dense: Tensor  # (outputs, inputs), D
    hessian: Tensor  # (inputs, inputs), H, of diagonal 1 + damping; damping where an input is always zero
    scale: Tensor  # (inputs,), s


def in_units(weight: Tensor, gram: Tensor, damping: float, floor: float = 0.0) -> Layer:
    """Return the problem of a matrix W, (outputs, inputs), and the Gram of its inputs, (inputs, inputs).

    Parameters
    ----------
    weight, gram
    damping
        Ridge, in units of the diagonal of H.
    floor
        Ridge on the Gram itself, in units of the mean of its diagonal: it keeps inputs that were
        hardly ever active from being given huge weights.

    Raises
    ------
    RunError
        If the Gram holds NaN or infinity.
    """
    if not bool(torch.isfinite(gram).all()):
        raise RunError("the inputs of the layer are not all finite: its Gram matrix holds NaN or infinity")
    gram = damped(gram, floor)
    scale = gram.diagonal().clamp_min(0).sqrt()
    largest = scale.amax()
    scale = torch.where(largest > 0, scale.clamp_min(LEAST_SCALE * largest), 1.0)
    return Layer(weight * scale, shifted(gram / scale / scale[:, None], damping), scale)


def inverse(layer: Layer, penalty: float) -> Tensor:
    """Return ``(H + penalty I)^{-1}``, for a penalty well above the rounding of H."""
    return torch.cholesky_inverse(torch.linalg.cholesky(shifted(layer.hessian, penalty)))


def weight_step(layer: Layer, solve: Tensor, penalty: float, target: Tensor) -> Tensor:
    """Return the minimiser of ``f(V) + (penalty/2) |V - target|^2``; ``solve`` is :func:`inverse`."""
    return torch.addmm(layer.dense, target - layer.dense, solve, alpha=penalty)


def conjugate_gradients(layer: Layer, mask: Tensor, start: Tensor, iterations: int) -> Tensor:
    """Return V of least f whose zeros are those of ``mask``, from ``start``, as near as that is worth.

    A row whose residual has fallen to rounding stands still.  It ends after ``iterations`` products
    with H, or when a step gained less than a millionth of f.
    """
    kept = mask.to(start.dtype)
    v = start * kept
    slope = (layer.dense - v) @ layer.hessian
    error = (slope * (layer.dense - v)).sum()  # 2 f
    r = slope * kept
    p, square = r, _squares(r)
    rounding = torch.finfo(r.dtype).eps ** 2 * square
    for _ in range(iterations):
        curved = (p @ layer.hessian) * kept
        length = _ratio(square, (p * curved).sum(dim=1, keepdim=True)) * (square > rounding)
        v, r = torch.addcmul(v, length, p), torch.addcmul(r, length, curved, value=-1)
        gain = (length * square).sum()
        error = error - gain
        if bool(gain <= LEAST_GAIN * error):
            break
        before, square = square, _squares(r)
        p = torch.addcmul(r, _ratio(square, before), p)
    return v


def _squares(r: Tensor) -> Tensor:
    return r.square().sum(dim=1, keepdim=True)


def _ratio(above: Tensor, below: Tensor) -> Tensor:
    """Return the quotient, 0 where there is nothing to divide by."""
    return torch.where(below > 0, above / below, 0.0)
