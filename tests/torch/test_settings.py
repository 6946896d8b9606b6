"""Settings refuse what they cannot mean, naming the value and what is allowed."""

import itertools
import math

import pytest

from tamis_torch import Dense, Elsa, Finetune, InputError, Magnitude
from tamis_torch.methods.iteration import constraint, sparsity_at
from tamis_torch.methods.schedule import lr_scale

BAD = [
    ({"sparsity": 1.0}, r"sparsity must be in \[0, 1\).*got 1.0"),
    ({"sparsity": -0.1}, "sparsity.*got -0.1"),
    ({"sparsity": math.nan}, "sparsity.*got nan"),
    ({"pattern": "2-4"}, "pattern must be N:M.*got '2-4'"),
    ({"pattern": "4:4"}, "1 <= N < M.*got '4:4'"),
    ({"pattern": "0:4"}, "1 <= N < M"),
    ({"pattern": "2:4", "sparsity": 0.6}, "sparsity must be left out or 0.5 with the pattern 2:4, got 0.6"),
    ({"steps": 0}, "steps must be an integer of at least 1, got 0"),
    ({"steps": 2.5}, "steps must be an integer"),
    ({"batch_size": 0}, "batch_size"),
    ({"seq_len": 1}, "seq_len must be an integer of at least 2, got 1"),
    ({"interval": 0}, "interval"),
    ({"lr": 0.0}, r"lr must be in \(0, 1\], got 0.0"),
    ({"lr": math.nan}, "lr"),
    ({"penalty": 0.0}, "penalty"),
    ({"penalty": 1.5}, r"penalty must be in \(0, 1\], got 1.5"),
    ({"growth": 1.5}, "growth"),
    ({"warmup": -1.0}, "warmup"),
    ({"pull": "push"}, "pull must be one of direct, gradient, got 'push'"),
    ({"metric": "wanda"}, "metric must be one of adam, fisher, gradient, none"),
    ({"budget": "layer"}, "budget must be one of tensor, row, block, global, got 'layer'"),
    ({"budget": "global", "pattern": "2:4"}, "budget must be left out with the pattern 2:4.*got 'global'"),
    ({"budget": "row", "pattern": "2:4"}, "budget must be left out.*got 'row'"),
    ({"order": "uwz"}, "order must be one of wzu, zwu"),
    ({"radius": -0.1}, r"radius must be in \[0, 1e\+06\], got -0.1"),
    ({"radius": math.nan}, "radius"),
    ({"radius": 0.1, "weights": "bfloat16"}, "radius must be 0 with weights 'bfloat16'.*got 0.1"),
    ({"accumulate": 0}, "accumulate must be an integer of at least 1"),
    ({"accumulate": 3}, r"accumulate must divide batch_size \(4\), got 3"),
    ({"weights": "float16"}, "weights must be one of float32, bfloat16"),
    ({"seed": -1}, "seed"),
    ({"seed": 2**63}, r"seed must be below 2\*\*63"),
    ({"sparsity": "0.9"}, r"sparsity must be in \[0, 1\).*got '0.9'"),
    ({"penalty": "0.1"}, r"penalty must be in \(0, 1\], got '0.1'"),
]


@pytest.mark.parametrize(("settings", "message"), BAD)
def test_elsa_refuses(settings, message):
    with pytest.raises(InputError, match=message):
        Elsa(**settings)


def test_magnitude_checks_its_budget():
    with pytest.raises(InputError, match="budget must be left out with the pattern"):
        Magnitude(pattern="2:4", budget="block")


@pytest.mark.parametrize("kind", [Magnitude, Dense])
def test_the_other_methods_check_too(kind):
    with pytest.raises(InputError):
        kind(**({"sparsity": 2.0} if kind is Magnitude else {"steps": -1}))


def test_sparsity_rises_to_the_target_and_stays():
    config = Elsa(sparsity=0.8, steps=100, growth=0.5)
    asked = [sparsity_at(config, step) for step in range(101)]
    assert asked[0] == 0 and asked[50] == asked[100] == 0.8
    assert all(a <= b for a, b in itertools.pairwise(asked))


def test_a_pattern_grows_from_dense_to_itself():
    config = Elsa(pattern="2:8", steps=100, growth=1.0)
    kept = [constraint(config, step, axis=1).n for step in range(101)]
    assert kept[0] == 8 and kept[-1] == 2
    assert all(a >= b for a, b in itertools.pairwise(kept))


def test_learning_rate_rises_then_falls_to_zero():
    config = Dense(steps=100, warmup=0.1)
    scale = [lr_scale(config, step) for step in range(100)]
    assert max(scale) == pytest.approx(scale[9], abs=0.02)
    assert scale[0] < 0.11 and 0 < scale[-1] < 0.011


def test_the_papers_settings_are_its_own():
    paper = Elsa.paper(0.9, steps=64)
    assert (paper.pull, paper.metric, paper.interval, paper.growth) == ("gradient", "fisher", 32, 0.0)
    assert (paper.lr, paper.penalty, paper.steps) == (2e-4, 1e-3, 64)
    assert Elsa.paper(0.5).lr == 1e-5


def test_the_default_learning_rate_falls_with_the_width_and_rises_with_the_sparsity():
    rates = [Elsa(sparsity=s).default_lr(256, 0.0) for s in (0.0, 0.5, 0.7, 0.9, 0.99)]
    assert rates == sorted(rates) and rates[3] == rates[4] > rates[2] > rates[1]
    assert Elsa(sparsity=0.9).default_lr(512, 0.0) == rates[3] / 2
    assert Dense().default_lr(256, 0.9) == rates[0] < rates[1]
    assert Finetune().default_lr(256, 0.7) == rates[2]
    assert Elsa(pattern="2:4").default_lr(256, 0.0) == rates[1]


@pytest.mark.parametrize("kind", [Elsa, Magnitude])
def test_the_sparsity_is_resolved(kind):
    assert kind().sparsity == 0.9
    assert kind(pattern="2:8").sparsity == kind(pattern="2:8", sparsity=0.75).sparsity == 0.75
