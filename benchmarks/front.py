"""The front page of the benchmarks, ``docs/benchmarks.md``, and its figures, from the committed results.

    python benchmarks/front.py

``nox -s asv`` runs this file too.  Only committed results are read, so that it gives the same page
wherever it runs.
"""

from collections.abc import Sequence

import charts
import headline
from over_commits import History, history, series, worsened
from running import ROOT, git

PAGE = ROOT / "docs/benchmarks.md"
HISTORY = headline.RESULTS / "asv"
# What is followed over the commits: reading -> its name for a reader.
FOLLOWED = {
    "perplexity.track_elsa('90%')": "Elsa at 90%, perplexity",
    "perplexity.track_sparsegpt('90%')": "SparseGPT at 90%, perplexity",
    "solver.Answers.track_gap('least squares, noisy', 'fast')": "solver, fast: % above the best",
    "sizes.track_kept_elsa_l": "Elsa-L, bytes a parameter kept",
    "ratios.track_step": "Elsa's step / plain Adam's",
    "ratios.Selection.track_selection_by_topk(1000000, 'float32')": "selection / torch.topk",
}
OPENING = """# How good tamis is

The few figures that matter, and whether they got better. **Less is better in every line.** Elsa is how
tamis prunes a network in training, from what ALPS leaves; ALPS, SparseGPT and Wanda prune without training,
and fine-tuning trains what they leave: all run in tamis. SAFE trains sparse image classifiers. abess and the
others in its lines choose variables, as `tamis.minimize` does. All on a CPU, most on one
thread; language models with one seed, where some per cent are no difference; times are ratios within
one run. `nox -s asv` draws this page from `benchmarks/results`; how to add a benchmark is
[told here](benchmarks-howto.md).

## Now

"""
SEE = """
![Perplexity against sparsity](benchmarks-perplexity.svg)

![Excess over the best objective known, by package](benchmarks-solver.svg)

The peers' tables, each with versions and machine, are listed in `benchmarks/results/peers.md`.
What was tried and did not work is in the [experiments](experiments.md).

## Over time

"""
SHORT = """The perplexities
here are of a smaller and shorter setting, for telling commits apart: compare them with each other only."""
PAGES = """
Every benchmark at every commit that was measured:
<a href="asv/index.html">asv's pages</a> (in the built documentation).
"""


def page(lines: Sequence[headline.Line], found: History) -> str:
    """Return the page in Markdown."""
    head = "| what | tamis | others | from |\n| --- | --- | --- | --- |\n"
    rows = "".join(f"| {x.what} | **{x.ours}** | {x.others} | `{x.file}` |\n" for x in lines)
    return OPENING + head + rows + SEE + over_time(found) + PAGES


def over_time(found: History) -> str:
    """Return what became of what is followed, first and last measured, and what became worse in between."""
    followed = {name: series(found, name) for name in FOLLOWED}
    rows = [_row(FOLLOWED[name], points) for name, points in followed.items() if points]
    if not rows:
        return "No commit has been measured yet: `nox -s asv` does it.\n"
    head = f"{len(found)} commits were measured, on one machine, {found[0][1]} to {found[-1][1]}. {SHORT}\n\n"
    table = "| | first | at | last measured | at |\n| --- | --: | --- | --: | --- |\n" + "".join(rows)
    return head + table + "\n![The same at each commit](benchmarks-history.svg)\n\n" + _worse(found)


def _row(label: str, points: Sequence[tuple[str, float]]) -> str:
    (first, old), (last, new) = points[0], points[-1]
    return f"| {label} | {old:.3g} | `{first[:7]}` | {new:.3g} | `{last[:7]}` |\n"


def _worse(found: History) -> str:
    steps = [(commit, c) for commit, c in worsened(found) if not c.timed]
    if not steps:
        return "No quality that is measured became worse at any of these commits.\n"
    lines = [
        f"- `{commit[:7]}`: {c.name} {c.before.value:.4g} -> {c.after.value:.4g}"
        for commit, c in steps
        if c.before and c.after
    ]
    return "Became worse by more than it may:\n\n" + "\n".join(lines) + "\n"


def main() -> None:
    """Write the page and its figures."""
    found = history(HISTORY, git("rev-list", "--reverse", "HEAD").split())
    PAGE.write_text(page(headline.lines(), found), "utf-8")
    folder = PAGE.parent
    charts.perplexity(headline.perplexities(), folder / "benchmarks-perplexity.svg")
    charts.solver(headline.solver_rows(), headline.PACKAGES, folder / "benchmarks-solver.svg")
    curves = {FOLLOWED[name]: series(found, name) for name in FOLLOWED}
    charts.history(
        {label: points for label, points in curves.items() if points}, folder / "benchmarks-history.svg"
    )


if __name__ == "__main__":
    main()
