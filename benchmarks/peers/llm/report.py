"""What was measured, on what, with which versions: as JSON and as tables in Markdown."""

import json
import os
import platform
import time
from importlib import metadata
from pathlib import Path

PACKAGES = ["tamis", "tamis-torch", "torch", "llmcompressor", "compressed-tensors", "transformers"]
NOTE = """masks: entries that are zero on one side only. largest difference: of two weights. zeros: of all
pruned matrices (tamis). unlike magnitude: share of the pruned entries that magnitude would keep. s: processor
time of the whole call; the model is so small that it is mostly set-up (tamis: perplexity twice, files and
report included)."""


def machine() -> dict:
    """Return the machine and the versions."""
    names = [line.split(":")[1].strip() for line in _cpuinfo().splitlines() if line.startswith("model name")]
    return {
        "machine": {
            "processor": names[0] if names else platform.processor(),
            "cores": os.cpu_count(),
            "system": platform.platform(),
            "python": platform.python_version(),
            "date": time.strftime("%Y-%m-%d"),
        },
        "versions": {name: metadata.version(name) for name in PACKAGES},
    }


def write(path: Path, record: dict) -> None:
    """Write the record, and its tables beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=1) + "\n")
    path.with_suffix(".md").write_text(markdown(record))


def markdown(record: dict) -> str:
    """Return the whole report."""
    verdict = "The two sides agree." if record["agreed"] else "**The two sides differ.**"
    return "\n\n".join(
        [
            "# Layer-wise methods beside llmcompressor",
            f"Command: `nox -s peers -- llm`. {verdict}",
            ", ".join(f"{name} {version}" for name, version in record["versions"].items()),
            ", ".join(f"{name}: {value}" for name, value in record["machine"].items()),
            "## Small Llama models, from folder to folder",
            NOTE,
            models(record["runs"]),
            "## SparseGPT on one matrix of a shape of SmolLM2's, one core",
            (
                "Normal weights, 4096 correlated normal inputs, damping .01. error: |(q - w) X|^2 / |w X|^2. "
                "masks: entries where a mask is not that of tamis in float64; llmcompressor prunes up to one "
                "entry more a block of columns where the count is no whole number, the rest is rounding."
            ),
            matrices(record["matrices"]),
        ]
    ) + "\n"  # fmt: skip


def models(runs: list[dict]) -> str:
    """Return a row a run."""
    head = ["method", "goal", "seed", "masks", "largest difference", "zeros", "unlike magnitude"]
    return table(
        [*head, "s: tamis, theirs"],
        [
            [
                run["method"], run["goal"], run["seed"], f"{run['masks']} of {run['entries']}",
                f"{run['largest']:.1e}", f"{run['zeros'] / run['entries']:.4%}",
                f"{run['from_magnitude']:.1%}",
                f"{run['seconds']['tamis']:.1f}, {run['seconds']['llmcompressor']:.1f}",
            ]
            for run in runs
        ],
    )  # fmt: skip


def matrices(rows: list[dict]) -> str:
    """Return a row a matrix."""
    head = ["out x in", "goal", "s: tamis", "s: theirs", "times", "error: tamis", "error: theirs"]
    return table(
        [*head, "masks: tamis, theirs"],
        [
            [
                "x".join(map(str, row["shape"])), row["goal"],
                f"{row['seconds']['tamis']:.3f}", f"{row['seconds']['llmcompressor']:.3f}",
                f"{row['seconds']['llmcompressor'] / row['seconds']['tamis']:.1f}",
                f"{row['error']['tamis']:.6f}", f"{row['error']['llmcompressor']:.6f}",
                f"{row['masks_off_float64']['tamis']}, {row['masks_off_float64']['llmcompressor']}",
            ]
            for row in rows
        ],
    )  # fmt: skip


def table(head: list[str], rows: list[list]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def _cpuinfo() -> str:
    path = Path("/proc/cpuinfo")
    return path.read_text() if path.exists() else ""
