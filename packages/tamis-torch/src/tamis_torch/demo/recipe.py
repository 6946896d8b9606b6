"""How the demo's model was made: a small Llama-shaped language model of Python source.

``nox -s train-demo-model`` runs this file.  It learns a byte-pair vocabulary from the
training text of :mod:`tamis_torch.demo.corpus`, trains the model on the same text with
AdamW (linear warm-up, then linear decay to zero) and writes what the package ships, with
the test perplexity along the way: an undertrained model would make pruning look easy.
"""

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from tamis_torch.checkpoint import save
from tamis_torch.data import tokenize
from tamis_torch.demo.corpus import stdlib_text
from tamis_torch.evaluate import perplexity
from tamis_torch.training import gradient


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Size and training of the demo's model; lengths in tokens."""

    vocabulary: int = 2048
    hidden: int = 256
    intermediate: int = 640
    layers: int = 4
    heads: int = 4
    kv_heads: int = 2
    context: int = 256  # tokens a window
    batch_size: int = 16  # windows a step
    steps: int = 5000
    warmup: int = 200
    lr: float = 3e-3
    weight_decay: float = 0.1
    seed: int = 0
    evaluate_every: int = 416


def train_tokenizer(text: str, vocabulary: int) -> PreTrainedTokenizerFast:
    """Learn a byte-level byte-pair vocabulary; token 0 ends a text."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(text.split("\n\n"), trainer)
    end = "<|endoftext|>"
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=end, eos_token=end)


def build_model(recipe: Recipe) -> LlamaForCausalLM:
    """Return the untrained model."""
    torch.manual_seed(recipe.seed)
    config = LlamaConfig(
        vocab_size=recipe.vocabulary,
        hidden_size=recipe.hidden,
        intermediate_size=recipe.intermediate,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        num_key_value_heads=recipe.kv_heads,
        max_position_embeddings=2 * recipe.context,
        tie_word_embeddings=True,
        bos_token_id=0,
        eos_token_id=0,
    )
    return LlamaForCausalLM(config)


def train(recipe: Recipe, out: Path, amp: bool = True) -> None:
    """Train and write tokenizer, model (fp16) and ``training.json`` into ``out``.

    Parameters
    ----------
    recipe : Recipe
    out : Path
        Folder to write.
    amp : bool
        Forward and backward in bfloat16 by autocast; the weights stay fp32.
    """
    tokenizer = train_tokenizer(stdlib_text("train"), recipe.vocabulary)
    learn, judge = (tokenize(tokenizer, stdlib_text(split), recipe.vocabulary) for split in ("train", "test"))
    model = build_model(recipe)
    optimizer = _optimizer(model, recipe)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _scale(recipe, step))
    draw = torch.Generator().manual_seed(recipe.seed)
    log: list[dict[str, float]] = []
    for step in range(1, recipe.steps + 1):
        starts = torch.randint(len(learn) - recipe.context, (recipe.batch_size, 1), generator=draw)
        batch = learn[starts + torch.arange(recipe.context)]
        loss, _ = gradient(model, batch, "bfloat16" if amp else "float32")
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        if step % recipe.evaluate_every == 0:
            log.append({"step": step, "train_loss": loss, "test_perplexity": _judge(model, judge, recipe)})
            print(log[-1], flush=True)
    sizes = {"train_tokens": len(learn), "test_tokens": len(judge)}
    parameters = sum(p.numel() for p in model.parameters())
    save(model, tokenizer, out, dtype=torch.float16)
    facts = {"recipe": asdict(recipe), **sizes, "parameters": parameters, "log": log}
    (out / "training.json").write_text(json.dumps(facts, indent=1) + "\n", "utf-8")


def _optimizer(model: LlamaForCausalLM, recipe: Recipe) -> torch.optim.AdamW:
    """Return AdamW that decays the matrices only."""
    groups: list[dict[str, Any]] = [
        {"params": [p for p in model.parameters() if p.ndim == 2]},
        {"params": [p for p in model.parameters() if p.ndim != 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, recipe.lr, betas=(0.9, 0.95), weight_decay=recipe.weight_decay)


def _scale(recipe: Recipe, step: int) -> float:
    return min((step + 1) / recipe.warmup, (recipe.steps - step) / (recipe.steps - recipe.warmup))


def _judge(model: LlamaForCausalLM, tokens: torch.Tensor, recipe: Recipe) -> float:
    return perplexity(model, tokens, recipe.context, batch_size=32).perplexity


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=Recipe.steps)
    arguments = parser.parse_args()
    train(Recipe(steps=arguments.steps, evaluate_every=max(1, arguments.steps // 12)), arguments.out)
