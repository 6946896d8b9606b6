"""``tamis eval``.

tamis eval runs/elsa/model --text wiki.test.raw --seq-len 512 --windows 20
tamis eval runs/elsa/model --text Salesforce/wikitext:wikitext-2-raw-v1:test
tamis eval model.gguf --text books.txt --tasks hellaswag,arc_easy --json
tamis eval runs/safe/model --data fashion-mnist --corrupted
"""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tamis_torch.cli import options
from tamis_torch.errors import InputError

if TYPE_CHECKING:
    from tamis_torch.checkpoint import Loaded


def command(
    model: Annotated[
        str, typer.Argument(help="A Hugging Face folder, a .gguf file, a hub name, or RUN/model of a run.")
    ],
    text: Annotated[
        str | None, typer.Option(help="For the perplexity: a text file, a .jsonl or org/name:config:split.")
    ] = None,
    tasks: Annotated[
        str | None, typer.Option(help="Of lm-evaluation-harness, separated by commas: hellaswag,arc_easy.")
    ] = None,
    seq_len: Annotated[
        int | None, typer.Option(help="Tokens a window of TEXT; by default 2048 or the model's context.")
    ] = None,
    windows: Annotated[int | None, typer.Option(help="The first N windows of TEXT only.")] = None,
    task_limit: Annotated[int | None, typer.Option(help="The first N questions of each task only.")] = None,
    task_path: Annotated[
        Path | None, typer.Option(help="A folder with tasks of your own, .yaml files of the harness.")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Windows or questions a forward pass, by default 8.")
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="For a classifier's accuracy: digits, or a folder or .zip of images.")
    ] = None,
    corrupted: Annotated[
        bool, typer.Option("--corrupted", help="Also on the images under six corruptions at five strengths.")
    ] = False,
    arch: Annotated[
        str | None, typer.Option(help="The module:function that makes a classifier of your own.")
    ] = None,
    device: options.Device = "cpu",
    json_: options.Json = False,
) -> None:
    """Print the perplexity of MODEL on a text, its scores on tasks, or both; or a classifier's accuracy."""
    if data is not None:
        if (text, tasks, seq_len, windows, task_limit, task_path, batch_size) != (None,) * 7:
            raise InputError("--data goes without the options of texts and tasks")
        from tamis_torch.cli.evaluate_images import evaluate

        return evaluate(model, data, corrupted, arch, device, json_)
    if corrupted or arch is not None:
        raise InputError("--corrupted and --arch have no meaning without --data")
    if text is None and tasks is None:
        raise InputError("give a text (--text), tasks (--tasks), or both; or images (--data)")
    if tasks is None and (task_limit, task_path) != (None, None):
        raise InputError("--task-limit and --task-path have no meaning without --tasks")
    from tamis_torch.checkpoint import load
    from tamis_torch.data import read_text
    from tamis_torch.harness import evaluate_tasks, find_tasks, table

    content = None if text is None else read_text(text)
    loaded, batch_size = load(model, device=device), 8 if batch_size is None else batch_size
    found = None if tasks is None else find_tasks([name.strip() for name in tasks.split(",")], task_path)
    result: dict[str, Any] = {"model": model}
    words = []
    if content is not None:
        result |= _perplexity(loaded, content, seq_len, windows, batch_size) | {"text": text}
        place = f"{result['windows']} windows of {result['seq_len']} tokens of {text}"
        words.append(f"perplexity {result['perplexity']:.5g} ({place})")
    if found is not None:
        scores = evaluate_tasks(loaded, found, limit=task_limit, batch_size=batch_size)
        result |= {"tasks": [asdict(score) for score in scores], "task_limit": task_limit}
        words.append(table(scores))
    options.show(result, json_, "\n\n".join(words))


def _perplexity(
    loaded: "Loaded", content: str, seq_len: int | None, windows: int | None, batch_size: int
) -> dict[str, Any]:
    from tamis_torch.data import digest, tokenize
    from tamis_torch.evaluate import perplexity
    from tamis_torch.weights import vocabulary

    tokens = tokenize(loaded.tokenizer, content, vocabulary(loaded.model))
    return asdict(perplexity(loaded.model, tokens, seq_len, windows, batch_size)) | {"hash": digest(tokens)}
