"""asv's pages of the committed results, opened as files: every graph is drawn, nothing is asked of a network."""

import shutil
import time

import offline
import pytest
from pages_of_asv import publish

from ..torch import browser as chromium

CANVASES = "document.querySelectorAll('{} canvas.flot-base').length"
ONWARD = (  # a graph is drawn when it is seen: scroll on at each look, and from the bottom to the top
    "window.scrollTo(0, scrollY + innerHeight + 1 > document.documentElement.scrollHeight ? 0 : scrollY + 300)"
)


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    pytest.importorskip("asv", reason="asv is not installed")
    if shutil.which("npm") is None and not offline.CACHE.exists():
        pytest.skip("no npm in PATH, which fetches the scripts of the pages")
    folder = tmp_path_factory.mktemp("asv") / "html"
    publish(folder)
    return folder


@pytest.fixture(scope="module")
def browser():
    if chromium.find() is None:
        pytest.skip("no chromium in PATH: apt-get install chromium")
    with chromium.Browser() as opened:
        yield opened


def until(browser, script, seconds=30):
    """Return the value of a script as soon as it is true, or its last value."""
    end = time.monotonic() + seconds
    while not (value := browser.run(script)) and time.monotonic() < end:
        time.sleep(0.1)
    return value


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
def test_every_graph_is_drawn_from_files_alone(pages, browser, width):
    measured = sorted(path.stem for path in (pages / "graphs/summary").glob("*.json"))
    assert measured
    browser.open(pages / "index.html", width)
    until(browser, "document.querySelectorAll('.benchmark-container').length")
    narrow = "document.documentElement.scrollWidth"
    assert until(browser, f"{ONWARD}, {CANVASES.format('#summarygrid-display')} === {len(measured)}")
    assert browser.run(narrow) <= width
    for name in measured:
        browser.run(f"window.location.hash = '#{name}'")
        assert until(browser, f"$('#title').text() === '{name}' && {CANVASES.format('#main-graph')} === 1")
        assert 200 < browser.run("$('#main-graph').width()") <= width
        assert browser.run(narrow) <= width
    for name, body in (("summarylist", "#summarylist-body table"), ("regressions", "#regressions-body *")):
        browser.run(f"window.location.hash = '#/{name}'")
        assert until(browser, f"$('{body}').length > 0")
        assert browser.run(narrow) <= width
    assert browser.complaints() == []
    assert all(address.startswith("file:") for address in browser.requests())
