"""The parts of a page: numbers in words, axes, curves, the place of a layer in the network."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamis_torch import human
from tamis_torch.pages.axes import fit, labels
from tamis_torch.pages.curves import smooth, thin
from tamis_torch.pages.heat_map import heat_map
from tamis_torch.pages.layers import Layer, grid

READ = {
    human.number: {
        35.214: "35.2", 5e7: "5.0e7", 17353.2: "17,353", 2e-4: "2.0e-4", 400: "400", 1.5: "1.50", 0.0: "0",
        99.96: "100", 999.7: "1,000", 9.996: "10.0", None: "-", math.nan: "NaN", -math.inf: "-inf",
    },
    human.percent: {0.9: "90%", 0.89998: "89.998%", 1.0: "100%", 0.0: "0%", None: "-"},
    human.tenths: {0.9: "90.0%", None: "-"},
    human.count: {576: "576", 106_168_320: "106 M", 999_600: "1.00 M", None: "-"},
    human.size: {538_090_408: "538 MB", 12: "12 B", 3e15: "3,000 TB", None: "-"},
    human.duration: {
        8.21: "8.2 s", 9.96: "10 s", 59.7: "1 min", 200: "3 min 20 s", 7500: "2 h 5 min", 273_600: "3 d 4 h",
        math.inf: "-", None: "-",
    },
}  # fmt: skip


@pytest.mark.parametrize("show", READ, ids=lambda show: show.__name__)
def test_numbers_as_a_person_reads_them(show):
    assert {value: show(value) for value in READ[show]} == READ[show]


def test_a_float_keeps_three_figures_where_an_int_is_whole():
    assert (human.number(1.0), human.number(1)) == ("1.00", "1")


numbers = st.lists(st.floats(-1e12, 1e12, allow_subnormal=False), min_size=1, max_size=20)


@given(numbers, st.booleans(), st.booleans())
def test_axis_holds_every_value_and_has_its_ticks_inside(values, log, zero):
    """Whatever the values, they lie on it in their order (a logarithmic one: the positive, 30 decades)."""
    axis = fit(values, 10.0, 110.0, log=log, zero=zero)
    shown = [value for value in values if value > max(1e-200, max(values) / 1e30)] if axis.log else values
    assert all(axis.low <= value <= axis.high for value in shown)
    places = [axis.at(value) for value in sorted(shown)]
    assert places == sorted(places)
    assert all(10 <= place <= 110 + 1e-6 for place in places)
    assert all(
        axis.low - 1e-9 * abs(axis.low) <= tick <= axis.high * (1 + 1e-9) + 1e-9 for tick in axis.ticks()
    )
    assert 1 <= len(axis.ticks()) <= 12
    assert len(labels(axis.ticks(), human.number)) == len(axis.ticks())


def test_zero_stands_at_the_end_of_a_logarithmic_axis():
    axis = fit([0.0, 1.0, 10.0], 10.0, 110.0, log=True)
    assert axis.log
    assert axis.at(0.0) == 10.0


def test_labels_are_alike_on_a_linear_axis_and_powers_on_a_wide_one():
    assert labels([4.0, 4.2, 4.4], human.number) == ["4.0", "4.2", "4.4"]
    assert labels([0.001, 0.01, 0.1], human.number) == ["0.001", "0.01", "0.1"]
    assert labels([100.0, 1e4, 1e6], human.number) == ["100", "1e4", "1e6"]


def test_smoothing_keeps_a_constant_and_starts_at_the_first_value():
    assert [y for _, y in smooth([(i, 3.0) for i in range(9)], 4)] == pytest.approx([3.0] * 9)
    assert smooth([(1, 5.0), (2, None), (3, 1.0)], 10)[0] == (1, pytest.approx(5.0))
    assert smooth([(1, 5.0), (2, None), (3, 1.0)], 10)[1] == (2, None)


@given(st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), max_size=3000))
def test_thinning_keeps_both_ends_and_the_extremes(values):
    """However long, a curve keeps its largest and least value, so that no spike is lost."""
    kept = thin(list(enumerate(values)), 50)
    assert len(kept) <= max(50, 102) if any(value is not None for value in values) else True
    assert [x for x, _ in kept] == sorted({x for x, _ in kept})
    known = [value for value in values if value is not None]
    if known:
        assert (kept[0][0], kept[-1][0]) == (0, len(values) - 1)
        assert {min(known), max(known)} <= {y for _, y in kept}


def test_grid_orders_kinds_as_the_network_does_and_depths_as_numbers():
    names = [
        f"model.layers.{i}.{kind}.weight" for i in (10, 2) for kind in ("mlp.up_proj", "self_attn.q_proj")
    ]
    table = grid(Layer(name, 10, 1) for name in names)
    assert table.kinds == ["q", "up"]
    assert table.depths == ["2", "10"]


def test_grid_pools_experts_and_tells_equal_names_apart():
    """Two c_proj of GPT-2 stay two columns; the experts of a layer become one, weighted by their size."""
    gpt2 = [Layer(f"transformer.h.0.{path}.weight", 4, 4) for path in ("attn.c_proj", "mlp.c_proj")]
    assert grid(gpt2).kinds == ["attn.c_proj", "mlp.c_proj"]
    experts = [
        Layer("model.layers.0.experts.0.w1.weight", 10, 0),
        Layer("model.layers.0.experts.1.w1.weight", 30, 30),
    ]
    assert grid(experts).cells == {("0", "w1"): pytest.approx(0.25)}


def test_heat_map_of_a_deep_or_strange_network_is_drawn():
    deep = heat_map(
        Layer(f"layers.{i}.{j}_proj.weight", 10, i % 9) for i in range(80) for j in "abcdefghijkl"
    )
    assert deep.count('class="cell"') == 960
    assert 'class="in ' not in deep
    assert heat_map([Layer("classifier.weight", 10, 5)]).count('class="cell"') == 1
    assert "Nothing was measured" in heat_map([])
