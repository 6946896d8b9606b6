r"""The largest eigenvalue of a symmetric matrix that is known by its products, after Lanczos.

    beta_j q_{j+1} = H q_j - alpha_j q_j - beta_{j-1} q_{j-1},    q_1 given,   |q_j| = 1
    T = Q'HQ = tridiagonal(beta, alpha, beta),    T s = theta s,  theta the largest
    v = Q s,    v'Hv = theta,    |Hv - theta v| = beta_k |s_k|

(Golub & Van Loan, Matrix Computations, 10.1; Parlett, The Symmetric Eigenvalue Problem, 13.)

**Why not power iteration**: this is as short; it finds the largest *algebraic* eigenvalue with no shift,
also where a negative one is larger in modulus; and its theta is the largest v'Hv over all v = p(H) q_1, p of
degree below k, of which power iteration tries p(x) = x^(k-1) only.  It keeps a vector a product.
"""

import torch
from torch import Tensor

from tamis_torch.vision.hessian import Product

ROUNDING = 10  # units of rounding of |H| below which no residual falls


def largest(product: Product, first: Tensor, tolerance: float, most: int) -> tuple[Tensor, int, bool]:
    """Return v of length 1, the products it took, and whether they were enough.

    Parameters
    ----------
    product
        v -> H v, (m,) -> (m,).
    first
        q_1 up to its length, (m,).  Any component it lacks is not found, so it is drawn at random.
    tolerance
        It stops at a residual of ``tolerance |theta|``, or of what rounding leaves.
    most
        Products at most; it takes no more than m, after which only rounding is left.
    """
    basis, alpha, beta = [first / first.norm()], list[float](), list[float]()
    rounding = ROUNDING * torch.finfo(first.dtype).eps
    while True:
        moved = product(basis[-1])
        alpha.append(float(basis[-1] @ moved))
        for q in basis:  # of all, not of two: else rounding brings found ones back (Parlett, 13)
            moved = moved - (q @ moved) * q
        values, vectors = torch.linalg.eigh(_tridiagonal(alpha, beta))
        beta.append(float(moved.norm()))
        residual = beta[-1] * abs(float(vectors[-1, -1]))
        settled = residual <= max(tolerance * abs(float(values[-1])), rounding * float(values.abs().max()))
        if settled or len(alpha) == most:
            return _combined(vectors[:, -1].tolist(), basis), len(alpha), settled
        basis.append(moved / beta[-1])


def _combined(weights: list[float], basis: list[Tensor]) -> Tensor:
    """Return sum_j s_j q_j, of length 1 to rounding."""
    vector = torch.zeros_like(basis[0])
    for weight, q in zip(weights, basis, strict=True):
        vector += weight * q
    length: Tensor = torch.linalg.vector_norm(vector)
    return vector / length


def _tridiagonal(alpha: list[float], beta: list[float]) -> Tensor:
    """Return the symmetric matrix with this diagonal and these beside it, float64."""
    middle, beside = torch.tensor(alpha, dtype=torch.float64), torch.tensor(beta, dtype=torch.float64)
    return middle.diag() + beside.diag(1) + beside.diag(-1) if beta else middle.diag()
