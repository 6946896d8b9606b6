"""What is not a sound causal language model is refused, in one line that names the file."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import BartConfig, BertConfig, T5Config, ViTConfig

from tamis_torch.checkpoint import load
from tamis_torch.errors import InputError


def truncate(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])


def edit_config(folder: Path, **fields: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def edit_weights(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (T5Config(), "its model_type is 't5'"),
        (BartConfig(), "its model_type is 'bart'"),
        (ViTConfig(), "its model_type is 'vit'"),
        (BertConfig(), "its model_type is 'bert' with is_decoder false: it reads in both directions"),
    ],
)
def test_a_model_that_is_no_causal_language_model(refusal, folder: Path, config, reason: str) -> None:
    config.save_pretrained(folder)
    assert refusal(folder) == f"model folder {folder} is not a causal language model: {reason}"


def test_a_trunk_with_another_head(refusal, folder: Path) -> None:
    edit_config(folder, architectures=["LlamaForSequenceClassification"])
    assert "is not a causal language model: it was saved as LlamaForSequenceClassification" in refusal(folder)


def test_a_quantised_model(refusal, folder: Path) -> None:
    edit_config(folder, quantization_config={"quant_method": "gptq", "bits": 4})
    assert "is quantised; give the model it was made from" in refusal(folder)


@pytest.mark.parametrize(
    "text", ["{broken", "[]", '{"model_type": "nonesuch"}', '{"model_type": "llama", "hidden_size": "a"}']
)
def test_a_config_that_cannot_be_understood(refusal, folder: Path, text: str) -> None:
    (folder / "config.json").write_text(text)
    assert f"model folder {folder} cannot be read: " in refusal(folder)


def test_code_that_comes_with_a_model_is_not_run(refusal, folder: Path) -> None:
    (folder / "evil.py").write_text("raise SystemExit('ran')")
    edit_config(
        folder, model_type="evil", auto_map={"AutoConfig": "evil.C", "AutoModelForCausalLM": "evil.M"}
    )
    assert "cannot be read: " in refusal(folder)


def test_a_missing_weight_is_not_made_up(refusal, folder: Path) -> None:
    edit_weights(folder, lambda weights: weights.pop("model.layers.1.mlp.up_proj.weight"))
    assert "1 weights are missing, the first is model.layers.1.mlp.up_proj.weight" in refusal(folder)


def test_a_weight_of_another_shape(refusal, folder: Path) -> None:
    edit_config(folder, intermediate_size=96)
    message = refusal(folder)
    assert "6 weights are of another shape than its config says" in message
    assert "the first is model.layers.0.mlp.down_proj.weight" in message


def test_a_weight_that_is_not_finite(refusal, folder: Path) -> None:
    edit_weights(folder, lambda weights: weights["model.layers.1.mlp.up_proj.weight"][3].fill_(torch.nan))
    assert "is damaged: model.layers.1.mlp.up_proj.weight has values that are not finite" in refusal(folder)


def test_weights_that_are_not_used_are_told(folder: Path) -> None:
    edit_weights(folder, lambda weights: weights.update({"extra.weight": torch.zeros(2)}))
    with pytest.warns(UserWarning, match=r"1 weights of the file are not used, the first is extra\.weight"):
        load(str(folder))


def test_a_tokenizer_that_is_missing_or_damaged(refusal, folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{")
    assert f"the tokenizer of model folder {folder} cannot be read: " in refusal(folder)
    for file in folder.glob("tokenizer*"):
        file.unlink()
    assert f"the tokenizer of model folder {folder} cannot be read: " in refusal(folder)


def test_a_tokenizer_that_transformers_makes_up_is_empty_and_refused(refusal, folder: Path) -> None:
    for file in folder.glob("tokenizer*"):
        file.unlink()
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "GPT2Tokenizer"}')
    assert f"the tokenizer of model folder {folder} is missing or empty" in refusal(folder)


@pytest.mark.parametrize("share", [0, 0.0001, 0.01, 0.1, 0.5, 0.999])
def test_a_truncated_gguf_file(refusal, tiny_gguf: Path, tmp_path: Path, share: float) -> None:
    file = Path(shutil.copy(tiny_gguf, tmp_path / "cut.gguf"))
    truncate(file, int(share * file.stat().st_size))
    assert f"GGUF file {file} cannot be read: " in refusal(file)


def test_a_gguf_file_with_another_content(refusal, tmp_path: Path) -> None:
    (tmp_path / "x.gguf").write_bytes(b"not a model")
    assert f"GGUF file {tmp_path / 'x.gguf'} cannot be read: " in refusal(tmp_path / "x.gguf")


def test_a_gguf_file_with_broken_numbers(refusal, tiny_gguf: Path, tmp_path: Path) -> None:
    content = bytearray(tiny_gguf.read_bytes())
    content[-4096:] = b"\xff" * 4096  # NaN in the last tensors
    (tmp_path / "x.gguf").write_bytes(content)
    assert "values that are not finite" in refusal(tmp_path / "x.gguf")


@pytest.mark.parametrize("device", ["cuda:99", "nonsense"])
def test_a_device_that_is_not_there(tiny_folder: Path, device: str) -> None:
    with pytest.raises(InputError, match=f"device '{device}' is not available: "):
        load(str(tiny_folder), device=device)
