"""``tamis eval``.

tamis eval runs/elsa/model --text wiki.test.raw --seq-len 512 --windows 20
tamis eval model.gguf --text books.txt --json
"""

from dataclasses import asdict
from typing import Annotated

import typer

from tamis_torch.cli import options


def command(
    model: options.Model,
    text: Annotated[str, typer.Option(help="A text file or a .jsonl.")],
    seq_len: Annotated[
        int | None, typer.Option(help="Tokens a window; by default 2048 or the model's context.")
    ] = None,
    windows: Annotated[int | None, typer.Option(help="The first N windows only.")] = None,
    batch_size: Annotated[int, typer.Option(help="Windows a forward pass.")] = 8,
    device: options.Device = "cpu",
    json_: options.Json = False,
) -> None:
    """Print the perplexity of MODEL on a text, in the convention of the pruning literature."""
    from tamis_torch.checkpoint import load
    from tamis_torch.data import read_text, tokenize
    from tamis_torch.evaluate import perplexity
    from tamis_torch.weights import vocabulary

    content = read_text(text)
    network, tokenizer, _ = load(model, device=device)
    tokens = tokenize(tokenizer, content, vocabulary(network))
    result = perplexity(network, tokens, seq_len, windows, batch_size)
    words = f"{result.windows} windows of {result.seq_len} tokens of {text}"
    summary = f"perplexity {result.perplexity:.5g} ({words})"
    options.show(asdict(result) | {"model": model, "text": text}, json_, summary)
