"""Prune a model block by block on a few windows of text, in a run folder.

    for each block b, with the inputs h_b of all windows in memory, and no other activations:
        weights of b   <-  the method, given h_b
        h_{b+1}        <-  block_b(h_b)  with the pruned weights, written over h_b

so each block is pruned for the inputs that the pruned blocks before it give.  The state between two
blocks is the weights and h, and h follows from the weights and the text: a checkpoint is the finished
blocks, each written once.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any
from warnings import catch_warnings, simplefilter

import torch
from torch import Tensor

from tamis_torch.blockwise import owl, safe
from tamis_torch.blockwise.blocks import Block, Call, advance, find, first_calls, run
from tamis_torch.blockwise.matrices import prune_matrices
from tamis_torch.blockwise.windows import draw
from tamis_torch.checkpoint import load_part, load_state, save_part, save_state
from tamis_torch.evaluate import evaluating
from tamis_torch.folders import writing
from tamis_torch.interrupt import Interrupted, stop_requested
from tamis_torch.journal import Journal
from tamis_torch.methods.calibrated import Calibrated
from tamis_torch.methods.safe import Safe
from tamis_torch.progress import BLOCKS
from tamis_torch.task import Task
from tamis_torch.weights import zeros


def prune(
    task: Task,
    config: Calibrated,
    folder: Path,
    dtype: str,
    checkpoint_every: int | None,
    resume: bool,
    more: bool = False,
) -> list[str]:
    """Prune the task's model by the method, in place; return warnings about the result.

    ``checkpoint_every`` counts blocks: by default 1; 0 for none, unless the run is stopped.  ``more``:
    something follows, so that a stop asked for in the last block is one too.

    Raises
    ------
    Interrupted
        After a checkpoint, if the user asked to stop.
    RunError
        If a layer got no input, activations or weights are not finite, or a file cannot be written.
    """
    assert task.train is not None, "prepare() refuses a calibrated method without a text"
    blocks, windows = find(task.model, task.weights, task.axes), draw(task.train.tokens, config)
    every = 1 if checkpoint_every is None else checkpoint_every
    store = folder / "checkpoints"
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    done, sparsities = _resumed(store) if resume else (0, _sparsities(task, config, len(blocks), dtype))
    with (
        evaluating(task.model),
        Journal(folder, len(blocks), windows.numel(), done, BLOCKS) as journal,
        stop_requested() as stop,
    ):
        calls, extras = first_calls(task.model, blocks, windows, dtype)
        for block in blocks[:done]:
            block.module.load_state_dict(load_part(store, _part(block)))
            advance(block, calls, extras, dtype)
        kept = done
        for block in blocks[done:]:
            own = replace(config, sparsity=sparsities[block.index])
            with catch_warnings(record=True) as said:  # kept with the rest
                simplefilter("always")
                record = prune_block(block, calls, own, dtype)
            if said:
                record["warnings"] = list(dict.fromkeys(str(one.message) for one in said))
            finished = block.index + 1
            journal.write(finished, record)
            if finished == len(blocks) and not (more and stop()):
                break
            if stop() or (every and finished % every == 0):
                _keep(store, blocks[kept:finished], sparsities)
                kept = finished
            if stop() and kept == finished:
                raise Interrupted(finished, len(blocks), "block")
            advance(block, calls, extras, dtype)
    return said_of(folder, config, len(windows))


def said_of(folder: Path, config: Calibrated, windows: int) -> list[str]:
    """Return the warnings of a walk, as its lines have them, whichever part of it wrote them."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text("utf-8").splitlines()]
    few = f"the text has {windows} windows of {config.seq_len} tokens only, {config.samples} were asked for"
    found = [f"{line['block']}: {text}" for line in lines for text in line.get("warnings", [])]
    return [few, *found] if windows < config.samples else found


def prune_block(block: Block, calls: Sequence[Call], config: Calibrated, dtype: str) -> dict[str, Any]:
    """Prune a block in place and return its line: errors, zeros and seconds.

    ``"error"`` is the relative squared error of what the block adds to its input, on the first call:
    ``|b'(h) - b(h)|^2 / |b(h) - h|^2``, b' the pruned block.
    """
    started = monotonic()
    if not block.weights:
        return {"block": block.name, "error": 0.0, "sparsity": 0.0, "seconds": 0.0}
    before = _output(block, calls[0], dtype)
    if isinstance(config, Safe):
        record: dict[str, Any] = dict(safe.prune_block(block, calls, config, dtype))
    else:
        record = prune_matrices(block, calls, config, dtype)
    change = _output(block, calls[0], dtype) - before
    error = change.square().sum() / (before - calls[0].hidden).float().square().sum()
    found = {"block": block.name, "error": float(error), "sparsity": zeros(block.weights)}
    return {**found, **record, "seconds": round(monotonic() - started, 3)}


def _sparsities(task: Task, config: Calibrated, count: int, dtype: str) -> list[float]:
    """Return the sparsity of each block; a resumed run takes those that it began with."""
    if config.ratios == "owl":
        return owl.sparsities(task, config, dtype)
    return [config.sparsity] * count


@torch.no_grad()
def _output(block: Block, call: Call, dtype: str) -> Tensor:
    return run(block, call, dtype).float()


def _part(block: Block) -> str:
    return f"block-{block.index:05d}"


def _keep(store: Path, blocks: Sequence[Block], sparsities: Sequence[float]) -> None:
    """Write the blocks that are not written yet, then the state that counts on them."""
    for block in blocks:
        save_part(store, _part(block), block.module.state_dict())
    save_state(store, {}, {"step": blocks[-1].index + 1, "sparsities": sparsities})


def _resumed(store: Path) -> tuple[int, list[float]]:
    _, meta = load_state(store)
    return meta["step"], meta["sparsities"]
