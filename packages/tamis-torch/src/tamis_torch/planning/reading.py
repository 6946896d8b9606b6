"""A language model from its config alone, built on the meta device: no weight is read."""

import json
from pathlib import Path
from typing import Any

import torch
from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, AutoConfig, AutoModelForCausalLM

from tamis_torch.errors import InputError, in_one_line
from tamis_torch.quiet import quiet
from tamis_torch.sources import find_source


def read_config(model: str) -> Any:
    """Return the config of a folder, a .json file, a .gguf file or a hub name; no code of it is run.

    Raises
    ------
    InputError
        If it is not there, or cannot be read.
    """
    path = Path(model).expanduser()
    file = path / "config.json" if path.is_dir() else path
    if path.is_dir() and (path / "model" / "config.json").is_file():
        file = path / "model" / "config.json"  # of a run
    if file.suffix == ".json":
        return _config_of(_json(file), str(file))
    source = find_source(model)
    with quiet(bars=source.hub, stderr=source.gguf):
        try:
            return AutoConfig.from_pretrained(source.where, trust_remote_code=False, **source.options)
        except Exception as error:  # whatever a damaged file or the network makes it raise
            raise InputError(
                f"the config of {source.label} cannot be read: {in_one_line(error, 300)}"
            ) from error


def _json(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text("utf-8"))
    except OSError as error:
        raise InputError(f"config {file} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"config {file} is not JSON: {in_one_line(error, 300)}") from error
    if not isinstance(content, dict) or "model_type" not in content:
        raise InputError(f'config {file} must have a model_type, such as "llama"')
    return content


def _config_of(content: dict[str, Any], label: str) -> Any:
    kind = content.pop("model_type")
    try:
        with quiet():
            return AutoConfig.for_model(kind, **content)
    except Exception as error:  # an unknown model_type, or values of the wrong type
        raise InputError(f"config {label}: {in_one_line(error, 300)}") from error


def build(config: Any, label: str) -> Any:
    """Return the model of a config on the meta device: shapes, and no memory.

    Raises
    ------
    InputError
        If it is no causal language model, or its sizes do not fit together.
    """
    if type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING:
        raise InputError(f"{label} is not a causal language model: its model_type is {config.model_type!r}")
    try:
        with quiet(), torch.device("meta"):
            return AutoModelForCausalLM.from_config(config, trust_remote_code=False, dtype=torch.float32)
    except Exception as error:  # sizes that do not fit together
        raise InputError(f"{label} is no model that can be built: {in_one_line(error, 300)}") from error
