r"""How curved the loss is at the weights: top eigenvalue and trace of its Hessian, without the matrix.

    f(w) = (1/n) sum_i loss(network(x_i; w), y_i)          H = f''(w),  or its rows and columns in a mask
    top eigenvalue   max_{|v| = 1} v'Hv                    Lanczos (lanczos.py says why)
    trace            E r'Hr,  r of random signs            Hutchinson

**Which Hessian.**  Without a mask it is that of all weights that need a gradient, zeros of a sparse
network included: what SAFE's paper measures (arXiv 2506.06866), and how the loss answers to any small
move.  With ``mask=support(network)`` it is H_SS, the curvature for moves that keep the zeros.  By
interlacing the top eigenvalue of H_SS is at most that of H.

Batch norm and dropout are in evaluation mode meanwhile; no weight and no ``.grad`` is touched.
"""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from tamis_torch.methods.checks import check_between, check_count
from tamis_torch.modes import evaluating
from tamis_torch.vision.hessian import (
    Batches,
    Loss,
    entries_of,
    hessian_product,
    spread,
    trained,
)
from tamis_torch.vision.lanczos import largest

LEAST_PROBES = 10  # of the trace: with fewer the standard error itself is a guess


class Eigenpair(NamedTuple):
    """The top of the Hessian's spectrum, as far as it was found."""

    value: float  # v'Hv: not above the top eigenvalue, but for rounding
    residual: float  # |Hv - value v|, measured: some eigenvalue lies within it of ``value``
    products: int  # Hessian-vector products, each a pass over the batches
    converged: bool  # the stop rule was met before the products ran out
    vector: dict[str, Tensor]  # v by parameter, |v| = 1 over all of them, zero off the mask


class Trace(NamedTuple):
    """The sum of the Hessian's eigenvalues, estimated."""

    value: float
    error: float  # standard error of ``value``
    products: int


def support(network: nn.Module) -> dict[str, Tensor]:
    """Return the mask of the non-zero weights, for parameters of two axes or more; the others stay free."""
    return {name: p.detach() != 0 for name, p in trained(network).items() if p.ndim > 1}


def top_eigenvalue(
    network: nn.Module,
    batches: Batches,
    *,
    loss: Loss = cross_entropy,
    mask: Mapping[str, Tensor] | None = None,
    tolerance: float = 1e-3,
    most: int = 60,
    seed: int = 0,
) -> Eigenpair:
    r"""Return the largest algebraic eigenvalue of the Hessian and its vector, by Lanczos.

    ``max v'Hv`` over ``|v| = 1``; it stops when ``|Hv - theta v| <= tolerance |theta|``, ``theta = v'Hv``, or
    where rounding allows no more.  The value is then off by about the residual's square over the gap to the
    next eigenvalue.

    Parameters
    ----------
    network
        In any mode.  Parameters that need no gradient are constants.
    batches
        Pairs (inputs, targets), moved to the network's device.  Read once a product, so a list or a loader
        and not a generator, with the same samples each time: no random augmentation.
    loss
        Of (outputs, targets), the mean over the samples of a batch; batches weigh by their size.
    mask
        True where a weight may move, by the parameter's name; a parameter without one is free.
    tolerance
        In (0, 1], of the residual relative to the eigenvalue.
    most
        Products at most, and vectors (m,) that are kept, m weights free; one more product measures the
        residual.
    seed
        Of q_1.

    Raises
    ------
    InputError
        If a value is out of range, the mask fits no parameter, or the batches are empty or a generator.
    RunError
        If a product is not finite.
    """
    check_between("tolerance", tolerance, 0, 1, open_below=True)
    check_count("most", most, 1)
    entries = entries_of(network, mask)
    product = hessian_product(network, batches, loss, entries)
    first = torch.randn(entries.places.shape, generator=torch.Generator().manual_seed(seed))
    with evaluating(network):
        vector, products, converged = largest(product, first.to(entries.like), tolerance, most)
        moved = product(vector)
    value = vector @ moved
    residual = (moved - value * vector).norm()
    return Eigenpair(float(value), float(residual), products + 1, converged, spread(entries, vector))


def trace(
    network: nn.Module,
    batches: Batches,
    *,
    loss: Loss = cross_entropy,
    mask: Mapping[str, Tensor] | None = None,
    tolerance: float = 0.05,
    most: int = 100,
    seed: int = 0,
) -> Trace:
    r"""Return the trace of the Hessian by Hutchinson's estimate, with its standard error.

        t_i = r_i' H r_i,  r_i of independent signs        value = mean t_i,  error = std(t_i) / sqrt(probes)

    Unbiased for a given number of probes; a probe has the variance ``2 sum_{i != j} H_ij^2`` (Hutchinson
    1989; Avron & Toledo 2011).  It stops after ten probes or more, once ``error <= tolerance |value|``.

    Parameters
    ----------
    network, batches, loss, mask
        As for :func:`top_eigenvalue`.
    tolerance
        In (0, 1], of the standard error relative to the value.
    most
        Probes at most, each a product; two or more.
    seed
        Of the signs.

    Raises
    ------
    InputError, RunError
        As :func:`top_eigenvalue`.
    """
    check_between("tolerance", tolerance, 0, 1, open_below=True)
    check_count("most", most, 2)
    entries = entries_of(network, mask)
    product = hessian_product(network, batches, loss, entries)
    generator, seen = torch.Generator().manual_seed(seed), list[float]()
    with evaluating(network):
        while len(seen) < most and not _enough(seen, tolerance):
            signs = torch.randint(0, 2, entries.places.shape, generator=generator) * 2 - 1
            probe = signs.to(entries.like)
            seen.append(float(probe @ product(probe)))
    return Trace(*_mean(seen), len(seen))


def _enough(seen: list[float], tolerance: float) -> bool:
    if len(seen) < LEAST_PROBES:
        return False
    value, error = _mean(seen)
    return error <= tolerance * abs(value)


def _mean(seen: list[float]) -> tuple[float, float]:
    """Return the mean and its standard error."""
    values = torch.tensor(seen, dtype=torch.float64)
    return float(values.mean()), float(values.var() / len(values)) ** 0.5
