"""The method and its settings that a plan is asked for."""

from dataclasses import fields
from typing import Any

from tamis_torch.errors import InputError
from tamis_torch.methods.checks import check_choice
from tamis_torch.methods.names import HOMES, kind_of, name_of
from tamis_torch.methods.schedule import Training
from tamis_torch.planning.layouts import PAPER, Layout, layout_of


def asked(method: str | Training, settings: dict[str, Any]) -> tuple[Training, Layout]:
    """Return the settings of the method and its layout.

    Raises
    ------
    InputError
        If there is no such method or setting, or the method does not train.
    """
    if not isinstance(method, str):
        if settings:
            raise InputError(f"{min(settings)} belongs to the settings given as method, not beside them")
        _check_trains(type(method), repr(method))
        return method, layout_of(name_of(method) or type(method).__name__, method)
    check_choice("method", method, (*HOMES, PAPER.name))
    kind = kind_of("elsa" if method == PAPER.name else method)
    _check_trains(kind, method)
    known = {field.name for field in fields(kind)}
    if unused := sorted(set(settings) - known):
        raise InputError(f"{unused[0]} has no meaning for the method {method}")
    config = kind(**settings)
    return config, PAPER if method == PAPER.name else layout_of(method, config)


def _check_trains(kind: type[Any], got: str) -> None:
    if not issubclass(kind, Training):
        names = ", ".join(name for name in HOMES if issubclass(kind_of(name), Training))
        raise InputError(
            f"method must be one that trains the whole model ({names}, {PAPER.name}), got {got}, which "
            "needs the weights, one block's activations and a square of a layer's inputs"
        )
