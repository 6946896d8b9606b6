"""What the page of the study on images shows is what its committed results give."""

import sys
from pathlib import Path
from statistics import fmean

import pytest

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "benchmarks/studies"))
import vision as study  # noqa: E402
import vision_figures  # noqa: E402
import vision_flatness  # noqa: E402
import vision_leads  # noqa: E402
from vision_leads import rows_of  # noqa: E402

RESULTS = sorted(path for path in study.RESULTS.glob("vision-*.json") if not path.stem.endswith("flatness"))
PAGE = (ROOT / "docs/images-study.md").read_text("utf-8").splitlines()


def study_of(path: Path) -> str:
    return path.stem.removeprefix("vision-")


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_a_table_is_that_of_its_rows(path):
    table = vision_figures.table(rows_of(study_of(path)), list(study.METHODS))
    assert table in path.with_suffix(".md").read_text("utf-8")


def test_the_table_of_flatness_is_that_of_its_rows():
    path = study.RESULTS / "vision-digits-resnet8-flatness.json"
    assert vision_flatness.table(rows_of(study_of(path))) in path.with_suffix(".md").read_text("utf-8")


def test_the_page_shows_lines_of_the_tables():
    made = {
        line for path in study.RESULTS.glob("vision-*.md") for line in path.read_text("utf-8").splitlines()
    }
    shown = [line for line in PAGE if line.startswith(tuple(f"| {name} |" for name in study.METHODS))]
    assert len(shown) > 40
    assert [line for line in shown if line not in made] == []


@pytest.mark.parametrize("epochs", [10, 30, 100, 300])
def test_the_table_of_durations_is_computed_from_the_rows(epochs):
    rows = rows_of(f"fashion-mnist-mlp-{epochs}-epochs")

    def mean(method: str, sparsity: float = 0.0) -> float:
        found = [r for r in rows if r["method"] == method and r["sparsity"] == sparsity]
        assert len(found) == 3
        return fmean(vision_figures.accuracy(row) for row in found)

    ahead = [mean("safe", goal) - mean("admm", goal) for goal in (0.95, 0.99)]
    cells = [f"{mean('sam') - mean('dense'):+.1f}", *(f"{gain:+.1f}" for gain in ahead)]
    cells += [f"{mean(method, 0.99):.1f}" for method in ("admm", "gmp")]
    assert f"| {epochs} | {' | '.join(cells)} |" in PAGE


def test_the_tables_of_leads_are_those_of_the_rows():
    page = "\n".join(PAGE)
    assert [table for table in vision_leads.tables() if table not in page] == []


def test_a_lead_is_over_the_best_of_those_that_have_all_seeds():
    def row(method, seed, share, sparsity=0.9):
        accuracy = {"after": share}
        return {"method": method, "seed": seed, "sparsity": sparsity, "accuracy": accuracy}

    rows = [
        row("safe", 0, 0.8),
        row("safe", 1, 0.6),
        row("admm", 0, 0.5),
        row("admm", 1, 0.7),
        row("gmp", 0, 1.0),
    ]
    rows += [row("safe", 0, 0.5, 0.99), row("dense", 0, 1.0, 0.0)]
    assert vision_leads.lead(rows, vision_leads.rivals(rows)) == {0.9: pytest.approx(10)}
