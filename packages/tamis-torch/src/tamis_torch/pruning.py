"""Prune a language model and write down what happened: the call behind ``tamis prune``.

    check everything  ->  evaluate  ->  prune or train  ->  save the model  ->  evaluate  ->  report

Nothing long starts before every input has been checked, and the model appears under its name
only when it is whole.
"""

from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from tamis_torch import advice, blockwise, environment, fit, launch, resolved, results, sharding
from tamis_torch.checkpoint import Loaded, can_resume, folder_bytes, save
from tamis_torch.errors import InputError, RunError
from tamis_torch.intervals import MINUTES, Intervals
from tamis_torch.methods import magnitude
from tamis_torch.methods.calibrated import Calibrated
from tamis_torch.methods.checks import check_choice
from tamis_torch.methods.elsa import Elsa
from tamis_torch.methods.finetune import Finetune
from tamis_torch.methods.goal import Goal
from tamis_torch.methods.magnitude import Magnitude
from tamis_torch.methods.names import HOMES, name_of
from tamis_torch.methods.schedule import Training
from tamis_torch.opening import calibration, prepare_start
from tamis_torch.ranks import Ranks
from tamis_torch.sharding import check_shares
from tamis_torch.task import Task, prepare
from tamis_torch.training import DTYPES, check_model, peak_lr
from tamis_torch.weights import zeros

Method = Goal | Training  # any method's settings


@dataclass(frozen=True)
class Run:
    """A finished run: its folder and what ``run.json`` says."""

    folder: Path
    results: dict[str, Any]

    @property
    def model(self) -> Path:
        """The pruned model, as ``AutoModelForCausalLM.from_pretrained`` loads it."""
        return self.folder / "model"


def prune(
    model: str | Path | Loaded | PreTrainedModel,
    tokens: str | Path | Tensor | None,
    method: Method,
    *,
    out: str | Path,
    tokenizer: PreTrainedTokenizerBase | None = None,
    evaluation: str | Path | Tensor | None = None,
    eval_seq_len: int | None = None,
    eval_windows: int | None = 20,
    device: str = "cpu",
    dtype: str = "float32",
    checkpoint_every: int | None = None,
    checkpoint_minutes: float = MINUTES,
    force: bool = False,
    resume: bool = False,
) -> Run:
    """Prune a causal language model.

    Parameters
    ----------
    model
        A folder, a .gguf file, a hub name, or a model in memory (pruned in place).
    tokens
        The training text (a path) or its tokens, which methods that prune block by block are calibrated
        on; None for a method that needs none.
    method
        The settings of a method: ``tt.Elsa(sparsity=0.9)``, ``tt.SparseGPT(pattern="2:4")`` ...
    out
        The run folder: ``model/``, ``config.json``, ``metrics.jsonl``, ``run.json``, ``report.html``,
        ``checkpoints/``.
    tokenizer
        Of a model in memory: saved beside it, and used if a text is given as a path.
    evaluation
        Text or tokens for the perplexity before and after; by default the end of the training
        text, at most a tenth of it, which is then not trained on.
    eval_seq_len, eval_windows
        Tokens a window (by default 512 or the model's context) and how many windows at most.
    device, dtype
        Where, and in what forward and backward pass are computed (autocast): "float32" or
        "bfloat16".  The weights' is one of the method's settings.
    checkpoint_every
        Steps between checkpoints, by default a tenth of the steps; or blocks, by default 1.  0: none
        by count.
    checkpoint_minutes
        A checkpoint is written too when the last one is so old.  0: none by time.
    force, resume
        Overwrite an earlier run in ``out``; or go on with one that was stopped or killed at any moment:
        it begins from what is whole in the folder, be it nothing, and ends with the same bytes.

    Returns
    -------
    Run

    Raises
    ------
    InputError
        If something given cannot be used; nothing has been written then.
    RunError
        If the run fails under way: loss not finite, disk full, interrupted (then
        :class:`tamis_torch.fit.Interrupted`).  The folder keeps the last good state.
    """
    check_choice("dtype", dtype, tuple(DTYPES))
    intervals = Intervals(checkpoint_every, checkpoint_minutes)
    name = name_of(method)
    if name is None:
        raise InputError(f"method must be the settings of one of {', '.join(HOMES)}, got {method!r}")
    with launch.joined(device) as (ranks, device):
        return _prune(
            model, tokens, method, name, ranks, Path(out), tokenizer, evaluation, eval_seq_len, eval_windows,
            device, dtype, intervals, force, resume,
        )  # fmt: skip


