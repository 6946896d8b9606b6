"""Prune a language model and write down what happened: the call behind ``tamis prune``.

    check everything  ->  evaluate  ->  prune or train  ->  save the model  ->  evaluate  ->  report

Nothing long starts before every input has been checked, and the model appears under its name
only when it is whole.
"""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Any

from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from tamis_torch import advice, blockwise, environment, fit, resolved, results
from tamis_torch.checkpoint import Loaded, can_resume, folder_bytes, prepare_folder, save
from tamis_torch.errors import InputError, RunError
from tamis_torch.journal import write_json
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
from tamis_torch.report import write_report
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
        "bfloat16".  Weights stay float32.
    checkpoint_every
        Steps between checkpoints, by default a tenth of the steps; or blocks, by default 1.  0: none.
    force, resume
        Overwrite an earlier run in ``out``; or go on with an interrupted one.

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
    name = name_of(method)
    if name is None:
        raise InputError(f"method must be the settings of one of {', '.join(HOMES)}, got {method!r}")
    task = prepare(
        model, tokens, evaluation,
        tokenizer=tokenizer, goal=method if isinstance(method, Goal | Finetune) else None,
        seq_len=method.seq_len if isinstance(method, Training | Calibrated) else None,
        eval_seq_len=eval_seq_len, eval_windows=eval_windows, device=device,
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
    settings = resolved.settings_of(task, name, asdict(method), device, dtype, given=evaluation is not None)
    folder = prepare_folder(out, force=force, resume=resume)
    if resume:
        resolved.check_same(folder, settings)
    write_json(folder / "config.json", settings)
    started = monotonic() - (results.spent(folder) if resume else 0.0)
    record = results.begun(task, name, method, device)
    try:
        record["perplexity"] = results.judge_start(task, method)
        if isinstance(method, Elsa):
            record["warnings"] += prepare_start(task, method, folder, dtype, resume)
        if isinstance(method, Training):
            begun = resume and can_resume(folder)
            record["warnings"] += fit.fit(task, method, folder, dtype, checkpoint_every, begun)
        elif isinstance(method, Calibrated):
            record["warnings"] += blockwise.prune(task, method, folder, dtype, checkpoint_every, resume)
        elif isinstance(method, Magnitude):
            magnitude.apply(method, task.weights, task.axes)
        return _finish(task, method, folder, record, started, device)
    except RunError as error:
        record |= {"status": fit.status_of(error), "message": str(error), "seconds": monotonic() - started}
        _write(folder, record)
        raise


def _finish(
    task: Task, method: Method, folder: Path, record: dict[str, Any], started: float, device: str
) -> Run:
    save(task.model, task.tokenizer, folder / "model")
    if record["perplexity"]:
        record["perplexity"]["after"] = results.judge(task)
        record["warnings"] += advice.worse(record["perplexity"])
    record |= results.counted(task)
    record["warnings"] += advice.sparser(method, record["sparsity"])
    record |= {
        "status": "complete",
        "seconds": round(monotonic() - started, 2),
        "peak_memory_bytes": environment.peak_memory(device),
        "size": {"model_bytes": folder_bytes(folder / "model")},
    }
    _write(folder, record)
    return Run(folder, record)


def _write(folder: Path, record: dict[str, Any]) -> None:
    write_json(folder / "run.json", record)
    write_report(folder)
