"""The next-token loss is cross-entropy's, with its gradient, in less memory."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import LlamaConfig, LlamaForCausalLM

from tamis_torch import next_token
from tamis_torch.next_token import next_token_loss


def case(windows: int, length: int, words: int, dtype: torch.dtype, seed: int = 0) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(seed)
    logits = (4 * torch.randn(windows, length, words, generator=draw)).to(dtype)
    return logits.requires_grad_(), torch.randint(words, (windows, length), generator=draw)


def exact(logits: Tensor, tokens: Tensor) -> Tensor:
    return F.cross_entropy(logits[:, :-1].double().flatten(0, 1), tokens[:, 1:].flatten())


@given(
    windows=st.integers(1, 3), length=st.integers(2, 9), words=st.integers(1, 40), entries=st.integers(1, 200),
    factor=st.floats(-3, 3), seed=st.integers(0, 99),
)  # fmt: skip
@settings(max_examples=80, deadline=None)
def test_loss_and_gradient_are_those_of_cross_entropy_in_pieces_of_any_size(
    windows, length, words, entries, factor, seed
):
    logits, tokens = case(windows, length, words, torch.float32, seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(next_token, "ENTRIES", entries)
        loss = next_token_loss(logits, tokens)
    expected = exact(logits, tokens)
    assert float(loss) == pytest.approx(float(expected), rel=1e-5, abs=1e-6)
    (gradient,) = torch.autograd.grad(factor * loss, logits)
    (wanted,) = torch.autograd.grad(factor * expected, logits)
    torch.testing.assert_close(gradient, wanted, rtol=1e-5, atol=1e-7)


def test_in_bfloat16_the_gradient_is_right_to_its_last_bit():
    logits, tokens = case(2, 33, 500, torch.bfloat16)
    loss = next_token_loss(logits, tokens)
    expected = exact(logits, tokens)
    assert loss.dtype == torch.float32 and float(loss) == pytest.approx(float(expected), rel=1e-5)
    (gradient,), (wanted,) = (torch.autograd.grad(x, logits) for x in (loss, expected))
    assert gradient.dtype == torch.bfloat16
    torch.testing.assert_close(gradient.double(), wanted.double(), rtol=2**-7, atol=1e-9)
    assert not gradient[:, -1].any(), "nothing is predicted there"


def test_it_is_the_loss_of_a_language_model():
    torch.manual_seed(0)
    shape = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=50, **shape))
    tokens = torch.randint(50, (3, 12))
    theirs = model(input_ids=tokens, labels=tokens).loss
    ours = next_token_loss(model(input_ids=tokens).logits, tokens)
    assert float(ours) == pytest.approx(float(theirs), rel=1e-6)


def test_only_a_few_rows_are_in_float32_at_a_time(monkeypatch):
    monkeypatch.setattr(next_token, "ENTRIES", 1000)
    logits, tokens = case(2, 30, 100, torch.bfloat16)

    class Largest(TorchDispatchMode):
        found = 0

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            out = func(*args, **(kwargs or {}))
            if isinstance(out, Tensor) and out.dtype == torch.float32:
                self.found = max(self.found, out.numel())
            return out

    with Largest() as largest:
        next_token_loss(logits, tokens).backward()
    assert largest.found == 1000


def test_without_a_gradient_none_is_made_and_a_second_backward_pass_is_refused():
    logits, tokens = case(1, 4, 7, torch.float32)
    with torch.no_grad():
        assert not next_token_loss(logits, tokens).requires_grad
    loss = next_token_loss(logits, tokens)
    loss.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_an_infinite_logit_makes_the_loss_nan_as_ever():
    logits, tokens = case(1, 4, 7, torch.float32)
    with torch.no_grad():
        logits[0, 1, 2] = torch.inf
    assert bool(next_token_loss(logits, tokens).isnan()) == bool(exact(logits, tokens).isnan())
