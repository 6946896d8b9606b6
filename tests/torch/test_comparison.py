"""Runs side by side: the rows, the tables for the terminal, the page."""

import io

import pytest
from rich.console import Console

from tamis_torch.errors import InputError
from tamis_torch.report import compare_table, plain_table, rich_table, write_comparison

from .fake_run import write_run

DENSE = {"run": "dense", "before": 34.7, "after": 34.7}
MAGNITUDE = {"run": "magnitude [90%]", "method": "magnitude", "sparsity": 0.9, "before": 34.7, "after": 532.0}


@pytest.fixture
def runs(tmp_path):
    return [write_run(tmp_path / "elsa", layers=2), DENSE, MAGNITUDE]


def test_rows_come_in_order_with_their_figures(runs):
    elsa, dense, magnitude = compare_table(runs)
    assert (elsa["run"], elsa["method"], elsa["steps"], elsa["bytes"]) == ("elsa", "elsa", 400, 538_090_408)
    assert elsa["ratio"] == pytest.approx(61.03 / 35.21)
    assert dense["ratio"] == 1
    assert magnitude["ratio"] == pytest.approx(532 / 34.7)
    assert dense["seconds"] is None
    assert list(elsa) == list(dense)


def test_run_without_perplexity_has_none(tmp_path):
    (row,) = compare_table([write_run(tmp_path / "run", layers=1, run={"perplexity": None})])
    assert row["before"] is row["after"] is row["ratio"] is None


def test_plain_table_is_aligned(runs):
    lines = plain_table(compare_table(runs)).splitlines()
    assert len(lines) == 4
    assert [line.split()[0] for line in lines] == ["run", "elsa", "dense", "magnitude"]
    assert len({line.index("ppl after") + len("ppl after") for line in lines[:1]}) == 1
    end = lines[0].index("ppl after") + len("ppl after")
    assert [line[:end].split()[-1] for line in lines[1:]] == ["61.0", "34.7", "532"]


def test_rich_table_shows_names_as_they_are(runs):
    """A name in brackets is no markup."""
    out = io.StringIO()
    Console(file=out, width=160).print(rich_table(compare_table(runs)))
    assert "magnitude [90%]" in out.getvalue()
    assert "12 min 14 s" in out.getvalue()


def test_page_has_every_run_and_overlays_the_curves(runs, tmp_path):
    curve = {"run": "trained on", "losses": [3.0, 2.9, 2.8]}
    html = write_comparison([*runs, curve], tmp_path / "out.html").read_text(encoding="utf-8")
    for name in ("elsa", "dense", "magnitude [90%]", "trained on"):
        assert f'<th scope="row" class="name">{name}</th>' in html
    assert html.count('<path class="line') == 2
    assert html.count('<circle class="dot') == 3
    assert "http://" not in html
    assert "https://" not in html


def test_page_says_which_run_is_unfinished(tmp_path):
    stopped = write_run(tmp_path / "short", steps=40, layers=1, run={"status": "interrupted"})
    html = write_comparison([stopped, DENSE], tmp_path / "out.html").read_text(encoding="utf-8")
    assert "short: interrupted after 40 steps" in html


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ([], "at least one run"),
        ([{"method": "elsa"}], "needs a name under 'run'"),
        ([{"run": "x", "perplexity": 3}], "got perplexity"),
        (["no/such/folder"], r"no/such/folder is not a run folder"),
    ],
)
def test_bad_input_is_named(runs, message):
    with pytest.raises(InputError, match=message):
        compare_table(runs)
