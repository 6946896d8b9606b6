"""The loss along a line through the weights of several networks, drawn as an SVG file that stands alone.

Dark on nothing, for white paper, with the axes and the colours of the other figures.
"""

import math
from collections.abc import Mapping, Sequence

from markupsafe import Markup

from tamis_torch.errors import InputError
from tamis_torch.human import number
from tamis_torch.pages.axes import Axis, fit, labels
from tamis_torch.pages.paper import COLOURS, FONT, PLAIN

WIDTH, HEIGHT = 520, 300
LEFT, RIGHT, TOP, BOTTOM = 66, 14, 12, 46
ROW = 20  # of the legend
STYLES = [colour for name, colour in COLOURS.items() if name != "quiet"]

Curve = Sequence[tuple[float, float]]  # (distance, loss), distances rising


def landscape_svg(curves: Mapping[str, Curve], *, x: str = "distance", log: bool = False) -> str:
    """Return the text of an SVG file with a curve for each network, and a legend below.

    Parameters
    ----------
    curves
        By label, such as ``{"safe": list(zip(distances, loss_along(...)))}``; a loss that is not finite
        (or, with ``log``, not positive) leaves a gap.
    x
        Name of the axis: what the distance is measured in.
    log
        A logarithmic axis for the loss.

    Raises
    ------
    InputError
        If there is no curve or more than there are colours, one distance only, or no loss to draw.
    """
    if not 1 <= len(curves) <= len(STYLES):
        raise InputError(f"curves must be 1 to {len(STYLES)}, got {len(curves)}")
    shown = {name: [(t, y) for t, y in curve if _drawn(y, log)] for name, curve in curves.items()}
    places = [t for curve in curves.values() for t, _ in curve]
    values = [y for curve in shown.values() for _, y in curve]
    if not values or min(places) == max(places):
        raise InputError("curves must have losses to draw at two distances or more, got none")
    across = Axis(min(places), max(places), LEFT, WIDTH - RIGHT)
    up = fit(values, HEIGHT - BOTTOM, TOP, log=log)
    body = [_grid(across, up, x)]
    for (label, curve), colour in zip(curves.items(), STYLES, strict=False):
        body.append(_path(label, [(t, y if _drawn(y, log) else None) for t, y in curve], across, up, colour))
    body += [_key(i, label, colour) for i, (label, colour) in enumerate(zip(curves, STYLES, strict=False))]
    return str(
        Markup(
            '<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" viewBox="0 0 {w} {h}" '
            'font-family="{font}" font-size="13">\n<title>Loss against {x}: {names}</title>\n{body}\n</svg>\n'
        ).format(
            w=WIDTH, h=HEIGHT + ROW * len(curves) + 6, font=FONT, x=x, names=", ".join(curves),
            body=Markup("\n").join(body),
        )
    )  # fmt: skip


def _drawn(value: float, log: bool) -> bool:
    return math.isfinite(value) and (value > 0 or not log)


def _grid(across: Axis, up: Axis, x: str) -> Markup:
    """Return the grid lines with their numbers, and the names of the axes."""
    text, grid = Markup(PLAIN["tick"]), Markup(PLAIN["grid"])
    high, wide = up.ticks(), across.ticks()
    parts = [
        Markup(
            '<line {} x1="{}" x2="{}" y1="{y:.1f}" y2="{y:.1f}"/>'
            '<text {} text-anchor="end" x="{}" y="{y:.1f}" dy=".35em">{}</text>'
        ).format(grid, LEFT, WIDTH - RIGHT, text, LEFT - 8, label, y=up.at(tick))
        for tick, label in zip(high, labels(high, number), strict=True)
    ]
    parts += [
        Markup('<text {} text-anchor="middle" x="{:.1f}" y="{}">{}</text>').format(
            text, across.at(tick), HEIGHT - BOTTOM + 19, label
        )
        for tick, label in zip(wide, labels(wide, number), strict=True)
    ]
    parts.append(
        Markup(
            '<text {t} text-anchor="middle" x="{}" y="{}">{}</text>'
            '<text {t} text-anchor="middle" transform="translate(14 {}) rotate(-90)">loss</text>'
        ).format((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, x, (TOP + HEIGHT - BOTTOM) / 2, t=text)
    )
    return Markup("").join(parts)


def _path(
    label: str, curve: Sequence[tuple[float, float | None]], across: Axis, up: Axis, colour: str
) -> Markup:
    """Return the curve, broken where there is no loss to draw."""
    path, pen = "", "M"
    for t, y in curve:
        path += "" if y is None else f"{pen}{across.at(t):.1f} {up.at(y):.1f}"
        pen = "M" if y is None else "L"
    return Markup(
        '<path fill="none" stroke="{}" stroke-width="2" stroke-linejoin="round" d="{}">'
        "<title>{}</title></path>"
    ).format(colour, path, label)


def _key(row: int, label: str, colour: str) -> Markup:
    """Return a line of the legend."""
    y = HEIGHT + ROW * row + 7
    return Markup(
        '<path fill="none" stroke="{}" stroke-width="2" d="M{} {y}h30"/><text {} x="{}" y="{}">{}</text>'
    ).format(colour, LEFT, Markup(PLAIN["tick"]), LEFT + 42, y + 4.5, label, y=y)
