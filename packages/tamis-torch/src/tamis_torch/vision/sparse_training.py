"""Train a sparse image classifier and write down what happened: the call behind ``tamis train-sparse``.

check everything  ->  train and prune  ->  batch norm again  ->  save  ->  evaluate  ->  report
"""

from dataclasses import asdict
from pathlib import Path
from time import monotonic
from typing import Any

import torch
from torch import nn

from tamis_torch import environment, runs
from tamis_torch.compiling import check_compile
from tamis_torch.devices import DTYPES, check_device
from tamis_torch.errors import InputError, RunError
from tamis_torch.folders import folder_bytes
from tamis_torch.intervals import MINUTES, Intervals
from tamis_torch.methods.checks import check_between, check_choice
from tamis_torch.optimizer import ADMM
from tamis_torch.pages.run_folder import GIVEN
from tamis_torch.resume import can_resume
from tamis_torch.runs import Run
from tamis_torch.vision.batch_norm import SAMPLES
from tamis_torch.vision.fit import begin, finalize, fit
from tamis_torch.vision.images import Images
from tamis_torch.vision.layers import left_dense
from tamis_torch.vision.methods.gradual import Gradual
from tamis_torch.vision.methods.names import KINDS, name_of
from tamis_torch.vision.methods.training import ImageTraining, Pruned
from tamis_torch.vision.reading import read_images
from tamis_torch.vision.saving import Classifier, save_network
from tamis_torch.vision.task import Task, check_network, prepare
from tamis_torch.zeros import counted


def train_sparse(
    network: str | nn.Module,
    images: str | Path | Images,
    method: ImageTraining,
    *,
    out: str | Path,
    train_images: int | None = None,
    label_noise: float = 0.0,
    device: str | torch.device = "cpu",
    dtype: str = "float32",
    compile: bool = False,
    checkpoint_every: int | None = None,
    checkpoint_minutes: float = MINUTES,
    force: bool = False,
    resume: bool = False,
) -> Run:
    """Train an image classifier that ends sparse, or by one of the methods to compare with.

    Parameters
    ----------
    network
        "resnet8", "resnet20", "resnet32", "vgg11", "vgg19", "mlp", ``"module:function"``, see
        :mod:`tamis_torch.vision.networks`; or a network in memory, which is trained in place.
    images
        ``"digits"``, a folder or a .zip file, see :func:`tamis_torch.vision.read_images`; or images in
        memory.
    method
        The settings of a method: ``tt.vision.Safe(sparsity=0.95)``, ``tt.vision.Gradual(...)`` ...
    out
        The run folder: ``model/``, ``config.json``, ``metrics.jsonl``, ``run.json``, ``report.html``,
        ``checkpoints/``.
    train_images
        A fixed random sample of so many training images; all.
    label_noise
        Share of the training labels that are made wrong, in [0, 1].
    device, dtype
        Where, and in what forward and backward pass are computed (autocast): "float32" or "bfloat16".
    compile
        Whether torch.compile fuses the network's passes in training: the same to rounding but for what
        dropout draws, and faster after a first minute; needs a C++ compiler on CPUs.
    checkpoint_every, checkpoint_minutes
        Steps, by default a tenth of all, and minutes between checkpoints; 0: none.
    force, resume
        Overwrite an earlier run in ``out``; or go on with one that was stopped or killed at any moment: it
        ends with the same bytes.

    Returns
    -------
    Run

    Raises
    ------
    InputError
        If something given cannot be used; nothing has been written then.
    RunError
        If the run fails under way: loss not finite, disk full, interrupted.  The folder keeps the last good
        state.
    """
    name = name_of(method)
    if name is None:
        raise InputError(f"method must be the settings of one of {', '.join(KINDS)}, got {method!r}")
    check_choice("dtype", dtype, tuple(DTYPES))
    check_between("label_noise", label_noise, 0, 1)
    check_network(network)
    device = check_device(device)
    if compile:
        check_compile(device)
    intervals = Intervals(checkpoint_every, checkpoint_minutes)
    found = images if isinstance(images, Images) else read_images(images)
    task = prepare(network, found.sample(train_images), method, label_noise, device)
    settings = {
        "arch": task.arch if isinstance(network, str) else f"{GIVEN}{task.arch}",
        "data": f"{GIVEN}{found.name}" if isinstance(images, Images) else str(images),
        "train_images": train_images, "label_noise": label_noise, "method": name,
        "train_hash": task.images.describe()["train"]["hash"],
        **asdict(task.method), "device": device, "dtype": dtype, "compile": compile,
    }  # fmt: skip
    return _run(task, name, Path(out), settings, intervals, force, resume)


def _run(
    task: Task,
    name: str,
    folder: Path,
    settings: dict[str, Any],
    intervals: Intervals,
    force: bool,
    resume: bool,
) -> Run:
    if runs.open_folder(folder, settings, force, resume):
        return Run(folder, runs.told(folder))
    started = monotonic() - (runs.spent(folder) if resume else 0.0)
    steps = len(task.plan.rates)
    record: dict[str, Any] = {
        "status": "running", "message": "", "method": name, "model": task.arch,
        "versions": environment.versions(), "machine": environment.machine(settings["device"]),
        "data": task.images.describe(), "steps": steps, "images_read": steps * task.batches.batch_size,
        "perplexity": None, "accuracy": {"before": task.score(task.images.test).accuracy},
        "warnings": _untaught(task.images) + _left(task) + _at_once(task),
    }  # fmt: skip
    try:
        begun = begin(task.network, task.weights, task.method, task.plan)
        goes_on = resume and can_resume(folder)
        record["warnings"] += fit(
            begun, task.plan, task.batches, folder, settings["dtype"], intervals, goes_on, settings["compile"]
        )
        if isinstance(begun.optimizer, ADMM):
            record["accuracy"]["unprojected"] = task.score(task.images.test).accuracy
        record["warnings"] += finalize(begun)
        return _finish(task, folder, record, settings, started)
    except RunError as error:
        runs.write_failure(folder, record, error, started)
        raise


def _untaught(images: Images) -> list[str]:
    classes = images.untaught()
    return [f"no training image has the class {', '.join(classes)}"] if classes else []


def _left(task: Task) -> list[str]:
    names = left_dense(task.network) if isinstance(task.method, Pruned) else []
    return [f"not pruned, as only convolutions and linear layers are: {', '.join(names)}"] if names else []


def _at_once(task: Task) -> list[str]:
    if not isinstance(task.method, Gradual) or len(task.plan.prunings) > 1:
        return []
    return [
        f"all zeros come at once, after step {max(task.plan.prunings)}, as the prunings are "
        f"{task.method.interval} steps apart; give a smaller interval, or more epochs"
    ]


def _finish(
    task: Task, folder: Path, record: dict[str, Any], settings: dict[str, Any], started: float
) -> Run:
    task.norm_again()
    images = task.images
    classifier = Classifier(task.network, task.standard, images.classes, images.shape, images.class_names)
    save_network(folder / "model", classifier, task.arch)
    test, train = task.score(images.test), task.score(images.train, SAMPLES)
    record["accuracy"] |= {"after": test.accuracy, "loss": test.loss, "train": train.accuracy}
    record |= counted(task.weights)
    record |= {
        "status": "complete", "seconds": round(monotonic() - started, 2),
        "peak_memory_bytes": environment.peak_memory(settings["device"]),
        "size": {"model_bytes": folder_bytes(folder / "model")},
    }  # fmt: skip
    runs.write(folder, record)
    return Run(folder, record)
