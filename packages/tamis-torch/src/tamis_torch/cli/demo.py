"""``tamis demo``.

tamis demo
tamis demo --out runs/demo --steps 1000
"""

from pathlib import Path
from typing import Annotated

import typer

from tamis_torch.cli import options


def command(
    out: Annotated[Path, typer.Option(help="The folder to write; an earlier demo there is replaced.")] = Path(
        "runs/demo"
    ),
    steps: Annotated[int | None, typer.Option(help="Training steps of each trained row.")] = None,
    sparsity: Annotated[float, typer.Option(help="Fraction of zeros a matrix, in [0, 1).")] = 0.9,
    json_: options.Json = False,
) -> None:
    """Prune the small model that comes with the package: no network, about two minutes."""
    from tamis_torch.demo.run import run_demo
    from tamis_torch.report import plain_table

    rows, page = run_demo(out, sparsity=sparsity, steps=steps)
    options.show({"rows": rows, "page": str(page)}, json_, f"{plain_table(rows)}\npage in {page}")
