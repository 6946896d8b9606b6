"""The charts of a run that went block by block: what pruning a block cost, and which layers of it."""

from statistics import mean

from markupsafe import Markup

from tamis_torch.human import percent
from tamis_torch.pages.layers import Layer, by_kind
from tamis_torch.pages.line_chart import Series, line_chart
from tamis_torch.pages.run_folder import Record, column
from tamis_torch.pages.svg import Chart

COLOURS = 8  # s0 ... s7 of the page's style

ERROR = Chart(
    "Reconstruction error of each block",
    "Squared change of what the block adds to its input, relative to it. 1: nothing is left of it.",
    x="block",
    zero=True,
)
LAYERS = Chart(
    "Reconstruction error of each layer",
    "Squared change of the layer's output on the calibration text, relative to it. Logarithmic scale.",
    x="block",
    log=True,
)
SPARSITY = Chart(
    "Sparsity of each block", "Share of zeros in its pruned matrices.", "block", zero=True, show=percent
)


def block_charts(metrics: list[Record]) -> list[Markup]:
    """Return the figures of a run whose lines are blocks."""
    charts = [line_chart(ERROR, [Series("", column(metrics, "error"))])]
    if kinds := _by_kind(metrics):
        charts.append(line_chart(LAYERS, kinds))
    return [*charts, line_chart(SPARSITY, [Series("", column(metrics, "sparsity"))])]


def _by_kind(metrics: list[Record]) -> list[Series]:
    """Return a curve a kind of layer, its mean in each block, or one over all layers if kinds are many."""
    errors = [(record["step"], record.get("layer_errors") or {}) for record in metrics]
    groups = by_kind(Layer(name, 0, 0) for name in dict.fromkeys(name for _, one in errors for name in one))
    named = {kind: {layer.name for layer in layers} for kind, layers in groups.items()}
    if len(named) > COLOURS:
        named = {"all layers, mean": set().union(*named.values())}
    return [
        Series(kind, [(step, _mean(one, names)) for step, one in errors], f"s{i}")
        for i, (kind, names) in enumerate(named.items())
    ]


def _mean(errors: Record, names: set[str]) -> float | None:
    known = [errors[name] for name in names if errors.get(name) is not None]
    return mean(known) if known else None
