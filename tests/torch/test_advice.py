"""A run's own numbers are read for what they mean, and silence means that nothing is wrong."""

import pytest
import torch
from torch import nn

from tamis_torch import Elsa, advice
from tamis_torch.advice import Watch

WEIGHTS = {"a": nn.Parameter(torch.linspace(-1, 1, 1001))}


@pytest.mark.parametrize(
    ("watch", "words"),
    [
        (None, []),
        (Watch(residual=0.001, mask_change=0.0), []),
        (Watch(residual=0.004, mask_change=0.04), []),  # SmolLM2 at 50%: what comes and goes is near zero
        (Watch(residual=0.03, mask_change=0.04), ["the mask had not settled"]),
        (Watch(residual=0.2, mask_change=0.0), ["the last projection hurts"]),
        (Watch(residual=0.2, mask_change=0.3), ["the last projection hurts", "the mask had not settled"]),
    ],
)
def test_what_the_last_update_says(watch, words):
    found = advice.arrived(watch)
    assert len(found) == len(words)
    assert all(start in text for start, text in zip(words, found, strict=True))


def test_a_gradient_pull_must_be_able_to_travel_as_far_as_the_largest_weight_that_goes():
    config = Elsa(sparsity=0.8, steps=1000, pull="gradient", penalty=0.01)
    assert advice.before(config, WEIGHTS, lr=2e-3) == []  # travels 1.0, has to travel 0.8
    (text,) = advice.before(config, WEIGHTS, lr=1e-3)
    assert "cannot arrive" in text and "0.5" in text and "0.8" in text


def test_a_direct_pull_needs_steps_after_the_growth():
    assert advice.before(Elsa(steps=400), WEIGHTS, lr=1e-3) == []
    (text,) = advice.before(Elsa(steps=30), WEIGHTS, lr=1e-3)
    assert "too short for its pull" in text and "--penalty" in text


def test_worse_than_magnitude_is_said_and_better_is_not():
    assert advice.worse({"after": 10.0, "projected_at_start": 20.0}) == []
    assert advice.worse({"after": None, "projected_at_start": 20.0}) == []
    (text,) = advice.worse({"after": 30.0, "projected_at_start": 20.0})
    assert "worse than magnitude" in text
