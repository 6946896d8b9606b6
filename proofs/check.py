"""Build the proofs in a scratch copy and check that nothing is assumed that should be proved.

    sources       no admit, no axiom, no hypothesis outside a section; each theorem stands in Assumptions.v
    build         coqc accepts every file
    assumptions   each public theorem is "Closed under the global context"
    kernel        coqchk reads the compiled files again (it trusts MathComp's: -norec)
    mutations     with one hypothesis or definition changed a proof must fail; the unchanged file must not

A mutation that fails shows that the script uses what was changed, not that the mutant is false.
``python proofs/check.py`` exits 0 if all hold, else 1 and says what does not.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
FLAGS = ["-R", ".", "Tamis", "-w", "-notation-overridden,-ambiguous-paths"]
LIMIT = 120  # seconds for one file; some tactics loop for ever
UNPROVED = re.compile(r"\b(admit|Admitted|give_up|Axioms?|Parameters?|Conjectures?|Abort)\b")
LOCAL = re.compile(r"^\s*(Hypothes[ie]s|Variables?|Context)\b")
PUBLIC = re.compile(r"^(?:Theorem|Corollary|Example) (\w+)", re.MULTILINE)
CLOSED = "Closed under the global context"


class Mutation(NamedTuple):
    """A change that must break the file it is made in."""

    file: str
    old: str
    new: str


MUTATIONS = [
    Mutation("Projection", "A -> s j <= s i.", "A -> s i <= s j."),
    Mutation("Threshold", "(tau (g i) <= s i)%O).", "(s i <= tau (g i))%O)."),
    Mutation("Radix", "if k <= above + counts_from", "if k < above + counts_from"),
    Mutation("Packing", "Let u' i := w i + u i - z i.", "Let u' i := w i + u i + z i."),
    Mutation("Descent", "((delta - mu) / 2 - beta ^+ 2 / delta) * sq (w' - w).\nProof.\nmove=> tau0",
             "((delta - mu) / 2 + beta ^+ 2 / delta) * sq (w' - w).\nProof.\nmove=> tau0"),
    Mutation("Descent", "previous : grad w + delta", "previous : grad z + delta"),
    Mutation("Rate", "u e : beta < delta ->", "u e : delta < beta ->"),
    Mutation("Condition", "(delta - 2 * mu) * (delta + mu)", "(delta - mu) * (delta + mu)"),
]  # fmt: skip


def without_comments(text: str) -> str:
    """Return the text with its comments, which may be nested, left out and its lines kept."""
    kept, depth = [], 0
    for piece in re.split(r"(\(\*|\*\))", text):
        depth += (piece == "(*") - (piece == "*)")
        if depth == 0 and piece != "*)":
            kept.append(piece)
        else:
            kept.append("\n" * piece.count("\n"))
    return "".join(kept)


def assumed(text: str) -> Iterator[str]:
    """Yield the lines of a file that assume something which no section discharges."""
    open_sections = 0
    for number, line in enumerate(without_comments(text).splitlines(), 1):
        open_sections += bool(re.match(r"\s*Section \w+", line)) - bool(re.match(r"\s*End \w+", line))
        if UNPROVED.search(line) or (LOCAL.match(line) and not open_sections):
            yield f"{number}: {line.strip()}"


def theorems(name: str, text: str) -> list[str]:
    """Return the public theorems of a file, as ``File.theorem``."""
    return [f"{name}.{found}" for found in PUBLIC.findall(without_comments(text))]


def printed(text: str) -> list[str]:
    """Return the theorems, as ``File.theorem``, in the terms whose assumptions a file prints."""
    terms = dict(re.findall(r"^Definition (\w+) := ([^.]*(?:\.\w[^.]*)*)\.$", text, re.MULTILINE))
    shown = re.findall(r"^Print Assumptions (\w+)\.$", text, re.MULTILINE)
    return [theorem for term in shown for theorem in re.findall(r"@([\w.]+\w)", terms.get(term, ""))]


def file_names(project: str) -> list[str]:
    """Return the names of the files of a ``_CoqProject``, in the order in which they are built."""
    return re.findall(r"^(\w+)\.v$", project, re.MULTILINE)


def check_sources(folder: Path, names: list[str]) -> Iterator[str]:
    """Yield what is wrong with the files as they are written."""
    texts = {name: (folder / f"{name}.v").read_text("utf-8") for name in names}
    for name, text in texts.items():
        yield from (f"{name}.v:{line} assumes what has to be proved" for line in assumed(text))
    public = [found for name, text in texts.items() for found in theorems(name, text)]
    shown = printed(texts["Assumptions"])
    yield from (f"{theorem} is not in Assumptions.v" for theorem in public if theorem not in shown)
    yield from (
        f"{folder / extra.name} is not in _CoqProject"
        for extra in folder.glob("*.v")
        if extra.stem not in names
    )


def run(folder: Path, *command: str) -> tuple[bool, str]:
    """Return whether a command ended well, and what it said."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        return False, f"no end after {LIMIT} s"
    return done.returncode == 0, done.stdout + done.stderr


