"""Kill, damage and starve a run in every way, and write down whether anything was lost.

python tests/torture/run.py --out benchmarks/results/torture.json
python tests/torture/run.py --random 200 --seed 7
python tests/torture/run.py --quick

A tiny model is pruned by Elsa and Elsa-L, whose start goes block by block, and by SparseGPT after OWL's
survey.  Each run is killed (SIGKILL, by the clock, at any call of the file system, within the writing of a
checkpoint, of the model, of the page), resumed as often as it takes, and compared byte by byte with a run that
nothing happened to.  Then what a kill left is damaged, and the disk is made too small.
"""

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "OMP_NUM_THREADS": "1"}
sys.path.insert(0, str(Path(__file__).parents[1]))

import torch

torch.set_num_threads(1)

from tiny import build_model, build_text, build_tokenizer  # noqa: E402
from torture import damage, kills  # noqa: E402
from torture.faults import Fault  # noqa: E402
from torture.kills import Whole  # noqa: E402
from torture.verdict import summary  # noqa: E402

from tamis_torch import environment  # noqa: E402
from tamis_torch.checkpoint import save  # noqa: E402

TRAINED = ["--steps", "12", "--batch-size", "2", "--checkpoint-every", "2", "--sparsity", "0.9"]
CALIBRATED = ["--ratios", "owl", "--samples", "12", "--sparsity", "0.6"]
OPTIONS = {"elsa": TRAINED, "elsa-l": TRAINED, "sparsegpt": CALIBRATED}
CUT_TO = (0.0, 0.01, 0.5, 0.99)
QUICK = (
    "in a finished block",
    "in a checkpoint",
    "model there, then between its two renames",
    "before the last rename",
)


def main() -> None:
    """Parse the options, do it, write the outcome; exit with 1 if anything was lost."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, help="where to write the outcome as JSON")
    parser.add_argument("--random", type=int, default=25, help="random moments for each method; 25")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="five kills of Elsa only, for the tests")
    options = parser.parse_args()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="torture-") as folder:
        methods = (
            quick(Path(folder), options.seed)
            if options.quick
            else torture(Path(folder), options.random, options.seed)
        )
    found = summary(methods)
    conditions = {
        "seed": options.seed,
        "seconds": round(time.monotonic() - begun),
        "versions": environment.versions(),
        "machine": environment.machine("cpu"),
    }
    if options.out:
        outcome = {"summary": found, **conditions, "methods": methods}
        options.out.write_text(json.dumps(outcome, indent=1) + "\n", "utf-8")
    print(json.dumps(found, indent=1))
    sys.exit(bool(found["lost"]))


def torture(folder: Path, count: int, seed: int) -> dict[str, Any]:
    """Return the outcome of everything; a method's part does not depend on the other's."""
    found = {}
    for method in OPTIONS:
        place, chooser = folder / method, random.Random(f"{seed} {method}")
        whole = undisturbed(method, place)
        cases = kills.placed(start=trains(method)) | kills.drawn(count, whole, chooser)
        found[method] = {
            "killed": killed(whole, cases, place),
            "damaged": damaged(whole, method, chooser, place),
            "disk_full": [damage.full_disk(share, whole, place / f"disk-{share}") for share in damage.SIZES],
        }
    return found


def trains(method: str) -> bool:
    """Tell a method with a training after its start from one that only goes block by block."""
    return "--steps" in OPTIONS[method]


def quick(folder: Path, seed: int) -> dict[str, Any]:
    """Return the outcome of four kills of Elsa at moments that matter, and of a random one."""
    whole = undisturbed("elsa", folder / "elsa")
    cases = {name: faults for name, faults in kills.placed(start=True).items() if name in QUICK}
    cases |= kills.drawn(1, whole, random.Random(seed))
    return {"elsa": {"killed": killed(whole, cases, folder / "elsa")}}


def undisturbed(method: str, place: Path) -> Whole:
    """Write the tiny model and its text, and return a run that nothing happens to."""
    model, text = place / "model", place / "text.txt"
    save(build_model(), build_tokenizer(), model)
    text.write_text(build_text(600, seed=2), "utf-8")
    command = ["prune", str(model), "--method", method, "--train", str(text), "--seed", "3"]
    windows = ["--seq-len", "16", "--eval-seq-len", "32"]
    return kills.undisturbed([*command, *windows, *OPTIONS[method]], place / "whole")


def killed(whole: Whole, cases: dict[str, list[Fault]], place: Path) -> list[dict[str, Any]]:
    """Kill the run at each of the moments."""
    return [
        kills.survive(name, faults, whole, place / f"killed-{number}")
        for number, (name, faults) in enumerate(cases.items())
    ]


def damaged(whole: Whole, method: str, chooser: random.Random, place: Path) -> list[dict[str, Any]]:
    """Damage what a killed run left: the newest checkpoint, or a block that it counts on; then all of them."""
    if trains(method):
        last, newest, harmed = "state-00000004", "state-00000003", "state-00000003"
    else:
        last, newest, harmed = "model.safetensors", "state-00000001", "part-block-00000"
    base = damage.interrupted(whole, place / "base", last)
    newest, harmed = (f"checkpoints/{name}.safetensors" for name in (newest, harmed))
    harm = {f"cut to {share:.0%}": damage.cut(share) for share in CUT_TO}
    harm |= damage.flips(base / harmed, 8, chooser)
    cases: list[tuple[Callable[..., dict[str, Any]], str, damage.Damage, str]]
    cases = [(damage.goes_on, name, how, harmed) for name, how in harm.items()]
    cases.append((damage.refused, "all cut to 50%", damage.all_of(damage.cut(0.5)), newest))
    cases.append((damage.refused, "of another version", damage.another_version, newest))
    return [
        case(name, how, base, file, whole, place / f"damaged-{number}")
        for number, (case, name, how, file) in enumerate(cases)
    ]


if __name__ == "__main__":
    main()
