"""``tamis compare``.

tamis compare runs/dense runs/magnitude runs/elsa --out comparison.html
tamis compare runs/* --figure perplexity.svg
"""

import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from tamis_torch.cli import options


def command(
    runs: Annotated[list[Path], typer.Argument(help="Run folders.")],
    out: Annotated[Path, typer.Option(help="The page to write.")] = Path("comparison.html"),
    figure: Annotated[
        Path | None, typer.Option(help="An .svg to write: perplexity against sparsity, for a paper.")
    ] = None,
    json_: options.Json = False,
) -> None:
    """Set several runs side by side: a table here, a page with their figure and their curves in a file."""
    from tamis_torch.comparison import (
        compare_table,
        notes,
        plain_table,
        read_runs,
        write_comparison,
        write_figure,
    )

    read = read_runs(runs)
    rows, warnings = compare_table(read), notes(read)
    if figure:
        write_figure(read, figure)
    write_comparison(read, out)
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    words = [plain_table(rows, width), *(f"note: {note}" for note in warnings), f"page in {out}"]
    words += [f"figure in {figure}"] if figure else []
    result = {"runs": rows, "notes": warnings, "page": str(out), "figure": str(figure) if figure else None}
    options.show(result, json_, "\n".join(words))
