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
from tamis_torch.checked import Damaged
from tamis_torch.checkpoint import load_part, load_state, save_part
from tamis_torch.folders import make_folder, writing
from tamis_torch.interrupt import Interrupted, stop_requested
from tamis_torch.intervals import Clock, Intervals
from tamis_torch.journal import Journal
from tamis_torch.methods.calibrated import Calibrated
from tamis_torch.methods.safe import Safe
from tamis_torch.modes import evaluating
from tamis_torch.progress import BLOCKS
from tamis_torch.task import Task
from tamis_torch.zeros import zeros


def prune(
    task: Task,
    config: Calibrated,
    folder: Path,
    dtype: str,
    intervals: Intervals,
    resume: bool,
    more: bool = False,
) -> list[str]:
    """Prune the task's model by the method, in place; return warnings about the run and its result.

    ``intervals`` count blocks: by default each is kept.  ``more``: something follows, so that a stop
    asked for in the last block is one too.

    Raises
    ------
    Interrupted
        After a checkpoint, if the user asked to stop.
    RunError
        If a layer got no input, activations or weights are not finite, or a file cannot be written.
    """
    assert task.train is not None, "prepare() refuses a calibrated method without a text"
    blocks, windows = find(task.model, task.weights, task.axes), draw(task.train.tokens, config)
    with writing(folder):
        make_folder(folder)
    if resume:
        done, sparsities, warnings = _resumed(folder / "checkpoints", blocks)
    else:
        done, sparsities, warnings = 0, _sparsities(task, config, len(blocks), dtype), []
    with (
        evaluating(task.model),
        stop_requested() as stop,
        Journal(folder, len(blocks), windows.numel(), done, BLOCKS) as journal,
    ):
        journal.say(warnings)
        calls, extras = first_calls(task.model, blocks, windows, dtype)
        for block in blocks[:done]:
            advance(block, calls, extras, dtype)
        kept, clock = done, Clock(intervals, default=1)
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
            if stop() or clock.due(finished):
                _keep(journal, blocks[kept:finished], sparsities, warnings)
                clock.kept()
                kept = finished
            if stop() and kept == finished:
                raise Interrupted(finished, len(blocks), "block")
            advance(block, calls, extras, dtype)
    return [*warnings, *said_of(folder, config, len(windows))]


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


def _keep(
    journal: Journal, blocks: Sequence[Block], sparsities: Sequence[float], warnings: Sequence[str]
) -> None:
    """Write the blocks that are not written yet, then the state that counts on them."""
    for block in blocks:
        save_part(journal.folder / "checkpoints", _part(block), block.module.state_dict())
    meta = {"step": blocks[-1].index + 1, "sparsities": sparsities, "warnings": warnings}
    journal.checkpoint({}, meta)


def _resumed(store: Path, blocks: Sequence[Block]) -> tuple[int, list[float], list[str]]:
    """Put the finished blocks back; return how many, all sparsities, and what is to be warned of."""
    _, meta, damaged = load_state(store)
    warnings = [*meta["warnings"], *damaged]
    for block in blocks[: meta["step"]]:
        try:
            block.module.load_state_dict(load_part(store, _part(block)))
        except Damaged as reason:
            again = f"a finished block is damaged ({reason}); it is pruned again, and those after it"
            return block.index, meta["sparsities"], [*warnings, again]
    return meta["step"], meta["sparsities"], warnings
