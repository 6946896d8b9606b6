"""A long text is tokenised in pieces, and no id tells of it."""

import pytest
import torch
from tiny import build_text
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from tamis_torch import tokenizing
from tamis_torch.tokenizing import tokenize

# Pre-tokenisers of today's models, by what they do with white space.
CL100K = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
PRE = {
    "gpt2": pre_tokenizers.ByteLevel(add_prefix_space=False),
    "gpt2, space before the first word": pre_tokenizers.ByteLevel(add_prefix_space=True),
    "llama3, qwen": pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(CL100K), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    ),
    "mistral, gemma": pre_tokenizers.Metaspace(prepend_scheme="first"),
}


def trained(pre: pre_tokenizers.PreTokenizer, normalizer: normalizers.Normalizer | None = None):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre
    tokenizer.decoder = decoders.ByteLevel()
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    trainer = trainers.BpeTrainer(
        vocab_size=400, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator([LONG], trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer)


LONG = "\n\n".join(
    f"{build_text(4, seed)}\n  indented, {seed}!\t\u00e9t\u00e9 \n \nIt's {seed * seed}."
    for seed in range(60)
)


@pytest.mark.parametrize("name", PRE)
def test_pieces_give_the_ids_of_the_whole_text(name, monkeypatch) -> None:
    tokenizer = trained(PRE[name])
    whole = tokenize(tokenizer, LONG, 10**6)
    monkeypatch.setattr(tokenizing, "PIECE", 2000)
    pieces = list(tokenizing._pieces(tokenizer, LONG))
    assert len(pieces) > 5 and "".join(pieces) == LONG
    assert torch.equal(tokenize(tokenizer, LONG, 10**6), whole)


@pytest.mark.parametrize("name", PRE)
def test_the_ids_are_those_of_a_call_whatever_was_set_before(name) -> None:
    tokenizer = trained(PRE[name])
    tokenizer.add_special_tokens({"eos_token": "<end>"})
    text = f"{LONG}<end> and <end>"
    expected = tokenizer(text, add_special_tokens=False)["input_ids"]
    tokenizer.backend_tokenizer.enable_truncation(7)
    tokenizer.backend_tokenizer.enable_padding(length=100_000)
    assert tokenize(tokenizer, text, 10**6).tolist() == expected


def test_a_tokenizer_that_begins_every_text_with_a_space_gets_the_text_whole(monkeypatch) -> None:
    tokenizer = trained(pre_tokenizers.ByteLevel(add_prefix_space=False), normalizers.Prepend(" "))
    whole = tokenize(tokenizer, LONG, 10**6)
    monkeypatch.setattr(tokenizing, "PIECE", 2000)
    assert list(tokenizing._pieces(tokenizer, LONG)) == [LONG]
    assert torch.equal(tokenize(tokenizer, LONG, 10**6), whole)


@pytest.mark.parametrize("text", ["x" * 9000, "", " \n" * 4500])
def test_a_text_without_a_place_to_cut_stays_whole(text, tiny_tokenizer, monkeypatch) -> None:
    monkeypatch.setattr(tokenizing, "PIECE", 2000)
    assert list(tokenizing._pieces(tiny_tokenizer, text)) == [text]
    assert tiny_tokenizer.decode(tokenize(tiny_tokenizer, text, 320)) == text


def test_no_piece_is_longer_than_it_may_be_and_none_is_empty(tiny_tokenizer, monkeypatch) -> None:
    monkeypatch.setattr(tokenizing, "PIECE", 1000)
    lengths = [len(piece) for piece in tokenizing._pieces(tiny_tokenizer, LONG)]
    assert min(lengths) > 0 and max(lengths) <= 1000 and sum(lengths) == len(LONG)
