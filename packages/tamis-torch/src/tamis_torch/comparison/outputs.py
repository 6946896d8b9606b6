"""The page of several runs, and the figure of them for a paper."""

from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from tamis_torch.comparison.fairness import Alike, judged_alike, tested_alike
from tamis_torch.comparison.lines import goals, label, lines_of, references_of
from tamis_torch.comparison.notes import notes
from tamis_torch.comparison.row import Entry
from tamis_torch.comparison.rows import Run, read_runs
from tamis_torch.comparison.tables import shown
from tamis_torch.errors import InputError
from tamis_torch.folders import write_atomically
from tamis_torch.human import number, tenths
from tamis_torch.pages import render
from tamis_torch.pages.charts import smoothing_span
from tamis_torch.pages.curves import Point, smooth
from tamis_torch.pages.dot_plot import Dot, dot_plot
from tamis_torch.pages.line_chart import Series, line_chart
from tamis_torch.pages.paper import Panel, paper_figure
from tamis_torch.pages.run_folder import Record, column
from tamis_torch.pages.sparsity_chart import sparsity_chart
from tamis_torch.pages.sparsity_lines import COLOURS, Line
from tamis_torch.pages.svg import Chart

TITLE = "Perplexity against sparsity"
CURVES = 8  # of a chart of losses, at most: as many as there are colours
CURVE_POINTS = 200


def write_comparison(runs: Sequence[Run], out_html: str | Path) -> Path:
    """Write one self-contained page: perplexity against sparsity or accuracies, the table, the losses."""
    entries = read_runs(runs)
    rows = [entry.row for entry in entries]
    methods = dict.fromkeys(row["label"] for row in rows if row["label"])
    charts, losses = _perplexity_charts(entries) + _accuracy_charts(entries), _loss_charts(entries)
    beside = losses if len(losses) <= 2 and not _has_lines(entries) else []  # dots leave room for them
    html = render.page(
        "comparison.html.j2",
        title=f"{len(rows)} runs compared" if len(rows) > 1 else "One run",
        lead=f"Methods: {', '.join(methods)}." if methods else "",
        table=shown(rows),
        notes=notes(entries),
        large=len(charts) == 1 and not beside,
        charts=charts + beside,
        losses=[] if beside else losses,
    )
    return render.save(Path(out_html), html)


def write_figure(runs: Sequence[Run], out_svg: str | Path) -> Path:
    """Write perplexity against sparsity as an SVG file of its own, for a paper; a panel a text and model.

    Raises
    ------
    InputError
        If the name does not end in .svg, or no run has a sparsity and a perplexity.
    """
    out = Path(out_svg)
    if out.suffix.lower() != ".svg":
        raise InputError(f"the figure is an SVG file, so its name must end in .svg, got {out}")
    groups = [group for group in judged_alike(read_runs(runs)) if goals(group)]
    if not groups:
        raise InputError("there is nothing to draw: no pruned run has a perplexity after its end")
    panels = [Panel(group.names, lines_of(group), references_of(group)) for group in groups]
    write_atomically(out, paper_figure(panels))
    return out


def _has_lines(entries: Sequence[Entry]) -> bool:
    return any(len(goals(group)) > 1 for group in judged_alike(entries))


def _perplexity_charts(entries: Sequence[Entry]) -> list[Markup]:
    """Return a chart for each model and text: lines where there are several sparsities, else dots."""
    groups = judged_alike(entries)
    drawn = [group for group in groups if any(entry.row["after"] is not None for entry in group.entries)]
    return [_perplexity_chart(group, i if len(drawn) > 1 else 0) for i, group in enumerate(drawn, 1)]


def _perplexity_chart(group: Alike, place: int) -> Markup:
    beside = f" ({place})" if place else ""
    where = f"{' on '.join(group.names)}. " if group.names else ""
    if len(goals(group)) > 1:
        lines = lines_of(group)
        chart = Chart(f"{TITLE}{beside}", f"{where}Lower is better. {_scales(lines)}")
        return sparsity_chart(chart, lines, references_of(group))
    chart = Chart(f"Perplexity after{beside}", f"{where}Lower is better. Logarithmic scale.", log=True)
    rows = [(i, entry.row) for i, entry in enumerate(group.entries) if entry.row["after"] is not None]
    return dot_plot(chart, [Dot(row["run"], row["after"], f"s{i % COLOURS}") for i, row in rows])


def _accuracy_charts(entries: Sequence[Entry]) -> list[Markup]:
    """Return a chart for each set of test images, the sparsest runs last."""
    parts = tested_alike(entries)
    return [_accuracy_chart(*part, i if len(parts) > 1 else 0) for i, part in enumerate(parts, 1)]


def _accuracy_chart(images: Record, entries: Sequence[Entry], place: int) -> Markup:
    beside = f" ({place})" if place else ""
    about = f"Share of the test images of {images['text']} that is right. Higher is better."
    chart = Chart(f"Accuracy after{beside}", about, zero=True, show=tenths)
    order = list(dict.fromkeys(label(entry) for entry in entries))
    rows = sorted((entry.row for entry in entries), key=lambda row: (row["sparsity"] or 0, row["run"]))
    return dot_plot(
        chart, [Dot(row["run"], row["accuracy"], f"s{order.index(row['label']) % COLOURS}") for row in rows]
    )


def _scales(lines: Sequence[Line]) -> str:
    repeated = any(point.runs > 1 for line in lines for point in (*line.points, *line.patterns))
    scales = "Logarithmic scale; sparsities by the square root of what is left."
    runs = " Where there are several runs: the mean (of the losses), the least and the largest."
    return scales + (runs if repeated else "")


def _loss_charts(entries: Sequence[Entry]) -> list[Markup]:
    """Return the curves of the runs that trained: all in one chart, or a few for each method."""
    trained = [entry for entry in entries if any(y is not None for _, y in column(entry.metrics, "loss"))]
    if len(trained) <= CURVES:
        return [_loss_chart("Training loss", trained)] if trained else []
    charts = []
    for name in dict.fromkeys(map(label, trained)):
        of = [entry for entry in trained if label(entry) == name]
        parts = [of[i : i + CURVES] for i in range(0, len(of), CURVES)]
        for i, part in enumerate(parts, 1):
            which = f" ({i} of {len(parts)})" if len(parts) > 1 else ""
            charts.append(_loss_chart(f"Training loss: {name}{which}", part))
    return charts


def _loss_chart(title: str, entries: Sequence[Entry]) -> Markup:
    chart = Chart(title, f"Smoothed over a twentieth of each run, at least {number(20)} steps.")
    longest = max(len(entry.metrics) for entry in entries)
    curves = [
        Series(entry.row["run"], _curve(entry, -(-longest // CURVE_POINTS)), f"s{i}")
        for i, entry in enumerate(entries)
    ]
    return line_chart(chart, curves)


def _curve(entry: Entry, every: int) -> list[Point]:
    """Return each ``every``-th point of the smoothed loss and the last: all curves then share their steps."""
    points = smooth(column(entry.metrics, "loss"), smoothing_span(entry.metrics))
    return [point for i, point in enumerate(points) if i % every == 0 or i == len(points) - 1]
