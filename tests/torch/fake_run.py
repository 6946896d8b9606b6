"""A run folder as ``prune`` writes it: SmolLM2's layers, 400 steps, numbers of a plausible course."""

import json
import math
import random

SHAPES = {
    "self_attn.q_proj": (576, 576),
    "self_attn.k_proj": (192, 576),
    "self_attn.v_proj": (192, 576),
    "self_attn.o_proj": (576, 576),
    "mlp.gate_proj": (1536, 576),
    "mlp.up_proj": (1536, 576),
    "mlp.down_proj": (576, 1536),
}
CONFIG = {
    "model": "models/SmolLM2-135M-Instruct.Q4_1.gguf",
    "train": "data/books.train.txt",
    "method": "elsa",
    "sparsity": 0.9,
    "pattern": None,
    "steps": 400,
    "batch_size": 2,
    "seq_len": 512,
    "lr": 2e-4,
    "penalty": 0.05,
    "interval": 16,
    "seed": 0,
    "device": "cpu",
    "dtype": "float32",
}


def write_run(folder, *, steps=400, uniform=False, layers=30, config=None, run=None):
    """Write config.json, metrics.jsonl and run.json; ``run`` replaces entries of run.json."""
    chance = random.Random(0)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({**CONFIG, **(config or {})}), encoding="utf-8")
    (folder / "metrics.jsonl").write_text(
        "".join(json.dumps(record(s, chance)) + "\n" for s in range(1, steps + 1)), encoding="utf-8"
    )
    rows = [
        layer(depth, kind, shape, uniform, chance)
        for depth in range(layers)
        for kind, shape in SHAPES.items()
    ]
    (folder / "run.json").write_text(json.dumps({**results(rows, steps), **(run or {})}), encoding="utf-8")
    return folder


def record(step, chance, steps=400):
    t = step / steps
    updated = step % 16 == 0
    return {
        "step": step,
        "loss": 3.1 + 1.6 * math.exp(-5 * t) + 1.2 * max(0, min(1, 2 * t)) + chance.gauss(0, 0.12),
        "lr": 2e-4 * (1 - t),
        "penalty": 0.05 * min(1, 3 * t),
        "sparsity": min(0.9, 0.5 + 0.8 * t),
        "residual": 0.45 * math.exp(-6 * t) if updated else None,
        "mask_change": 0.06 * math.exp(-5 * t) if updated else None,
        "tokens_per_second": 950 + chance.gauss(0, 40),
    }


def layer(depth, kind, shape, uniform, chance):
    entries = math.prod(shape)
    wide = (
        0.04 * math.sin(depth / 6)
        + {"v": -0.12, "q": 0.03, "k": 0.02}.get(kind[10], 0)
        + chance.gauss(0, 0.01)
    )
    nonzeros = round(entries * (0.1 if uniform else min(0.6, max(0.01, 0.1 - wide))))
    return {
        "name": f"model.layers.{depth}.{kind}.weight",
        "shape": list(shape),
        "nonzeros": nonzeros,
        "sparsity": 1 - nonzeros / entries,
    }


def results(layers, steps):
    nonzeros = sum(row["nonzeros"] for row in layers)
    return {
        "status": "complete",
        "message": "",
        "method": "elsa",
        "model": CONFIG["model"],
        "versions": {
            "tamis": "0.1.0",
            "tamis_torch": "0.1.0",
            "torch": "2.13.0+cpu",
            "transformers": "5.23.0",
            "python": "3.11.7",
        },
        "data": {
            "train": {"path": "data/books.train.txt", "tokens": 4_812_331, "hash": "9f2c61d0b7aa41e3"},
            "eval": {"path": "data/wiki.test.raw", "tokens": 289_115, "hash": "51d0aa7743b0c1f2"},
        },
        "steps": steps,
        "train_tokens": steps * 1024,
        "seconds": 734.2,
        "peak_memory_bytes": 2_710_000_000,
        "perplexity": {
            "text": "data/wiki.test.raw",
            "seq_len": 512,
            "windows": 20,
            "before": 35.21,
            "projected_at_start": 5.02e7,
            "after": 61.03,
        },
        "layers": layers,
        "sparsity": 1 - nonzeros / sum(math.prod(row["shape"]) for row in layers),
        "warnings": [],
        "size": {"model_bytes": 538_090_408},
    }
