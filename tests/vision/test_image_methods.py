"""The plans of the methods: the same steps in all, the sparsities and rates of their papers."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamis_torch import InputError, Iteration
from tamis_torch.methods.iteration import penalty_at
from tamis_torch.vision import Admm, Dense, Gradual, GradualSam, Iterative, Magnitude, Safe, Sam
from tamis_torch.vision.methods.names import KINDS, name_of


@pytest.mark.parametrize("name", KINDS)
@given(steps=st.integers(20, 3000))
def test_every_method_makes_the_same_number_of_steps_and_ends_at_the_sparsity(name, steps):
    method = KINDS[name](**({} if name in ("dense", "sam") else {"sparsity": 0.97}))
    plan = method.plan(steps)
    assert len(plan.rates) == steps and all(0 <= rate <= method.lr for rate in plan.rates)
    assert all(1 <= step <= steps for step in plan.prunings)
    if plan.prunings:
        sparsities = [plan.prunings[step] for step in sorted(plan.prunings)]
        assert sparsities[-1] == pytest.approx(0.97) and sparsities == sorted(sparsities)
    assert bool(plan.prunings) + (plan.iteration is not None) == (name not in ("dense", "sam"))
    assert name_of(method) == name


def test_the_rate_is_half_a_cosine_after_a_linear_rise():
    rates = Dense(lr=0.2, warmup=0.1).plan(100).rates
    assert rates[0] == pytest.approx(0.2 * 0.1 * 1)
    assert rates[9] == pytest.approx(0.2 * (1 + math.cos(math.pi * 0.09)) / 2)
    assert rates[50] == pytest.approx(0.1) and rates[99] == pytest.approx(
        0.2 * (1 + math.cos(math.pi * 0.99)) / 2
    )


def test_gradual_pruning_is_zhu_and_guptas_cubic():
    plan = Gradual(sparsity=0.8, interval=10, growth=0.5).plan(200)
    assert plan.prunings[50] == pytest.approx(0.8 * (1 - (1 - 0.5) ** 3))
    assert plan.prunings[100] == 0.8 and sorted(plan.prunings) == list(range(10, 101, 10))


def test_iterative_pruning_leaves_an_equal_share_each_round_and_goes_back_to_the_rate_of_the_rewound_step():
    plan = Iterative(sparsity=1 - 0.2**3, rounds=3, rewind=0.1).plan(220)
    assert plan.kept_at == 22
    left = [1 - plan.prunings[step] for step in sorted(plan.prunings)]
    assert left == pytest.approx([0.2, 0.04, 0.008])
    cuts = sorted(plan.prunings)
    assert [b - a for a, b in zip([22, *cuts], [*cuts, 220], strict=True)] == [50, 50, 49, 49]
    assert plan.rates[cuts[0]] == pytest.approx(plan.rates[22])  # the cycle goes on from the kept step
    assert plan.rates[cuts[0] - 1] < 0.01 * plan.rates[22]


def test_magnitudes_second_half_has_a_cycle_of_its_own():
    plan = Magnitude(sparsity=0.9, warmup=0).plan(100)
    assert plan.prunings == {50: 0.9} and plan.rates[50] == plan.rates[0] == 0.1


def test_admm_is_safe_with_radius_zero():
    admm, safe = Admm(sparsity=0.9).plan(300), Safe(sparsity=0.9).plan(300)
    assert admm.iteration == safe.iteration and isinstance(admm.iteration, Iteration)
    assert not admm.radii and len(safe.radii) == 300
    assert admm.iteration.budget == "global" and admm.iteration.metric == "none"


def test_the_papers_settings_are_those_of_its_script():
    paper = Safe.paper(sparsity=0.95)
    assert (paper.penalty, paper.radius, paper.interval, paper.epochs) == (1e-3, 0.1, 32, 200)
    assert paper.radius_rise == "none" and Safe.paper(radius=0.2).radius == 0.2
    assert not Admm.paper().plan(10).radii
    plan = paper.plan(78_000)
    assert plan.iteration.pull == "gradient" and plan.iteration.order == "wzu" and plan.iteration.growth == 0
    assert penalty_at(plan.iteration, 0) == 0 and penalty_at(plan.iteration, 39_000) == pytest.approx(5e-4)
    assert penalty_at(plan.iteration, 78_000) == pytest.approx(1e-3)


def test_sharpness_is_in_the_plans_that_have_it():
    assert [kind().plan(10).radii for kind in (Sam, GradualSam)] == [[0.1] * 10] * 2
    assert Gradual().plan(10).radii == Dense().plan(10).radii == Admm().plan(10).radii == ()


def test_a_method_of_plain_steps_takes_no_radius():
    for kind in (Admm, Gradual, Dense):
        with pytest.raises(TypeError, match="radius"):
            kind(radius=0.1)


def test_safes_radius_rises_to_its_value_in_the_last_step():
    radii = Safe().plan(8).radii
    assert radii == pytest.approx([0.025 * step for step in range(1, 9)])


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        (Dense, {"epochs": 0}, "epochs must be an integer of at least 1"),
        (Dense, {"lr": 0.0}, "lr must be in"),
        (Dense, {"lr": float("nan")}, "lr must be in"),
        (Dense, {"momentum": 1.0}, "momentum must be in"),
        (Dense, {"weight_decay": -1.0}, "weight_decay must be in"),
        (Dense, {"augment": "rotate"}, "augment must be one of none, crop, crop-flip"),
        (Safe, {"sparsity": 1.0}, r"sparsity must be in \[0, 1\)"),
        (Safe, {"pattern": "2:4"}, "pattern must be left out on images"),
        (Safe, {"budget": "row"}, "budget must be one of global, tensor"),
        (Safe, {"radius": -0.1}, "radius must be in"),
        (GradualSam, {"radius": float("inf")}, "radius must be in"),
        (Sam, {"radius_rise": "cosine"}, "radius_rise must be one of none, linear"),
        (Safe, {"penalty": 0.0}, "penalty must be in"),
        (Safe, {"interval": 0}, "interval must be an integer"),
        (Safe, {"growth": 1.5}, "growth must be in"),
        (Safe, {"penalty_rise": "linear"}, "penalty_rise must be one of none, cosine"),
        (Gradual, {"interval": 0}, "interval must be an integer"),
        (Iterative, {"rounds": 0}, "rounds must be an integer"),
        (Iterative, {"rewind": 0.7}, "rewind must be in"),
        (Magnitude, {"dense_share": 1.5}, "dense_share must be in"),
    ],
)  # fmt: skip
def test_bad_settings_are_named(kind, given, message):
    with pytest.raises(InputError, match=message):
        kind(**given)


@pytest.mark.parametrize("share", [0.0, 0.001, 1.0])
def test_magnitude_cuts_whatever_the_share_of_dense_steps(share):
    plan = Magnitude(sparsity=0.9, dense_share=share).plan(28)
    assert list(plan.prunings.values()) == [0.9] and 1 <= next(iter(plan.prunings)) <= len(plan.rates) == 28
