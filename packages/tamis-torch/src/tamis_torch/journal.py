"""The run folder while a run goes on: a line of metrics a step (or block), a live display, checkpoints.

DIR/config.json      every setting as resolved, before the first step
DIR/metrics.jsonl    a line a step, or a block
DIR/checkpoints/     the last two states to resume from
DIR/run.json         how it ended
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, Self

from torch import Tensor

from tamis_torch.folders import write_atomically, writing
from tamis_torch.jsons import dumps
from tamis_torch.progress import TRAINING, Kind, Progress
from tamis_torch.ranks import ONE, Ranks
from tamis_torch.shards import save_shards


class Journal:
    """Write down what happens after each step.

    Parameters
    ----------
    folder : Path
        The run folder.
    total_steps, tokens_per_step, start : int
        The budget, in tokens or images, and the steps that an earlier part of the run made already.
    kind : tamis_torch.progress.Kind
        What is counted and shown: the steps of a training (default), also on images, or blocks.
    """

    def __init__(
        self, folder: Path, total_steps: int, tokens_per_step: int, start: int = 0, kind: Kind = TRAINING
    ) -> None:
        self.folder, self.tokens = folder, tokens_per_step
        self._path = folder / "metrics.jsonl"
        self._keep_lines(start)
        self._rate = f"{kind.counted}_per_second"
        self._shown = [key for key, _, _ in kind.figures]
        self._progress = Progress(total_steps, tokens_per_step, kind)
        self._last = monotonic()

    def __enter__(self) -> Self:
        self._progress.__enter__()
        self._file = self._path.open("a", encoding="utf-8")
        self._last = monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._progress.__exit__(kind, error, trace)

    def write(self, step: int, record: Mapping[str, Any]) -> None:
        """Add the line of a step and show it."""
        now = monotonic()
        line = {
            "step": step,
            **record,
            self._rate: round(self.tokens / max(now - self._last, 1e-9), 1),
        }
        self._last = now
        with writing(self._path):
            self._file.write(dumps(line) + "\n")
            self._file.flush()
        self._progress.update(step, **{key: record.get(key) for key in self._shown})

    def say(self, messages: Iterable[str]) -> None:
        """Show words of warning."""
        for message in messages:
            self._progress.note(f"warning: {message}")

    def checkpoint(self, tensors: dict[str, Tensor], meta: dict[str, Any], ranks: Ranks = ONE) -> None:
        """Keep a state to resume from, once the lines before it are on the disk."""
        with writing(self._path):
            os.fsync(self._file.fileno())
        save_shards(self.folder / "checkpoints", tensors, meta, ranks)
        self._last = monotonic()

    def _keep_lines(self, steps: int) -> None:
        """Drop the lines of steps after ``steps``, which a resumed run makes again."""
        lines = self._path.read_text("utf-8").splitlines() if self._path.exists() else []
        write_atomically(self._path, "".join(line + "\n" for line in lines[:steps]))


class Silent:
    """A journal of a rank that is not the first: it keeps its part of the checkpoints, and no more."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def write(self, step: int, record: Mapping[str, Any]) -> None:
        """Do nothing."""

    def say(self, messages: Iterable[str]) -> None:
        """Do nothing."""

    def checkpoint(self, tensors: dict[str, Tensor], meta: dict[str, Any], ranks: Ranks) -> None:
        """Keep this rank's part of a state."""
        save_shards(self.folder / "checkpoints", tensors, meta, ranks)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file whole, or leave what was there."""
    write_atomically(path, dumps(content, indent=1) + "\n")
