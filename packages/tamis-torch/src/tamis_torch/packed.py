r"""z and u of one matrix as one tensor and a mask, and their update in place.

With the order w, z, u and a projection that keeps the values of a support, u is zero on the
support and z off it (``tests/core/test_admm.py``), so that ``target = z - u`` and the mask hold both::

    u  =  -target off the support                   z' = P(w + u),      u' = w + u - z'
    target'  =  w + u on the new support,  -(w + u) off it

With the order z, w, u the dual moves before the projection, from what w is drawn to alone::

    u' =  u + w - z  =  w - target                  z' = P(w + u')
    target'  =  z' - u'  =  w on the new support,  -u' = w - (w + u') off it

5 bytes a float32 weight instead of 8 for z and u, and what w is drawn to needs no computation.
"""

import torch
from torch import Tensor


def add_dual(order: str, weight: Tensor, target: Tensor, kept: Tensor) -> None:
    """Make the target ``w + u``, the point to be projected, in place; with "zwu" u has moved before.

    Parameters
    ----------
    order
        "wzu" or "zwu".
    weight, target, kept
        w, z - u and the support of z, of one shape.
    """
    if order == "wzu":
        target.mul_((kept.view(torch.int8) - 1).to(target.dtype)).add_(weight)
    else:
        target.neg_().add_(weight, alpha=2)


def split(order: str, weight: Tensor, total: Tensor, kept: Tensor) -> Tensor:
    """Make ``w + u`` the new target, in place; return |w - z| for the new z.

    Parameters
    ----------
    order
        "wzu" or "zwu".
    weight, total
        w, and w + u as :func:`add_dual` left it.
    kept
        The support that the projection of ``total`` keeps.
    """
    on = kept.view(torch.int8)  # which becomes a float several times faster than a bool does
    z = on.to(total.dtype).mul_(total)
    gap: Tensor = torch.linalg.vector_norm(z.sub_(weight))
    if order == "wzu":
        total.mul_((2 * on - 1).to(total.dtype))
    else:
        total.mul_((on - 1).to(total.dtype)).add_(weight)
    return gap
