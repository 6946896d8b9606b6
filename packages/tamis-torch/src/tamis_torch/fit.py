"""A method's training inside a run folder: metrics, checkpoints, resuming, interruption."""

from pathlib import Path
from typing import Any
from warnings import catch_warnings, simplefilter

import torch
from torch import nn

from tamis_torch import advice, snapshot
from tamis_torch.checkpoint import load_state
from tamis_torch.data import Batches
from tamis_torch.errors import RunError
from tamis_torch.interrupt import Interrupted, stop_requested
from tamis_torch.journal import Journal
from tamis_torch.masters import Masters
from tamis_torch.methods.elsa import Elsa, sparsity_at
from tamis_torch.methods.finetune import Finetune, masks, restrict
from tamis_torch.methods.schedule import Training
from tamis_torch.optimizer import ADMM
from tamis_torch.task import Task
from tamis_torch.training import NotFinite, adam, check_model, peak_lr, train


def status_of(error: RunError) -> str:
    """Return how a run that ended with this error is recorded."""
    return "interrupted" if isinstance(error, Interrupted) else "failed"


def fit(
    task: Task, config: Training, folder: Path, dtype: str, checkpoint_every: int | None, resume: bool
) -> list[str]:
    """Train the task's model by the method, in place; return warnings about the result.

    Raises
    ------
    InputError
        If the model cannot be trained as the settings say.
    Interrupted
        After a checkpoint, if the user asked to stop.
    RunError
        If the loss is not finite (after a checkpoint of the last good state) or a file cannot be written.
    """
    check_model(config, task.model)
    if config.weights == "float32":
        return _fit(task, None, config, folder, dtype, checkpoint_every, resume)
    masters = Masters(task.model)
    try:
        moved = task._replace(weights=masters.of(task.weights))
        return _fit(moved, masters, config, folder, dtype, checkpoint_every, resume)
    finally:
        masters.restore()


def _fit(
    task: Task,
    masters: Masters | None,
    config: Training,
    folder: Path,
    dtype: str,
    checkpoint_every: int | None,
    resume: bool,
) -> list[str]:
    """Train; the task's weights are those that the optimiser moves, the masters if there are any."""
    assert task.train is not None, "prepare() refuses a training method without a text"
    batches = Batches(task.train.tokens, config.seq_len, config.batch_size, config.seed)
    lr = peak_lr(config, task.weights, task.axes)
    moved = masters or task.model
    optimizer = _optimizer(adam(moved, lr), task, config)
    start = _resumed(moved, optimizer, folder) if resume else 0
    kept = masks(task.weights) if isinstance(config, Finetune) else None
    every = max(1, config.steps // 10) if checkpoint_every is None else checkpoint_every
    warnings = advice.before(config, task.weights, lr) if isinstance(config, Elsa) else []
    tokens = config.batch_size * config.seq_len
    with Journal(folder, config.steps, tokens, start) as journal, stop_requested() as stop:
        journal.say(warnings)

        def keep(step: int) -> None:
            journal.checkpoint(snapshot.take(moved, optimizer), snapshot.describe(optimizer, step))

        def after_step(step: int, record: dict[str, Any]) -> None:
            if kept is not None:
                restrict(task.weights, kept)
            journal.write(step, record | _watched(config, optimizer, step))
            if stop() and step < config.steps:
                keep(step)
                raise Interrupted(step, config.steps)
            if every and step % every == 0 and step < config.steps:
                keep(step)

        try:
            train(
                task.model, optimizer, config, batches, start=start, dtype=dtype, masters=masters,
                radius=config.radius if isinstance(config, Elsa) else 0.0, after_step=after_step,
            )  # fmt: skip
        except NotFinite as error:
            keep(error.step)
            raise
    return warnings + _finalized(optimizer)


def _optimizer(inner: torch.optim.Optimizer, task: Task, config: Training) -> torch.optim.Optimizer:
    return ADMM(inner, task.weights, config, task.axes) if isinstance(config, Elsa) else inner


def _resumed(moved: nn.Module | Masters, optimizer: Any, folder: Path) -> int:
    tensors, meta = load_state(folder / "checkpoints")
    snapshot.put_back(tensors, meta, moved, optimizer)
    return int(meta["step"])


def _finalized(optimizer: torch.optim.Optimizer) -> list[str]:
    """Make the weights sparse, if the method does; return what it warns of, to be kept with the rest."""
    if not isinstance(optimizer, ADMM):
        return []
    with catch_warnings(record=True) as said:
        simplefilter("always")
        optimizer.finalize()
    return [str(warning.message) for warning in said]


def _watched(config: Training, optimizer: Any, step: int) -> dict[str, Any]:
    """Return the part of a step's line that tells how the iteration is doing."""
    if not isinstance(config, Elsa):
        return {"penalty": None, "sparsity": 0.0, "residual": None, "mask_change": None}
    watch = optimizer.watch
    return {
        "penalty": config.penalty,
        "sparsity": sparsity_at(config, step, optimizer.begun),
        "residual": watch.residual if watch else None,
        "mask_change": watch.mask_change if watch else None,
    }
