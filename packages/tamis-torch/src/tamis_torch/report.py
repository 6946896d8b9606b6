"""The page of a run, and of several runs side by side.

``write_report`` turns a run folder into ``report.html``: one self-contained page, its charts
inline SVG, without a request to anywhere.  ``compare_table`` and ``write_comparison`` set runs
(or plain rows of figures) beside each other.
"""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from tamis_torch.comparison import compare_table, plain_table, rich_table, write_comparison
from tamis_torch.pages import render, words
from tamis_torch.pages.block_charts import block_charts
from tamis_torch.pages.charts import kinds_chart, perplexity_chart, smoothing_span, training_charts
from tamis_torch.pages.curves import smooth
from tamis_torch.pages.heat_map import heat_map
from tamis_torch.pages.image_words import accuracy_chart, is_on_images
from tamis_torch.pages.layers import Layer
from tamis_torch.pages.run_folder import Record, RunFolder, column, is_by_block, read_run

__all__ = ["compare_table", "plain_table", "rich_table", "write_comparison", "write_report"]

SAMPLED = 40  # rows of the table that stands for the curves
MEASURES = ("loss", "lr", "penalty", "sparsity", "residual", "mask_change",
            "tokens_per_second", "images_per_second")  # fmt: skip


def write_report(run_folder: str | Path) -> Path:
    """Write ``report.html`` into a run folder and return its path.

    Works for runs that were interrupted or failed too: the page then says so first.

    Raises
    ------
    InputError
        If run.json is missing, or a file of the folder is not the JSON that it should be.
    """
    run = read_run(run_folder)
    return render.save(run.path / "report.html", render.page("report.html.j2", **_values(run)))


def _values(run: RunFolder) -> dict[str, Any]:
    """Return what the template shows."""
    rows = _layer_rows(run.run.get("layers") or [])
    layers = [Layer(row["name"], row["entries"], row["nonzeros"]) for row in rows]
    by_block = is_by_block(run.metrics)
    return {
        "title": words.title(run),
        "lead": words.lead(run),
        "stopped": words.stopped(run),
        "message": run.run.get("message", ""),
        "warnings": run.run.get("warnings") or [],
        "figures": words.figures(run, layers),
        "by_block": by_block,
        "progress_charts": block_charts(run.metrics) if by_block else training_charts(run.metrics),
        "metrics_count": len(run.metrics),
        "sampled": run.metrics if by_block else _sampled(run.metrics),
        "heat_map": heat_map(layers),
        "kinds_chart": kinds_chart(layers),
        "judged": "Accuracy" if is_on_images(run) else "Perplexity",
        "judged_chart": _judged_chart(run),
        "counted": "images" if is_on_images(run) else "tokens",
        "layers": rows,
        "settings": [(name.replace("_", " "), _setting(value)) for name, value in run.config.items()],
        "data": _data_rows(run.run.get("data") or {}),
        "versions": list((run.run.get("versions") or {}).items()),
        "command": words.command(run),
        "folder": run.path.name,
    }


def _judged_chart(run: RunFolder) -> Markup | None:
    """Return the accuracies, or the perplexities, of a run; None if it did not come so far."""
    perplexity, accuracy = run.run.get("perplexity"), run.run.get("accuracy")
    if is_on_images(run):
        return accuracy_chart(accuracy) if accuracy else None
    return perplexity_chart(perplexity) if perplexity else None


def _layer_rows(layers: Sequence[Record]) -> list[Record]:
    return [{**layer, "entries": math.prod(layer["shape"])} for layer in layers]


def _data_rows(data: Record) -> list[Record]:
    names = {"train": "training", "eval": "evaluation"}
    blank = {"path": "path not recorded", "tokens": None, "images": None, "hash": "not recorded"}
    return [{**blank, **entry, "role": names.get(role, role)} for role, entry in data.items() if entry]


def _sampled(metrics: list[Record]) -> list[Record]:
    """Return at most SAMPLED records, evenly spread with both ends, with the smoothed loss added.

    What is measured only now and then (residual, mask change) stands as last measured.
    """
    last = len(metrics) - 1
    chosen = sorted({round(i * last / (SAMPLED - 1)) for i in range(SAMPLED)}) if metrics else []
    smoothed = smooth(column(metrics, "loss"), smoothing_span(metrics))
    latest: Record = dict.fromkeys(MEASURES)
    rows = []
    for record, (_, loss) in zip(metrics, smoothed, strict=True):
        latest = {**latest, **{name: value for name, value in record.items() if value is not None}}
        rows.append({**latest, "loss": record.get("loss"), "smoothed": loss})
    return [rows[i] for i in chosen]


def _setting(value: object) -> str:
    if value is None:
        return "none"
    return value if isinstance(value, str) else json.dumps(value)
