"""What shares one count of zeros: a matrix, a row of it, a transformer block, or all that is pruned.

    keep the K largest scores among n        K = round((1 - sparsity) n) exactly, ties by lowest index

"tensor"    n counts the entries of a matrix
"row"       a matrix again, of which each row (output neuron) keeps floor(K / rows) or one more
"block"     n counts all pruned matrices of a transformer block
"global"    n counts all pruned matrices
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from tamis.select import keep_largest  # of one matrix: numpy's partition where it can
from tamis.sets import NofM, Sparse
from tamis_torch.errors import InputError
from tamis_torch.methods.checks import check_choice
from tamis_torch.methods.goal import Goal
from tamis_torch.methods.rows import largest_by_row
from tamis_torch.ranks import ONE, Ranks
from tamis_torch.select import keep_in_turn, keep_parts

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
    frugal: bool = False,
    ranks: Ranks = ONE,
) -> Iterator[tuple[str, Tensor]]:
    """Yield the mask of what one group of matrices keeps: its largest scores that the set allows.

    The scores of one matrix at a time are alive, so that those of several are asked for twice, with
    many ties four times.

    Parameters
    ----------
    allowed
        The set of the group; N:M along the axis of its only matrix.
    budget
    weights
        The matrices of the group by name, whole or cut over the ranks.
    axes
        The axis of each that runs over its layer's inputs.
    score
        Returns a matrix's scores, not negative and of its shape; must not change until its mask is there.
    frugal
        Make one mask after the other, so that only one is alive: scores are asked for three times.
    ranks
        That the weights are cut over by rows.  Scores and masks are then of the rows that are here, and
        made as with ``frugal``; N:M and the rows of a budget must not be cut (axis 1).

    Yields
    ------
    str, Tensor
        The masks by name, of bool, in the order of the weights.
    """
    if isinstance(allowed, NofM):
        yield from ((name, allowed.support(score(name))) for name in weights)
        return
    if budget == "row":
        for name, weight in weights.items():
            yield name, _by_row(allowed, weight, score(name), axes[name], ranks)
        return
    count = allowed.count(sum(weight.numel() for weight in weights.values()))
    if ranks.count == 1 and len(weights) == 1:
        yield from ((name, keep_largest(score(name), count)) for name in weights)
        return

    def parts() -> Iterator[Tensor]:
        return (score(name) for name in weights)

    in_turn = frugal or ranks.count > 1
    masks = keep_in_turn(parts, count, ranks) if in_turn else keep_parts(parts, count)
    yield from zip(weights, masks, strict=True)


def _by_row(allowed: Sparse, weight: Tensor, scores: Tensor, axis: int, ranks: Ranks) -> Tensor:
    rows = scores.movedim(axis, -1)
    count, whole = allowed.count(weight.numel()), weight.numel() // weight.shape[axis]
    if ranks.count == 1:
        return largest_by_row(rows, count).movedim(-1, axis)
    return largest_by_row(rows, count, whole, lambda best, k: next(keep_in_turn(lambda: [best], k, ranks)))
