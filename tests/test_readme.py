"""The Python examples of the pages run as they stand there, and print what is shown below them."""

import contextlib
import io
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("packages/*/README.md")), *sorted(ROOT.glob("docs/*.md"))]
EXAMPLE = re.compile(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```)?", re.MULTILINE | re.DOTALL)


def examples():
    for page in PAGES:
        for match in EXAMPLE.finditer(page.read_text("utf-8")):
            line = page.read_text("utf-8")[: match.start()].count("\n") + 1
            yield pytest.param(*match.groups(), id=f"{page.relative_to(ROOT).as_posix()}:{line}")


@pytest.fixture
def folder_of_a_user(tmp_path, monkeypatch):
    """A working folder with what the examples read: a small model, ``my-model``, and ``books.txt``."""
    monkeypatch.chdir(tmp_path)

    def fill():
        from tamis_torch.demo.recipe import Recipe, build_model, train_tokenizer

        text = "".join(f"Chapter {i}. A dark and stormy night; {i * i} wolves ran.\n" for i in range(2000))
        (tmp_path / "books.txt").write_text(text, "utf-8")
        size = {"hidden": 32, "intermediate": 64, "layers": 2, "heads": 2, "kv_heads": 1}
        recipe = Recipe(vocabulary=300, context=256, **size)
        train_tokenizer(text, recipe.vocabulary).save_pretrained("my-model")
        build_model(recipe).save_pretrained("my-model")

    return fill


@pytest.mark.parametrize(("code", "shown"), list(examples()))
def test_example_runs_and_prints_what_is_shown(code, shown, folder_of_a_user):
    if "my-model" in code:
        folder_of_a_user()
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "example", "exec"), {"__name__": "__main__"})
    if shown is not None:
        assert printed.getvalue() == shown
