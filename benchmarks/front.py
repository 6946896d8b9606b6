"""The front page of the benchmarks, ``docs/benchmarks.md``, and its figures, from the committed results.

    python benchmarks/front.py

``nox -s asv`` runs this file too.  Only committed results are read, so that it gives the same page
wherever it runs.
"""

from collections.abc import Mapping, Sequence

import charts
import headline
from over_commits import Before, History, history, series, worsened
from running import ROOT, git

PAGE = ROOT / "docs/benchmarks.md"
HISTORY = headline.RESULTS / "asv"
# What is followed over the commits: reading -> its name for a reader.
FOLLOWED = {
    "perplexity.track_elsa('90%')": "Elsa at 90%, perplexity",
    "perplexity.track_sparsegpt('90%')": "SparseGPT at 90%, perplexity",
    "vision.track_safe('90%')": "SAFE at 90%, % of digits wrong",
    "solver.Answers.track_gap('least squares, noisy', 'default')": "solver: % above the best",
    "solver.Answers.track_gap('least squares, noisy', 'fast')": "solver, fast: % above the best",
    "sizes.track_kept_elsa_l": "Elsa-L, bytes a parameter kept",
    "ratios.track_step": "Elsa's step / plain Adam's",
    "ratios.Selection.track_selection_by_topk(1000000, 'float32')": "selection / torch.topk",
}
ACCEPTED = {  # commit -> why what became worse there was accepted
    "a730096": "accepted: at full length it is better",
}
OPENING = """# How good tamis is

The few figures that matter, and whether they got better. **Less is better in every line.** All on a CPU,
most on one thread; language models with one seed, where some per cent are no difference; times are ratios
within one run.

- **Perplexity**: e to the mean loss of the next token. **90% zeros**: of each ten weights nine are zero;
  **2:4**: of each four in a row two.
- **Elsa** prunes a network while it trains, from what ALPS leaves; ALPS, SparseGPT and Wanda, methods of
  others, prune without training, and fine-tuning trains what they leave, here for as many tokens. All
  are tamis's own code: Wanda's and SparseGPT's masks are those of llm-compressor, ALPS was not compared
  with its authors' code. **SAFE** trains sparse image classifiers.
- SmolLM2 at 90% is far from the dense model by any method: so few tokens are for comparing, not for use.
- **Best subset** is `tamis.minimize`, as abess and the others in its lines choose variables; *fast* is
  `effort="fast"`; the best objective known is the best of all of them and of a longer search by tamis.

`nox -s asv` draws this page from `benchmarks/results`; how to add a benchmark is
[told here](benchmarks-howto.md).

## Now

"""
SEE = """
![Perplexity against sparsity](benchmarks-perplexity.svg)

![Excess over the best objective known, by package](benchmarks-solver.svg)

The mean of four designs, of which the table's first is one. Pale: too slow for the others, at 60 s a problem.

The peers' tables, each with versions and machine, are listed in `benchmarks/results/peers.md`.
What was tried and did not work is in the [experiments](experiments.md).

## Over time

"""
SHORT = """All figures
here are of a smaller and shorter setting, for telling commits apart: compare them with each other only. At
full length SmolLM2 at 90% went from 1090 to 738 in that time, at `a730096`."""
PAGES = """
Every benchmark at every commit that was measured:
<a href="asv/index.html">asv's pages</a> (in the built documentation).
"""


def page(lines: Sequence[headline.Line], found: History, before: Before, subjects: Mapping[str, str]) -> str:
    """Return the page in Markdown."""
    head = "| what | tamis | others | from |\n| --- | --- | --- | --- |\n"
    rows = "".join(f"| {x.what} | {x.ours} | {x.others} | {_links(x.files)} |\n" for x in lines)
    return OPENING + head + rows + SEE + over_time(found, before, subjects) + PAGES


def _links(files: Sequence[str]) -> str:
    """Return links to files of results, from the page's folder."""
    paths = [(headline.RESULTS / file).resolve() for file in files]
    return ", ".join(f"[{path.name}](../{path.relative_to(ROOT).as_posix()})" for path in paths)


def over_time(found: History, before: Before, subjects: Mapping[str, str]) -> str:
    """Return what became of what is followed, first, best and last, and what became worse in between.

    Times are not told: of different days, on a machine that others use, they are on asv's pages only.

    Parameters
    ----------
    found
    before, subjects
        Of each commit all that come before it, and the first line of its message.
    """
    followed = {name: series(found, name) for name in FOLLOWED}
    rows = [_row(FOLLOWED[name], points) for name, points in followed.items() if points]
    if not rows:
        return "No commit has been measured yet: `nox -s asv` does it.\n"
    head = f"{len(found)} commits were measured, on one machine, {found[0][1]} to {found[-1][1]}. {SHORT}\n\n"
    title = "| | first | at | best | last measured | at |\n| --- | --: | --- | --: | --: | --- |\n"
    figure = "\n![The same at each commit](benchmarks-history.svg)\n\n"
    return head + title + "".join(rows) + figure + _worse(found, before, subjects)


def _row(label: str, points: Sequence[tuple[str, float]]) -> str:
    (first, old), (last, new) = points[0], points[-1]
    best = min(value for _, value in points)
    return f"| {label} | {old:.3g} | `{first[:7]}` | {best:.3g} | {new:.3g} | `{last[:7]}` |\n"


def _worse(found: History, before: Before, subjects: Mapping[str, str]) -> str:
    steps = [(commit, c) for commit, c in worsened(found, before) if not c.timed]
    if not steps:
        return "No quality that is measured became worse at any of these commits.\n"
    lines = [
        f"- `{commit[:7]}` ({subjects.get(commit, 'unknown here')}): {c.name} {c.before.value:.4g} -> "
        f"{c.after.value:.4g}; {ACCEPTED.get(commit[:7], 'not accepted yet')}"
        for commit, c in steps
        if c.before and c.after
    ]
    head = "Qualities that became worse by more than they may, with what the commit did:"
    return head + "\n\n" + "\n".join(lines) + "\n"


def main() -> None:
    """Write the page and its figures."""
    known = git("rev-list", "--reverse", "HEAD").split()
    found = history(HISTORY, known)
    measured = [commit for commit, _, _ in found if commit in known]
    before = {commit: set(git("rev-list", f"{commit}^@").split()) for commit in measured}
    before |= {commit: set() for commit, _, _ in found if commit not in known}
    subjects = {commit: git("log", "-1", "--format=%s", commit) for commit in measured}
    PAGE.write_text(page(headline.lines(), found, before, subjects), "utf-8")
    folder = PAGE.parent
    charts.perplexity(headline.perplexities(), folder / "benchmarks-perplexity.svg")
    charts.solver(headline.solver_runs()[0], headline.PACKAGES, folder / "benchmarks-solver.svg")
    curves = {FOLLOWED[name]: series(found, name) for name in FOLLOWED}
    charts.history(
        {label: points for label, points in curves.items() if points}, folder / "benchmarks-history.svg"
    )


if __name__ == "__main__":
    main()
