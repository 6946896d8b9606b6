"""The pages of the theory, the theorems in Coq, the functions of the code and the tests name each other.

Each page of a theorem ends in a table with the rows Source, Coq, Code and Tests.  Nothing that is named may be
missing, and nothing that is there may go unnamed.
"""

import ast
import json
import re
import sys
from pathlib import Path
from pkgutil import resolve_name

import pytest

ROOT = Path(__file__).parents[2]
PROOFS, THEORY = ROOT / "proofs", ROOT / "docs" / "theory"
PAGES = sorted(THEORY.glob("[0-9]*.md"))
CAPTION = re.compile(r"^\| (Coq|Code|Tests) \| (.*) \|$", re.MULTILINE)
PUBLIC = re.compile(r"^(?:Theorem|Corollary|Example) (\w+)", re.MULTILINE)


def named(page, row):
    """Return what a page's row names between backticks."""
    return re.findall(r"`([^`]+)`", dict(CAPTION.findall(page.read_text("utf-8")))[row])


def theorems():
    return {
        f"{file.stem}.{name}"
        for file in PROOFS.glob("*.v")
        for name in PUBLIC.findall(file.read_text("utf-8"))
    }


def ties():
    """Return all tests of this folder, as ``file::name``, but those of this file."""
    found = set()
    for file in Path(__file__).parent.glob("test_*.py"):
        tree = ast.parse(file.read_text("utf-8"))
        names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        found |= {f"{file.name}::{name}" for name in names if name.startswith("test_")}
    return {name for name in found if not name.startswith(Path(__file__).name)}


def test_there_is_a_page_for_each_of_the_eleven_theorems():
    assert [page.name[:2] for page in PAGES] == [f"{number:02d}" for number in range(1, 12)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_page_names_is_there(page):
    assert set(named(page, "Coq")) <= theorems()
    assert set(named(page, "Tests")) <= ties()
    for function in named(page, "Code"):
        resolve_name(function)
    assert all(dict(CAPTION.findall(page.read_text("utf-8"))).values())


def test_every_theorem_is_on_a_page_and_its_assumptions_are_printed():
    shown = re.findall(r"@([\w.]+\w)", (PROOFS / "Assumptions.v").read_text("utf-8"))
    assert theorems() <= set(shown)
    assert {name for page in PAGES for name in named(page, "Coq")} == theorems()


def test_every_tie_is_on_a_page():
    assert {name for page in PAGES for name in named(page, "Tests")} == ties()


def test_the_tables_of_certificates_show_what_was_found():
    page = (THEORY / "certificates.md").read_text("utf-8")
    outcome = json.loads((PROOFS / "certificates" / "outcome.json").read_text("utf-8"))
    worst = {(row["penalty"], row["mu"]): f"{round(row['worst'], 5):.8g}" for row in outcome["descent"]}
    for penalty in sorted({penalty for penalty, _ in worst}):
        cells = [
            cell.strip()
            for cell in re.search(rf"^\| {penalty:g} \|(.*)\|$", page, re.MULTILINE)[1].split("|")
        ]
        assert cells[::2] == [worst[penalty, mu] for mu in (0.0, 0.5, 1.0)]
    rises = {
        tuple(row[k] for k in ("entries", "kept", "mu", "ratio")): row["wzu_rises"] for row in outcome["runs"]
    }
    for n, k, mu, _ in rises:
        shares = " | ".join(f"{rises[n, k, mu, ratio]:.1%}" for ratio in (1.05, 2.0, 4.0))
        assert f"| {n}, {k} | {mu:g} | {shares} |" in page


def test_every_page_is_in_the_index_and_every_file_of_coq_is_built():
    index = (THEORY / "index.md").read_text("utf-8")
    assert all(f"({page.name})" in index for page in THEORY.glob("*.md") if page.name != "index.md")
    project = (PROOFS / "_CoqProject").read_text("utf-8").split()
    assert {file.name for file in PROOFS.glob("*.v")} == {word for word in project if word.endswith(".v")}


def test_no_page_claims_packing_and_descent_of_one_solver():
    """Where a row of the table of limits has theorem 5's descent, its order is not the packed one."""
    rows = re.findall(r"^\|(.*)\|$", (THEORY / "limits.md").read_text("utf-8"), re.MULTILINE)
    cells = [[cell.strip() for cell in row.split("|")] for row in rows]
    settings = [row for row in cells if "w, z, u" in row or "z, w, u" in row]
    assert len(settings) >= 6
    for _, order, packing, descent in settings:
        assert (packing.startswith("4"), descent[0].isdigit()) in (
            (order == "w, z, u", False),
            (False, True),
            (False, False),
        )


@pytest.fixture
def check(monkeypatch):
    monkeypatch.syspath_prepend(PROOFS)
    yield __import__("check")
    sys.modules.pop("check")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Lemma a : True. Proof. Admitted.", True),
        ("Axiom a : False.", True),
        ("Hypothesis a : False.", True),
        ("Section S.\nHypothesis a : False.\nEnd S.", False),
        ("Section S.\nEnd S.\nVariable a : nat.", True),
        ("(* admit (* Axiom *) *) Lemma a : True.\nProof. by []. Qed.", False),
        ("Lemma a : True. Proof. admit. Qed.", True),
    ],
)
def test_the_check_of_the_sources_sees_what_is_assumed(check, text, found):
    assert bool(list(check.assumed(text))) == found


def test_the_check_misses_no_theorem_and_its_mutations_apply(check):
    names = check.file_names((PROOFS / "_CoqProject").read_text("utf-8"))
    assert not list(check.check_sources(PROOFS, names))
    assert len(check.MUTATIONS) >= 5
    for mutation in check.MUTATIONS:
        assert (PROOFS / f"{mutation.file}.v").read_text("utf-8").count(mutation.old) == 1, mutation
