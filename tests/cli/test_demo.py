"""The demo as it ships: its model, its text, its table; only its budget is smaller here."""

import json

import pytest

from tamis_torch.demo.corpus import stdlib_text
from tamis_torch.demo.run import demo_model, run_demo


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    return run_demo(tmp_path_factory.mktemp("demo"), steps=3)


def test_the_table_has_the_four_rows_that_a_claim_needs(demo):
    rows, _ = demo
    assert [row["run"] for row in rows] == ["dense", "trained-on", "magnitude", "elsa"]
    assert all(row["after"] > 1 for row in rows)
    assert len({row["before"] for row in rows}) == 1


def test_both_pruned_rows_are_as_sparse_as_asked(demo):
    rows, page = demo
    assert [round(row["sparsity"], 3) for row in rows] == [0.0, 0.0, 0.9, 0.9]
    assert (page.parent / "elsa" / "model" / "model.safetensors").exists()


def test_the_page_compares_them_all(demo):
    rows, page = demo
    html = page.read_text("utf-8")
    assert all(row["run"] in html for row in rows)


def test_a_second_demo_replaces_the_first(demo):
    _, page = demo
    run_demo(page.parent, steps=2, sparsity=0.5)
    config = json.loads((page.parent / "elsa" / "config.json").read_text("utf-8"))
    assert (config["steps"], config["sparsity"]) == (2, 0.5)


def test_hardly_a_paragraph_of_the_test_text_is_in_the_training_text():
    """Modules are split whole; what is left in common are licences and a help topic that has two names (3.6%)."""
    train, test = stdlib_text("train"), stdlib_text("test")
    assert len(test) > 100_000 and len(train) > 10 * len(test)
    paragraphs = [part for part in test.split("\n\n") if len(part) > 200]
    seen = sum(len(part) for part in paragraphs if part in train)
    assert seen < 0.05 * sum(map(len, paragraphs))


def test_the_model_is_small_and_in_a_safe_format():
    model = demo_model().model
    assert 2e6 < sum(p.numel() for p in model.parameters()) < 5e6
