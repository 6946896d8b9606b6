"""``tamis compare``.

tamis compare runs/dense runs/magnitude runs/elsa --out comparison.html
"""

from pathlib import Path
from typing import Annotated

import typer

from tamis_torch.cli import options


def command(
    runs: Annotated[list[Path], typer.Argument(help="Run folders.")],
    out: Annotated[Path, typer.Option(help="The page to write.")] = Path("comparison.html"),
    json_: options.Json = False,
) -> None:
    """Set several runs side by side: a table here, a page with their curves in a file."""
    from tamis_torch.report import compare_table, plain_table, write_comparison

    rows = compare_table(runs)
    write_comparison(runs, out)
    options.show({"runs": rows, "page": str(out)}, json_, f"{plain_table(rows)}\npage in {out}")
