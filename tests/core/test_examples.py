"""Every example that a reader may copy runs as shown: the package's README and the docstrings."""

import contextlib
import doctest
import importlib
import io
import pkgutil
import re
from pathlib import Path

import pytest

import tamis

README = Path(__file__).parents[2] / "packages" / "tamis" / "README.md"
MODULES = ["tamis", *(module.name for module in pkgutil.walk_packages(tamis.__path__, "tamis."))]


def test_the_readme_prints_what_it_says():
    """The Python block runs, and its output is the block that follows it."""
    code, shown = re.search(
        r"```python\n(.*?)```.*?```text\n(.*?)```", README.read_text(), re.DOTALL
    ).groups()
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(code, {})
    assert printed.getvalue() == shown


@pytest.mark.parametrize("name", MODULES)
def test_docstrings_run_as_shown(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_some_docstring_has_an_example():
    """So that the test above is not empty."""
    attempted = [doctest.testmod(importlib.import_module(name)).attempted for name in MODULES]
    assert sum(count > 0 for count in attempted) >= 5
