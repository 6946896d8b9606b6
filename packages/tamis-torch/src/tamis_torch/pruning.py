"""Prune a language model and write down what happened: the call behind ``tamis prune``."""

from pathlib import Path

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from tamis_torch import launch
from tamis_torch.checkpoint import Loaded
from tamis_torch.compiling import check_compile
from tamis_torch.course import Asked, Method, run
from tamis_torch.devices import DTYPES
from tamis_torch.errors import InputError
from tamis_torch.intervals import MINUTES, Intervals
from tamis_torch.methods.checks import check_choice
from tamis_torch.methods.names import HOMES, name_of
from tamis_torch.runs import Run

__all__ = ["Method", "Run", "prune"]


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
    device: str | torch.device = "cpu",
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
        :class:`tamis_torch.interrupt.Interrupted`).  The folder keeps the last good state.
    """
    check_choice("dtype", dtype, tuple(DTYPES))
    intervals = Intervals(checkpoint_every, checkpoint_minutes)
    if name_of(method) is None:
        raise InputError(f"method must be the settings of one of {', '.join(HOMES)}, got {method!r}")
    with launch.joined(str(device)) as (ranks, here):
        if getattr(method, "compile", False):
            check_compile(here)
        asked = Asked(
            model=model, tokens=tokens, method=method, folder=Path(out), tokenizer=tokenizer,
            evaluation=evaluation, eval_seq_len=eval_seq_len, eval_windows=eval_windows, device=here,
            dtype=dtype, intervals=intervals, force=force, resume=resume,
        )  # fmt: skip
        return run(asked, ranks)
