"""Bytes: what a training keeps, planned and in real tensors, and what a pruned model takes on disk."""

import tempfile
from pathlib import Path
from typing import Any

from .found import fields, trained
from .stated import named, quality

SHAPE = {  # of the model whose bytes are counted: as SmolLM2's, smaller
    "hidden_size": 192, "num_hidden_layers": 4, "intermediate_size": 512, "num_attention_heads": 3,
    "num_key_value_heads": 1, "vocab_size": 1024, "tie_word_embeddings": True,
}  # fmt: skip
SMALL = {"steps": 4, "interval": 1, "start": "none", "growth": 0.0, "lr": 1e-4, "sparsity": 0.9}
VERSION = "1"


def network() -> Any:
    """Return an untrained model."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    torch.set_num_threads(1)
    return LlamaForCausalLM(LlamaConfig(**SHAPE)).train()


def settings(kind: Any) -> Any:
    """Return the settings of a short training."""
    return kind(**{key: value for key, value in SMALL.items() if key in fields(kind)})


def kept_bytes(kind: Any) -> float:
    """Return the bytes a parameter of all tensors that a training keeps between steps, after one step."""
    import torch

    from tamis_torch import ADMM, prunable, snapshot
    from tamis_torch.adam import adam_of
    from tamis_torch.masters import Masters
    from tamis_torch.training import gradient

    config = settings(kind)
    model = network()
    if config.rounds_weights:
        model = model.to(torch.bfloat16)
    masters = Masters(model) if config.has_masters else None
    weights = prunable(model) if masters is None else masters.of(prunable(model))
    inner, inside = adam_of(masters or model, config, 1e-4)
    optimizer = ADMM(inner, weights, config)
    batch = torch.zeros((1, 8), dtype=torch.int64)
    gradient(model, batch, "float32", masters=masters, inside=inside)
    optimizer.step()
    tensors = snapshot.take(masters or model, optimizer).values()
    own = {tensor.data_ptr(): tensor.nbytes for tensor in tensors}  # tied ones once
    return sum(own.values()) / sum(p.numel() for p in model.parameters())


def planned_bytes(kind: Any) -> float:
    """Return what ``tamis plan`` says of the same."""
    import tamis_torch as tt

    plan = tt.plan(network(), settings(kind))
    return sum(plan.kept.values()) / plan.network.parameters


def tracks() -> dict[str, Any]:
    """Return two benchmarks a method that trains."""
    made = {}
    for name, kind in trained().items():
        for what, count in (("kept", kept_bytes), ("planned", planned_bytes)):
            label = f"track_{what}_{name.replace('-', '_')}"
            stated = quality("bytes a parameter", 0.005, version=VERSION, pretty_name=f"bytes {what}, {name}")
            made[label] = stated(named(lambda count=count, kind=kind: count(kind), label))
    return made


globals().update(tracks())


@quality("pruned file / dense file", 0.005, version=VERSION, timeout=120)
def track_file_ratio() -> float:
    """Return the bytes of the weights' files of a model pruned to 90% by those of the same model dense."""
    import torch

    import tamis_torch as tt
    from tamis_torch.demo.run import demo_model

    with tempfile.TemporaryDirectory() as folder:
        dense = demo_model()
        dense.model.save_pretrained(Path(folder, "dense"))
        tt.prune(
            dense, torch.zeros(600, dtype=torch.int64), tt.Magnitude(sparsity=0.9), out=Path(folder, "run")
        )
        return _weights(Path(folder, "run/model")) / _weights(Path(folder, "dense"))


def _weights(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("*.safetensors"))
