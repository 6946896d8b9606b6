"""Where the groups of a problem are: its entries in the order in which the search works on them.

Columns that depend on others of their own group are left out of the model, as they change no
minimum; a refit has all entries of a group.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from tamis.arrays import Array
from tamis.subset.groups.model import diagonal, diagonal_blocks, kinds
from tamis.subset.groups.small_matrices import all_independent, by_place, independent


class Layout(NamedTuple):
    """Where the groups are; groups are numbered by size, then by their first entry."""

    members: list[Array]  # the entries of each group
    order: Array  # (q,): the entry of each column of the model
    starts: Array  # (G + 1,): where each group begins in it


def members_of(labels: Array) -> list[Array]:
    """Return the entries of each group, the groups by size, then by their first entry."""
    flat = np.asarray(labels).ravel()
    order = np.argsort(flat, kind="stable")
    cuts = [0, *(np.flatnonzero(np.diff(flat[order])) + 1).tolist(), flat.size] if flat.size else []
    groups = [order[first:last] for first, last in pairwise(cuts)]
    return sorted(groups, key=lambda group: (group.size, group[0]))


def arrange(
    labels: Array, between: Callable[[Array], Array], share: float
) -> tuple[Layout, list[Array], Array]:
    """Return the layout of independent columns, the diagonal blocks and the least curvatures."""
    members = members_of(labels)
    order = np.concatenate(members) if members else np.empty(0, dtype=np.intp)
    starts = np.concatenate([[0], np.cumsum([group.size for group in members])]).astype(np.intp)
    blocks = diagonal_blocks(starts, lambda columns: between(order[columns]))
    least = share * diagonal(starts, blocks)
    whole = [
        all_independent(block, by_place(least[kind.columns], kind.size))
        for kind, block in zip(kinds(starts), blocks, strict=True)
    ]
    if all(whole):
        return Layout(members, order, starts), blocks, least
    own = [block[:, :, g] for block in blocks for g in range(block.shape[2])]
    kept = [independent(H, share * np.diagonal(H))[0] for H in own]
    by_size = sorted((g for g in range(len(kept)) if kept[g].size), key=lambda g: kept[g].size)
    members, columns = [members[g] for g in by_size], [members[g][kept[g]] for g in by_size]
    order = np.concatenate(columns) if columns else np.empty(0, dtype=np.intp)
    starts = np.concatenate([[0], np.cumsum([c.size for c in columns])]).astype(np.intp)
    blocks = diagonal_blocks(starts, lambda columns: between(order[columns]))
    return Layout(members, order, starts), blocks, share * diagonal(starts, blocks)


def mask(layout: Layout, chosen: Array, like: Array) -> Array:
    """Return the mask of the entries of the groups ``chosen``."""
    support = np.zeros(like.shape, dtype=bool)
    for J in chosen:
        support[layout.members[J]] = True
    return support


def groups_of(members: list[Array], entries: Array) -> Array:
    """Return the groups that have one of ``entries``, in order."""
    return np.array([J for J, own in enumerate(members) if np.isin(own, entries).any()], dtype=np.intp)
