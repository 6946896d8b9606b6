"""What shares one count of zeros: a matrix, a row of it, a transformer block, or all that is pruned.

    keep the K largest scores among n        K = round((1 - sparsity) n) exactly, ties by lowest index

"tensor"    n counts the entries of a matrix
"row"       a matrix again, of which each row (output neuron) keeps floor(K / rows) or one more
"block"     n counts all pruned matrices of a transformer block
"global"    n counts all pruned matrices
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from tamis.arrays import flatten, unflatten
from tamis.select import keep_largest
from tamis.sets import NofM, Sparse
from tamis_torch.errors import InputError
from tamis_torch.methods.checks import check_choice
from tamis_torch.methods.goal import Goal
from tamis_torch.methods.rows import largest_by_row

BLOCK = re.compile(r"(.*?\.)?\d+(?=\.)")  # up to the first number: model.layers.3, transformer.h.0


@dataclass(frozen=True, kw_only=True)
class Budgeted(Goal):
    """The zeros asked for, and what shares their count.

    Raises
    ------
    InputError
        If a value is out of its range, or a pattern is given with another budget than "tensor".
    """

    budget: Literal["tensor", "row", "block", "global"] = "tensor"
    """What shares one count of zeros: each matrix, each row of it (an output neuron), the matrices of a
    transformer block (those outside any block are one more), or all of them."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("budget", self.budget, ("tensor", "row", "block", "global"))
        if self.pattern is not None and self.budget != "tensor":
            raise InputError(
                f"budget must be left out with the pattern {self.pattern}, which says how many zeros each "
                f"group of inputs has, got {self.budget!r}"
            )


def groups(budget: str, names: Iterable[str]) -> list[list[str]]:
    """Return the names of the matrices that share a count, each group in the order given."""
    keys = {"global": lambda name: "", "block": block_of}
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(keys.get(budget, str)(name), []).append(name)
    return list(found.values())


def block_of(name: str) -> str:
    """Return the block that a weight lies in, by the first number in its name; "" outside any."""
    match = BLOCK.match(name)
    return match[0] if match else ""


def keep(
    allowed: Sparse | NofM,
    budget: str,
    weights: Mapping[str, Tensor],
    axes: Mapping[str, int],
    score: Callable[[str], Tensor],
) -> dict[str, Tensor]:
    """Return the mask of what one group of matrices keeps: its largest scores that the set allows.

    The scores are asked for here and not held longer than needed: beside the weights no more
    than two arrays of the group's size are alive at a time.

    Parameters
    ----------
    allowed
        The set of the group; N:M along the axis of its only matrix.
    budget
    weights
        The matrices of the group by name.
    axes
        The axis of each that runs over its layer's inputs.
    score
        Returns a matrix's scores, not negative and of its shape.

    Returns
    -------
    dict of str to Tensor
        Of bool, like the weights.
    """
    if isinstance(allowed, NofM):
        return {name: allowed.support(score(name)) for name in weights}
    if budget == "row":
        return {name: _by_row(allowed, score(name), axes[name]) for name in weights}
    scores = flatten([score(name) for name in weights])
    masks = unflatten(keep_largest(scores, allowed.count(scores.shape[0])), list(weights.values()))
    return dict(zip(weights, masks, strict=True))


def _by_row(allowed: Sparse, scores: Tensor, axis: int) -> Tensor:
    rows = scores.movedim(axis, -1)
    return largest_by_row(rows, allowed.count(rows.numel())).movedim(-1, axis)
