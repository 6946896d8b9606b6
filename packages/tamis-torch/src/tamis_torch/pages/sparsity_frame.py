"""Where things stand in the chart of perplexity against sparsity.

Across runs the square root of the share of the weights that is left, which gives 50 to 60% about as
much room as 90 to 95%: on a linear axis the last few per cent would stand in a heap, on a logarithmic
one the first.  N:M patterns have columns of their own on the right.  Up runs the logarithm of the
perplexity; what is more than ``FAR`` times the dense model's is worthless however large it is, and
is left off the scale.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from tamis_torch.human import number, percent
from tamis_torch.pages.axes import Axis, fit, labels
from tamis_torch.pages.sparsity_lines import Line, Point, Reference
from tamis_torch.pages.svg import WIDTH

HEIGHT = 380
LEFT, RIGHT, TOP, BOTTOM = 62, 16, 24, 44
INSET = 18  # between the frame and the outermost marks
COLUMN, GAP = 52, 12  # a pattern's, at most; between the two parts
NEAREST = 40  # two labels under the axis
FAR = 1e4


class Frame(NamedTuple):
    """Places of values: ``across`` is of the root of what is left, ``end`` where the sparsities end."""

    across: Axis | None
    up: Axis
    columns: dict[str, float]
    end: float
    ceiling: float

    def place(self, point: Point) -> float:
        """Return how far to the right a point stands."""
        if point.pattern is not None:
            return self.columns[point.pattern]
        assert self.across is not None  # there is a point, so there is an axis
        return self.across.at(math.sqrt(left(point)))

    def height(self, perplexity: float) -> float:
        """Return how far down a perplexity stands, above the frame if it is off the scale."""
        value = min(perplexity, 1e9 * self.ceiling)
        share = math.log(value / self.up.low) / math.log(self.up.high / self.up.low)
        return self.up.start + share * (self.up.end - self.up.start)


def left(point: Point) -> float:
    """Return the share of the weights that is not zero, to three figures."""
    return float(f"{1 - point.sparsity:.2e}")


def ceiling(lines: Sequence[Line], references: Sequence[Reference]) -> float:
    """Return the perplexity above which a value is off the scale."""
    values = [point.least for line in lines for point in (*line.points, *line.patterns)]
    known = [reference.value for reference in references[:1]] or values
    return FAR * min((value for value in known if math.isfinite(value)), default=1.0)


def frame_of(lines: Sequence[Line], references: Sequence[Reference]) -> Frame:
    """Return the frame that holds the lines."""
    top = ceiling(lines, references)
    values = [reference.value for reference in references]
    for line in lines:
        for point in (*line.points, *line.patterns):
            values += [point.mean, point.least, point.largest]
    up = fit([value for value in values if value <= top] or [top / FAR], HEIGHT - BOTTOM, TOP, log=True)
    shares = [left(point) for line in lines for point in line.points]
    patterns = _patterns(lines)
    room = WIDTH - RIGHT - LEFT
    width = (
        min(COLUMN, 0.45 * room / max(1, len(patterns))) if shares else (room - GAP) / max(1, len(patterns))
    )
    end = WIDTH - RIGHT - (width * len(patterns) + GAP if patterns else 0)
    columns = {pattern: end + GAP + width * (i + 0.5) for i, pattern in enumerate(patterns)}
    return Frame(_across(shares, end), up, columns, end, top)


def grid(frame: Frame, lines: Sequence[Line]) -> Markup:
    """Return the grid lines with their perplexities, and what stands under them."""
    high = Markup("").join(
        Markup(
            '<line class="grid" x1="{}" x2="{}" y1="{y:.1f}" y2="{y:.1f}"/>'
            '<text class="tick" text-anchor="end" x="{}" y="{z:.1f}">{}</text>'
        ).format(LEFT, WIDTH - RIGHT, LEFT - 8, label, y=frame.up.at(tick), z=frame.up.at(tick) + 4.5)
        for tick, label in zip(frame.up.ticks(), labels(frame.up.ticks(), number), strict=True)
    )
    shares = sorted({left(point) for line in lines for point in line.points})
    names = [(x, pattern) for pattern, x in frame.columns.items()]
    notches = Markup("")
    if frame.across:
        notch = Markup('<line class="rule" x1="{0:.1f}" x2="{0:.1f}" y1="{1}" y2="{2}"/>')
        ends = (HEIGHT - BOTTOM, HEIGHT - BOTTOM + 5)
        notches = notches.join(notch.format(frame.across.at(math.sqrt(s)), *ends) for s in shares)
        names += [(frame.across.at(math.sqrt(s)), percent(1 - s)) for s in _labelled(shares, frame.across)]
    return high + notches + Markup("").join(_under(x, 20, name) for x, name in names) + _titles(frame)


def _titles(frame: Frame) -> Markup:
    parts = []
    if frame.across:
        parts.append(_under((LEFT + frame.end) / 2, 40, "sparsity"))
    if frame.columns:
        parts.append(_under((frame.end + GAP + WIDTH - RIGHT) / 2, 40, "pattern"))
    if frame.across and frame.columns:
        parts.append(
            Markup('<line class="rule" x1="{0:.1f}" x2="{0:.1f}" y1="{1}" y2="{2}"/>').format(
                frame.end + GAP / 2, TOP, HEIGHT - BOTTOM + 24
            )
        )
    return Markup("").join(parts)


def _under(x: float, below: float, text: str) -> Markup:
    return Markup('<text class="tick" text-anchor="middle" x="{:.1f}" y="{}">{}</text>').format(
        x, HEIGHT - BOTTOM + below, text
    )


def _patterns(lines: Sequence[Line]) -> list[str]:
    """Return the patterns by their sparsity, then by their length: 2:4, 4:8, 1:4."""
    found = {point.pattern: point.sparsity for line in lines for point in line.patterns if point.pattern}
    return sorted(found, key=lambda pattern: (round(found[pattern], 2), len(pattern), pattern))


def _across(shares: Sequence[float], end: float) -> Axis | None:
    if not shares:
        return None
    low, high = math.sqrt(min(shares)), math.sqrt(max(shares))
    lone = 0.1 if high - low < 1e-4 else 0.0
    return Axis(low - lone, high + lone, end - INSET, LEFT + INSET)


def _labelled(shares: Sequence[float], across: Axis) -> list[float]:
    """Return which shares have a label: both ends, then the rounder ones, as far as there is room."""
    ends = (min(shares), max(shares))
    chosen: list[float] = []
    for share in sorted(shares, key=lambda s: (s not in ends, len(percent(1 - s)), -s)):
        x = across.at(math.sqrt(share))
        if all(abs(x - across.at(math.sqrt(other))) >= NEAREST for other in chosen):
            chosen.append(share)
    return chosen
