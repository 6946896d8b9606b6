"""The examples of a page of the user guide run one after the other, and print what is shown below them."""

import contextlib
import io
import re
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[2] / "docs" / "guide"
EXAMPLE = re.compile(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```)?", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", sorted(GUIDE.glob("*.md")), ids=lambda page: page.stem)
def test_examples_run_in_order_and_print_what_is_shown(page):
    names = {"__name__": "__main__"}
    for code, shown in EXAMPLE.findall(page.read_text("utf-8")):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, page.name, "exec"), names)
        assert printed.getvalue() == shown, code


def test_the_table_of_sets_names_every_set_and_says_which_take_a_metric():
    import numpy as np

    import tamis.sets as sets

    rows = [
        line.split("|") for line in (GUIDE / "sets.md").read_text("utf-8").splitlines() if line[:3] == "| `"
    ]
    metric = {name: row[4].strip() for row in rows for name in re.findall(r"`(\w+)\(", row[1])}
    assert set(metric) | {"Product", "blocks"} == set(sets.__all__)

    y, weights = np.array([[2.0, 1.0], [1.0, -3.0]]), np.array([[1.0, 2.0], [2.0, 3.0]])
    arguments = {
        "GroupSparse": (1, np.array([[0, 0], [1, 1]])), "Blocks": (1, (1, None)), "NofM": (1, 2),
        "Levels": ((-1, 1),), "LowRank": (1,), "PSDLowRank": (1,), "L1Ball": (1.0,), "L2Ball": (1.0,),
        "LinfBall": (1.0,), "NuclearBall": (1.0,), "HalfSpace": (np.ones((2, 2)), 1.0),
        "Affine": (np.ones((1, 4)), np.ones(1)),
    }  # fmt: skip
    for name, said in metric.items():
        counted = (2,) if name.startswith("Sparse") or name == "KHot" else ()
        chosen = getattr(sets, name)(*arguments.get(name, counted))
        vector = name in ("Affine", "Monotone", "SecondOrderCone")
        point, diagonal = (y.ravel(), weights.ravel()) if vector else (y, weights)
        if said == "yes":
            assert chosen.contains(chosen.project(point, diagonal)), name
        else:
            with pytest.raises(ValueError, match="metric"):
                chosen.project(point, diagonal)
