"""Sparsity of every layer at a glance: rows are depths, columns kinds of weight, stronger is sparser."""

from collections.abc import Iterable

from markupsafe import Markup

from tamis_torch.human import percent, tenths
from tamis_torch.pages.layers import Grid, Layer, grid
from tamis_torch.pages.svg import EMPTY, WIDTH, Chart, draw, figure

LEFT, TOP = 44, 26
MOST_NUMBERS = 10  # columns: with more, a cell is too narrow for a number
TALL, SHORT = 21, 10  # height of a row, with numbers and without
MOST_TALL = 48  # rows with numbers
EQUAL = 0.5  # the tint of cells that are all alike
WHITE = 0.78  # cells stronger than this carry white numbers: there both contrasts are about 4
UNIFORM = 0.002  # sparsities that differ by less are called equal, and drawn alike


def heat_map(layers: Iterable[Layer]) -> Markup:
    """Return a figure with a cell for each depth and kind (experts of one layer pooled)."""
    table = grid(layers)
    values = list(table.cells.values())
    chart = Chart("Sparsity of each layer", _in_words(values))
    if not values:
        return figure(chart, EMPTY)
    numbers = len(table.kinds) <= MOST_NUMBERS and len(table.depths) <= MOST_TALL
    row = TALL if numbers else SHORT
    body = _heads(table, row) + Markup("").join(
        _cell(table, i, j, row, numbers) for i in range(len(table.depths)) for j in range(len(table.kinds))
    )
    return figure(chart, draw(chart, body, TOP + row * len(table.depths) + 4))


def _in_words(values: list[float]) -> str:
    if not values:
        return "Share of the weights that are zero."
    low, high = min(values), max(values)
    if high - low < UNIFORM:
        return f"Share of the weights that are zero: {tenths(low)} in every layer."
    return f"Share of the weights that are zero: from {tenths(low)} (faint) to {tenths(high)} (strong)."


def _heads(table: Grid, row: float) -> Markup:
    width = _width(table)
    columns = Markup("").join(
        Markup('<text class="head" text-anchor="middle" x="{:.1f}" y="{}">{}</text>').format(
            LEFT + (j + 0.5) * width, TOP - 9, _clip(kind, width)
        )
        for j, kind in enumerate(table.kinds)
    )
    every = 1 if row == TALL else 5
    return columns + Markup("").join(
        Markup('<text class="head" text-anchor="end" x="{}" y="{:.1f}" dy=".35em">{}</text>').format(
            LEFT - 8, TOP + (i + 0.5) * row, depth
        )
        for i, depth in enumerate(table.depths)
        if i % every == 0
    )


def _cell(table: Grid, i: int, j: int, row: float, numbers: bool) -> Markup:
    """Return the cell of row i and column j: a rectangle that names itself, and its number."""
    depth, kind = table.depths[i], table.kinds[j]
    value = table.cells.get((depth, kind))
    if value is None:
        return Markup("")
    width, tint = _width(table), _tint(value, list(table.cells.values()))
    x, y = LEFT + j * width, TOP + i * row
    where = f"layer {depth} {kind}" if depth else kind
    rectangle = Markup(
        '<rect class="cell" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="2"'
        ' fill-opacity="{:.2f}"><title>{}: {}</title></rect>'
    ).format(x + 1, y + 1, width - 2, row - 2, tint, where, percent(value))
    if not numbers:
        return rectangle
    return rectangle + Markup(
        '<text class="in {}" text-anchor="middle" x="{:.1f}" y="{:.1f}" dy=".35em">{:.1f}</text>'
    ).format("high" if tint > WHITE else "low", x + width / 2, y + row / 2, 100 * value)


def _tint(value: float, values: list[float]) -> float:
    """Return the opacity of a cell: from 0.12 for the least to 1 for the largest, EQUAL if all are alike."""
    low, high = min(values), max(values)
    return EQUAL if high - low < UNIFORM else 0.12 + 0.88 * (value - low) / (high - low)


def _width(table: Grid) -> float:
    return (WIDTH - LEFT) / len(table.kinds)


def _clip(kind: str, width: float) -> str:
    most = max(3, int(width / 7))
    return kind if len(kind) <= most else kind[: most - 1] + "…"
