"""Which layers of a network are meant: patterns of their names."""

from fnmatch import fnmatchcase
from typing import cast

from torch import nn

from tamis_torch.errors import InputError


def chosen(model: nn.Module, names: list[str], layers: str, skip: str) -> dict[str, nn.Parameter]:
    """Return name -> weight of the layers of these names that ``layers`` takes and ``skip`` does not.

    Raises
    ------
    InputError
        If a pattern matches none, or no layer is left.
    """
    taken, left = _matching("layers", layers, names), _matching("skip", skip, names)
    if not set(taken) - set(left):
        raise InputError(f"no layer is left to prune with layers {layers!r} and skip {skip!r}")
    return {
        f"{name}.weight": cast(nn.Parameter, model.get_submodule(name).weight)
        for name in names
        if name in taken and name not in left
    }


def _matching(argument: str, patterns: str, names: list[str]) -> list[str]:
    """Return the names that one of the patterns matches; each pattern must match one."""
    found = []
    for pattern in filter(None, (text.strip() for text in patterns.split(","))):
        matches = [name for name in names if fnmatchcase(name, pattern)]
        if not matches:
            raise InputError(
                f"{argument} must match names of layers such as {names[0]}; {pattern!r} matches none"
            )
        found += matches
    return found
