"""Marks of a line in a chart: eight shapes of about the same size, filled or hollow."""

import math

from markupsafe import Markup

_TRIANGLE = ((0.0, -1.25), (1.15, 0.8), (-1.15, 0.8))
_CROSS = tuple(
    (x * math.cos(turn) - y * math.sin(turn), x * math.sin(turn) + y * math.cos(turn))
    for turn in (0, math.pi / 2, math.pi, 3 * math.pi / 2)
    for x, y in ((-0.42, -1.25), (0.42, -1.25), (0.42, -0.42))
)
_SHAPES: tuple[tuple[tuple[float, float], ...], ...] = (
    (),  # a circle
    ((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)),
    _TRIANGLE,
    ((0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0)),
    tuple((x, -y) for x, y in _TRIANGLE),
    _CROSS,
    tuple((1.15 * math.sin(i * math.tau / 5), -1.15 * math.cos(i * math.tau / 5)) for i in range(5)),
    tuple(((x - y) * math.sqrt(0.5), (x + y) * math.sqrt(0.5)) for x, y in _CROSS),
)
SHAPES = len(_SHAPES)
SIZE = 4.2  # half the height of a mark


def marker(shape: int, x: float, y: float, style: str) -> Markup:
    """Return the mark number ``shape`` (they repeat after ``SHAPES``) about a point."""
    corners = _SHAPES[shape % SHAPES]
    if not corners:
        place = f"M{x - SIZE:.1f} {y:.1f}a{SIZE} {SIZE} 0 1 0 {2 * SIZE} 0a{SIZE} {SIZE} 0 1 0 {-2 * SIZE} 0z"
    else:
        places = (f"{x + SIZE * across:.1f} {y + SIZE * down:.1f}" for across, down in corners)
        place = f"M{'L'.join(places)}z"
    return Markup('<path class="mark {}" d="{}"/>').format(style, place)


def arrow_up(x: float, y: float, style: str) -> Markup:
    """Return the mark of a value beyond the top: an arrow with its tip at a point."""
    tip = f"M{x:.1f} {y:.1f}l4.5 6h-3v7h-3v-7h-3z"
    return Markup('<path class="mark {}" d="{}"/>').format(style, tip)
