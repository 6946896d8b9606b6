"""Bytes a parameter that a training needs, measured: the resident set, not a sum of what should be there.

``nox -s study-memory`` runs this file.  Each measurement is a process of its own: a Llama-shaped model
of random weights is made in the dtype of its training, then come three steps of one window of 16
tokens with an update of z and u after each.  Reported is the most that was resident after the model's
libraries had been loaded, and the slope of a line through four sizes: bytes a parameter.

    python benchmarks/studies/memory.py --out benchmarks/results/memory.json
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

SIZES = {  # millions of parameters: hidden, blocks, inner, heads, key-value heads, vocabulary
    5: (256, 5, 683, 4, 4, 4096),
    14: (384, 6, 1024, 6, 6, 8192),
    50: (512, 12, 1365, 8, 8, 24576),
    135: (576, 30, 1536, 9, 3, 49152),  # SmolLM2
}
LAYOUTS: dict[str, tuple[str, dict[str, Any]]] = {  # method and settings
    "Adam, float32": ("dense", {}),
    "Elsa, float32": ("elsa", {}),
    "Elsa, bfloat16 weights and float32 masters": ("elsa", {"weights": "bfloat16"}),
    "the paper's Elsa-L": ("paper", {}),
    "+ z - u in 8 bits": ("elsa", {"state": "power8"}),
    "+ moments in 8 bits": ("elsa", {"state": "power8", "moments": "power8"}),
    "+ bfloat16 weights": (
        "elsa", {"state": "power8", "moments": "power8", "weights": "bfloat16", "rounding": "stochastic"},
    ),
    "+ step in the backward pass: Elsa-L": ("elsa-l", {}),
    "Elsa-L, activations computed again": ("elsa-l", {"recompute": True}),
    "Elsa-L, compensated weights": ("elsa-l", {"rounding": "compensated"}),
}  # fmt: skip
STEPS, TOKENS = 3, 16
SHARED = {"sparsity": 0.9, "start": "none", "interval": 1, "steps": STEPS, "growth": 0.0, "lr": 1e-4}
ENVIRONMENT = {  # freed memory goes back at once
    "MALLOC_TRIM_THRESHOLD_": "0", "MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_ARENA_MAX": "1",
    "OMP_NUM_THREADS": "1",
}  # fmt: skip


def resident(key: str) -> int:
    """Return a number of bytes of /proc/self/status: VmRSS now, VmHWM the most since the last reset."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key)) * 1024


def measure(size: int, layout: str) -> dict[str, float]:
    """Train for some steps in this process; return parameters and bytes."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from tamis_torch import ADMM, prunable
    from tamis_torch.adam import adam_of
    from tamis_torch.embedding import sparse_embedding
    from tamis_torch.masters import Masters
    from tamis_torch.methods.names import kind_of
    from tamis_torch.recompute import recomputing
    from tamis_torch.training import gradient

    hidden, blocks, inner, heads, pairs, vocabulary = SIZES[size]
    method, settings = LAYOUTS[layout]
    paper = method == "paper"
    if paper:  # 8-bit Adam, z in FP8; its u in bfloat16 is added below
        method, settings = "elsa", {"state": "fp8_e4m3", "moments": "int8", "weights": "bfloat16",
                                    "rounding": "nearest"}  # fmt: skip
    shared = SHARED if method != "dense" else {key: SHARED[key] for key in ("steps", "lr")}
    config = kind_of(method)(**shared | settings)
    torch.manual_seed(0)
    before = resident("VmRSS")
    torch.set_default_dtype(torch.bfloat16 if config.rounds_weights else torch.float32)
    shape = LlamaConfig(
        hidden_size=hidden, num_hidden_layers=blocks, intermediate_size=inner, num_attention_heads=heads,
        num_key_value_heads=pairs, vocab_size=vocabulary, tie_word_embeddings=True,
    )  # fmt: skip
    model = LlamaForCausalLM(shape).train()
    torch.set_default_dtype(torch.float32)
    Path("/proc/self/clear_refs").write_text("5")  # the most starts anew
    masters = Masters(model) if config.has_masters else None
    weights = prunable(model) if masters is None else masters.of(prunable(model))
    inner_optimizer, inside = adam_of(masters or model, config, 1e-4)
    optimizer = inner_optimizer if method == "dense" else ADMM(inner_optimizer, weights, config)
    duals = [torch.ones_like(w, dtype=torch.bfloat16) for w in weights.values()] if paper else []
    with sparse_embedding(model, inside), recomputing(model, config.recompute):
        for step in range(STEPS):
            batch = torch.randint(vocabulary, (1, TOKENS), generator=torch.Generator().manual_seed(step))
            gradient(model, batch, "float32", masters=masters, inside=inside)
            optimizer.step()
            optimizer.zero_grad()
    parameters = sum(p.numel() for p in model.parameters())
    return {"parameters": parameters, "bytes": resident("VmHWM") - before, "extra": len(duals)}


def slope(points: list[tuple[float, float]]) -> float:
    """Return the slope of the line of least squares."""
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, _ in points)


def study(out: Path, layouts: list[str]) -> None:
    """Measure every layout at every size and write the table."""
    rows: dict[str, Any] = json.loads(out.read_text("utf-8")) if out.exists() else {}
    for layout in layouts:
        found = {}
        for size in SIZES:
            command = [sys.executable, __file__, "--one", str(size), layout]
            environment = os.environ | ENVIRONMENT
            said = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
            found[size] = json.loads(said.stdout.splitlines()[-1])
        line = slope([(row["parameters"], row["bytes"]) for row in found.values()])
        each = {f"{size} M": round(row["bytes"] / row["parameters"], 2) for size, row in found.items()}
        rows[layout] = {"bytes_a_parameter": round(line, 2), "at": each, "measured": found}
        out.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")


def main() -> None:
    """Measure one, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--one", nargs=2, metavar=("SIZE", "LAYOUT"))
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "results/memory.json")
    parser.add_argument("--layouts", nargs="*", default=list(LAYOUTS))
    given = parser.parse_args()
    if given.one:
        sys.stdout.write(json.dumps(measure(int(given.one[0]), given.one[1])) + "\n")
    else:
        study(given.out, given.layouts)


if __name__ == "__main__":
    main()
