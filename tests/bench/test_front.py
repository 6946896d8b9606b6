"""The front page is the one that the committed results give, and tells what became worse."""

import shutil

import charts
import front
import headline
import pytest
from over_commits import history, series

from ..torch import browser as chromium


def test_the_page_is_drawn_from_the_committed_results():
    """`python benchmarks/front.py` after new results; the order of commits is git's and not looked at here."""
    page = front.PAGE.read_text("utf-8")
    for line in headline.lines():
        assert f"| {line.what} | {line.ours} | {line.others} |" in page
    found = history(front.HISTORY, [])
    assert f"{len(found)} commits were measured" in page
    measured = [label for name, label in front.FOLLOWED.items() if series(found, name)]
    assert measured and all(f"| {label} | " in page for label in measured)


def test_elsa_and_its_best_opponent_stand_in_the_first_line():
    at = headline.perplexities()["90"]
    best = min(value for name, value in at.items() if name != "elsa")
    first = headline.lines()[0]
    assert f"{at['elsa']:.1f}" in first.ours and f"{best:.1f}" in first.others


def test_figures_are_the_same_bytes_each_time(tmp_path):
    curves = {"one": [("abcdefgh", 1.0), ("bcdefghi", 2.0)], "other": [("abcdefgh", 0.0)]}
    for name in ("a.svg", "b.svg"):
        charts.history(curves, tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
def test_front_page_shows_each_figure_at_laptop_and_phone_width(width, tmp_path):
    from markdown_it import MarkdownIt

    if chromium.find() is None:
        pytest.skip("no chromium in PATH: apt-get install chromium")
    for figure in front.PAGE.parent.glob("benchmarks-*.svg"):
        shutil.copy(figure, tmp_path)
    body = MarkdownIt("commonmark").enable("table").render(front.PAGE.read_text("utf-8"))
    page = tmp_path / "page.html"
    style = "img{max-width:100%} table{display:block;overflow-x:auto}"
    page.write_text(f"<!doctype html><meta charset=utf-8><style>{style}</style>{body}", "utf-8")
    with chromium.Browser() as browser:
        browser.open(page, width)
        assert browser.complaints() == []
        sizes = browser.run("[...document.images].map(i => [i.naturalWidth, i.width])")
        assert len(sizes) == 3 and all(own > 0 and shown <= width for own, shown in sizes)
        assert browser.run("document.documentElement.scrollWidth") <= width
