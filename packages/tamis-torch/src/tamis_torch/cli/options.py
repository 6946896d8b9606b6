"""Options that several verbs share, and how a verb shows its result."""

import os
from typing import Annotated, Any

import typer

from tamis_torch.jsons import dumps

Model = Annotated[str, typer.Argument(help="A Hugging Face folder, a .gguf file or a hub name.")]
Device = Annotated[str, typer.Option(help="cpu, cuda, cuda:1, ...")]
Dtype = Annotated[str, typer.Option(help="Of forward and backward pass: float32 or bfloat16.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as one JSON object on the last line.")]


def show(result: dict[str, Any], as_json: bool, words: str) -> None:
    """Print the result: in words, or as one line of JSON; of several ranks only the first does."""
    if os.environ.get("RANK", "0") == "0":
        typer.echo(dumps(result) if as_json else words)
