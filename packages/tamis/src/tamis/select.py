"""Keep exactly the k largest of some scores.

With t the k-th largest score, the mask is ``{s > t}`` and, of ``{s == t}``, the entries of
lowest index until k are kept.  One selection and a few passes, so O(n): numpy's partition for
what lies in main memory, torch's kthvalue elsewhere, a full sort only where there is neither.
"""

from typing import Any

import numpy as np
from array_api_compat import array_namespace

from tamis.arrays import Array, flatten, require_integer


def keep_largest(scores: Array, k: int) -> Array:
    """Return the mask of the ``k`` largest of ``scores``, ties kept by lowest index.

    Parameters
    ----------
    scores : array, any shape
        Real, free of NaN; infinities are allowed.
    k : int
        Between 0 and the number of scores.

    Returns
    -------
    array of bool, the shape of ``scores``
        Exactly ``k`` entries are true.

    Raises
    ------
    TypeError, ValueError
        If a score is NaN or no real number, or ``k`` is no integer or out of range.

    Examples
    --------
    >>> import numpy as np
    >>> keep_largest(np.array([2.0, 5.0, 2.0, 1.0]), 2)
    array([ True,  True, False, False])
    """
    xp = array_namespace(scores)
    flat = flatten(scores)
    _check(flat, k, xp)
    if k == 0:
        return xp.zeros_like(scores, dtype=xp.bool)
    threshold = _kth_smallest(flat, flat.shape[0] - int(k), xp)
    mask = flat >= threshold
    surplus = int(xp.count_nonzero(mask)) - int(k)
    if surplus:
        mask = _drop_last_ties(mask, flat == threshold, surplus, xp)
    return xp.reshape(mask, scores.shape)


def _check(flat: Array, k: int, xp: Any) -> None:
    require_integer("k", k)
    n = flat.shape[0]
    if not 0 <= k <= n:
        raise ValueError(f"k must be between 0 and the number of scores ({n}), got {k}")
    if not xp.isdtype(flat.dtype, ("integral", "real floating")):
        raise TypeError(f"scores must be real numbers, got dtype {flat.dtype}")
    if n and xp.isdtype(flat.dtype, "real floating") and bool(xp.isnan(xp.max(flat))):
        raise ValueError(
            f"scores must be numbers, but {int(xp.count_nonzero(xp.isnan(flat)))} of {n} are NaN"
        )


def _kth_smallest(flat: Array, index: int, xp: Any) -> Any:
    """Return the entry that would stand at ``index`` after sorting, as a Python or array scalar."""
    host = _as_numpy(flat)
    if host is not None:
        return np.partition(host, index)[index].item()
    if hasattr(xp, "kthvalue"):
        return xp.kthvalue(flat, index + 1).values
    return xp.sort(flat)[index]


def _as_numpy(flat: Array) -> Any:
    """Return a view by numpy, whose selection is some ten times faster than torch's; None if it has none.

    It has none for arrays on another device and for bfloat16.
    """
    try:
        return np.from_dlpack(flat)
    except (BufferError, RuntimeError, TypeError):
        return None


def _drop_last_ties(mask: Array, ties: Array, surplus: int, xp: Any) -> Array:
    """Clear the ``surplus`` ties of highest index."""
    order = xp.cumulative_sum(xp.astype(ties, xp.int64))
    return mask & ~(ties & (order > order[-1] - surplus))
