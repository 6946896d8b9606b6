"""Our parts beside torch's own, as ratios of times taken in turn in one process.

    python benchmarks/peers/torch/run.py benchmarks/results/torch-peers.json

Elsa's step beside plain Adam's, the exact mask of the k largest beside topk, kthvalue and sort, and
loading beside transformers' own calls: the ratios that the suite tracks, each as the median of several
runs.  Ours over theirs: less is better, below 1 ours is faster.  tamis has no sparse product yet, so what it
keeps, zeros and all, stands beside torch's CSR.
"""

import argparse
import json
import platform
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[2]))

import suite  # noqa: F401  one thread, before torch
from suite import inference, ratios

PACKAGES = ("tamis", "tamis-torch", "torch", "transformers", "numpy")
RUNS = 3
HEAD = """# Beside torch

Command: `nox -s peers -- torch`. Our time over theirs, one thread, time of the processor, taken in turn
in one process; the median (least, greatest) of {runs} runs. Below 1 ours is faster.

{versions}

{machine}

| ours | theirs | ratio | least | greatest |
| --- | --- | --: | --: | --: |
"""


def pairs() -> Iterator[tuple[str, str, Callable[[], float]]]:
    """Yield what is compared: ours, theirs, the measurement of a ratio."""
    yield "a step of Elsa, with its updates of z and u", "torch.optim.Adam, fused", ratios.track_step
    selection = ratios.Selection()
    for size, dtype in ((size, dtype) for size in selection.params[0] for dtype in selection.params[1]):
        for name in ("topk", "kthvalue"):

            def one(size: int = size, dtype: str = dtype, name: str = name) -> float:
                selection.setup(size, dtype)
                return float(getattr(selection, f"track_selection_by_{name}")(size, dtype))

            yield f"the mask of the largest tenth of {size:,}, {dtype}", f"torch.{name}", one
    for zeros in inference.ZEROS:

        def product(zeros: str = zeros) -> float:
            return 1 / inference.track_product_csr(zeros)

        yield f"a product by a matrix with {zeros} zeros, kept dense", "torch CSR", product
    yield "decoding by a model with 90% zeros", "by the dense model", inference.track_decode
    yield "tamis_torch.load, checked", "from_pretrained of model and tokenizer", ratios.track_load


def table(record: dict) -> str:
    """Return the record as a page in Markdown."""
    versions = ", ".join(f"{name} {number}" for name, number in record["versions"].items())
    machine = ", ".join(f"{name}: {value}" for name, value in record["machine"].items())
    line = "| {ours} | {theirs} | {ratio:.2f} | {least:.2f} | {greatest:.2f} |"
    rows = [line.format(**row) for row in record["rows"]]
    return HEAD.format(runs=RUNS, versions=versions, machine=machine) + "\n".join(rows) + "\n"


def main() -> None:
    """Measure and write JSON and Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    out = parser.parse_args().out
    rows = []
    for ours, theirs, measure in pairs():
        found = [measure() for _ in range(RUNS)]
        rows.append({"ours": ours, "theirs": theirs, "ratio": median(found), "least": min(found),
                     "greatest": max(found)})  # fmt: skip
    record = {
        "versions": {name: version(name) for name in PACKAGES},
        "machine": {"system": platform.system(), "processor": platform.machine(),
                    "python": platform.python_version(), "date": datetime.now(UTC).date().isoformat()},
        "rows": rows,
    }  # fmt: skip
    out.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    out.with_suffix(".md").write_text(table(record), "utf-8")


if __name__ == "__main__":
    main()
