"""A saved model is the model: bytes, ties, zeros, tokenizer; from a folder and from GGUF."""

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM
from transformers.utils import logging

from tamis_torch.checkpoint import load, save
from tamis_torch.data import read_text, tokenize
from tamis_torch.errors import RunError
from tamis_torch.evaluate import perplexity


def same_weights(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    a, b = one.state_dict(), other.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_a_saved_model_comes_back_byte_for_byte(tiny_model, tiny_tokenizer, tmp_path: Path) -> None:
    save(tiny_model, tiny_tokenizer, tmp_path / "model")
    again = load(str(tmp_path / "model"))
    assert same_weights(again.model, tiny_model)
    assert again.source == str(tmp_path / "model")
    assert not again.model.training and again.model.dtype == torch.float32
    assert same_weights(AutoModelForCausalLM.from_pretrained(tmp_path / "model"), tiny_model)
    save(again.model, again.tokenizer, tmp_path / "again")
    files = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("model", "again")]
    assert files[0] == files[1]


def test_tied_embeddings_stay_tied_and_are_stored_once(tiny_folder: Path) -> None:
    with safe_open(tiny_folder / "model.safetensors", "pt") as file:
        assert "lm_head.weight" not in file.keys()  # noqa: SIM118
    model = load(str(tiny_folder)).model
    assert model.lm_head.weight is model.model.embed_tokens.weight


def test_untied_embeddings_stay_apart(tiny_model, tiny_tokenizer, tmp_path: Path) -> None:
    config = LlamaConfig(**{**tiny_model.config.to_dict(), "tie_word_embeddings": False})
    model = LlamaForCausalLM(config)
    save(model, tiny_tokenizer, tmp_path / "model", dtype=torch.float16)
    again = load(str(tmp_path / "model")).model
    assert again.lm_head.weight is not again.model.embed_tokens.weight
    assert torch.equal(again.lm_head.weight, model.lm_head.weight.half().float())


@pytest.mark.parametrize("dtype", [None, torch.float16, torch.bfloat16])
def test_zeros_are_the_models_in_any_dtype(tiny_model, tiny_tokenizer, tmp_path: Path, dtype) -> None:
    """Exact zeros stay, and a weight that the dtype would flush to zero does not become one."""
    weight = tiny_model.model.layers[0].mlp.up_proj.weight
    with torch.no_grad():
        weight[:, ::2] = 0.0
        weight[0, 1], weight[1, 1] = 1e-12, -1e-12
    zeros = weight == 0
    save(tiny_model, tiny_tokenizer, tmp_path / "model", dtype=dtype)
    with safe_open(tmp_path / "model" / "model.safetensors", "pt") as file:
        stored = file.get_tensor("model.layers.0.mlp.up_proj.weight")
    assert stored.dtype == (dtype or torch.float32)
    assert torch.equal(stored == 0, zeros)
    assert stored[0, 1] > 0 > stored[1, 1]


def test_a_model_saved_in_float16_says_so_and_stays_tied(tiny_model, tiny_tokenizer, tmp_path: Path) -> None:
    save(tiny_model, tiny_tokenizer, tmp_path / "model", dtype=torch.float16)
    assert tiny_model.dtype == torch.float32  # the one in memory is as it was
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "model")
    assert "lm_head.weight" not in load_file(tmp_path / "model" / "model.safetensors")
    assert again.dtype == torch.float16 and same_weights(again, tiny_model.half())
    assert again.lm_head.weight is again.model.embed_tokens.weight
    assert load(str(tmp_path / "model")).model.dtype == torch.float32


def test_a_weight_beyond_the_dtype_is_refused_and_nothing_is_left(
    tiny_model, tiny_tokenizer, tmp_path
) -> None:
    with torch.no_grad():
        tiny_model.model.norm.weight[3] = 1e6
    with pytest.raises(
        RunError, match=r"cannot save as torch.float16: model.norm.weight has values beyond 65504"
    ):
        save(tiny_model, tiny_tokenizer, tmp_path / "model", dtype=torch.float16)
    assert list(tmp_path.iterdir()) == []


