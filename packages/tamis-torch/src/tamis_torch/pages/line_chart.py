"""Curves over steps, with a grid, a legend and the values under the pointer."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from tamis_torch.human import number
from tamis_torch.pages.axes import Axis, fit, labels
from tamis_torch.pages.curves import Point, thin
from tamis_torch.pages.svg import EMPTY, WIDTH, Chart, draw, figure

HEIGHT = 250
LEFT, RIGHT, TOP, BOTTOM = 62, 14, 12, 40
MARKED = 60  # curves with at most so many points show each of them


@dataclass(frozen=True)
class Series:
    """A curve: points with a gap where y is None, and the CSS class that gives it a colour."""

    label: str
    points: Sequence[Point]
    style: str = "s0"


def line_chart(chart: Chart, series: Sequence[Series]) -> Markup:
    """Return a figure with the curves, or with a sentence if there is nothing to draw."""
    drawn = [Series(s.label, thin(s.points), s.style) for s in series]
    steps = sorted({x for s in drawn for x, y in s.points if y is not None})
    if not steps:
        return figure(chart, EMPTY)
    lone = 0.5 if steps[0] == steps[-1] else 0.0
    across = Axis(steps[0] - lone, steps[-1] + lone, LEFT, WIDTH - RIGHT)
    values = [y for s in drawn for _, y in s.points if y is not None]
    up = fit(values, HEIGHT - BOTTOM, TOP, log=chart.log, zero=chart.zero)
    body = _frame(chart, across, up) + Markup("").join(_curve(s, across, up) for s in drawn) + _cursor()
    values_at = [(s.label, dict(s.points)) for s in series]
    read_out = [[round(across.at(step), 1), _words(chart, values_at, step)] for step in steps]
    drawing = draw(chart, body, HEIGHT, json.dumps(read_out, ensure_ascii=False))
    return figure(chart, drawing, str(read_out[-1][1]), _legend(series))


def _frame(chart: Chart, across: Axis, up: Axis) -> Markup:
    """Return the grid lines with their numbers, the numbers of the steps, and the name of that axis."""
    high = Markup("").join(
        Markup(
            '<line class="grid" x1="{}" x2="{}" y1="{y:.1f}" y2="{y:.1f}"/>'
            '<text class="tick" text-anchor="end" x="{}" y="{y:.1f}" dy=".35em">{}</text>'
        ).format(LEFT, WIDTH - RIGHT, LEFT - 8, label, y=up.at(tick))
        for tick, label in zip(up.ticks(), labels(up.ticks(), chart.show), strict=True)
    )
    wide = Markup("").join(
        Markup('<text class="tick" text-anchor="middle" x="{:.1f}" y="{}">{}</text>').format(
            min(across.at(tick), WIDTH - RIGHT - 10), HEIGHT - BOTTOM + 19, f"{tick:,.0f}"
        )
        for tick in across.ticks()
        if tick == int(tick)
    )
    name = Markup('<text class="tick" text-anchor="middle" x="{}" y="{}">{}</text>').format(
        (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 3, chart.x
    )
    return high + wide + name


def _curve(series: Series, across: Axis, up: Axis) -> Markup:
    """Return the path (broken where y is missing) and, for a few points, a mark at each."""
    places = [None if y is None else (across.at(x), up.at(y)) for x, y in series.points]
    known = [place for place in places if place is not None]
    path = "".join(
        f"L{here[0]:.1f} {here[1]:.1f}" if before else f"M{here[0]:.1f} {here[1]:.1f}h0"
        for before, here in pairwise([None, *places])
        if here is not None
    )
    marks = Markup("").join(
        Markup('<circle class="mark {}" cx="{:.1f}" cy="{:.1f}" r="2.5"/>').format(series.style, *place)
        for place in (known if len(known) <= MARKED else [])
    )
    return Markup('<path class="line {}" d="{}"/>').format(series.style, path) + marks


def _words(chart: Chart, values_at: Sequence[tuple[str, dict[float, float | None]]], step: float) -> str:
    """Return what the read-out says at a step: the value of every curve that has one there."""
    words = [(label, values.get(step)) for label, values in values_at]
    said = ", ".join(f"{label} {chart.show(y)}".strip() for label, y in words if y is not None)
    return f"{chart.x} {number(step)}: {said}"


def _cursor() -> Markup:
    return Markup('<line class="cursor" y1="{}" y2="{}" x1="0" x2="0"/>').format(TOP, HEIGHT - BOTTOM)


def _legend(series: Sequence[Series]) -> Markup:
    if len(series) < 2:
        return Markup("")
    items = Markup("").join(
        Markup('<li><span class="key {}"></span>{}</li>').format(s.style, s.label) for s in series
    )
    return Markup('<ul class="legend">{}</ul>').format(items)
