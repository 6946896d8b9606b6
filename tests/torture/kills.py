"""Kill a run at any moment, resume it until it is complete: it must be as if nothing had happened."""

import json
import random
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .child import KILLED, run, said
from .faults import After, Before, Fault, Within

TIMES = ("seconds", "tokens_per_second")  # of a line of metrics: what no two runs share
TOLD = ("status", "perplexity", "warnings", "layers", "sparsity", "steps", "train_tokens")  # of run.json


class Whole(NamedTuple):
    """The run that nothing happened to."""

    command: list[str]  # but for --out
    folder: Path
    seconds: float
    calls: int  # of the file system


def undisturbed(command: list[str], folder: Path) -> Whole:
    """Run once to the end."""
    counts = folder.with_suffix(".calls")
    code = run([*command, "--out", folder], folder, counts=counts)
    if code:
        raise RuntimeError(f"the run ended with {code}: see {folder.with_suffix('.log')}")
    seconds = json.loads((folder / "run.json").read_text("utf-8"))["seconds"]
    return Whole(command, folder, seconds, counts.stat().st_size)


def placed(start: bool) -> dict[str, list[Fault]]:
    """Return the moments that matter most; ``start``: the run prunes block by block, then trains."""
    last = "state-00000003" if start else "state-00000001"
    block = "start/checkpoints/.partial/part-block-00000" if start else "part-block-00000"
    found: dict[str, list[Fault]] = {
        "before the settings are there": [Before("os.rename", "config.json")],
        "in a finished block": [Within(block, 0.5)],
        "in a checkpoint": [Within(last, 0.6)],
        "in an empty checkpoint": [Within(last, 0.0)],
        "checkpoint written, not renamed": [Before("os.rename", f"{last}.safetensors")],
        "in the model": [Within("model.safetensors", 0.5)],
        "model written, not renamed": [Before("os.rename", "/model")],
        "model there, results not": [Before("os.rename", "/run.json")],
        "model there, then between its two renames": [
            Before("os.rename", "/run.json"), Before("os.rename", "/model", 2)
        ],
        "results there, page not begun": [Before("open", "/.report.html.partial")],
        "before the last rename": [Before("os.rename", "/report.html")],
        "the page, then the page again": [Before("os.rename", "/report.html")] * 2,
        "while lines are dropped": [Within(last, 0.9), Before("os.rename", "/metrics.jsonl")],
    }  # fmt: skip
    if start:
        found["checkpoint there, older one not deleted"] = [Before("os.remove", "state-00000001.safetensors")]
    return found


def drawn(count: int, whole: Whole, chooser: random.Random) -> dict[str, list[Fault]]:
    """Return random moments: by the clock, or by the calls of the file system; every fourth run twice killed."""
    found: dict[str, list[Fault]] = {}
    for number in range(count):
        kills = 2 if number % 4 == 3 else 1
        found[f"random {number + 1}"] = [_moment(number, whole, chooser) for _ in range(kills)]
    return found


def _moment(number: int, whole: Whole, chooser: random.Random) -> Fault:
    if number % 2 == 0:
        return Before(count=chooser.randint(1, whole.calls))
    return After(round(chooser.uniform(0, whole.seconds), 3))


def survive(name: str, faults: Sequence[Fault], whole: Whole, folder: Path) -> dict[str, Any]:
    """Kill a run as often as there are faults, then resume it to its end; return what was found."""
    record: dict[str, Any] = {"where": name, "kills": [], "begun_anew": 0}
    start: list[str] = []
    for fault in [*faults, None]:
        code = run([*whole.command, "--out", folder, *start], folder, fault)
        if code == 2 and start == ["--resume"] and not (folder / "config.json").exists():
            record["begun_anew"] += 1
            code = run([*whole.command, "--out", folder, "--force"], folder, fault)
        if code == 0 and isinstance(fault, After) and not start:  # it was quicker this time
            shutil.rmtree(folder)
            return survive(name, [After(fault.seconds / 2), *faults[1:]], whole, folder)
        if code == 2 and "is complete, nothing is left" in said(folder):  # killed when all was done
            code = 0
        if code != KILLED:
            break
        record["kills"].append(_describe(fault) | _found(folder))
        start = ["--resume"] if folder.exists() else []
    record["exit"] = code
    record["differs"] = differences(whole.folder, folder) if code == 0 else ["it did not end"]
    return record


def differences(one: Path, other: Path) -> list[str]:
    """Return what differs between two finished runs, and ought not to."""
    found = []
    if _tree(one) != _tree(other):
        found.append(f"files: {sorted(_tree(one) ^ _tree(other))}")
    for file in [*(one / "model").iterdir(), one / "config.json"]:
        twin = other / file.relative_to(one)
        if not twin.exists() or file.read_bytes() != twin.read_bytes():
            found.append(str(file.relative_to(one)))
    for name in ("metrics.jsonl", "start/metrics.jsonl"):
        if _lines(one / name) != _lines(other / name):
            found.append(name)
    told = [json.loads((folder / "run.json").read_text("utf-8")) for folder in (one, other)]
    return found + [f"run.json: {key}" for key in TOLD if told[0][key] != told[1][key]]


def _tree(folder: Path) -> set[str]:
    """Return the names of all files, those of checkpoints without their number."""
    names = {str(path.relative_to(folder)) for path in folder.rglob("*")}
    return {re.sub(r"state-\d+", "state", name) for name in names}


def _lines(path: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []
    return [{key: value for key, value in line.items() if key not in TIMES} for line in lines]


def _describe(fault: Fault | None) -> dict[str, Any]:
    assert fault is not None, "a run without a fault is not killed"
    return {"by": type(fault).__name__.lower(), **fault._asdict()}


def _found(folder: Path) -> dict[str, Any]:
    """Return what a kill left: files, lines of metrics, checkpoints."""
    metrics, start = folder / "metrics.jsonl", folder / "start/metrics.jsonl"
    return {
        "left": sorted(path.name for path in folder.iterdir()) if folder.exists() else [],
        "lines": [len(p.read_text("utf-8").splitlines()) if p.exists() else 0 for p in (start, metrics)],
        "states": [len(list(folder.glob(f"{place}checkpoints/state-*"))) for place in ("start/", "")],
    }
