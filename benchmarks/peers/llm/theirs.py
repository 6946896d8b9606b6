"""llmcompressor's side: one method through ``oneshot()``, and its SparseGPT on one matrix.

Its SparseGPT prunes one entry more in each block of columns than asked: the entry at the rank
``int(count * sparsity)`` is pruned too.  It is asked for a millionth less, and prunes the asked count.
"""

import os
import sys
import time
from pathlib import Path

import torch
from loguru import logger
from torch import Tensor, nn
from torch.utils.data import DataLoader
from transformers import AutoModelForCausalLM, AutoTokenizer, default_data_collator

os.environ["HF_HUB_OFFLINE"] = "1"
from llmcompressor import oneshot
from llmcompressor.modifiers.pruning import SparseGPTModifier, WandaPruningModifier
from llmcompressor.modifiers.pruning.sparsegpt.sgpt_sparsify import sparsify_weight

MODIFIERS = {"wanda": WandaPruningModifier, "sparsegpt": SparseGPTModifier}
ONE_LESS = 1e-6


def prune(
    folder: Path, windows: Tensor, method: str, sparsity: float, pattern: str | None
) -> tuple[dict, float]:
    """Return the pruned weights by name, and the seconds of processor time that ``oneshot`` took."""
    model = AutoModelForCausalLM.from_pretrained(folder)
    rows = [{"input_ids": row, "attention_mask": torch.ones_like(row)} for row in windows]
    recipe = MODIFIERS[method](
        sparsity=_asked(method, sparsity, pattern),
        mask_structure=pattern or "0:0",
        ignore=["re:.*lm_head"],
    )
    start = time.process_time()
    oneshot(
        model=model,
        dataset=DataLoader(rows, batch_size=1, collate_fn=default_data_collator),
        recipe=[recipe],
        processor=AutoTokenizer.from_pretrained(folder),
    )
    return dict(model.state_dict()), time.process_time() - start


def sparsegpt_matrix(weight: Tensor, gram: Tensor, sparsity: float, pattern: str | None) -> Tensor:
    """Return one matrix pruned by its SparseGPT with its default block and damping."""
    layer = nn.Linear(*weight.T.shape, bias=False)
    layer.weight.data = weight.clone()
    n, m = map(int, (pattern or "0:0").split(":"))
    asked = _asked("sparsegpt", sparsity, pattern)
    with torch.no_grad():
        return sparsify_weight(layer, {layer: gram.clone()}, asked, n, m, 128, 0.01, False)[1]


def _asked(method: str, sparsity: float, pattern: str | None) -> float:
    return sparsity - ONE_LESS if method == "sparsegpt" and pattern is None else sparsity


def quiet() -> None:
    """Show errors only."""
    logger.remove()
    logger.add(sys.stderr, level="ERROR")
