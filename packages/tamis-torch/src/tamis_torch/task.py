"""What a run works on, checked whole before anything long starts: model, texts, weights."""

import math
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from tamis_torch.checkpoint import Loaded, load
from tamis_torch.data import digest, read_text, tokenize, windows
from tamis_torch.errors import InputError
from tamis_torch.evaluate import longest_context
from tamis_torch.methods.finetune import Finetune
from tamis_torch.methods.goal import Goal
from tamis_torch.methods.pattern import check_divides
from tamis_torch.weights import input_axes, prunable, vocabulary

HELD_OUT = 20  # windows kept back from the end of the training text where no other text is given
HELD_OUT_SHARE = 0.1  # of the training text at most
EVAL_SEQ_LEN = 512  # tokens a window of the evaluation, or the model's context if that is shorter


class Text(NamedTuple):
    """Tokens, and where they are from."""

    label: str
    tokens: Tensor  # int64, (tokens,)

    def describe(self) -> dict[str, Any]:
        """Return what identifies the text."""
        return {"path": self.label, "tokens": len(self.tokens), "hash": digest(self.tokens)}


class Evaluation(NamedTuple):
    """A text to evaluate on: the first ``limit`` windows of ``seq_len`` tokens."""

    text: Text
    seq_len: int
    limit: int | None


class Task(NamedTuple):
    """A model with what it learns from and what it is judged by."""

    name: str
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase | None
    train: Text | None
    evaluation: Evaluation | None
    weights: dict[str, nn.Parameter]  # what is pruned
    axes: dict[str, int]  # the axis of each weight that runs over its layer's inputs


def prepare(
    model: str | Path | Loaded | PreTrainedModel,
    train: str | Path | Tensor | None,
    evaluation: str | Path | Tensor | None,
    *,
    tokenizer: PreTrainedTokenizerBase | None,
    goal: Goal | Finetune | None,
    seq_len: int | None,
    eval_seq_len: int | None,
    eval_windows: int | None,
    device: str,
    dtype: torch.dtype = torch.float32,
) -> Task:
    """Load and check everything that a run needs.

    Arguments as those of :func:`tamis_torch.prune`, but for ``dtype``: of a model that is loaded.

    Raises
    ------
    InputError
        If anything cannot be used.
    """
    loaded = _load(model, tokenizer, device, dtype)
    network = loaded.model
    weights = prunable(network) if goal is None else prunable(network, goal.layers, goal.skip)
    axes = input_axes(network)
    if isinstance(goal, Goal):
        check_divides(goal.pattern, {name: weight.shape[axes[name]] for name, weight in weights.items()})
    learn = None if train is None else _text(train, loaded)
    context = longest_context(network)
    if seq_len is not None:
        _check_learning(learn, seq_len, context)
    judge_len = eval_seq_len or min(EVAL_SEQ_LEN, context or EVAL_SEQ_LEN)
    _check_context("eval_seq_len", judge_len, context)
    judge = None if evaluation is None else _text(evaluation, loaded)
    if judge is None and learn is not None:
        learn, judge = _hold_out(learn, judge_len)
    if judge is not None:
        _check_length(judge, judge_len, eval_windows)
    wanted = None if judge is None else Evaluation(judge, judge_len, eval_windows)
    return Task(loaded.source, network, loaded.tokenizer, learn, wanted, weights, axes)


def _load(
    model: str | Path | Loaded | PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase | None,
    device: str,
    dtype: torch.dtype,
) -> Loaded:
    if isinstance(model, Loaded):
        return model
    if isinstance(model, str | Path):
        return load(str(model), device=device, dtype=dtype)
    name = getattr(model, "name_or_path", "") or type(model).__name__
    return Loaded(model.to(device), tokenizer, name)  # type: ignore[arg-type]


def _text(source: str | Path | Tensor, loaded: Loaded) -> Text:
    known = vocabulary(loaded.model)
    if isinstance(source, Tensor):
        tokens = source.flatten().long()
        if len(tokens) and int(tokens.max()) >= known:
            raise InputError(f"tokens must be below the model's vocabulary ({known}), got {tokens.max()}")
        return Text("tokens given in Python", tokens)
    if loaded.tokenizer is None:
        raise InputError("a text needs a tokenizer: give tokenizer=, or tokens instead of a text")
    return Text(str(source), tokenize(loaded.tokenizer, read_text(source), known))


def _check_learning(text: Text | None, seq_len: int, context: int | None) -> None:
    if text is None:
        raise InputError("this method learns from a text: give a training text (--train)")
    _check_context("seq_len", seq_len, context)
    _check_length(text, seq_len)


def _check_length(text: Text, seq_len: int, limit: int | None = None) -> None:
    try:
        windows(text.tokens, seq_len, limit)
    except InputError as error:
        raise InputError(f"{text.label}: {error}") from None


def _check_context(name: str, length: int, context: int | None) -> None:
    if context is not None and length > context:
        raise InputError(f"{name} must be at most the model's {context} positions, got {length}")


def _hold_out(text: Text, seq_len: int) -> tuple[Text, Text | None]:
    """Keep the end of the training text back for the evaluation, if it is long enough."""
    count = min(HELD_OUT, math.floor(HELD_OUT_SHARE * len(text.tokens) / seq_len))
    if count == 0:
        return text, None
    cut = len(text.tokens) - count * seq_len
    return Text(text.label, text.tokens[:cut]), Text(f"{text.label} (its end, held out)", text.tokens[cut:])
