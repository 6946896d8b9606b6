"""Perplexity against sparsity, a line a method: the figure of the pruning papers, on a page."""

import json
import math
from collections.abc import Sequence
from itertools import pairwise

from markupsafe import Markup

from tamis_torch.human import number, percent
from tamis_torch.pages.markers import arrow_up, marker
from tamis_torch.pages.sparsity_frame import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, Frame, frame_of, grid, left
from tamis_torch.pages.sparsity_lines import Line, Look, Point, Reference, looks
from tamis_torch.pages.svg import NOTHING, WIDTH, Chart, draw, figure

SPREAD = 1.01  # least and largest that are nearer than this have no whisker
APART = 10  # marks that would cover each other


def sparsity_chart(chart: Chart, lines: Sequence[Line], references: Sequence[Reference]) -> Markup:
    """Return a figure with a line for each of ``lines`` and a horizontal one for each of ``references``."""
    cursor = Markup('<line class="cursor" y1="{}" y2="{}" x1="0" x2="0"/>').format(TOP, HEIGHT - BOTTOM)
    said = read_out(lines, references)
    drawn = draw(chart, drawing(lines, references) + cursor, HEIGHT, json.dumps(said, ensure_ascii=False))
    items = Markup("").join(
        Markup('<li><svg class="glyph" viewBox="0 0 34 14" aria-hidden="true">{}</svg>{}</li>').format(*item)
        for item in legend(lines, references)
    )
    return figure(chart, drawn, said[-1][1], Markup('<ul class="legend">{}</ul>').format(items))


def drawing(lines: Sequence[Line], references: Sequence[Reference]) -> Markup:
    """Return what stands inside the svg element, ``HEIGHT`` high."""
    frame = frame_of(lines, references)
    parts = [grid(frame, lines)]
    for i, reference in enumerate(references):
        y = frame.height(reference.value)
        if reference.value <= frame.ceiling:
            parts.append(_reference(i, LEFT, WIDTH - RIGHT, y))
    drawn = list(zip(lines, looks(lines), strict=True))
    parts += [_stroke(frame, line, look) for line, look in drawn]
    shifts = _shifts(frame, lines)
    parts += [_mark(frame, p, look, shifts[i, p]) for i, (line, look) in enumerate(drawn) for p in _all(line)]
    return Markup("").join(parts)


def legend(lines: Sequence[Line], references: Sequence[Reference]) -> list[tuple[Markup, str]]:
    """Return (sample 34 by 14, words) for each line, each reference and the arrow, as far as there is one."""
    stroke = Markup('<path class="line {}" d="M1 7H33"/>')
    items = [
        (stroke.format(look.stroke) + marker(look.shape, 17, 7, look.mark), line.label)
        for line, look in zip(lines, looks(lines), strict=True)
    ]
    items += [(_reference(i, 1, 33, 7), f"{r.label}, {number(r.value)}") for i, r in enumerate(references)]
    ceiling = frame_of(lines, references).ceiling
    if any(point.mean > ceiling for line in lines for point in _all(line)):
        items.append((arrow_up(17, 1, "quiet"), f"above {number(ceiling)}"))
    return items


def read_out(lines: Sequence[Line], references: Sequence[Reference]) -> list[tuple[float, str]]:
    """Return (position, words) for each sparsity and each pattern: what every line has there."""
    frame = frame_of(lines, references)
    said: dict[float, list[str]] = {}
    for line in lines:
        for point in _all(line):
            goal = point.pattern or percent(1 - left(point))
            said.setdefault(round(frame.place(point), 1), [goal]).append(f"{line.label} = {_words(point)}")
    return [(place, f"{goal}: {'; '.join(words)}") for place, (goal, *words) in sorted(said.items())]


def _all(line: Line) -> list[Point]:
    return [*line.points, *line.patterns]


def _words(point: Point) -> str:
    if point.runs == 1:
        return number(point.mean)
    return f"{number(point.mean)} ({number(point.least)} to {number(point.largest)}, {point.runs} runs)"


def _reference(i: int, start: float, end: float, y: float) -> Markup:
    return Markup('<line class="reference {}" x1="{}" x2="{}" y1="{y:.1f}" y2="{y:.1f}"/>').format(
        "first" if i == 0 else "other", start, end, y=y
    )


def _stroke(frame: Frame, line: Line, look: Look) -> Markup:
    """Return the line through the points, cut off where it leaves the frame at the top."""
    places = [(frame.place(point), frame.height(point.mean)) for point in line.points]
    inside = [_below_top(*pair) for pair in pairwise(places) if max(pair[0][1], pair[1][1]) > TOP]
    path = "".join(f"M{x:.1f} {y:.1f}L{to_x:.1f} {to_y:.1f}" for (x, y), (to_x, to_y) in inside)
    return Markup('<path class="line {}" d="{}"/>').format(look.stroke, path) if path else NOTHING


Place = tuple[float, float]


def _below_top(start: Place, end: Place) -> tuple[Place, Place]:
    """Return the part of a piece of line that is not above the frame."""

    def cut(outer: Place, inner: Place) -> Place:
        if outer[1] >= TOP:
            return outer
        share = (TOP - inner[1]) / (outer[1] - inner[1])
        return inner[0] + share * (outer[0] - inner[0]), TOP

    return cut(start, end), cut(end, start)


def _mark(frame: Frame, point: Point, look: Look, shift: float) -> Markup:
    x = frame.place(point) + shift
    if point.mean > frame.ceiling:
        return arrow_up(x, TOP - 15, look.style)
    mark = marker(look.shape, x, frame.height(point.mean), look.mark)
    if point.largest < SPREAD * point.least:
        return mark
    low, high = frame.height(point.least), max(TOP, frame.height(point.largest))
    whisker = f"M{x:.1f} {low:.1f}V{high:.1f}M{x - 4:.1f} {low:.1f}h8M{x - 4:.1f} {high:.1f}h8"
    return Markup('<path class="whisker {}" d="{}"/>').format(look.style, whisker) + mark


def _shifts(frame: Frame, lines: Sequence[Line]) -> dict[tuple[int, Point], float]:
    """Return how far to the side each mark goes: those in one column, or off the scale at one sparsity."""
    beside: dict[float, list[tuple[int, Point]]] = {}
    shifts: dict[tuple[int, Point], float] = {}
    for i, line in enumerate(lines):
        for point in _all(line):
            shifts[i, point] = 0.0
            if point.pattern or not math.isfinite(point.mean) or point.mean > frame.ceiling:
                beside.setdefault(round(frame.place(point), 1), []).append((i, point))
    for together in beside.values():
        step = min(APART, 44 / len(together))
        shifts |= {key: step * (k - (len(together) - 1) / 2) for k, key in enumerate(together)}
    return shifts
