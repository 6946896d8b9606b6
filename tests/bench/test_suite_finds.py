"""The suite measures whatever methods and sets the packages have, and its numbers repeat."""

import importlib
from dataclasses import dataclass

import numpy as np
import pytest
import suite.examples
import suite.found
import suite.inference
import suite.perplexity
import suite.projections
import suite.sizes
import suite.vision
from suite.clock import exponent, ratio_of_times

import tamis.sets
from tamis_torch.methods import names
from tamis_torch.vision.methods import names as vision_names


@pytest.fixture
def reloaded(monkeypatch):
    """Read modules of the suite anew, as asv does in its own process, and put them back afterwards."""
    done = []

    def reload(module):
        done.append(module)
        return importlib.reload(module)

    yield reload
    monkeypatch.undo()
    for module in done:
        for name in [name for name in vars(module) if name.startswith(("track_", "time_"))]:
            delattr(module, name)
        importlib.reload(module)


def test_every_method_with_a_sparsity_has_a_perplexity():
    pruning = set(names.HOMES) - {"dense", "finetune"}
    assert set(suite.found.methods()) == pruning
    for name in pruning:
        track = getattr(suite.perplexity, f"track_{name.replace('-', '_')}")
        assert track.params == [["50%", "90%", "95%", "2:4"]]
        assert track.kind == "quality" and track.tolerance > 0


def test_every_method_on_images_with_a_sparsity_has_its_errors(monkeypatch, reloaded):
    for name in set(vision_names.KINDS) - {"dense", "sam"}:
        assert getattr(suite.vision, f"track_{name.replace('-', '_')}").params == [["90%", "98%"]]
    monkeypatch.setitem(vision_names.KINDS, "brand-new", vision_names.KINDS["safe"])
    assert callable(reloaded(suite.vision).track_brand_new)


def test_a_new_method_is_measured_without_an_edit(monkeypatch, reloaded):
    @dataclass(frozen=True, kw_only=True)
    class Fresh:
        sparsity: float = 0.9
        steps: int = 1
        interval: int = 1

    monkeypatch.setitem(names.HOMES, "brand-new", "fresh.Fresh")
    kind_of = names.kind_of
    monkeypatch.setattr(names, "kind_of", lambda name: Fresh if name == "brand-new" else kind_of(name))
    assert reloaded(suite.perplexity).track_brand_new.__name__ == "track_brand_new"
    assert callable(reloaded(suite.sizes).track_kept_brand_new)


def test_a_new_set_is_measured_without_an_edit(monkeypatch, reloaded):
    @dataclass(frozen=True)
    class Halved:
        k: int
        radius: float

        def project(self, y, metric=None):
            return y / 2

    monkeypatch.setattr(tamis.sets, "Halved", Halved, raising=False)
    monkeypatch.setattr(tamis.sets, "__all__", [*tamis.sets.__all__, "Halved"])
    module = reloaded(suite.projections)
    module.time_Halved.setup()
    module.time_Halved()
    assert 0 < module.track_growth_Halved() < 3


@pytest.mark.parametrize("name", sorted(set(tamis.sets.__all__) - {"blocks"}))
def test_every_set_is_measured_on_an_example_whose_projection_lies_in_it(name):
    assert callable(getattr(suite.projections, f"time_{name}"))
    assert getattr(suite.projections, f"track_growth_{name}").kind == "ratio"
    made, point = suite.examples.example(getattr(tamis.sets, name), 64)
    assert made.contains(made.project(point))


def test_a_set_with_an_unknown_parameter_is_refused_by_name():
    class Odd:
        def __init__(self, curvature):
            pass

    with pytest.raises(TypeError, match="Odd has a parameter 'curvature'"):
        suite.examples.example(Odd, 64)


def test_benchmarks_are_told_apart_by_name_and_no_helper_counts_as_one():
    """asv runs what begins with time_ or track_ in any module; a helper of such a name would be one."""
    for module in ("clock", "stated", "found", "examples", "instances"):
        part = importlib.import_module(f"suite.{module}")
        assert not [name for name in vars(part) if name.startswith(("time_", "track_", "peakmem_"))]


def test_exponent_of_a_power_law():
    sizes = (10, 100, 1000, 10_000)
    assert exponent(sizes, [3e-6 * n**1.7 for n in sizes]) == pytest.approx(1.7)


def test_ratio_of_times_sees_twice_the_work():
    data = np.random.default_rng(0).standard_normal(200_000)

    def once():
        np.sort(data)

    def twice():
        np.sort(data)
        np.sort(data)

    assert 1.6 < ratio_of_times(twice, once) < 2.5


@pytest.mark.parametrize("method", ["elsa", "elsa_l"])
def test_planned_bytes_are_those_of_the_real_tensors(method):
    kept, planned = (getattr(suite.sizes, f"track_{what}_{method}")() for what in ("kept", "planned"))
    assert kept == pytest.approx(planned, rel=1e-3)
    assert getattr(suite.sizes, f"track_kept_{method}")() == kept


def test_what_zeros_are_worth_is_a_ratio_that_falls_with_their_share():
    tracks = (suite.inference.track_product_csr, suite.inference.track_decode)
    assert all(track.kind == "ratio" for track in tracks)
    few, _, most = (suite.inference.track_product_csr(zeros) for zeros in suite.inference.ZEROS)
    assert most < 1 and most < few
