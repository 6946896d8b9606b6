"""The rows in words: what stands in a table of several runs, on a terminal and on a page.

A column that is unknown for every run is left out; one that is the same for every run is said once,
below.  Where a terminal is too narrow, the columns that matter least go first.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from rich.table import Table
from rich.text import Text

from tamis_torch.human import UNKNOWN, count, duration, number, percent, size
from tamis_torch.pages.run_folder import Record

LONG, SHORTEST = 28, 12  # letters of a name: before columns are left out for it, and at the least
BETWEEN = 2  # spaces


class Column(NamedTuple):
    """A column: key in the rows, title, how values are shown, how soon it may be left out (0: never)."""

    key: str
    title: str
    show: Callable[[Any], str]
    spare: int
    numeric: bool = True


def _text(value: object) -> str:
    return UNKNOWN if value in (None, "") else str(value)


def _whole(value: int | None) -> str:
    return UNKNOWN if value is None else f"{value:,}"


COLUMNS = (
    Column("run", "run", _text, 0, numeric=False),
    Column("label", "method", _text, 0, numeric=False),
    Column("sparsity", "sparsity", percent, 0),
    Column("pattern", "pattern", _text, 1),
    Column("train_tokens", "trained on", count, 2),
    Column("images_read", "images read", count, 2),
    Column("calibration_tokens", "calibrated on", count, 6),
    Column("steps", "steps", _whole, 9),
    Column("before", "ppl before", number, 5),
    Column("after", "ppl after", number, 0),
    Column("ratio", "x dense", number, 3),
    Column("accuracy", "accuracy", percent, 1),
    Column("seconds", "time", duration, 4),
    Column("memory", "memory", size, 7),
    Column("bytes", "size", size, 8),
)


class Shown(NamedTuple):
    """A table: its columns, a list of words for each row, and what is the same in all rows."""

    columns: list[Column]
    cells: list[list[str]]
    alike: str
    missing: str = ""


def shown(rows: Sequence[Record], width: int | None = None) -> Shown:
    """Return the table of ``rows``; with a ``width``, of as many columns as have room."""
    found = {c.key for c in COLUMNS if any(row[c.key] not in (None, "") for row in rows)}
    needed = {c.key for c in COLUMNS if not c.spare} - ({"after"} if "accuracy" in found else set())
    known = [c for c in COLUMNS if c.key in found | needed]
    texts = {c.key: [c.show(row[c.key]) for row in rows] for c in known}
    alike = [c for c in known if c.spare and len(rows) > 1 and len(set(texts[c.key])) == 1]
    columns, left_out = [c for c in known if c not in alike], []
    if width:
        texts["run"] = _shortened(texts["run"], max(LONG, width - _width(columns[1:], texts) - BETWEEN))
    while width and _width(columns, texts) > width and any(c.spare for c in columns):
        left_out.append(max(columns, key=lambda c: c.spare))
        columns.remove(left_out[-1])
    if width:
        texts["run"] = _shortened(texts["run"], max(SHORTEST, width - _width(columns[1:], texts) - BETWEEN))
    cells = [[texts[c.key][i] for c in columns] for i in range(len(rows))]
    same = ", ".join(f"{c.title} {texts[c.key][0]}" for c in alike)
    return Shown(columns, cells, f"all: {same}" if alike else "", ", ".join(c.title for c in left_out))


def rich_table(rows: Sequence[Record]) -> Table:
    """Return the rows of ``compare_table`` as a table for a terminal."""
    table_of = shown(rows)
    table = Table(caption=table_of.alike or None, caption_justify="left")
    for column in table_of.columns:
        table.add_column(column.title, justify="right" if column.numeric else "left")
    for cells in table_of.cells:
        table.add_row(*map(Text, cells))
    return table


def plain_table(rows: Sequence[Record], width: int | None = None) -> str:
    """Return the rows of ``compare_table`` as aligned plain text.

    Parameters
    ----------
    rows
    width
        Letters a line has; None for a file, where lines may be as long as they need.
    """
    table = shown(rows, width)
    lines = [[column.title for column in table.columns], *table.cells]
    widths = [max(len(line[i]) for line in lines) for i in range(len(table.columns))]
    aligned = [
        [
            cell.rjust(width) if column.numeric else cell.ljust(width)
            for cell, width, column in zip(line, widths, table.columns, strict=True)
        ]
        for line in lines
    ]
    text = [(" " * BETWEEN).join(line).rstrip() for line in aligned] + ([table.alike] if table.alike else [])
    return "\n".join(text + ([f"no room here for: {table.missing}"] if table.missing else []))


def _width(columns: Sequence[Column], texts: dict[str, list[str]]) -> int:
    return sum(max(map(len, [c.title, *texts[c.key]])) + BETWEEN for c in columns) - BETWEEN


def _shortened(names: list[str], most: int) -> list[str]:
    """Cut what is longer than ``most`` letters in its middle, as names often differ at their end."""
    back = most // 2
    return [n if len(n) <= most else f"{n[: most - back - 1]}\u2026{n[-back:]}" for n in names]
