"""Read what ``MODEL`` names (see :mod:`tamis_torch.sources`) as a dense causal language model.

transformers forgives much: a missing weight becomes a random one, a model that reads in both
directions is given a causal head.  A pruned model made from such a start would be worthless
after hours of work, so all of it is refused here.  No code that comes with a model is run.
"""

import warnings
from typing import Any, NamedTuple

import torch
from transformers import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    GgufConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from tamis_torch.devices import check_device
from tamis_torch.errors import InputError, in_one_line
from tamis_torch.quiet import quiet
from tamis_torch.sources import Source, find_source


class Loaded(NamedTuple):
    """A model ready to be evaluated or pruned."""

    model: PreTrainedModel  # float32 unless asked otherwise, in eval mode
    tokenizer: PreTrainedTokenizerBase
    source: str  # as the user named it


def load(model: str, *, device: str = "cpu", dtype: torch.dtype = torch.float32) -> Loaded:
    """Load a causal language model and its tokenizer.

    Parameters
    ----------
    model
        A folder in the Hugging Face layout, a ``.gguf`` file (unpacked), or a hub name.
    device
    dtype
        Of the weights.

    Raises
    ------
    InputError
        If it is not there, not a causal language model, quantised otherwise than as GGUF, has no
        safetensors, no tokenizer, a damaged file, or a weight that is missing, of another shape
        than its config says, or not finite; or if the device is not available.
    """
    check_device(device)
    source = find_source(model)
    with quiet(bars=source.hub, stderr=source.gguf):
        _check_config(source, _read(source, AutoConfig))
        tokenizer = _read(source, AutoTokenizer, part="the tokenizer of ")
        network, info = _read(source, AutoModelForCausalLM, **_weight_options(source, dtype))
    _check_tokenizer(source, tokenizer)
    _check_loaded(source, info)
    _check_finite(source, network)
    return Loaded(network.eval().to(device), tokenizer, model)


def _read(source: Source, reader: Any, part: str = "", **options: Any) -> Any:
    """Call transformers and turn whatever a damaged file makes it raise into one line."""
    try:
        return reader.from_pretrained(source.where, trust_remote_code=False, **source.options, **options)
    except ImportError:
        raise
    except Exception as error:  # struct, json, numpy, Rust: a damaged file may fail in any of them
        raise InputError(f"{part}{source.label} cannot be read: {in_one_line(error, 400)}") from error


def _weight_options(source: Source, dtype: torch.dtype) -> dict[str, Any]:
    common = {"dtype": dtype, "output_loading_info": True, "ignore_mismatched_sizes": True}
    if source.gguf:  # unpack even where a kernel for packed weights is installed
        return {**common, "quantization_config": GgufConfig(dequantize=True)}
    return {**common, "use_safetensors": True}


def _check_config(source: Source, config: Any) -> None:
    """Refuse what is not a causal language model; reasons are those of its config."""
    architectures = ", ".join(config.architectures or [])
    if type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING or config.is_encoder_decoder:
        reason = f"its model_type is {config.model_type!r}"
    elif getattr(config, "is_decoder", True) is False:
        reason = f"its model_type is {config.model_type!r} with is_decoder false: it reads in both directions"
    elif architectures and not _has_head(config):
        reason = f"it was saved as {architectures}"
    else:
        _check_not_quantized(source, config)
        return
    raise InputError(f"{source.label} is not a causal language model: {reason}")


def _has_head(config: Any) -> bool:
    architecture: Any = MODEL_FOR_CAUSAL_LM_MAPPING[type(config)]
    expected = architecture.__name__
    return any(name == expected or "CausalLM" in name or "LMHead" in name for name in config.architectures)


def _check_not_quantized(source: Source, config: Any) -> None:
    quantization = getattr(config, "quantization_config", None)
    if quantization and not source.gguf:
        raise InputError(f"{source.label} is quantised; give the model it was made from")


def _check_tokenizer(source: Source, tokenizer: PreTrainedTokenizerBase) -> None:
    if len(tokenizer) < 2:
        raise InputError(
            f"the tokenizer of {source.label} is missing or empty: it has {len(tokenizer)} entries"
        )


def _check_loaded(source: Source, info: dict[str, Any]) -> None:
    """Refuse weights that transformers made up; warn of those that it left out."""
    for key, problem in (
        ("missing_keys", "missing"),
        ("mismatched_keys", "of another shape than its config says"),
    ):
        names = sorted(str(name[0]) if isinstance(name, tuple) else str(name) for name in info[key])
        if names:
            raise InputError(f"{source.label}: {len(names)} weights are {problem}, the first is {names[0]}")
    unused = sorted(info["unexpected_keys"])
    if unused:
        message = f"{source.label}: {len(unused)} weights of the file are not used, the first is {unused[0]}"
        warnings.warn(message, stacklevel=3)


def _check_finite(source: Source, model: PreTrainedModel) -> None:
    for name, weight in model.named_parameters():
        if not bool(torch.isfinite(weight).all()):
            raise InputError(f"{source.label} is damaged: {name} has values that are not finite")
