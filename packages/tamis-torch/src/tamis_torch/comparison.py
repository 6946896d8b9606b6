"""Several runs side by side: as rows, as a table for the terminal, and as a page."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.table import Table
from rich.text import Text

from tamis_torch.errors import InputError
from tamis_torch.human import UNKNOWN, duration, number, percent, size
from tamis_torch.pages import render, words
from tamis_torch.pages.charts import smoothing_span
from tamis_torch.pages.curves import smooth
from tamis_torch.pages.dot_plot import Dot, dot_plot
from tamis_torch.pages.line_chart import Series, line_chart
from tamis_torch.pages.run_folder import Record, RunFolder, column, read_run
from tamis_torch.pages.svg import Chart

Run = str | Path | Mapping[str, Any]

COLOURS = 8  # s0 ... s7 of the page's style


class Column(NamedTuple):
    """A column: its key in the rows, its title, and how its values are shown."""

    key: str
    title: str
    show: Callable[[Any], str]
    numeric: bool = True


def _text(value: object) -> str:
    return UNKNOWN if value in (None, "") else str(value)


def _whole(value: int | None) -> str:
    return UNKNOWN if value is None else f"{value:,}"


COLUMNS = (
    Column("run", "run", _text, numeric=False),
    Column("method", "method", _text, numeric=False),
    Column("sparsity", "sparsity", percent),
    Column("steps", "steps", _whole),
    Column("before", "ppl before", number),
    Column("after", "ppl after", number),
    Column("ratio", "ratio", number),
    Column("seconds", "time", duration),
    Column("bytes", "size", size),
)


def compare_table(runs: Sequence[Run]) -> list[Record]:
    """Return a row for each run, in the order given.

    Parameters
    ----------
    runs
        Run folders, or rows given directly: a mapping with "run" and any of "method",
        "sparsity", "steps", "before", "after", "seconds", "bytes" (what is missing is unknown)
        and, for the curves of the page, "losses": the loss of each step.

    Returns
    -------
    list of dict
        With the keys run, method, sparsity, steps, before, after, ratio (after / before),
        seconds, bytes and status; values are None where not known.

    Raises
    ------
    InputError
        If there is no run, a folder is not a run folder, or a mapping has no "run" or a key
        that is not one of these.
    """
    return [row for row, _ in _read(runs)]


def write_comparison(runs: Sequence[Run], out_html: str | Path) -> Path:
    """Write one self-contained page: the table, the perplexities and the loss curves overlaid."""
    read = _read(runs)
    rows = [row for row, _ in read]
    methods = {row["method"] for row in rows if row["method"]}
    html = render.page(
        "comparison.html.j2",
        title=f"{len(rows)} runs compared",
        lead=f"Methods: {', '.join(sorted(methods))}." if methods else "",
        columns=COLUMNS,
        cells=[_cells(row) for row in rows],
        notes=[_unfinished(row) for row in rows if row["status"] != "complete"],
        perplexity_chart=_perplexity_chart(rows),
        loss_chart=_loss_chart(read),
    )
    return render.save(Path(out_html), html)


def rich_table(rows: Sequence[Record]) -> Table:
    """Return the rows of ``compare_table`` as a table for a terminal."""
    table = Table()
    for shown in COLUMNS:
        table.add_column(shown.title, justify="right" if shown.numeric else "left")
    for row in rows:
        table.add_row(*(Text(cell) for cell in _cells(row)))
    return table


def plain_table(rows: Sequence[Record]) -> str:
    """Return the rows of ``compare_table`` as aligned plain text, for a file or a log."""
    lines = [[shown.title for shown in COLUMNS]] + [_cells(row) for row in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(COLUMNS))]
    aligned = [
        [
            cell.rjust(width) if shown.numeric else cell.ljust(width)
            for cell, width, shown in zip(line, widths, COLUMNS, strict=True)
        ]
        for line in lines
    ]
    return "\n".join("  ".join(line).rstrip() for line in aligned)


def _cells(row: Record) -> list[str]:
    return [shown.show(row[shown.key]) for shown in COLUMNS]


def _unfinished(row: Record) -> str:
    what = "interrupted" if row["status"] == "interrupted" else "failed"
    return (
        f"{row['run']}: {what} after {_whole(row['steps'])} steps, so its figures are of an unfinished run."
    )


def _read(runs: Sequence[Run]) -> list[tuple[Record, list[Record]]]:
    """Return (row, metrics) of each run."""
    if not runs:
        raise InputError("give at least one run to compare, got none")
    return [_from_mapping(run) if isinstance(run, Mapping) else _from_folder(read_run(run)) for run in runs]


def _from_mapping(given: Mapping[str, Any]) -> tuple[Record, list[Record]]:
    allowed = [shown.key for shown in COLUMNS] + ["status", "losses"]
    if unknown := sorted(set(given) - set(allowed)):
        raise InputError(f"a row to compare has the keys {', '.join(allowed)}; got {', '.join(unknown)}")
    if not given.get("run"):
        raise InputError(f"a row to compare needs a name under 'run', got {dict(given)!r:.120}")
    row = {key: given.get(key) for key in allowed if key != "losses"}
    row["status"] = given.get("status", "complete")
    if row["ratio"] is None:
        row["ratio"] = words.ratio(row["before"], row["after"])
    losses = given.get("losses")
    return row, [{"step": i, "loss": loss} for i, loss in enumerate([] if losses is None else losses, 1)]


def _from_folder(run: RunFolder) -> tuple[Record, list[Record]]:
    perplexity = run.run.get("perplexity") or {}
    before, after = perplexity.get("before"), perplexity.get("after")
    row = {
        "run": run.path.resolve().name,
        "method": run.config.get("method") or run.run.get("method"),
        "sparsity": run.run.get("sparsity"),
        "steps": run.metrics[-1]["step"] if run.metrics else 0,
        "before": before,
        "after": after,
        "ratio": words.ratio(before, after),
        "seconds": run.run.get("seconds"),
        "bytes": (run.run.get("size") or {}).get("model_bytes"),
        "status": words.status(run),
    }
    return row, run.metrics


def _perplexity_chart(rows: Sequence[Record]) -> object:
    chart = Chart("Perplexity after", "On held-out text; lower is better. Logarithmic scale.", log=True)
    dots = [Dot(row["run"], row["after"], f"s{i % COLOURS}") for i, row in enumerate(rows)]
    return dot_plot(chart, [dot for dot in dots if dot.value is not None])


def _loss_chart(read: Sequence[tuple[Record, list[Record]]]) -> object:
    chart = Chart("Training loss", "Smoothed over a twentieth of each run, at least 20 steps.")
    curves = [
        Series(row["run"], smooth(column(metrics, "loss"), smoothing_span(metrics)), f"s{i % COLOURS}")
        for i, (row, metrics) in enumerate(read)
        if metrics
    ]
    return line_chart(chart, curves)
