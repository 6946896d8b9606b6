"""The report page: what it says, that it holds for every kind of run, and that a browser draws it."""

import json
import re
import xml.etree.ElementTree as ElementTree

import pytest

from tamis_torch.errors import InputError
from tamis_torch.report import write_comparison, write_report

from . import browser as chromium
from .fake_run import write_run

WARNING = "The penalty of 0.05 looks too small: try --penalty 0.5."
CHARTS = (
    "Training loss",
    "Distance to the sparse set",
    "Change of the mask",
    "Sparsity asked for",
    "Learning rate",
    "Penalty",
    "Sparsity of each layer",
    "Perplexity",
    "Sparsity by kind of layer",
)


def report(folder, **given):
    return write_report(write_run(folder, **given)).read_text(encoding="utf-8")


def words(html):
    """Return what a reader sees: no style, no script, no tags."""
    html = re.sub(r"<(style|script)>.*?</\1>", "", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html))


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return report(tmp_path_factory.mktemp("runs") / "elsa", run={"warnings": [WARNING]})


def test_title_says_model_method_and_sparsity(page):
    assert "<title>SmolLM2-135M-Instruct.Q4_1 pruned to 90% with Elsa</title>" in page


def test_headline_has_the_figures_that_matter(page):
    seen = words(page)
    for figure in ("35.2 → 61.0", "1.73 times what it was", "538 MB", "12 min 14 s", "410 k", "weights kept"):
        assert figure in seen, figure
    assert "20 windows of 512 tokens" in seen


def test_warnings_stand_in_words(page, tmp_path):
    assert WARNING in words(page)
    assert "warning" not in words(report(tmp_path / "quiet")).lower()


