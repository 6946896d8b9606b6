"""The chart of perplexity against sparsity: where its marks stand, and its form as a file for a paper."""

import math
import re
import shutil
import xml.etree.ElementTree as ElementTree
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamis_torch.comparison import write_comparison, write_figure
from tamis_torch.pages.markers import SHAPES
from tamis_torch.pages.paper import Panel, paper_figure
from tamis_torch.pages.sparsity_chart import drawing, legend, read_out, sparsity_chart
from tamis_torch.pages.sparsity_frame import BOTTOM, HEIGHT, TOP, frame_of, grid
from tamis_torch.pages.sparsity_lines import Line, Point, Reference, looks
from tamis_torch.pages.svg import WIDTH, Chart

from . import browser as chromium

DENSE = [Reference("dense", 30.0)]
SPARSITIES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)


def line(label, *perplexities, patterns=()):
    points = [Point(s, p, p, p) for s, p in zip(SPARSITIES, perplexities, strict=False)]
    return Line(label, points, [Point(0.5, p, p, p, pattern=name) for name, p in patterns])


def marks(lines, references=DENSE):
    """Return the centre of each mark of the drawing: of a circle it is behind the leftmost point."""
    body = str(drawing(lines, references))
    return [
        (float(x) + 4.2, float(y)) for x, y in re.findall(r'class="mark s0" d="M([\d.]+) ([\d.]+)a', body)
    ]


def test_marks_stand_at_the_root_of_what_is_left_and_the_logarithm_of_the_perplexity():
    places = marks([line("elsa", 40.0, 80.0, 160.0, 320.0)])
    steps = [(b[0] - a[0], a[1] - b[1]) for a, b in pairwise(places)]
    roots = [math.sqrt(1 - a) - math.sqrt(1 - b) for a, b in pairwise(SPARSITIES[:4])]
    assert [across / steps[0][0] for across, _ in steps] == pytest.approx(
        [r / roots[0] for r in roots], rel=0.01
    )
    assert [up for _, up in steps] == pytest.approx([steps[0][1]] * 3, abs=0.2)
    assert all(TOP < y < HEIGHT - BOTTOM for _, y in places)


@pytest.mark.parametrize("broken", [1e9, math.inf])
def test_a_worthless_model_is_an_arrow_and_takes_no_room_from_the_rest(broken):
    good = line("elsa", 40.0, 80.0, 160.0)
    lost = line("magnitude", 90.0, 100.0, broken)
    body = str(drawing([good, lost], DENSE))
    assert marks([good, lost]) == marks([good, line("magnitude", 90.0, 100.0)])
    assert len(re.findall(r"l4\.5 6h-3", body)) == 1
    assert ("above 300,000" in [words for _, words in legend([good, lost], DENSE)]) is True
    assert "inf" not in body and "nan" not in body
    heights = [
        float(y)
        for y in re.findall(r"[ML][\d.]+ (-?[\d.]+)", "".join(re.findall(r'"line s1" d="([^"]*)"', body)))
    ]
    assert min(heights) == pytest.approx(TOP, abs=0.1)


def test_a_whisker_reaches_from_the_least_to_the_largest():
    seeds = Line("elsa", [Point(0.5, 60.0, 40.0, 90.0, 2), Point(0.9, 50.0, 50.0, 50.0, 2)])
    frame, body = frame_of([seeds], DENSE), str(drawing([seeds], DENSE))
    ((low, high),) = re.findall(r'class="whisker s0" d="M[\d.]+ ([\d.]+)V([\d.]+)', body)
    assert (float(low), float(high)) == pytest.approx((frame.height(40.0), frame.height(90.0)), abs=0.1)
    assert "50%: elsa = 60.0 (40.0 to 90.0, 2 runs)" in read_out([seeds], DENSE)[0][1]


def test_patterns_have_columns_beside_the_sparsities_and_marks_that_do_not_cover_each_other():
    both = [line(name, 40.0, 90.0, patterns=[("4:8", 50.0), ("2:4", 50.0)]) for name in ("elsa", "alps")]
    frame = frame_of(both, DENSE)
    assert list(frame.columns) == ["2:4", "4:8"]
    assert frame.end < frame.columns["2:4"] < frame.columns["4:8"] < WIDTH
    assert [words.split(":")[0] for _, words in read_out(both, DENSE)] == ["50%", "60%", "2", "4"]
    assert "2:4: elsa = 50.0; alps = 50.0" in [words for _, words in read_out(both, DENSE)]
    circles = [x for x, y in marks(both) if x > frame.end]
    assert circles == pytest.approx([frame.columns[p] - 5 for p in ("4:8", "2:4")], abs=0.2)


@given(st.lists(st.floats(0.01, 0.999), min_size=1, max_size=30), st.integers(0, 4))
def test_labels_under_the_axis_have_room_and_both_ends_are_named(sparsities, columns):
    points = [Point(s, 40.0, 40.0, 40.0) for s in sparsities]
    patterns = [Point(0.5, 40.0, 40.0, 40.0, pattern=f"{i + 1}:{2 * i + 2}") for i in range(columns)]
    drawn = [Line("elsa", points, patterns)]
    frame = frame_of(drawn, DENSE)
    texts = re.findall(r'x="([\d.]+)" y="356">([^<]*)<', str(grid(frame, drawn)))
    places = sorted(float(x) for x, words in texts if words.endswith("%"))
    assert all(b - a > 39.8 for a, b in pairwise(places)) and places[-1] <= frame.end
    least = max(float(f"{1 - s:.2e}") for s in sparsities)
    assert places[0] == pytest.approx(frame.across.at(math.sqrt(least)), abs=0.1)