def _prune(
    model: str | Path | Loaded | PreTrainedModel,
    tokens: str | Path | Tensor | None,
    method: Method,
    name: str,
    ranks: Ranks,
    out: Path,
    tokenizer: PreTrainedTokenizerBase | None,
    evaluation: str | Path | Tensor | None,
    eval_seq_len: int | None,
    eval_windows: int | None,
    device: str,
    dtype: str,
    intervals: Intervals,
    force: bool,
    resume: bool,
) -> Run:
    """Prune on all ranks; what only one may do, such as writing, the first one does."""
    check_shares(method, ranks)
    task = prepare(
        model, tokens, evaluation,
        tokenizer=tokenizer, goal=method if isinstance(method, Goal | Finetune) else None,
        seq_len=method.seq_len if isinstance(method, Training | Calibrated) else None,
        eval_seq_len=eval_seq_len, eval_windows=eval_windows, device=device,
        dtype=torch.bfloat16 if isinstance(method, Training) and method.rounds_weights else torch.float32,
    )  # fmt: skip
    if calibration(task, method) is not None:
        blockwise.find(task.model, task.weights, task.axes)
    if isinstance(method, Finetune) and zeros(task.weights) == 0:
        raise InputError(
            f"finetune keeps the zeros of a pruned model, but {task.name} has none; prune it first"
        )
    if isinstance(method, Training):
        check_model(method, task.model)
        method = replace(method, lr=peak_lr(method, task.weights, task.axes))
    asked = device if ranks.count == 1 else device.partition(":")[0]  # cuda is another one on each rank
    settings = resolved.settings_of(task, name, asdict(method), asked, dtype, given=evaluation is not None)
    folder = out
    if launch.first(ranks, lambda: resolved.ended(folder, settings, force, resume)):
        return Run(folder, results.told(folder))
    started = monotonic() - (results.spent(folder) if resume else 0.0)
    record = results.begun(task, name, method, device)
    try:
        with launch.noticing():
            task = _work(task, method, folder, record, ranks, dtype, intervals, resume)
            return _finish(task, method, folder, record, ranks, started, device)
    except RunError as error:
        record |= {"status": fit.status_of(error), "message": str(error), "seconds": monotonic() - started}
        if ranks.rank == 0:
            with suppress(RunError):  # on a full disk; the reason is the first one
                results.write(folder, record)
        raise


def _work(
    task: Task,
    method: Method,
    folder: Path,
    record: dict[str, Any],
    ranks: Ranks,
    dtype: str,
    intervals: Intervals,
    resume: bool,
) -> Task:
    """Prune or train; return the task with the model that came out, which may be cut over ranks."""
    record["perplexity"] = launch.first(ranks, lambda: results.judge_start(task, method))
    if isinstance(method, Elsa):
        begin = partial(prepare_start, task, method, folder, dtype, intervals, resume)
        record["warnings"] += launch.first(ranks, begin)
        launch.spread(ranks, task.model)
    begun = launch.first(ranks, lambda: resume and can_resume(folder))
    if isinstance(method, Training):
        task = sharding.cut(task, method, ranks)
        record["warnings"] += fit.fit(task, method, folder, dtype, intervals, begun)
    elif isinstance(method, Calibrated):
        record["warnings"] += blockwise.prune(task, method, folder, dtype, intervals, begun)
    elif isinstance(method, Magnitude):
        magnitude.apply(method, task.weights, task.axes)
    return task


def _finish(
    task: Task,
    method: Method,
    folder: Path,
    record: dict[str, Any],
    ranks: Ranks,
    started: float,
    device: str,
) -> Run:
    weights = sharding.whole(task.model, ranks)
    launch.first(ranks, lambda: save(task.model, task.tokenizer, folder / "model", weights=weights))
    if record["perplexity"]:
        record["perplexity"]["after"] = results.judge(task)
        record["warnings"] += advice.worse(record["perplexity"])
    record |= results.counted(task.weights)
    record["warnings"] += advice.sparser(method, record["sparsity"])
    record |= {
        "status": "complete",
        "seconds": round(monotonic() - started, 2),
        "peak_memory_bytes": environment.peak_memory(device),
        "size": {"model_bytes": folder_bytes(folder / "model")},
    }
    launch.first(ranks, lambda: results.write(folder, record))
    return Run(folder, record)
