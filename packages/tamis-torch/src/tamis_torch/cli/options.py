"""Options that several verbs share, and how a verb shows its result."""

import os
from collections.abc import Callable, Collection
from dataclasses import fields
from typing import Annotated, Any

import typer

from tamis_torch.errors import InputError
from tamis_torch.jsons import dumps

Model = Annotated[str, typer.Argument(help="A Hugging Face folder, a .gguf file or a hub name.")]
Device = Annotated[str, typer.Option(help="cpu, cuda, cuda:1, ...")]
Dtype = Annotated[str, typer.Option(help="Of forward and backward pass: float32 or bfloat16.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object on the last line.")]


def settings(
    method: str, known: Collection[str], kind_of: Callable[[str], Any], given: dict[str, Any]
) -> Any:
    """Return the settings of a method from the options that were given, those that are not None.

    Raises
    ------
    InputError
        If the method is not one of those known, or an option is not one of its settings.
    """
    if method not in known:
        raise InputError(f"method must be one of {', '.join(known)}, got {method!r}")
    kind = kind_of(method)
    given = {name: value for name, value in given.items() if value is not None}
    wanted = {field.name: field.type for field in fields(kind)}
    if unused := sorted(set(given) - set(wanted)):
        raise InputError(f"--{unused[0].replace('_', '-')} has no meaning for the method {method}")
    return kind(**{name: _as_count(value) if wanted[name] is int else value for name, value in given.items()})


def _as_count(value: Any) -> Any:
    """Return a whole number as one: an option that is a share to one method may be a count to another."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def show(result: dict[str, Any], as_json: bool, words: str) -> None:
    """Print the result: in words, or as one line of JSON; of several ranks only the first does."""
    if os.environ.get("RANK", "0") == "0":
        typer.echo(dumps(result) if as_json else words)