def test_sixty_lines_look_different_and_what_goes_on_from_another_looks_like_it():
    names = [f"method {i}" for i in range(56)] + ["method 3 + finetune", "method 3 + finetune, 4 M tokens"]
    found = looks([Line(name, []) for name in names])
    assert len({(look.style, look.shape % SHAPES, look.again) for look in found}) == 58
    assert {look.style for look in (found[3], found[56], found[57])} == {found[3].style}
    assert [look.again for look in (found[3], found[56], found[57])] == [False, True, True]


def test_the_file_for_a_paper_stands_on_its_own():
    """It is XML without classes or style sheets, which few programs that make PDF understand."""
    nasty = "<b>&\"elsa'"
    lines = [line(nasty, 40.0, 90.0, 1e9, patterns=[("2:4", 50.0)]), line("alps", 50.0, 100.0)]
    lines += [line("alps + finetune", 41.0, 70.0), Line("seeds", [Point(0.9, 60.0, 40.0, 90.0, 3)])]
    text = paper_figure([Panel(["model", "text"], lines, [*DENSE, Reference("dense, trained on", 28.0)])])
    root = ElementTree.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "class=" not in text and "<style" not in text and "var(" not in text
    shown = [part.text for part in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {nasty, "alps", "alps + finetune", "dense, 30.0", "perplexity", "sparsity", "2:4", "50%"} <= set(
        shown
    )
    assert "model" not in shown, "one panel needs no title"
    shapes = [part for part in root.iter() if part.tag.endswith(("path", "line"))]
    assert all(part.get("fill") or part.get("stroke") for part in shapes)
    for part in root.iter("{http://www.w3.org/2000/svg}path"):
        assert re.fullmatch(r"[MLHaVhlzv\d\s.-]+", part.get("d"))


def test_the_picture_in_the_guide_is_what_its_example_makes():
    guide = Path(__file__).parents[2] / "docs" / "guide"
    (code,) = re.findall(r"^```python\n(.*?)^```", (guide / "compare.md").read_text("utf-8"), re.M | re.S)
    names = {}
    exec(code, names)
    assert names["figure"].read_bytes() == (guide / "compare.svg").read_bytes()
    shutil.rmtree(names["figure"].parent)


def test_panels_of_a_file_stand_below_each_other_with_their_titles():
    panels = [Panel([f"model {i}" * 40, "text"], [line("elsa", 40.0, 90.0)], DENSE) for i in range(2)]
    root = ElementTree.fromstring(paper_figure(panels))
    shown = [part.text for part in root.iter("{http://www.w3.org/2000/svg}text")]
    assert [words[:7] for words in shown if words.startswith("model")] == ["model 0", "model 1"]
    assert max(map(len, shown)) * 6.7 <= WIDTH
    tops = [
        float(g.get("transform").split()[1].rstrip(")"))
        for g in root.findall("{http://www.w3.org/2000/svg}g")
    ]
    assert tops[1] - tops[0] > HEIGHT and float(root.get("height")) > tops[1] + HEIGHT


def test_names_on_the_page_are_escaped():
    html = sparsity_chart(Chart("t", "a"), [line("<script>alert(1)</script>", 40.0, 90.0)], DENSE)
    assert "<script>" not in html


@pytest.fixture(scope="module")
def browser():
    if chromium.find() is None:
        pytest.skip("no chromium in PATH: apt-get install chromium")
    with chromium.Browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Return the page and the figure of ten methods at seven sparsities, one of them worthless at the end."""
    base = tmp_path_factory.mktemp("compared")
    runs = [
        {
            "run": f"{i}-{s}",
            "method": f"method {i}",
            "sparsity": s,
            "before": 30.0,
            "losses": [3.0, 2.0 + i / 10],
        }
        | {"after": 31.0 + i * s / (1 - s) ** 2 if i < 9 else 40 * 10 ** (9 * s)}
        for i in range(10)
        for s in SPARSITIES
    ]
    runs += [{**run, "run": f"{run['run']}-nm", "pattern": "2:4", "losses": None} for run in runs[::7]]
    return write_comparison(runs, base / "page.html"), write_figure(runs, base / "figure.svg")


@pytest.mark.browser
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_browser_draws_the_page_without_complaint(browser, written, width, dark):
    """Only the table's own box scrolls sideways, no label covers another, and nothing is asked for."""
    browser.open(written[0], width, dark=dark)
    assert browser.run("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert browser.run("document.querySelectorAll('.large svg[role=img] path.mark').length") == 80
    assert browser.run("document.querySelectorAll('.large .legend svg.glyph path.mark').length") == 11
    assert browser.run(COVERED) == []
    assert browser.complaints() == []
    assert browser.requests() == [written[0].as_uri()]


COVERED = """
(boxes => boxes.filter((a, i) => boxes.some((b, j) => j > i && a.y < b.bottom && b.y < a.bottom
    && a.x < b.right && b.x < a.right)))(
  Array.from(document.querySelectorAll(".large svg[role=img] text"), part => part.getBoundingClientRect()))
"""


@pytest.mark.browser
def test_browser_draws_the_file_inside_its_edges(browser, written):
    browser.open(written[1], 700)
    assert browser.complaints() == []
    assert browser.run("""(e => Array.from(e.querySelectorAll('text')).every(t => (b => b.left >= 0
        && b.right <= e.width.baseVal.value && b.bottom <= e.height.baseVal.value)(t.getBoundingClientRect()))
        )(document.documentElement)""")
