r"""At most k blocks of an array nonzero: rows, columns or rectangles of a matrix.

    project:  argmin_z  sum_i M_i (z_i - y_i)^2   subject to  z_g != 0 for at most k blocks g

The blocks share no entry, so this is group sparsity: the k blocks of largest weighted norm
keep their values; ties are kept by lowest index, row by row of blocks.  As blocks are cut by
a reshape, their norms take O(p) where the array lies, without labels.  Checked against all
choices of blocks in ``tests/core/test_nonconvex_sets.py``.
"""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from array_api_compat import array_namespace

from tamis.arrays import Array, Variable, as_list, each, flatten, require_integer, restrict, widen
from tamis.select import keep_largest
from tamis.sets.group_sparse import GroupSparse
from tamis.sets.scores import scores
from tamis.sets.sparse import Sparse

Block = tuple[int | None, ...]


@dataclass(frozen=True)
class Blocks:
    """Arrays in which at most ``k`` blocks are nonzero.

    Parameters
    ----------
    k : int or float
        An int is the number of blocks kept; a float in [0, 1] the fraction kept, rounded to
        the nearest count.  With a list of arrays it is over all of them together.
    block : tuple of int or None
        The length of a block along each axis, which must divide the axis; None for the whole
        axis.  Of a matrix, ``(1, None)`` are the rows, ``(None, 1)`` the columns, ``(16, 16)``
        squares.

    Raises
    ------
    ValueError, TypeError
        If ``k`` or a length is out of range or no number; on use, if the array has another
        number of axes, a length does not divide its axis, or there are fewer than k blocks.

    Examples
    --------
    >>> import numpy as np
    >>> Blocks(1, (1, None)).project(np.array([[3.0, 0.0], [2.0, 4.0]]))
    array([[0., 0.],
           [2., 4.]])
    """

    convex: ClassVar[bool] = False

    k: int | float
    block: Block

    def __post_init__(self) -> None:
        Sparse(self.k)
        if not isinstance(self.block, list | tuple) or not self.block:
            raise TypeError(f"block must be a tuple of a length (or None) for each axis, got {self.block!r}")
        for length in self.block:
            _check_length(length)
        object.__setattr__(self, "block", tuple(self.block))

    def support(self, y: Variable, metric: Variable | None = None) -> Variable:
        """Return the mask of the blocks that the projection of ``y`` keeps, exactly k of them."""
        worth = scores(y, metric)
        norms = each(lambda array: _norms(self._cut(array)), worth)
        total = sum(norm.shape[0] for norm in as_list(norms))
        kept = keep_largest(flatten(norms), Sparse(self.k).count(total, "blocks"))
        masks, start = [], 0
        for array, norm in zip(as_list(y), as_list(norms), strict=True):
            masks.append(self._spread(kept[start : start + norm.shape[0]], array.shape))
            start += norm.shape[0]
        return masks if isinstance(y, list | tuple) else masks[0]

    def project(self, y: Variable, metric: Variable | None = None) -> Variable:
        """Return the point of the set nearest to ``y``.

        Parameters
        ----------
        y : array with as many axes as ``block``, or list of such arrays
            Finite.
        metric : like ``y``, optional
            The positive diagonal M; the identity if left out.
        """
        return restrict(y, self.support(y, metric))

    def within(self, support: Variable) -> None:
        """Return the set of the kept values: None, as they are free."""
        return None

    def for_shape(self, shape: tuple[int, ...]) -> GroupSparse:
        """Return the same set for arrays of one shape, with the label of each entry in ``groups``."""
        return GroupSparse(self.k, blocks(shape, self.block))

    def contains(self, y: Variable) -> bool:
        """Return whether no more blocks of ``y`` than allowed have a nonzero."""
        norms = [_norms(array_namespace(array).abs(self._cut(array))) for array in as_list(y)]
        total = sum(norm.shape[0] for norm in norms)
        nonzero = sum(int(array_namespace(norm).count_nonzero(norm)) for norm in norms)
        return nonzero <= Sparse(self.k).count(total, "blocks")

    def describe(self) -> str:
        """Return the set in words."""
        some = f"{self.k}" if isinstance(self.k, int) else f"{float(self.k):.4g} of all"
        size = " x ".join("all" if length is None else str(length) for length in self.block)
        return f"at most {some} blocks of {size} nonzero"

    def _cut(self, array: Array) -> Array:
        """Return the array with one block a row, shape (blocks, entries of a block)."""
        counts, lengths = _grid(tuple(array.shape), self.block)
        xp = array_namespace(array)
        axes = range(len(counts))
        grid = xp.reshape(array, _alternate(counts, lengths))
        grid = xp.permute_dims(grid, (*(2 * i for i in axes), *(2 * i + 1 for i in axes)))
        return xp.reshape(grid, (math.prod(counts), math.prod(lengths)))

    def _spread(self, kept: Array, shape: tuple[int, ...]) -> Array:
        """Return the mask of ``shape`` that is true on the blocks kept; undoes the cut."""
        counts, lengths = _grid(tuple(shape), self.block)
        xp = array_namespace(kept)
        grid = xp.reshape(kept, _alternate(counts, (1,) * len(counts)))
        return xp.reshape(xp.broadcast_to(grid, _alternate(counts, lengths)), shape)


def blocks(shape: tuple[int, ...], block: Block) -> Any:
    """Return the number of the block of each entry, an int array of ``shape``.

    Blocks are numbered row by row of blocks; ``block`` is as in :class:`Blocks`.  It makes the
    labels of :class:`tamis.sets.GroupSparse`.

    Examples
    --------
    >>> blocks((2, 4), (2, 2))
    array([[0, 0, 1, 1],
           [0, 0, 1, 1]])
    """
    counts, lengths = _grid(tuple(shape), block)
    numbers = np.arange(math.prod(counts)).reshape(counts)
    for axis, length in enumerate(lengths):
        numbers = np.repeat(numbers, length, axis=axis)
    return numbers


def _grid(shape: tuple[int, ...], block: Block) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return how many blocks there are along each axis, and how long each is."""
    if len(shape) != len(block):
        raise ValueError(f"block {block} needs an array of {len(block)} axes, got shape {shape}")
    lengths = tuple(full if length is None else length for full, length in zip(shape, block, strict=True))
    for full, length in zip(shape, lengths, strict=True):
        if length == 0 or full % length:
            raise ValueError(f"block {block} must divide the axes of y, got shape {shape}")
    return tuple(full // length for full, length in zip(shape, lengths, strict=True)), lengths


def _alternate(counts: tuple[int, ...], lengths: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(n for pair in zip(counts, lengths, strict=True) for n in pair)


def _norms(cut: Array) -> Array:
    """Return the norm of each row, scaled by its largest entry so that no square overflows."""
    xp = array_namespace(cut)
    cut = widen(cut)
    largest = xp.max(cut, axis=1, keepdims=True)
    scale = xp.where(largest > 0, largest, xp.ones_like(largest))
    return scale[:, 0] * xp.sqrt(xp.sum((cut / scale) ** 2, axis=1))


def _check_length(length: Any) -> None:
    if length is None:
        return
    require_integer("block", length)
    if length < 1:
        raise ValueError(f"a length in block must be 1 or more, or None for the whole axis, got {length}")