def test_the_tokenizer_comes_back(tiny_folder: Path, tiny_tokenizer, tiny_text: Path) -> None:
    text = read_text(tiny_text)
    again = load(str(tiny_folder)).tokenizer
    assert torch.equal(tokenize(again, text, 320), tokenize(tiny_tokenizer, text, 320))


def test_saving_again_replaces_the_folder(tiny_model, tiny_tokenizer, tmp_path: Path) -> None:
    save(tiny_model, tiny_tokenizer, tmp_path / "model")
    (tmp_path / "model" / "stale.txt").write_text("of the first")
    with torch.no_grad():
        tiny_model.model.norm.weight.mul_(2)
    save(tiny_model, tiny_tokenizer, tmp_path / "model")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert not (tmp_path / "model" / "stale.txt").exists()
    assert same_weights(load(str(tmp_path / "model")).model, tiny_model)


def test_weights_can_be_read_by_whom_the_umask_lets(tiny_folder: Path) -> None:
    modes = {path.stat().st_mode for path in tiny_folder.iterdir()}
    assert len(modes) == 1


def test_a_generation_config_that_cannot_be_written_does_not_stop_a_save(
    tiny_model, tiny_tokenizer, tmp_path: Path
) -> None:
    tiny_model.generation_config.temperature = 0.7  # without do_sample, as in some published models
    save(tiny_model, tiny_tokenizer, tmp_path / "model")
    assert load(str(tmp_path / "model")).model.generation_config.temperature == 0.7
    tiny_model.generation_config.max_new_tokens = -1
    save(tiny_model, tiny_tokenizer, tmp_path / "model")
    assert load(str(tmp_path / "model")).model.generation_config.max_new_tokens is None


def test_a_gguf_file_becomes_an_ordinary_float32_model(
    tiny_gguf: Path, tiny_model, tiny_tokenizer, tiny_text: Path, tmp_path: Path
) -> None:
    loaded = load(str(tiny_gguf))
    assert same_weights(loaded.model, tiny_model)
    assert not hasattr(loaded.model.config, "quantization_config")
    assert {weight.dtype for weight in loaded.model.parameters()} == {torch.float32}
    assert loaded.model.lm_head.weight is loaded.model.model.embed_tokens.weight
    tokens = tokenize(loaded.tokenizer, read_text(tiny_text), 320)
    assert perplexity(loaded.model, tokens, 64, 4) == perplexity(tiny_model, tokens, 64, 4)

    save(loaded.model, loaded.tokenizer, tmp_path / "model")
    assert "quantization_config" not in json.loads((tmp_path / "model" / "config.json").read_text())
    again = load(str(tmp_path / "model"))
    assert same_weights(again.model, tiny_model)
    assert torch.equal(tokenize(again.tokenizer, read_text(tiny_text), 320), tokens)


def test_a_model_from_gguf_that_the_user_loaded_can_be_saved(
    tiny_gguf: Path, tiny_tokenizer, tmp_path
) -> None:
    model = AutoModelForCausalLM.from_pretrained(tiny_gguf.parent, gguf_file=tiny_gguf.name)
    save(model, tiny_tokenizer, tmp_path / "model")
    assert same_weights(load(str(tmp_path / "model")).model, model)


def test_loading_is_silent_and_leaves_the_log_as_it_was(
    tiny_gguf: Path, tiny_folder: Path, log: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    logging.set_verbosity_info()
    try:
        load(str(tiny_gguf))
        load(str(tiny_folder))
        assert logging.get_verbosity() == logging.INFO and logging.is_progress_bar_enabled()
    finally:
        logging.set_verbosity_warning()
    assert log.records == [] and capfd.readouterr() == ("", "")
