"""What counts as worse, what is measured again, and what the table shows."""

import math

import pytest
from changes import change, changes, confirmed, suspects, table
from hypothesis import given
from hypothesis import strategies as st
from readings import Reading, readings


def quality(value, tolerance=0.1, slack=0.0):
    return Reading(value, "quality", "u", tolerance, slack)


def timed(value, kind="time"):
    return Reading(value, kind, "s")


VERDICTS = [
    (quality(10.0), quality(10.9), "same"),
    (quality(10.0), quality(11.1), "worse"),
    (quality(10.0), quality(8.9), "better"),
    (quality(-10.0), quality(-9.5), "same"),
    (quality(-10.0), quality(-8.9), "worse"),  # of a negative value the size counts
    (quality(0.0, 0.0, 0.1), quality(0.09, 0.0, 0.1), "same"),
    (quality(0.0, 0.0, 0.1), quality(0.11, 0.0, 0.1), "worse"),
    (quality(5.0, 0.0), quality(5.0, 0.0), "same"),
    (quality(10.0), quality(None), "gone"),
    (quality(10.0), None, "gone"),
    (None, quality(10.0), "new"),
    (quality(None), quality(10.0), "new"),
    (quality(None), quality(None), "same"),
    (timed(1.0), timed(1.29), "same"),
    (timed(1.0), timed(1.31), "worse"),
    (timed(1.0), timed(0.76), "better"),
    (timed(1.0, "ratio"), timed(1.31, "ratio"), "worse"),
    (timed(1.0), None, "same"),
    (timed(1.0, "memory"), timed(2.0, "memory"), "more"),
]


@pytest.mark.parametrize(("before", "after", "verdict"), VERDICTS)
def test_verdict(before, after, verdict):
    found = change("x", before, after)
    assert found.verdict == verdict
    assert found.refused == (verdict in ("worse", "gone"))


values = st.floats(1e-3, 1e3)


@given(values, values, st.floats(0, 1), st.sampled_from(["quality", "ratio", "time", "memory"]))
def test_no_number_gets_worse_both_ways(a, b, tolerance, kind):
    one, other = (Reading(value, kind, "u", tolerance) for value in (a, b))
    assert not (change("x", one, other).refused and change("x", other, one).refused)
    assert change("x", one, one).verdict == "same"


def test_a_slow_time_counts_only_if_it_is_slow_each_time():
    slow = changes({"t": timed(1.0), "r": timed(1.0, "ratio")}, {"t": timed(2.0), "r": timed(2.0, "ratio")})
    fine = changes({"t": timed(1.0)}, {"t": timed(1.1)})
    assert suspects(slow) == ["r", "t"]
    assert [c.refused for c in confirmed(slow, slow)] == [True, True]
    assert [c.refused for c in confirmed(slow, slow, fine)] == [True, False]
    assert suspects(confirmed(slow, fine)) == ["r"]


def test_a_quality_is_not_measured_again():
    worse = changes({"q": quality(1.0)}, {"q": quality(2.0)})
    assert suspects(worse) == []
    assert confirmed(worse, changes({"q": quality(1.0)}, {"q": quality(1.0)}))[0].refused


def test_the_table_has_what_changed_the_worst_first():
    before = {"a": quality(1.0), "b": quality(1.0), "c": quality(1.0)}
    after = {"a": quality(0.5), "b": quality(2.0), "c": quality(1.0)}
    shown = table(changes(before, after))
    lines = [line for line in shown.splitlines() if line.startswith("| ")][2:]
    assert [line.split(" | ")[0] for line in lines] == ["| b", "| a"]
    assert "| b | 1 | 2 | 2.000 | u | worse |" in lines
    zero = table(changes({"z": quality(-1e-14)}, {"z": quality(2.0)}))
    assert "| z | -1e-14 | 2 |  | u | worse |" in zero
    assert shown.endswith("1 of 3 readings are as they were.")


def test_readings_of_parameters_skipped_ones_left_out():
    stated = {"type": "track", "unit": "%", "kind": "quality", "tolerance": 0.1, "slack": 0.2}
    found = readings("m.track", [1.0, math.nan, None, 4.0], [["'a'", "'b'"], ["1", "2"]], stated)
    assert found == {
        "m.track('a', 1)": Reading(1.0, "quality", "%", 0.1, 0.2),
        "m.track('b', 1)": Reading(None, "quality", "%", 0.1, 0.2),
        "m.track('b', 2)": Reading(4.0, "quality", "%", 0.1, 0.2),
    }
    assert readings("m.time", None, [], {"type": "time", "unit": "s"}) == {
        "m.time": Reading(None, "time", "s")
    }
