"""The numbers of a training stay what they were; a change that means to move them says so here.

TAMIS_WRITE_GOLDEN=1 pytest tests/torch/test_golden.py        writes them anew
"""

import json
import os
from pathlib import Path

import pytest

from tamis_torch import Elsa, prune

GOLDEN = Path(__file__).with_name("golden.json")
RUNS = {
    "default": Elsa(sparsity=0.8, budget="tensor", start="none", steps=10, batch_size=2, seq_len=16, lr=1e-3),
    "pattern": Elsa(pattern="2:4", start="none", steps=10, batch_size=2, seq_len=16, lr=1e-3),
    "paper": Elsa.paper(0.9, steps=10, batch_size=2, seq_len=16, interval=2, lr=1e-3),
}
KEYS = ("loss", "lr", "gradient_norm", "residual", "mask_change")


def figures(model, text, config, out) -> dict[str, list[float]]:
    run = prune(model, text, config, out=out)
    lines = [json.loads(line) for line in (run.folder / "metrics.jsonl").read_text("utf-8").splitlines()]
    judged = run.results["perplexity"]
    return {key: [-1.0 if line[key] is None else line[key] for line in lines] for key in KEYS} | {
        "perplexity": [judged["before"], judged["after"]]
    }


@pytest.mark.parametrize("name", RUNS)
def test_a_run_gives_the_stored_numbers(name, tiny_folder, tiny_text, tmp_path):
    """To 1 in 1000: other processors add in another order."""
    found = figures(tiny_folder, tiny_text, RUNS[name], tmp_path / "run")
    if os.environ.get("TAMIS_WRITE_GOLDEN"):
        stored = json.loads(GOLDEN.read_text("utf-8")) if GOLDEN.exists() else {}
        GOLDEN.write_text(json.dumps(stored | {name: found}, indent=1) + "\n", "utf-8")
    expected = json.loads(GOLDEN.read_text("utf-8"))[name]
    for key, values in expected.items():
        assert found[key] == pytest.approx(values, rel=1e-3, abs=1e-5), key