def test_every_chart_is_named_described_and_well_formed(page):
    """Each chart is an SVG with a title and a description, which other programs can parse too."""
    drawings = [ElementTree.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", page, re.DOTALL)]
    assert [drawing.find("title").text for drawing in drawings] == list(CHARTS)
    assert all(drawing.find("desc").text for drawing in drawings)


def test_every_layer_has_its_cell_and_its_row(page):
    assert page.count('class="cell"') == 30 * 7
    assert "<title>layer 29 down: " in page
    assert page.count("model.layers.") == 30 * 7
    assert "576 by 1536" in page


def test_page_asks_for_nothing_from_outside(page):
    assert "http://" not in page
    assert "https://" not in page
    assert not re.search(r"(src|href)=\"(?!data:,)", page)
    assert "default-src 'none'" in page


def test_reproducing_command_has_every_setting_and_is_quoted(tmp_path):
    html = report(tmp_path / "run", config={"train": "my books.txt", "pattern": "2:4"})
    command = words(html).partition("Make it again")[2].replace("&#39;", "'")
    assert "tamis prune models/SmolLM2-135M-Instruct.Q4_1.gguf" in command
    for part in (
        "train 'my books.txt'",
        "pattern 2:4",
        "batch-size 2",
        "seq-len 512",
        "seed 0",
        "interval 16",
    ):
        assert f"--{part} " in command, part


def test_data_hashes_and_versions_are_there(page):
    for part in ("9f2c61d0b7aa41e3", "51d0aa7743b0c1f2", "2.13.0+cpu", "5.23.0"):
        assert part in page


@pytest.mark.parametrize(
    ("status", "heading"),
    [
        ("interrupted", "This run was interrupted at step 40 of 400"),
        ("failed", "This run failed at step 40 of 400"),
    ],
)
def test_unfinished_run_says_so(tmp_path, status, heading):
    unfinished = {
        "status": status,
        "message": "the loss is NaN",
        "perplexity": None,
        "layers": [],
        "sparsity": None,
    }
    seen = words(report(tmp_path / "run", steps=40, run=unfinished))
    assert heading in seen
    assert "the loss is NaN" in seen
    assert "Not measured in this run." in seen


def test_run_that_failed_before_its_first_step_gives_a_page(tmp_path):
    (tmp_path / "run.json").write_text('{"status": "failed", "message": "disk full"}', encoding="utf-8")
    seen = words(write_report(tmp_path).read_text(encoding="utf-8"))
    assert "This run failed before the first step" in seen
    assert "disk full" in seen


def test_perplexity_that_was_not_measured(tmp_path):
    assert "not measured: no evaluation text" in words(report(tmp_path / "run", run={"perplexity": None}))


def test_perplexity_that_overflowed_is_shown_as_infinite(tmp_path):
    broken = {
        "text": "t",
        "seq_len": 8,
        "windows": 1,
        "before": 35.2,
        "projected_at_start": None,
        "after": float("inf"),
    }
    assert "35.2 → inf" in words(report(tmp_path / "run", run={"perplexity": broken}))


def test_names_from_outside_are_escaped(tmp_path):
    nasty = "<script>alert('x')</script>&\"quoted\""
    layer = {"name": nasty, "shape": [2, 2], "nonzeros": 1, "sparsity": 0.75}
    settings = {"model": nasty, "train": nasty, "note": nasty}
    html = report(tmp_path / "run", config=settings, run={"warnings": [nasty], "layers": [layer]})
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert" in html


def test_same_folder_gives_the_same_page(tmp_path):
    assert report(tmp_path / "run") == write_report(tmp_path / "run").read_text(encoding="utf-8")


def test_a_long_run_does_not_make_a_heavy_page(tmp_path):
    assert len(report(tmp_path / "run", steps=20_000, layers=2)) < 400_000


def test_loss_that_is_not_a_number_leaves_a_gap(tmp_path):
    folder = write_run(tmp_path / "run", steps=3)
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    lines[1]["loss"] = float("nan")
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    html = write_report(folder).read_text(encoding="utf-8")
    path = re.search(r'<path class="line raw" d="([^"]*)"', html).group(1)
    assert path.count("M") == 2
    assert "nan" not in path


def test_method_without_training_says_so(tmp_path):
    assert "This method does not train" in words(
        report(tmp_path / "run", steps=0, config={"method": "magnitude"})
    )


def test_missing_run_json_is_named(tmp_path):
    with pytest.raises(InputError, match=r"run\.json") as caught:
        write_report(tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_run_json_that_is_not_json_is_named(tmp_path):
    (tmp_path / "run.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match=r"run\.json is not valid JSON"):
        write_report(tmp_path)


def test_bad_line_of_metrics_is_named_but_a_cut_last_one_is_passed_over(tmp_path):
    metrics = write_run(tmp_path / "run", steps=5) / "metrics.jsonl"
    good = metrics.read_text(encoding="utf-8")
    metrics.write_text(good + '{"step": 6, "lo', encoding="utf-8")
    assert "5 of 5 steps" in words(write_report(tmp_path / "run").read_text(encoding="utf-8"))
    metrics.write_text('{"step": 1, "lo\n' + good, encoding="utf-8")
    with pytest.raises(InputError, match=r"metrics\.jsonl line 1 "):
        write_report(tmp_path / "run")


@pytest.fixture(scope="module")
def browser():
    if chromium.find() is None:
        pytest.skip("no chromium in PATH: apt-get install chromium")
    with chromium.Browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Return the pages that are opened: whole, with long names, unfinished, and a comparison."""
    base, long = tmp_path_factory.mktemp("pages"), "a-very-long-name-without-any-space-" * 4
    whole = write_run(base / "whole", run={"warnings": [WARNING]})
    wordy = write_run(base / long, config={"model": long, "train": long}, run={"warnings": [long]})
    unfinished = {"status": "interrupted", "perplexity": None, "layers": [], "sparsity": None, "size": None}
    stopped = write_run(base / "stopped", steps=210, run=unfinished)
    found = {folder.name[:20]: write_report(folder) for folder in (whole, wordy, stopped)}
    rows = [whole, wordy, stopped, {"run": "dense", "before": 34.7, "after": 34.7}]
    return {**found, "comparison": write_comparison(rows, base / "comparison.html")}


@pytest.mark.browser
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", ["whole", "a-very-long-name-wit", "stopped", "comparison"])
def test_browser_draws_it_without_complaint(browser, pages, name, width, dark):
    """No console message, no request, no sideways scrolling, every drawing visible and inside its card."""
    browser.open(pages[name], width, dark=dark)
    browser.run("document.querySelectorAll('details').forEach(part => part.open = true)")
    assert browser.run("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert browser.run("Array.from(document.querySelectorAll('svg')).every(s => s.getBBox().width > 200)")
    assert browser.run("document.querySelectorAll('svg').length") == page_charts(name)
    assert not browser.run(
        "Array.from(document.querySelectorAll('svg path.line')).some(p => !p.getTotalLength())"
    )
    assert browser.run(SPILLED) == []
    assert browser.complaints() == []
    assert browser.requests() == [pages[name].as_uri()]


SPILLED = """
Array.from(document.querySelectorAll(".figures > div, .note, .card table:not(.stack) td, h1")).filter(
    part => part.scrollWidth > part.clientWidth + 1).map(part => part.textContent.slice(0, 40))
"""


def page_charts(name):
    return {"comparison": 4, "stopped": 6}.get(name, len(CHARTS))


@pytest.mark.browser
def test_colours_follow_the_scheme(browser, pages):
    ground = "getComputedStyle(document.body).backgroundColor"
    browser.open(pages["whole"], 1280)
    light = browser.run(ground)
    browser.open(pages["whole"], 1280, dark=True)
    assert light == "rgb(246, 247, 249)"
    assert browser.run(ground) == "rgb(18, 22, 28)"


@pytest.mark.browser
def test_pointer_reads_out_the_nearest_step(browser, pages):
    """In the middle of the loss chart the read-out shows a step near the middle, and afterwards the last."""
    browser.open(pages["whole"], 1280)
    box = browser.run("(b => [b.left + b.width * (62 + 506) / 1040, b.top + 60])"
                      "(document.querySelector('svg').getBoundingClientRect())")  # fmt: skip
    browser.call("Input.dispatchMouseEvent", type="mouseMoved", x=box[0], y=box[1])
    step = int(
        re.match(r"step (\d+): loss", browser.run("document.querySelector('.read').textContent")).group(1)
    )
    assert abs(step - 200) <= 2
    browser.call("Input.dispatchMouseEvent", type="mouseMoved", x=5, y=5)
    assert browser.run("document.querySelector('.read').textContent").startswith("step 400: ")


@pytest.mark.browser
@pytest.mark.parametrize(("pointer", "nearest"), [(165, 160), (171, 176)])
def test_pointer_between_two_measurements_takes_the_nearer(browser, pages, pointer, nearest):
    """The residual is measured every 16 steps, from 16 to 400."""
    browser.open(pages["whole"], 1280)
    place = 62 + (pointer - 16) / 384 * 444
    left, top, width = browser.run(
        "(b => [b.left, b.top, b.width])(document.querySelectorAll('svg')[1].getBoundingClientRect())"
    )
    browser.call("Input.dispatchMouseEvent", type="mouseMoved", x=left + width * place / 520, y=top + 60)
    words_there = browser.run("document.querySelectorAll('.read')[1].textContent")
    assert words_there.startswith(f"step {nearest}: ")
