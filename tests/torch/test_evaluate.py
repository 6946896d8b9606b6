"""Perplexity in the literature's convention, against a loop written by hand."""

import math
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tamis_torch import evaluate
from tamis_torch.checkpoint import load
from tamis_torch.data import read_text, tokenize
from tamis_torch.errors import InputError
from tamis_torch.evaluate import longest_context, perplexity
from tamis_torch.modes import evaluating


@pytest.fixture
def tokens() -> torch.Tensor:
    return torch.randint(320, (500,), generator=torch.Generator().manual_seed(0))


def perplexity_by_hand(model: nn.Module, tokens: torch.Tensor, length: int, count: int) -> float:
    """Return exp of the mean over windows of the mean of -log p, one prediction at a time."""
    losses = []
    for window in range(count):
        ids = tokens[window * length : (window + 1) * length]
        with torch.no_grad():
            logits = model(input_ids=ids[None]).logits[0].double()
        predictions = [logits[t].softmax(0)[ids[t + 1]].log().item() for t in range(length - 1)]
        losses.append(-sum(predictions) / (length - 1))
    return math.exp(sum(losses) / count)


@pytest.mark.parametrize(
    ("seq_len", "count", "batch_size"), [(32, 15, 8), (32, 15, 1), (100, 5, 4), (2, 250, 64)]
)
def test_perplexity_equals_a_loop_written_by_hand(tiny_model, tokens, seq_len, count, batch_size) -> None:
    result = perplexity(tiny_model, tokens, seq_len=seq_len, batch_size=batch_size)
    assert (result.windows, result.seq_len, result.tokens) == (count, seq_len, count * seq_len)
    assert result.perplexity == pytest.approx(
        perplexity_by_hand(tiny_model, tokens, seq_len, count), rel=1e-5
    )
    assert result.perplexity == math.exp(result.loss)


def test_windows_takes_the_first(tiny_model, tokens) -> None:
    assert perplexity(tiny_model, tokens, 32, windows=3) == perplexity(tiny_model, tokens[:96], 32)
    assert perplexity(tiny_model, tokens, 32, windows=99).windows == 15


def test_a_small_limit_of_logits_changes_nothing(tiny_model, tokens, monkeypatch) -> None:
    before = perplexity(tiny_model, tokens, 32)
    monkeypatch.setattr(evaluate, "LOGITS", 1)
    assert perplexity(tiny_model, tokens, 32).loss == pytest.approx(before.loss, rel=1e-6)


class Fixed(nn.Module):
    """Gives the same logits at each place."""

    def __init__(self, logits: torch.Tensor) -> None:
        super().__init__()
        self.logits = nn.Parameter(logits)

    def forward(self, input_ids: torch.Tensor, use_cache: bool) -> SimpleNamespace:
        return SimpleNamespace(logits=self.logits.expand(*input_ids.shape, -1))


def test_a_model_that_knows_nothing_has_the_vocabulary_as_perplexity() -> None:
    assert perplexity(Fixed(torch.zeros(50)), torch.arange(40), 10).perplexity == pytest.approx(50)


def test_the_loss_is_computed_in_float32_whatever_the_dtype() -> None:
    """In bfloat16 the log-softmax alone would be off by a percent."""
    logits = torch.linspace(-3, 3, 50).to(torch.bfloat16)
    exact = perplexity(Fixed(logits.double()), torch.arange(40), 10).loss
    assert perplexity(Fixed(logits), torch.arange(40), 10).loss == pytest.approx(exact, rel=1e-6)


def test_a_loss_too_large_for_exp_is_infinite_and_a_broken_model_is_nan() -> None:
    wrong = torch.full((50,), -1e4)
    wrong[0] = 1e4
    assert perplexity(Fixed(wrong), torch.arange(1, 41), 10).perplexity == math.inf
    assert math.isnan(perplexity(Fixed(torch.full((50,), math.nan)), torch.arange(40), 10).perplexity)


def test_the_default_window_is_the_models_context_or_2048(tiny_model, tokens) -> None:
    assert longest_context(tiny_model) == 128
    assert perplexity(tiny_model, tokens).seq_len == 128
    assert longest_context(Fixed(torch.zeros(5))) is None
    assert perplexity(Fixed(torch.zeros(5)), torch.zeros(4096, dtype=torch.long)).seq_len == 2048


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seq_len": 129}, "seq_len must be between 2 and the model's 128 positions, got 129"),
        ({"seq_len": 1}, "seq_len must be at least 2, got 1"),
        ({"seq_len": 32, "windows": 0}, "windows must be at least 1, got 0"),
        ({"seq_len": 32, "batch_size": 0}, "batch_size must be at least 1, got 0"),
    ],
)
def test_arguments_out_of_range_are_named_and_shown(tiny_model, tokens, arguments, message) -> None:
    with pytest.raises(InputError, match=message):
        perplexity(tiny_model, tokens, **arguments)


def test_a_text_shorter_than_one_window_is_refused_with_both_numbers(tiny_model, tokens) -> None:
    with pytest.raises(InputError, match="it has 100 tokens, a window needs 128"):
        perplexity(tiny_model, tokens[:100])


def test_each_module_keeps_its_mode_even_after_an_error(tiny_model) -> None:
    tiny_model.train()
    tiny_model.model.layers[0].eval()
    before = [module.training for module in tiny_model.modules()]
    with pytest.raises(RuntimeError, match="inside"), evaluating(tiny_model):
        assert not any(module.training for module in tiny_model.modules())
        raise RuntimeError("inside")
    assert [module.training for module in tiny_model.modules()] == before


def test_dropout_is_off_while_evaluating() -> None:
    """Equal logits stay equal, so that the perplexity is the vocabulary's size."""
    model = Fixed(torch.ones(50))
    model.register_forward_hook(
        lambda module, _, out: SimpleNamespace(logits=F.dropout(out.logits, 0.5, module.training))
    )
    assert perplexity(model.train(), torch.arange(40), 10).perplexity == pytest.approx(50)


@pytest.mark.slow
def test_smollm2_has_the_perplexity_that_is_known(smollm2: Path, wikitext: Path) -> None:
    """WikiText-2 test, L=512, first 20 windows: 35.21 within half a percent."""
    model, tokenizer, _ = load(str(smollm2))
    tokens = tokenize(tokenizer, read_text(wikitext), model.config.vocab_size)
    assert perplexity(model, tokens, 512, windows=20).perplexity == pytest.approx(35.21, rel=0.005)
