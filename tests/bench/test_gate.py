"""No quality is worse than the committed baseline: what `.ci/run` refuses a change for."""

import json

import gate
import pytest
from changes import table
from readings import Reading


@pytest.fixture(scope="module")
def baseline():
    return json.loads(gate.BASELINE.read_text("utf-8"))


def test_no_quality_is_worse_than_the_baseline(baseline):
    """About a minute: every method at 90%, the solver's gaps, bytes.  If it is meant: gate.py --write."""
    changed = gate.against(baseline, *gate.measured())
    assert not [change for change in changed if change.refused], f"\n{table(changed)}"


def test_the_gate_refuses_a_quality_beyond_its_tolerance_and_takes_one_within(baseline):
    found = {name: Reading(**row) for name, row in baseline["readings"].items()}
    name = "perplexity.track_elsa('90%')"
    for factor, refused in ((1.02, []), (1.05, [name])):
        worse = found | {name: found[name]._replace(value=found[name].value * factor)}
        changed = gate.against(baseline, baseline["text"], worse)
        assert [change.name for change in changed if change.refused] == refused


def test_a_measure_that_is_lost_is_refused(baseline):
    found = {name: Reading(**row) for name, row in baseline["readings"].items() if "Answers" not in name}
    changed = gate.against(baseline, baseline["text"], found)
    assert {change.verdict for change in changed if change.refused} == {"gone"}


def test_with_another_text_perplexities_are_not_compared_and_the_rest_is(baseline):
    changed = gate.against(baseline, "another", {})
    names = {change.name for change in changed}
    assert names and not any(name.startswith("perplexity.") for name in names)
    assert all(change.refused for change in changed)
