"""``tamis prune``.

tamis prune runs/base --sparsity 0.9 --train books.txt --out runs/elsa
tamis prune model.gguf --pattern 2:4 --train text.jsonl --steps 500 --out runs/2of4 --dtype bfloat16
"""

from pathlib import Path
from typing import Annotated, Any

import typer

from tamis_torch.cli import options
from tamis_torch.methods.names import HOMES, kind_of


def command(
    model: options.Model,
    out: Annotated[Path, typer.Option(help="The run folder to write.")],
    method: Annotated[str, typer.Option(help=f"One of {', '.join(HOMES)}.")] = "elsa",
    sparsity: Annotated[
        float | None,
        typer.Option(help="Fraction of zeros of what is pruned, in [0, 1); 0.9, or that of --pattern."),
    ] = None,
    pattern: Annotated[
        str | None, typer.Option(help="N:M, at most N nonzeros in every M inputs, instead of a sparsity.")
    ] = None,
    layers: Annotated[
        str | None, typer.Option(help="Layers to prune, as patterns of names: '*.mlp.*'; all linear ones.")
    ] = None,
    skip: Annotated[
        str | None, typer.Option(help="Layers left dense, likewise: 'model.layers.0.*,*.down_proj'.")
    ] = None,
    train: Annotated[
        str | None,
        typer.Option(help="Training or calibration text: a file, a .jsonl or org/name:config:split."),
    ] = None,
    eval_text: Annotated[
        str | None, typer.Option("--eval", help="Text for the perplexity; else the end of the training text.")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Optimiser steps; 400.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Windows a step; 4.")] = None,
    seq_len: Annotated[int | None, typer.Option(help="Tokens a window: 256; 512 to calibrate.")] = None,
    samples: Annotated[int | None, typer.Option(help="Windows to calibrate on; 128.")] = None,
    ratios: Annotated[
        str | None, typer.Option(help="Sparsity of the blocks: uniform (default), owl.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the samples, for each block; 8.")] = None,
    damping: Annotated[
        float | None, typer.Option(help="Added to the Hessian, as a share of its diagonal; 0.01.")
    ] = None,
    lr: Annotated[
        float | None, typer.Option(help="Peak learning rate; else from width and sparsity.")
    ] = None,
    warmup: Annotated[
        float | None, typer.Option(help="Share of the steps over which the learning rate rises; 0.05.")
    ] = None,
    penalty: Annotated[
        float | None, typer.Option(help="Strength of the pull to the sparse set; 0.1.")
    ] = None,
    penalty_rise: Annotated[
        str | None, typer.Option(help="none (default), or cosine: from 0 to the penalty over all steps.")
    ] = None,
    interval: Annotated[int | None, typer.Option(help="Steps between two updates of z and u; 4.")] = None,
    radius: Annotated[
        float | None, typer.Option(help="Of the sharpness-aware gradient, in the units of the weights.")
    ] = None,
    start: Annotated[
        str | None, typer.Option(help="Elsa: what it trains from: alps (default), sparsegpt, none.")
    ] = None,
    start_sparsity: Annotated[
        float | None,
        typer.Option(help="Elsa: the sparsity of that start; a twentieth less than the goal, 0.7 at most."),
    ] = None,
    growth: Annotated[
        float | None,
        typer.Option(
            help="Share of the steps in which sparsity grows; 0.4, less from a start near the goal. ladmm: steps; 15."
        ),
    ] = None,
    retrain: Annotated[
        float | None,
        typer.Option(help="Share of the steps, the last ones, that train the support alone."),
    ] = None,
    pull: Annotated[str | None, typer.Option(help="direct (default), or gradient as in the paper.")] = None,
    metric: Annotated[
        str | None, typer.Option(help="Of the projection: adam (default), fisher, gradient, none.")
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            help="What shares a count of zeros: tensor, row, block, global; global for elsa, else tensor."
        ),
    ] = None,
    order: Annotated[str | None, typer.Option(help="Of the updates: wzu (default) or zwu.")] = None,
    accumulate: Annotated[
        int | None, typer.Option(help="Parts that a step's windows go through the model in; 1.")
    ] = None,
    recompute: Annotated[
        bool | None,
        typer.Option("--recompute", help="Compute activations anew in the backward pass: less memory."),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(help="What the model computes with: float32 or bfloat16, which is elsa-l's default."),
    ] = None,
    rounding: Annotated[
        str | None, typer.Option(help="Of bfloat16 weights: masters, stochastic, compensated, nearest.")
    ] = None,
    moments: Annotated[
        str | None,
        typer.Option(
            help="How Adam's moments are kept: float32, bfloat16, fp8_e4m3, fp8_e5m2, int8, power8 (elsa-l's default)."
        ),
    ] = None,
    state: Annotated[
        str | None, typer.Option(help="How z - u is kept, likewise; float32, for elsa-l power8.")
    ] = None,
    in_backward: Annotated[
        bool | None,
        typer.Option("--in-backward/--after-backward", help="Step each parameter in the backward pass."),
    ] = None,
    compile_: Annotated[
        bool | None,
        typer.Option("--compile", help="Fuse the step in few bits; needs a C++ compiler on CPUs."),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of the order of the text.")] = None,
    eval_seq_len: Annotated[
        int | None, typer.Option(help="Tokens a window of the evaluation; 512 at most.")
    ] = None,
    eval_windows: Annotated[int, typer.Option(help="Windows of the evaluation.")] = 20,
    device: options.Device = "cpu",
    dtype: options.Dtype = "float32",
    checkpoint_every: Annotated[
        int | None, typer.Option(help="Steps between checkpoints, a tenth of all; or blocks, 1. 0: none.")
    ] = None,
    checkpoint_minutes: Annotated[
        float, typer.Option(help="A checkpoint is written too when the last one is so old. 0: none.")
    ] = 15.0,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an earlier run in --out.")] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a run that was stopped or killed.")
    ] = False,
    json_: options.Json = False,
) -> None:
    """Prune MODEL and write a run folder: the model, metrics and a report page."""
    config = _config(
        method,
        sparsity=sparsity, pattern=pattern, layers=layers, skip=skip,
        steps=steps, batch_size=batch_size, seq_len=seq_len, lr=lr, seed=seed, warmup=warmup,
        samples=samples, ratios=ratios, epochs=epochs, damping=damping,
        penalty=penalty, penalty_rise=penalty_rise, interval=interval, radius=radius, growth=growth,
        retrain=retrain, start=start, start_sparsity=start_sparsity, pull=pull, metric=metric,
        budget=budget, order=order, accumulate=accumulate, recompute=recompute, weights=weights,
        rounding=rounding, moments=moments, state=state, in_backward=in_backward, compile=compile_,
    )  # fmt: skip
    from tamis_torch.pruning import prune

    run = prune(
        model, train, config, out=out, evaluation=eval_text,
        eval_seq_len=eval_seq_len, eval_windows=eval_windows, device=device, dtype=dtype,
        checkpoint_every=checkpoint_every, checkpoint_minutes=checkpoint_minutes, force=force, resume=resume,
    )  # fmt: skip
    options.show(_summary(run.results, out), json_, _words(run.results, out))


def _config(method: str, **given: Any) -> Any:
    return options.settings(method, HOMES, kind_of, given)


def _summary(results: dict[str, Any], out: Path) -> dict[str, Any]:
    keys = ("status", "method", "model", "sparsity", "perplexity", "steps", "train_tokens", "seconds",
            "peak_memory_bytes", "warnings")  # fmt: skip
    return {key: results[key] for key in keys} | {"out": str(out)}


def _words(results: dict[str, Any], out: Path) -> str:
    lines = [f"warning: {text}" for text in results["warnings"]]
    perplexity = results["perplexity"]
    if perplexity:
        lines.append(
            f"perplexity {perplexity['before']:.5g} before, {perplexity['after']:.5g} after "
            f"({perplexity['windows']} windows of {perplexity['seq_len']} tokens of {perplexity['text']})"
        )
    lines.append(f"sparsity {results['sparsity']:.2%} of the pruned matrices, {results['seconds']:.0f} s")
    return "\n".join([*lines, f"model in {out / 'model'}, report in {out / 'report.html'}"])
