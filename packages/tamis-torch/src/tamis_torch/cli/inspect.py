"""``tamis inspect``.

tamis inspect runs/elsa
tamis inspect runs/elsa/model --json
"""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from tamis_torch.cli import options


def command(
    model: Annotated[Path, typer.Argument(help="A model folder, a run folder or a safetensors file.")],
    all_: Annotated[bool, typer.Option("--all", help="Embeddings and vectors too.")] = False,
    json_: options.Json = False,
) -> None:
    """Print the sparsity, pattern and bytes of each layer of MODEL, as counted in its file."""
    from tamis_torch.inspection import inspect, matrices, plot

    rows = inspect(model)
    shown = rows if all_ else matrices(rows)
    entries, zeros = sum(r.entries for r in shown), sum(r.entries - r.nonzeros for r in shown)
    overall = zeros / entries if entries else 0.0
    total = f"{zeros:,} of {entries:,} entries are zero ({overall:.4%}), {sum(r.bytes for r in rows):,} bytes"
    if broken := [f"{row.name} ({row.not_finite:,})" for row in rows if row.not_finite]:
        total += f"\nnot finite (entries): {', '.join(broken)}"
    options.show(
        {"sparsity": overall, "tensors": [asdict(row) for row in shown]}, json_, f"{plot(shown)}\n{total}"
    )
