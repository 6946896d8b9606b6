"""``tamis plan``.

tamis plan meta-llama/Llama-2-7b-hf --method elsa-l --batch-size 8 --seq-len 2048 --device-memory 80GB
tamis plan my-model/config.json --devices 8 --rate 400TFLOPS --json
"""

from pathlib import Path
from typing import Annotated, Any

import typer

from tamis_torch.cli import options


def command(
    model: Annotated[
        str, typer.Argument(help="A folder, a config.json, a .gguf file or a hub name; no weight is read.")
    ],
    method: Annotated[
        str, typer.Option(help="One that trains: elsa, elsa-l, elsa-l-paper, dense, finetune.")
    ] = "elsa",
    sparsity: Annotated[float | None, typer.Option(help="Fraction of zeros; changes no byte.")] = None,
    layers: Annotated[str | None, typer.Option(help="Layers to prune, as patterns of names.")] = None,
    skip: Annotated[str | None, typer.Option(help="Layers left dense, likewise.")] = None,
    steps: Annotated[int | None, typer.Option(help="Optimiser steps; 400.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Windows a step, of all devices; 4.")] = None,
    seq_len: Annotated[int | None, typer.Option(help="Tokens a window; 256.")] = None,
    accumulate: Annotated[
        int | None, typer.Option(help="Parts that a step's windows go through the model in; 1.")
    ] = None,
    recompute: Annotated[
        bool | None, typer.Option("--recompute", help="Compute activations anew in the backward pass.")
    ] = None,
    weights: Annotated[
        str | None, typer.Option(help="What the model computes with: float32, bfloat16; that of the method.")
    ] = None,
    rounding: Annotated[
        str | None, typer.Option(help="Of bfloat16 weights: masters, stochastic, compensated, nearest.")
    ] = None,
    moments: Annotated[
        str | None,
        typer.Option(
            help="How Adam's moments are kept: float32, bfloat16, fp8_e4m3, fp8_e5m2, int8, power8."
        ),
    ] = None,
    state: Annotated[str | None, typer.Option(help="How z - u is kept, likewise.")] = None,
    budget: Annotated[
        str | None, typer.Option(help="Over what the zeros are counted: global, tensor, row, block.")
    ] = None,
    in_backward: Annotated[
        bool | None,
        typer.Option("--in-backward/--after-backward", help="Step each parameter in the backward pass."),
    ] = None,
    radius: Annotated[float | None, typer.Option(help="Of the sharpness-aware gradient; 0.")] = None,
    dtype: options.Dtype = "float32",
    devices: Annotated[
        int | None, typer.Option(help="Among which it is sharded; by default as few as fit, or 1.")
    ] = None,
    device_memory: Annotated[
        str | None, typer.Option(help="Of each device, such as 80GB: how many are needed?")
    ] = None,
    rate: Annotated[
        str | None, typer.Option(help="Tokens a second of all devices, or 400TFLOPS of each: how long?")
    ] = None,
    from_run: Annotated[
        Path | None, typer.Option(help="A finished run on one device, from whose speed the time is taken.")
    ] = None,
    json_: options.Json = False,
) -> None:
    """Say what a training of MODEL needs: bytes by kind and device, operations, time, devices."""
    from rich.console import Console

    from tamis_torch.jsons import dumps
    from tamis_torch.planning import plan
    from tamis_torch.planning.words import lines, table

    given: dict[str, Any] = {
        "sparsity": sparsity, "layers": layers, "skip": skip, "steps": steps, "batch_size": batch_size,
        "seq_len": seq_len, "accumulate": accumulate, "recompute": recompute, "weights": weights,
        "rounding": rounding, "moments": moments, "state": state, "budget": budget,
        "in_backward": in_backward, "radius": radius,
    }  # fmt: skip
    planned = plan(
        model, method, devices=devices, device_memory=device_memory, dtype=dtype, rate=rate,
        from_run=from_run, **{name: value for name, value in given.items() if value is not None},
    )  # fmt: skip
    if json_:
        typer.echo(dumps(planned.summary()))
        return
    Console().print(table(planned))
    typer.echo("\n".join(lines(planned)))
