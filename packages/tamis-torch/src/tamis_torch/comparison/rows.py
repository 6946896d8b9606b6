"""A row for each of several runs."""

from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from tamis_torch.comparison.row import Entry, from_folder, from_mapping
from tamis_torch.comparison.start import find_start
from tamis_torch.errors import InputError
from tamis_torch.pages.run_folder import Record, read_run

Run = str | Path | Mapping[str, Any] | Entry


def compare_table(runs: Sequence[Run]) -> list[Record]:
    """Return a row for each run, in the order given.

    Parameters
    ----------
    runs
        Run folders, or rows given directly: a mapping with "run" and any of the keys below (what
        is missing is unknown) and, for the curves of the page, "losses": the loss of each step.

    Returns
    -------
    list of dict
        Values are None where not known.  The keys:

        - run, method, label (the method, after the one that made the model that it started from:
          "alps + finetune"), model, status;
        - sparsity (counted), pattern, train_tokens (as far as it came), calibration_tokens, steps;
        - before, after: perplexities; infinite if a whole run ended with one that is not finite;
          dense: of the model before any pruning; ratio: after / dense;
        - accuracy on test images, tested_on (these), and images_read, of runs on images;
        - seconds, memory (peak, bytes), bytes (of the model's files);
        - judged: text, hash, seq_len and windows of the evaluation; trained_on: text and hash.

    Raises
    ------
    InputError
        If there is no run, a folder is not a run folder, or a mapping has no "run" or a key
        that is not one of these.
    """
    return [entry.row for entry in read_runs(runs)]


def read_runs(runs: Sequence[Run]) -> list[Entry]:
    """Read each run once; what comes out may be given instead of the runs to any other function here."""
    if not runs:
        raise InputError("give at least one run to compare, got none")
    return _told_apart([_read(run) for run in runs])


def _read(run: Run) -> Entry:
    if isinstance(run, Entry):
        return run
    return from_mapping(run) if isinstance(run, Mapping) else _open(run)


def _open(folder: str | Path) -> Entry:
    run = read_run(folder)
    return from_folder(run, find_start(run))


def _told_apart(entries: list[Entry]) -> list[Entry]:
    """Name runs whose folders have the same name by as much of their paths as tells them apart."""
    names = [entry.row["run"] for entry in entries]
    parts = [entry.path.resolve().parts if entry.path else (str(entry.row["run"]),) for entry in entries]
    for depth in count(2):
        twice = {i for i, name in enumerate(names) if names.count(name) > 1 and len(parts[i]) >= depth}
        if not twice:
            return [
                entry._replace(row=entry.row | {"run": name})
                for entry, name in zip(entries, names, strict=True)
            ]
        names = ["/".join(parts[i][-depth:]) if i in twice else name for i, name in enumerate(names)]
    return entries
