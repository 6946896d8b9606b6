r"""How well a pruned matrix does the work of the dense one, and the best it could on its support.

    error(P) = tr((P - D) G (P - D)^T)        D dense, P pruned (outputs, inputs),  G = (2/n) sum x x^T

is twice the mean squared change of the layer's outputs on the calibration inputs x.  Each row is
apart.  With S the support of a row p, its optimum solves the normal equations

    G_SS p_S = (G d)_S

which are solved here exactly, to judge the methods that only come near (ALPS, arXiv 2406.07831,
calls it backsolve) and for whoever can afford it: O(sum |S|^3) for all rows.
"""

import torch
from torch import Tensor

CHUNK = 2**24  # entries of the matrices that are solved at once: 128 MB in float64
LEAST_PIVOT = 1e-6  # of the largest: below it, about the rounding of a float32 Gram, a direction is free


def relative_error(pruned: Tensor, dense: Tensor, gram: Tensor) -> float:
    """Return ``tr((P - D) G (P - D)^T) / tr(D G D^T)``.

    Parameters
    ----------
    pruned, dense
        Of shape (outputs, inputs).
    gram
        Of shape (inputs, inputs), positive semidefinite.

    Returns
    -------
    float
        0 for the dense matrix, 1 for the empty one; 0 if the outputs are all zero and do not change.
    """
    wide = gram.double()
    lost, whole = (_energy(matrix.double(), wide) for matrix in (pruned.double() - dense.double(), dense))
    return lost / whole if whole > 0 else float(lost > 0)


def refit_matrix(weight: Tensor, gram: Tensor, mask: Tensor, damping: float = 0.0) -> Tensor:
    """Return the matrix of least error whose zeros are those of ``mask``.

    Parameters
    ----------
    weight
        The dense matrix, of shape (outputs, inputs).
    gram
        Of shape (inputs, inputs), positive semidefinite.
    mask
        bool, the shape of ``weight``: what may be nonzero.
    damping
        Added to the diagonal of the Gram, times its mean.

    Returns
    -------
    Tensor
        Like ``weight``, computed in float64.  Where the Gram leaves directions free (fewer tokens than
        inputs, dead inputs) it is the optimum nearest to ``weight``.
    """
    wide = damped(gram.double(), damping)
    scale = wide.diagonal().sqrt()
    scale = torch.where(scale > 0, scale, 1.0)  # so that no input's unit counts
    wide = wide / scale / scale[:, None]
    dense = weight.double() * scale
    fitted = dense * mask
    right = ((dense - fitted) @ wide) * mask
    for rows, width in _batches(mask.sum(dim=1).tolist()):
        chosen = torch.as_tensor(rows, device=mask.device)
        fitted[chosen] += _solve(wide, right[chosen], mask[chosen], width)
    return (fitted / scale).to(weight.dtype)


def damped(gram: Tensor, damping: float) -> Tensor:
    """Return ``G + damping mean(diag G) I``."""
    return shifted(gram, damping * float(gram.diagonal().mean()))


def shifted(gram: Tensor, ridge: float) -> Tensor:
    """Return ``G + ridge I``."""
    return gram + torch.diag(torch.full_like(gram.diagonal(), ridge))


def _energy(matrix: Tensor, gram: Tensor) -> float:
    return float(((matrix @ gram) * matrix).sum())


def _batches(counts: list[int]) -> list[tuple[list[int], int]]:
    """Return rows to be solved together, of like counts, and the largest count of each batch."""
    order = sorted((row for row, count in enumerate(counts) if count), key=lambda row: -counts[row])
    batches = []
    while order:
        width = counts[order[0]]
        size = max(1, CHUNK // width**2)
        batches.append((order[:size], width))
        order = order[size:]
    return batches


def _solve(gram: Tensor, right: Tensor, mask: Tensor, width: int) -> Tensor:
    """Return x, zero off the mask, with ``(G x)_S = right_S`` row by row.

    ``right`` and x are (rows, inputs), G has a unit diagonal; supports are padded to ``width``.
    """
    index, real = _supports(mask, width)
    both = real[:, :, None] & real[:, None, :]
    systems = torch.where(both, gram[index[:, :, None], index[:, None, :]], 0.0)
    systems.diagonal(dim1=1, dim2=2).add_((~real).to(systems.dtype))
    solution = _symmetric_solve(systems, right.gather(1, index) * real)
    return torch.zeros_like(right).scatter_add_(1, index, solution * real)


def _supports(mask: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """Return the indices of each row's support, (rows, width), and which are no padding."""
    index = mask.to(torch.int8).argsort(dim=1, descending=True, stable=True)[:, :width]
    return index, mask.gather(1, index)


def _symmetric_solve(systems: Tensor, right: Tensor) -> Tensor:
    """Solve by Cholesky factors, and by eigenvectors, leaving the null space out, where one is singular."""
    factors, failed = torch.linalg.cholesky_ex(systems)
    pivots = factors.diagonal(dim1=1, dim2=2).square()
    singular = (failed > 0) | ~(pivots.amin(dim=1) > LEAST_PIVOT * pivots.amax(dim=1))
    solution = torch.cholesky_solve(right[..., None], factors)[..., 0]
    if bool(singular.any()):
        solution[singular] = _least_norm(systems[singular], right[singular])
    return solution


def _least_norm(systems: Tensor, right: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(systems)
    cut = LEAST_PIVOT * values[:, -1:]
    parts = (vectors.mT @ right[..., None])[..., 0]
    parts = torch.where(values > cut, parts / values, 0.0)
    solution: Tensor = vectors @ parts[..., None]
    return solution[..., 0]
