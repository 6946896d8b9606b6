"""One value a row as a dot on a shared axis: what to draw for a few numbers that span decades."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from tamis_torch.pages.axes import Axis, fit, labels
from tamis_torch.pages.svg import EMPTY, WIDTH, Chart, draw, figure

EDGE, TOP, ROW, BOTTOM = 16, 8, 54, 32


class Dot(NamedTuple):
    """A row: its label, its value (a row without a finite one has no dot) and the CSS class of its colour."""

    label: str
    value: float | None
    style: str = "s0"


def dot_plot(chart: Chart, dots: Sequence[Dot]) -> Markup:
    """Return a figure with a row a dot, or with a sentence if there is nothing to draw."""
    values = [dot.value for dot in dots if dot.value is not None and math.isfinite(dot.value)]
    if not values:
        return figure(chart, EMPTY)
    across = fit(values, EDGE, WIDTH - EDGE, log=chart.log, zero=chart.zero)
    height = TOP + ROW * len(dots) + BOTTOM
    rows = Markup("").join(_row(chart, dot, across, TOP + ROW * i) for i, dot in enumerate(dots))
    return figure(chart, draw(chart, _scale(chart, across, height) + rows, height))


def _scale(chart: Chart, across: Axis, height: float) -> Markup:
    return Markup("").join(
        Markup(
            '<line class="grid" x1="{0:.1f}" x2="{0:.1f}" y1="{1}" y2="{2}"/>'
            '<text class="tick" text-anchor="middle" x="{0:.1f}" y="{3}">{4}</text>'
        ).format(across.at(tick), TOP, height - BOTTOM, height - BOTTOM + 20, label)
        for tick, label in zip(across.ticks(), labels(across.ticks(), chart.show), strict=True)
    )


def _row(chart: Chart, dot: Dot, across: Axis, top: float) -> Markup:
    words = Markup(
        '<text class="row" x="{}" y="{y}">{}</text>'
        '<text class="row value" text-anchor="end" x="{}" y="{y}">{}</text>'
    ).format(EDGE, dot.label, WIDTH - EDGE, chart.show(dot.value), y=top + 18)
    if dot.value is None or not math.isfinite(dot.value):
        return words
    return words + Markup(
        '<line class="stem {0}" x1="{1}" x2="{2:.1f}" y1="{3}" y2="{3}"/>'
        '<circle class="dot {0}" cx="{2:.1f}" cy="{3}" r="6"/>'
    ).format(dot.style, EDGE, across.at(dot.value), top + 32)
