"""``tamis train-sparse``.

tamis train-sparse --sparsity 0.95 --out runs/digits
tamis train-sparse --arch resnet20 --data fashion-mnist --method safe --sparsity 0.95 --out runs/safe
"""

from pathlib import Path
from typing import Annotated, Any

import typer

from tamis_torch.cli import options

METHODS = "safe, admm, gmp, gmp-sam, imp, magnitude, sam, dense"


def command(
    out: Annotated[Path, typer.Option(help="The run folder to write.")],
    arch: Annotated[
        str, typer.Option(help="resnet8, resnet20, resnet32, vgg11, vgg19, mlp or module:function.")
    ] = "resnet8",
    data: Annotated[
        str,
        typer.Option(
            help="digits, or a folder: IDX, CIFAR's .bin, or a folder a class in train/ and test/, also .zip."
        ),
    ] = "digits",
    method: Annotated[str, typer.Option(help=f"One of {METHODS}.")] = "safe",
    sparsity: Annotated[float | None, typer.Option(help="Fraction of zeros, in [0, 1); 0.9.")] = None,
    layers: Annotated[str | None, typer.Option(help="Layers to prune, as patterns of names; all.")] = None,
    skip: Annotated[str | None, typer.Option(help="Layers left dense, likewise.")] = None,
    budget: Annotated[
        str | None, typer.Option(help="What shares a count of zeros: global (default) or tensor.")
    ] = None,
    train_images: Annotated[
        int | None, typer.Option(help="A fixed random sample of so many training images; all.")
    ] = None,
    label_noise: Annotated[
        float, typer.Option(help="Share of the training labels that are made wrong, in [0, 1].")
    ] = 0.0,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training images in all; 20.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images a step; 128.")] = None,
    lr: Annotated[float | None, typer.Option(help="Peak learning rate; 0.1.")] = None,
    momentum: Annotated[float | None, typer.Option(help="Of the gradient; 0.9.")] = None,
    weight_decay: Annotated[float | None, typer.Option(help="Times the weights; 1e-4.")] = None,
    warmup: Annotated[
        float | None, typer.Option(help="Share of the steps over which the learning rate rises; 0.05.")
    ] = None,
    augment: Annotated[
        str | None, typer.Option(help="none, crop (default) or crop-flip, which is not for digits.")
    ] = None,
    radius: Annotated[
        float | None,
        typer.Option(help="Of the sharpness-aware gradient, in the units of the weights; 0.1, of safe 0.2."),
    ] = None,
    radius_rise: Annotated[
        str | None,
        typer.Option(help="none, or linear (of safe): from 0 to the radius over all steps."),
    ] = None,
    penalty: Annotated[
        float | None, typer.Option(help="Strength of the pull to the sparse set; 0.1.")
    ] = None,
    penalty_rise: Annotated[
        str | None, typer.Option(help="none (default), or cosine: from 0 to the penalty over all steps.")
    ] = None,
    pull: Annotated[str | None, typer.Option(help="direct (default), or gradient as in the paper.")] = None,
    interval: Annotated[
        int | None, typer.Option(help="Steps between two updates of z and u, or two prunings of gmp.")
    ] = None,
    growth: Annotated[
        float | None, typer.Option(help="Share of the steps over which the sparsity grows to its target.")
    ] = None,
    retrain: Annotated[
        float | None,
        typer.Option(help="Share of the steps, the last ones, that train the support alone."),
    ] = None,
    rounds: Annotated[
        int | None, typer.Option(help="imp: how often the smallest weights are cut; 3.")
    ] = None,
    rewind: Annotated[
        float | None, typer.Option(help="imp: share of the steps whose state is rewound to; 0.05.")
    ] = None,
    dense_share: Annotated[
        float | None, typer.Option(help="magnitude: share of the steps before the cut; 0.5.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Of weights, order, augmentation and wrong labels; 0.")
    ] = None,
    device: options.Device = "cpu",
    dtype: options.Dtype = "float32",
    compile_: Annotated[
        bool,
        typer.Option("--compile", help="Fuse the network's passes; needs a C++ compiler on CPUs."),
    ] = False,
    checkpoint_every: Annotated[
        int | None, typer.Option(help="Steps between checkpoints, a tenth of all. 0: none.")
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
    """Train a sparse image classifier and write a run folder: the network, metrics and a report page."""
    config = _config(
        method,
        sparsity=sparsity, layers=layers, skip=skip, budget=budget, epochs=epochs, batch_size=batch_size,
        lr=lr, momentum=momentum, weight_decay=weight_decay, warmup=warmup, augment=augment, radius=radius,
        radius_rise=radius_rise, penalty=penalty, penalty_rise=penalty_rise, pull=pull, interval=interval,
        growth=growth, retrain=retrain, rounds=rounds, rewind=rewind, dense_share=dense_share, seed=seed,
    )  # fmt: skip
    from tamis_torch.vision.sparse_training import train_sparse

    run = train_sparse(
        arch, data, config, out=out, train_images=train_images, label_noise=label_noise, device=device,
        dtype=dtype, compile=compile_, checkpoint_every=checkpoint_every,
        checkpoint_minutes=checkpoint_minutes, force=force, resume=resume,
    )  # fmt: skip
    options.show(_summary(run.results, out), json_, _words(run.results, out))


def _config(method: str, **given: Any) -> Any:
    from tamis_torch.vision.methods.names import KINDS

    return options.settings(method, KINDS, KINDS.__getitem__, given)


def _summary(results: dict[str, Any], out: Path) -> dict[str, Any]:
    keys = ("status", "method", "model", "sparsity", "accuracy", "steps", "images_read", "seconds",
            "peak_memory_bytes", "warnings")  # fmt: skip
    return {key: results[key] for key in keys} | {"out": str(out)}


def _words(results: dict[str, Any], out: Path) -> str:
    accuracy, data = results["accuracy"], results["data"]["eval"]
    lines = [f"warning: {text}" for text in results["warnings"]]
    lines += [
        f"accuracy {accuracy['after']:.2%} on {data['images']} test images of {Path(data['path']).name}, "
        f"{accuracy['train']:.2%} on training images as labelled",
        f"sparsity {results['sparsity']:.2%} of the pruned weights, {results['seconds']:.0f} s",
        f"network in {out / 'model'}, report in {out / 'report.html'}",
    ]
    return "\n".join(lines)