def build(folder: Path, names: list[str]) -> Iterator[str]:
    """Compile the files in their order; yield what fails, or rests on an axiom."""
    for name in names:
        good, output = run(folder, "coqc", *FLAGS, f"{name}.v")
        if not good:
            yield f"{name}.v does not build:\n{output}"
            return
    wanted = (folder / "Assumptions.v").read_text("utf-8").count("\nPrint Assumptions ")
    if output.splitlines() != [CLOSED] * wanted:
        yield f"not all of the {wanted} files' theorems are closed under the global context:\n{output}"


def check_kernel(folder: Path, names: list[str]) -> Iterator[str]:
    """Let coqchk read the compiled files."""
    modules = [word for name in names for word in ("-norec", f"Tamis.{name}")]
    good, output = run(folder, "coqchk", "-silent", "-R", ".", "Tamis", *modules)
    if not good:
        yield f"coqchk refuses the proofs:\n{output}"


def builds(folder: Path, name: str, text: str) -> bool:
    """Return whether a text compiles as a file beside the others."""
    (folder / f"{name}.v").write_text(text, "utf-8")
    return run(folder, "coqc", *FLAGS, f"{name}.v")[0]


def check_mutation(folder: Path, number: int) -> str | None:
    """Return what is wrong unless the mutant fails to build, beside the compiled files that did."""
    mutation = MUTATIONS[number]
    text = (folder / f"{mutation.file}.v").read_text("utf-8")
    if text.count(mutation.old) != 1:
        return f"{mutation.file}.v has {mutation.old!r} {text.count(mutation.old)} times, not once"
    if builds(folder, f"Mutant{number}", text.replace(mutation.old, mutation.new)):
        return f"{mutation.file}.v still builds with {mutation.new!r} for {mutation.old!r}"
    return None


def check_mutations(folder: Path) -> Iterator[str]:
    """Yield the mutations that go unnoticed; and whether an unchanged copy does build so, the control."""
    if not builds(folder, "Control", (folder / f"{MUTATIONS[0].file}.v").read_text("utf-8")):
        yield f"an unchanged copy of {MUTATIONS[0].file}.v does not build"
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = pool.map(lambda number: check_mutation(folder, number), range(len(MUTATIONS)))
        yield from filter(None, found)


def check(folder: Path) -> Iterator[str]:
    """Yield all that is wrong with the proofs of a folder, which gets the compiled files."""
    names = file_names((folder / "_CoqProject").read_text("utf-8"))
    wrong = [*check_sources(folder, names), *build(folder, names)]
    yield from wrong
    if not wrong:
        yield from check_kernel(folder, names)
        yield from check_mutations(folder)


def main() -> int:
    """Check a copy and return the exit status."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(
            shutil.copytree(HERE, Path(scratch) / "proofs", ignore=shutil.ignore_patterns("*.vo*", "*.glob"))
        )
        wrong = list(check(folder))
        count = len(printed((folder / "Assumptions.v").read_text("utf-8")))
    verdict = (
        "\n".join(wrong) or f"{count} theorems proved, none on an axiom; {len(MUTATIONS)} mutations fail"
    )
    sys.stdout.write(f"{verdict} ({time.monotonic() - began:.0f} s)\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
