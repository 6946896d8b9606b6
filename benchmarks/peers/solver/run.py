"""Run solvers on designs, seed by seed, and write what they found as it comes.

    python benchmarks/peers/solver/run.py --cells ls-500-rho0.9-snr5 --seeds 100:110 \
        --solvers tamis,abess,omp --out runs/peers.json

One process and one thread.  Each solver first solves a little problem of the same kind,
untimed; then every solver solves seed 1, every solver seed 2, and so on, so that a busy machine
slows all alike.  A solve that takes less than half a second is done three times and the least
time counts.  A failure is recorded.  A solver leaves a cell once a solve takes more than
``--cap`` seconds or, after three seeds, when its solves there took more than ``--budget``.
"""

from one_thread import pin  # before numpy

# isort: split
import argparse
import hashlib
import json
import signal
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import designs
import numpy as np
import peers
import scores
from offer import NotOffered
from versions import machine, versions

REPEATS, REPEAT_BELOW = 3, 0.5  # seconds
LEAST_SEEDS = 3


def main() -> None:
    """Run the command line."""
    options = arguments()
    pin(options.cpu)
    warnings.filterwarnings("ignore")
    record = {"machine": machine(), "versions": versions(), "command": sys.argv[1:], "runs": []}
    for cell in options.cells:
        for run in run_cell(cell, options):
            record["runs"].append(run)
            print(line(run), flush=True)
            if run["last_of_seed"]:
                write(options.out, record)
    write(options.out, record)


def run_cell(cell: str, options: argparse.Namespace) -> Iterator[dict]:
    """Yield one record a seed and solver; solvers that failed or were too slow drop out."""
    spent, left = dict.fromkeys(options.solvers, 0.0), list(options.solvers)
    for number, seed in enumerate(options.seeds):
        design = designs.make(cell, seed)
        if number == 0:
            warm_up(design, left, options.cap)
        names = list(left)
        for name in names:
            run = {"cell": cell, "seed": seed, "solver": name, "data": fingerprint(design)}
            run |= attempt(design, name, options.cap)
            spent[name] += run.get("spent", 0.0)
            slow = number + 1 >= LEAST_SEEDS and spent[name] > options.budget
            if slow or run["status"] in ("not offered", "too slow"):
                left.remove(name)
            yield run | {"last_of_seed": name == names[-1]}


def warm_up(design: designs.Design, names: list[str], cap: float) -> None:
    """Let each solver import and compile; failures show in the timed run."""
    for name in names:
        attempt(designs.small(design), name, max(cap, 120.0))


def attempt(design: designs.Design, name: str, cap: float) -> dict:
    """Return the scored answer of a solver, or why there is none."""
    try:
        with deadline(cap):
            x, seconds, spent = timed(design, name)
    except NotOffered as reason:
        return {"status": "not offered", "message": str(reason)}
    except TimeoutError:
        return {"status": "too slow", "message": f"more than {cap:g} s", "spent": cap}
    except Exception as error:
        return {"status": "failed", "message": f"{type(error).__name__}: {error}"[:300]}
    support = np.flatnonzero(x)
    if not scores.allowed(design, support):
        return {"status": "failed", "message": f"{len(support)} nonzeros, more than allowed"}
    fit = scores.refit(design, support)
    return {
        "status": "ok",
        "seconds": seconds,
        "spent": spent,
        "objective": fit.objective,
        "held_out": scores.held_out(design, fit),
        "f1": None if design.truth is None else scores.f1(design.truth, support),
        "support": support.tolist(),
    }


def timed(design: designs.Design, name: str) -> tuple[np.ndarray, float, float]:
    """Return the answer, the least time of a solve, and the time of all solves, in seconds."""
    times: list[float] = []
    while not times or (max(times) < REPEAT_BELOW and len(times) < REPEATS):
        start = time.perf_counter()
        x = peers.SOLVERS[name](design)
        times.append(time.perf_counter() - start)
    return np.asarray(x), min(times), sum(times)


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Raise ``TimeoutError`` after so many seconds (once compiled code returns); not on Windows."""

    def stop(*_: object) -> None:
        raise TimeoutError

    if not hasattr(signal, "setitimer"):
        yield
        return
    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def fingerprint(design: designs.Design) -> str:
    """Return a short hash of b, which tells whether two runs had the same data."""
    return hashlib.sha256(design.b.tobytes()).hexdigest()[:12]


def line(run: dict) -> str:
    """Return one line for the terminal."""
    head = f"{run['cell']:24} {run['seed']:4} {run['solver']:15}"
    if run["status"] != "ok":
        return f"{head} {run['status']}: {run['message']}"
    return f"{head} {run['objective']:14.6g} {run['seconds']:9.4f} s"


def write(path: Path, record: dict) -> None:
    """Write the record, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(record, indent=1) + "\n")
    partial.replace(path)


def arguments() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--cells", type=listed(designs.CELLS), default=list(designs.CELLS))
    parser.add_argument("--solvers", type=listed(peers.SOLVERS), default=list(peers.SOLVERS))
    parser.add_argument("--seeds", type=seeds, default=range(100, 110), help="first:last+1, as 100:110")
    parser.add_argument("--out", type=Path, required=True, help="json file that is written")
    parser.add_argument("--cap", type=float, default=300.0, help="seconds a solve may take")
    parser.add_argument("--budget", type=float, default=60.0, help="seconds of a solver in a cell")
    parser.add_argument("--cpu", type=int, help="core to run on")
    return parser.parse_args()


def listed(known: dict) -> object:
    """Return a reader of names with commas that refuses unknown ones."""

    def read(text: str) -> list[str]:
        names = text.split(",")
        unknown = [name for name in names if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"unknown {unknown}; there are {', '.join(known)}")
        return names

    return read


def seeds(text: str) -> range:
    """Read ``100:110`` as the seeds 100 to 109."""
    first, last = text.split(":")
    return range(int(first), int(last))


if __name__ == "__main__":
    main()
