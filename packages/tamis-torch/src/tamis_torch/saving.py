"""Write a model as a folder that ``AutoModelForCausalLM.from_pretrained`` loads.

Zeros of the file are the model's zeros, no more and no fewer, whatever the dtype.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase

from tamis_torch.errors import RunError
from tamis_torch.folders import new_folder
from tamis_torch.quiet import quiet


def save(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase | None,
    folder: str | Path,
    dtype: torch.dtype | None = None,
    weights: dict[str, Tensor] | None = None,
) -> None:
    """Write a model and its tokenizer in the Hugging Face layout, weights as safetensors.

    The folder appears whole or not at all; one that has the name already is replaced.

    Parameters
    ----------
    model
    tokenizer
    folder
    dtype
        Of the file; by default the model's.  A weight too small for it becomes the smallest
        number of its sign, not zero: the sparsity stays the model's.
    weights
        The state to write, by default the model's: that of a model which is cut over ranks.

    Raises
    ------
    RunError
        If it cannot be written, or a weight is too large for the dtype.
    """
    _drop_gguf(model)
    _mend_generation_config(model)
    weights = _cast_all(model.state_dict() if weights is None else weights, dtype)
    with quiet(), new_folder(Path(folder)) as partial:
        model.save_pretrained(partial, state_dict=weights)
        if tokenizer is not None:
            tokenizer.save_pretrained(partial)
        for file in partial.glob("*.safetensors"):  # written as a temporary file, for the owner's eyes only
            shutil.copymode(partial / "config.json", file)
        if dtype is not None:
            _set_dtype(partial / "config.json", dtype)


def _drop_gguf(model: PreTrainedModel) -> None:
    """Make a model that was unpacked from a GGUF file an ordinary one, that can be trained and saved."""
    quantizer: Any = getattr(model, "hf_quantizer", None)
    if quantizer is not None and quantizer.quantization_config.quant_method == "gguf":
        quantizer.remove_quantization_config(model)


def _mend_generation_config(model: PreTrainedModel) -> None:
    """Make the generation config one that can be saved.

    Some published models come with one that transformers reads but refuses to write, most often
    a temperature without ``do_sample``; a run of hours must not end in that.
    """
    config = model.generation_config
    if config is None or _can_be_written(config):
        return
    config.do_sample = True
    if not _can_be_written(config):
        model.generation_config = GenerationConfig.from_model_config(model.config)


def _can_be_written(config: GenerationConfig) -> bool:
    try:
        config.validate(strict=True)
    except ValueError:
        return False
    return True


def _cast_all(weights: dict[str, Tensor], dtype: torch.dtype | None) -> dict[str, Tensor]:
    """Cast each tensor once: tied weights have to stay one tensor, or the file gets both."""
    if dtype is None:
        return weights
    done: dict[tuple[int, torch.Size], Tensor] = {}
    for name, weight in weights.items():
        key = (weight.data_ptr(), weight.shape)
        if key not in done:
            done[key] = _cast(name, weight, dtype)
    return {name: done[weight.data_ptr(), weight.shape] for name, weight in weights.items()}


def _cast(name: str, weight: Tensor, dtype: torch.dtype) -> Tensor:
    if not weight.is_floating_point():
        return weight
    cast = weight.to(dtype)
    if not bool(torch.isfinite(cast).all()):
        raise RunError(f"cannot save as {dtype}: {name} has values beyond {torch.finfo(dtype).max:g}")
    smallest = torch.finfo(dtype).smallest_normal * torch.finfo(dtype).eps
    lost = (cast == 0) & (weight != 0)
    return torch.where(lost, torch.copysign(torch.full_like(weight, smallest), weight).to(dtype), cast)


def _set_dtype(config: Path, dtype: torch.dtype) -> None:
    """Write into config.json what the weights are, as transformers writes what the model is."""
    fields = json.loads(config.read_text("utf-8"))
    fields["dtype"] = str(dtype).removeprefix("torch.")
    config.write_text(json.dumps(fields, indent=2, sort_keys=True) + "\n", "utf-8")
