"""The methods by the names that users give them; a method's file is read when it is asked for."""

from importlib import import_module
from typing import Any

HOMES = {
    "elsa": "elsa.Elsa",
    "elsa-l": "elsa_l.ElsaL",
    "magnitude": "magnitude.Magnitude",
    "wanda": "wanda.Wanda",
    "sparsegpt": "sparsegpt.SparseGPT",
    "alps": "alps.ALPS",
    "ladmm": "ladmm.LADMM",
    "safe": "safe.Safe",
    "safe-plus": "safe.SafePlus",
    "finetune": "finetune.Finetune",
    "dense": "dense.Dense",
}


def kind_of(name: str) -> type[Any]:
    """Return the class of a method's settings; the name must be one of ``HOMES``."""
    module, _, cls = HOMES[name].partition(".")
    kind: type[Any] = getattr(import_module(f"tamis_torch.methods.{module}"), cls)
    return kind


def name_of(config: object) -> str | None:
    """Return the name of the method that ``config`` sets, None if it is of no method."""
    home = f"{type(config).__module__.rpartition('.')[2]}.{type(config).__name__}"
    return next((name for name, known in HOMES.items() if known == home), None)
