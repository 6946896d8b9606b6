"""The charts of a run: what the training did, step by step, and where the zeros are."""

from collections.abc import Sequence
from dataclasses import replace

from markupsafe import Markup

from tamis_torch.human import percent, tenths
from tamis_torch.pages.curves import Point, smooth
from tamis_torch.pages.dot_plot import Dot, dot_plot
from tamis_torch.pages.layers import Layer, by_kind
from tamis_torch.pages.line_chart import Series, line_chart
from tamis_torch.pages.run_folder import Record, column
from tamis_torch.pages.svg import Chart

LOSS_SPAN = 20  # a run is smoothed over a twentieth of its steps, but at least so many

RESIDUAL = Chart(
    "Distance to the sparse set",
    "|w - z| / |w|: how much the last projection would cut away. Near 0 at the end, it costs nothing.",
)
MASK = Chart(
    "Change of the mask",
    "Share of the weights that entered or left the kept set at an update. It should settle.",
    show=percent,
)
SPARSITY = Chart(
    "Sparsity asked for", "Share of zeros that the constraint demands at a step.", zero=True, show=percent
)
ACCURACY = Chart(
    "Accuracy of the batches", "Share of the training images of a step that are right.", show=percent
)
RATE = Chart("Learning rate", "Step size of the optimiser.", zero=True)
PENALTY = Chart("Penalty", "Weight of the pull towards the sparse set.", zero=True)


def training_charts(metrics: Sequence[Record]) -> list[Markup]:
    """Return the figures of a run's metrics; none if it did not train."""
    if not metrics:
        return []
    metrics = list(metrics)
    measured = [
        (chart, known(column(metrics, name)))
        for chart, name in ((RESIDUAL, "residual"), (MASK, "mask_change"))
    ]
    schedules = [(chart, column(metrics, name)) for chart, name in ((SPARSITY, "sparsity"), (RATE, "lr"))]
    if len({value for _, value in column(metrics, "penalty")}) > 1:
        schedules.append((PENALTY, column(metrics, "penalty")))
    right = [(ACCURACY, column(metrics, "accuracy"))] if "accuracy" in metrics[0] else []
    return [loss_chart(metrics), *(_smoothed(chart, points, metrics) for chart, points in right)] + [
        line_chart(_log_if_wide(chart, points), [Series("", points)])
        for chart, points in measured + schedules
    ]


def loss_chart(metrics: list[Record]) -> Markup:
    """Return the training loss, raw and smoothed."""
    points = column(metrics, "loss")
    chart = Chart("Training loss", f"Each step, and smoothed over about {smoothing_span(metrics):.0f} steps.")
    return line_chart(
        _log_if_wide(chart, points),
        [Series("loss", points, "raw"), Series("smoothed", smooth(points, smoothing_span(metrics)), "s0")],
    )


def _smoothed(chart: Chart, points: list[Point], metrics: Sequence[Record]) -> Markup:
    """Return a figure of a value of each step, raw and smoothed."""
    smoothed = smooth(points, smoothing_span(metrics))
    return line_chart(chart, [Series("each step", points, "raw"), Series("smoothed", smoothed, "s0")])


def smoothing_span(metrics: Sequence[Record]) -> float:
    """Return over how many steps the loss is smoothed."""
    return max(1.0, min(float(LOSS_SPAN), len(metrics) / 4), len(metrics) / LOSS_SPAN)


def perplexity_chart(perplexity: Record) -> Markup:
    """Return the perplexity before, after a mere projection (if known) and after, on one logarithmic axis."""
    dots = [
        Dot("before", perplexity.get("before"), "quiet"),
        Dot("projected at once, without training", perplexity.get("projected_at_start"), "quiet"),
        Dot("after", perplexity.get("after"), "s0"),
    ]
    chart = Chart("Perplexity", "On held-out text; lower is better. Logarithmic scale.", log=True)
    return dot_plot(chart, [dot for dot in dots if dot.value is not None])


def kinds_chart(layers: Sequence[Layer]) -> Markup:
    """Return the sparsity of each kind of layer, all depths pooled."""
    pooled = {
        kind: 1 - sum(layer.nonzeros for layer in group) / max(1, sum(layer.entries for layer in group))
        for kind, group in by_kind(layers).items()
    }
    chart = Chart("Sparsity by kind of layer", "All depths together.", zero=True, show=tenths)
    return dot_plot(chart, [Dot(kind, value) for kind, value in pooled.items()])


def known(points: Sequence[Point]) -> list[Point]:
    """Return the points that have a value: what is measured only now and then is drawn through."""
    return [point for point in points if point[1] is not None]


def _log_if_wide(chart: Chart, points: Sequence[Point]) -> Chart:
    """Return the chart, on a logarithmic axis if the values are positive and span a factor of 50."""
    values = [value for _, value in points if value is not None]
    log = not chart.zero and bool(values) and min(values) > 0 and max(values) / min(values) > 50
    return replace(chart, log=log)
