"""Which place in the network a weight has, told from its name alone.

``model.layers.12.self_attn.q_proj.weight`` has depth 12 and kind ``q``; experts of one layer
count as one kind.  This is what groups the rows of a heat map.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

KINDS = ("q", "k", "v", "o", "gate", "up", "down")


class Layer(NamedTuple):
    """A weight's name and how many of its entries are not zero."""

    name: str
    entries: int
    nonzeros: int


class Grid(NamedTuple):
    """Sparsity by depth and kind; ``cells`` maps (depth, kind) to a fraction, with gaps."""

    depths: list[str]
    kinds: list[str]
    cells: dict[tuple[str, str], float]


def grid(layers: Iterable[Layer]) -> Grid:
    """Return the table depth x kind; weights that share a cell (experts) are pooled."""
    places = {layer: _place(layer.name) for layer in layers}
    short = _short_names({path for _, path in places.values()})
    pooled: dict[tuple[str, str], list[int]] = {}
    for layer, (depth, path) in places.items():
        sums = pooled.setdefault((depth, short[path]), [0, 0])
        sums[0] += layer.nonzeros
        sums[1] += layer.entries
    cells = {
        place: 1 - nonzeros / entries if entries else 0.0 for place, (nonzeros, entries) in pooled.items()
    }
    depths = sorted({depth for depth, _ in cells}, key=lambda depth: (depth == "", int(depth or 0)))
    return Grid(depths, _in_order([kind for _, kind in cells]), cells)


def by_kind(layers: Iterable[Layer]) -> dict[str, list[Layer]]:
    """Return the layers of each kind, kinds in the usual order."""
    layers = list(layers)
    paths = {layer: _place(layer.name)[1] for layer in layers}
    short = _short_names(set(paths.values()))
    groups: dict[str, list[Layer]] = {
        kind: [] for kind in _in_order([short[path] for path in paths.values()])
    }
    for layer, path in paths.items():
        groups[short[path]].append(layer)
    return groups


def _place(name: str) -> tuple[str, str]:
    """Return (depth, path inside the layer): the first number is the depth, later ones become ``*``."""
    parts = name.removesuffix(".weight").split(".")
    at = next((i for i, part in enumerate(parts) if part.isdigit()), None)
    if at is None:
        return "", ".".join(parts)
    return str(int(parts[at])), ".".join("*" if part.isdigit() else part for part in parts[at + 1 :])


def _short_names(paths: set[str]) -> dict[str, str]:
    """Return a short name for each path: its last part if no other path ends so, without ``_proj``."""
    short = {path: re.sub(r"_proj$", "", path.rsplit(".", 1)[-1]) for path in paths}
    taken = list(short.values())
    return {path: name if taken.count(name) == 1 else path for path, name in short.items()}


def _in_order(kinds: list[str]) -> list[str]:
    """Return each kind once: the usual seven in their order, then the others as they come."""
    seen = dict.fromkeys(kinds)
    return [kind for kind in KINDS if kind in seen] + [kind for kind in seen if kind not in KINDS]
