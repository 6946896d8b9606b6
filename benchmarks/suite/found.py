"""The methods and sets that the installed packages have, by their names."""

import dataclasses
from typing import Any

import tamis.sets


def methods() -> dict[str, Any]:
    """Return the settings of every method that can be asked for a sparsity, by its name."""
    kinds = _kinds()
    return {name: kind for name, kind in kinds.items() if "sparsity" in fields(kind)}


def trained() -> dict[str, Any]:
    """Return those of them that train by an optimiser: their state takes bytes."""
    return {name: kind for name, kind in methods().items() if {"steps", "interval"} <= fields(kind)}


def vision_methods() -> dict[str, Any]:
    """Return the settings of every method on images that can be asked for a sparsity, by its name."""
    try:
        from tamis_torch.vision.methods.names import KINDS
    except ImportError:  # commits before the image classifiers
        return {}
    return {name: kind for name, kind in KINDS.items() if "sparsity" in fields(kind)}


def fields(kind: Any) -> set[str]:
    """Return the names of the settings of a method."""
    return {field.name for field in dataclasses.fields(kind)}


def _kinds() -> dict[str, Any]:
    try:
        from tamis_torch.methods.names import HOMES, kind_of
    except ImportError:  # commits before the table of names
        import tamis_torch as tt

        return {"elsa": tt.Elsa, "magnitude": tt.Magnitude}
    return {name: kind_of(name) for name in HOMES}


def sets() -> dict[str, Any]:
    """Return every set that the solver exports, by its name; what begins with a small letter is no set."""
    return {name: getattr(tamis.sets, name) for name in tamis.sets.__all__ if name[0].isupper()}
