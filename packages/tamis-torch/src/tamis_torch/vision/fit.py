"""A training on images inside a run folder: optimiser, metrics, checkpoints, resuming, interruption."""

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from torch import nn

from tamis_torch import snapshot
from tamis_torch.advice import emptied
from tamis_torch.intervals import Intervals
from tamis_torch.journal import Journal
from tamis_torch.optimizer import ADMM
from tamis_torch.progress import IMAGES
from tamis_torch.recording import Line, State, recording
from tamis_torch.resume import load_state
from tamis_torch.sharpness_aware import SharpnessAware
from tamis_torch.telling import finalized, watched
from tamis_torch.vision.batches import Batches
from tamis_torch.vision.masking import Masking
from tamis_torch.vision.methods.training import ImageTraining, Plan, Pruned
from tamis_torch.vision.train import train


@dataclass
class Trained:
    """What a training works with; all of it changes while it goes on."""

    network: nn.Module
    optimizer: torch.optim.Optimizer
    sharp: SharpnessAware | None
    masking: Masking


def begin(network: nn.Module, weights: dict[str, nn.Parameter], method: ImageTraining, plan: Plan) -> Trained:
    """Return the optimiser that the plan asks for, and what holds its masks."""
    inner: torch.optim.Optimizer = torch.optim.SGD(
        [p for p in network.parameters() if p.requires_grad],
        lr=method.lr, momentum=method.momentum, weight_decay=method.weight_decay,
    )  # fmt: skip
    sharp = SharpnessAware(inner, plan.radii[-1]) if plan.radii else None
    outer = sharp or inner
    optimizer = ADMM(outer, weights, plan.iteration) if plan.iteration else outer
    budget = method.budget if isinstance(method, Pruned) else "global"
    return Trained(network, optimizer, sharp, Masking(network, weights, plan, budget))


def fit(
    trained: Trained,
    plan: Plan,
    batches: Batches,
    folder: Path,
    dtype: str,
    intervals: Intervals,
    resume: bool,
    compile: bool = False,
) -> list[str]:
    """Make the steps of a plan, in place, with the network's passes compiled or not; return warnings.

    A checkpoint is kept by default every tenth of the steps, and by time.  ADMM's last projection is not
    made yet.

    Raises
    ------
    Interrupted, RunError
        As :func:`tamis_torch.recording.recording`.
    """
    start, warnings = _resumed(trained, folder) if resume else (0, [])
    network = cast(nn.Module, torch.compile(trained.network)) if compile else trained.network
    steps = len(plan.rates)
    journal = Journal(folder, steps, batches.batch_size, start, IMAGES)

    def state(step: int) -> State:
        tensors = snapshot.take(trained.network, trained.optimizer) | trained.masking.tensors()
        return tensors, snapshot.describe(trained.optimizer, None, step) | {"warnings": warnings}

    with recording(journal, steps, intervals, state) as tell:
        journal.say(warnings)

        def after_step(step: int, line: Line) -> None:
            trained.masking.after_step(step, trained.optimizer)
            tell(step, line | watched(trained.optimizer, step, trained.masking.sparsity()))

        train(
            network, trained.optimizer, batches, plan.rates,
            sharp=trained.sharp, radii=plan.radii, start=start, dtype=dtype, after_step=after_step,
        )  # fmt: skip
    return warnings


def finalize(trained: Trained) -> list[str]:
    """Make ADMM's last projection, if there is one; return what the zeros give to be said."""
    if not isinstance(trained.optimizer, ADMM):
        return emptied(trained.masking.weights)
    return finalized(trained.optimizer)


def _resumed(trained: Trained, folder: Path) -> tuple[int, list[str]]:
    tensors, meta, damaged = load_state(folder / "checkpoints")
    snapshot.put_back(tensors, meta, trained.network, trained.optimizer)
    trained.masking.put_back(tensors)
    return int(meta["step"]), [*meta["warnings"], *damaged]
