"""Text to tokens to batches: what is cut where, and what bad text is told."""

import hashlib
import json
import struct
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

from tamis_torch.data import Batches, digest, read_text, tokenize, windows
from tamis_torch.errors import InputError


def test_a_text_file_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("Zeile eins\r\n\n  Äpfel \n".encode())
    assert read_text(path) == "Zeile eins\r\n\n  Äpfel \n"


def test_jsonl_texts_are_joined_by_blank_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "one\u2028still one", "n": 1}\n\n{"text": "two"}\n', "utf-8")
    assert read_text(path) == "one\u2028still one\n\ntwo"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.txt", None, r"missing\.txt does not exist"),
        ("empty.txt", b"", r"empty\.txt is empty"),
        ("blank.txt", b" \n\t\n", r"blank\.txt is empty"),
        ("latin.txt", b"caf\xe9 au lait", r"latin\.txt is not UTF-8: byte 0xe9 at offset 3"),
        ("cut.txt", b"caf\xc3", r"cut\.txt is not UTF-8: byte 0xc3 at offset 3"),
        ("empty.jsonl", b"\n\n", r"empty\.jsonl is empty"),
        ("bad.jsonl", b'{"text": "a"}\n{"text": \n', r"bad\.jsonl, line 2: not valid JSON"),
        (
            "none.jsonl",
            b'{"text": "a"}\n\n{"body": "b"}',
            r'none\.jsonl, line 3: needs .* "text", got {"body": "b"}',
        ),
        (
            "number.jsonl",
            b'{"text": 3}',
            r'number\.jsonl, line 1: needs an object with a string field "text"',
        ),
        ("list.jsonl", b'["text"]', r"list\.jsonl, line 1: needs an object"),
    ],
)
def test_bad_text_is_refused_by_name_and_place(
    tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_text(tmp_path / name)


def test_a_folder_as_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder; give a text file"):
        read_text(tmp_path)


def test_a_text_is_tokenised_whole_without_special_tokens_and_without_a_warning(
    tiny_tokenizer, tiny_text, log: pytest.LogCaptureFixture
) -> None:
    """Also by a tokenizer that puts a special token first and is made for 16 tokens at most."""
    backend = Tokenizer.from_str(tiny_tokenizer.backend_tokenizer.to_str())
    backend.post_processor = TemplateProcessing(single="<|end|> $A", special_tokens=[("<|end|>", 0)])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<|end|>", model_max_length=16)
    assert tokenizer("a")["input_ids"][0] == 0
    text = read_text(tiny_text)
    tokens = tokenize(tokenizer, text, 320)
    assert tokens.dtype == torch.long and tokens.ndim == 1 and len(tokens) > 3000
    assert 0 not in tokens and tokenizer.decode(tokens) == text
    assert log.records == []


def test_a_tokenizer_beyond_the_vocabulary_is_refused(tiny_tokenizer, tiny_text) -> None:
    text = read_text(tiny_text)
    largest = int(tokenize(tiny_tokenizer, text, 320).max())
    assert len(tokenize(tiny_tokenizer, text, largest + 1))
    message = rf"tokenizer does not match .* id {largest}, .* vocabulary has {largest} entries"
    with pytest.raises(InputError, match=message):
        tokenize(tiny_tokenizer, text, largest)


def test_windows_are_consecutive_and_whole() -> None:
    tokens = torch.arange(23)
    assert windows(tokens, 5).tolist() == [list(range(5 * i, 5 * i + 5)) for i in range(4)]
    assert torch.equal(windows(tokens, 5, limit=2), tokens[:10].view(2, 5))
    assert windows(tokens, 23).shape == (1, 23)


@pytest.mark.parametrize("cut", [windows, lambda tokens, length: Batches(tokens, length, 2)])
def test_a_text_shorter_than_one_window_is_refused_with_both_numbers(cut) -> None:
    with pytest.raises(InputError, match="it has 7 tokens, a window needs 8"):
        cut(torch.arange(7), 8)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: windows(t, 1), "seq_len must be at least 2, got 1"),
        (lambda t: windows(t, 4, 0), "windows must be at least 1, got 0"),
        (lambda t: Batches(t, 0, 1), "seq_len must be at least 2, got 0"),
        (lambda t: Batches(t, 4, 0), "batch_size must be at least 1, got 0"),
        (lambda t: Batches(t, 4, 1, seed=-1), "seed must be at least 0, got -1"),
    ],
)
def test_arguments_out_of_range_are_named_and_shown(call, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call(torch.arange(100))


def test_a_batch_is_a_pure_function_of_seed_and_step() -> None:
    tokens = torch.arange(1000)
    forward = [Batches(tokens, 8, 4, seed=3)(step) for step in range(80)]
    backward = Batches(tokens, 8, 4, seed=3)
    assert all(torch.equal(backward(step), forward[step]) for step in reversed(range(80)))
    assert not torch.equal(Batches(tokens, 8, 4, seed=4)(0), forward[0])


def test_an_epoch_visits_each_window_once_and_the_next_in_another_order() -> None:
    batches = Batches(torch.arange(1000), 8, 4, seed=0)
    count = batches.windows_per_epoch
    assert count == 124  # (1000 - 7) // 8
    samples = torch.cat([batches(step) for step in range(2 * count // 4)])
    epochs = [samples[:count], samples[count : 2 * count]]
    for epoch in epochs:
        assert (epoch[:, 1:] - epoch[:, :-1] == 1).all()  # each sample is a stretch of the text
        starts = epoch[:, 0].sort().values
        assert (starts.diff() == 8).all() and 0 <= starts[0] < 8  # next to each other, shifted by the offset
    assert not torch.equal(epochs[0], epochs[1])


def test_epochs_are_shifted_by_different_offsets() -> None:
    batches = Batches(torch.arange(1000), 8, batches_per_epoch := 124, seed=0)
    assert batches.windows_per_epoch == batches_per_epoch
    assert len({int(batches(epoch).min()) for epoch in range(20)}) > 3


@pytest.mark.parametrize("length", [8, 9, 15, 16, 17])
def test_a_text_of_hardly_more_than_one_window_is_enough(length: int) -> None:
    batches = Batches(torch.arange(length), 8, 3, seed=0)
    assert all(batches(step).shape == (3, 8) for step in range(10))


def test_digest_tells_texts_apart_and_is_the_same_on_every_machine() -> None:
    by_hand = hashlib.blake2b(struct.pack("<5q", 0, 1, 2, 3, 4), digest_size=8).hexdigest()
    assert digest(torch.arange(5)) == digest(torch.arange(5, dtype=torch.int32)) == by_hand
    assert digest(torch.arange(5)) != digest(torch.arange(5).flip(0))


def test_text_with_escapes_survives_jsonl(tmp_path: Path) -> None:
    text = 'a "quoted"\nline \u00e9'
    (tmp_path / "x.jsonl").write_text(json.dumps({"text": text}) + "\n", "utf-8")
    assert read_text(tmp_path / "x.jsonl") == text
