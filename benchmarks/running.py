"""Running asv on commits of this repository, and what of the suite is run."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
MACHINE = "local"
# What the quick mode runs: every method at 90%, the solver, bytes, ratios; not the projections.
QUICK = (
    r"^perplexity\..*\('90%'\)",
    r"^solver\.",
    r"^sizes\.",
    r"^(ratios|inference)\..*track_",
    r"^vision\..*\('90%'\)",
)


def configuration(results: Path) -> dict[str, Any]:
    """Return asv's configuration with every path absolute and another folder for the results."""
    own = json.loads((HERE / "asv.conf.json").read_text("utf-8"))
    for key in ("repo", "benchmark_dir", "env_dir", "html_dir"):
        own[key] = str((HERE / own[key]).resolve())
    for key in ("build_command", "install_command"):
        own[key] = [command.replace("{conf_dir}", str(HERE)) for command in own[key]]
    return own | {"results_dir": str(results.resolve())}


def asv(configuration: Path, *arguments: str, stdin: str | None = None) -> int:
    """Run asv by this Python's installation; return its exit status, 2 if some benchmark failed."""
    pinned = {"PIP_CONSTRAINT": str(ROOT / "constraints.txt"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "asv", arguments[0], "--config", str(configuration), *arguments[1:]]
    return subprocess.run(command, env=os.environ | pinned, input=stdin, text=True).returncode


def measure(
    configuration: Path,
    commits: Sequence[str],
    names: Sequence[str],
    *,
    skip: bool = False,
    again: bool = False,
    in_turn: bool = False,
) -> None:
    """Measure commits; each is kept when it is done.

    Parameters
    ----------
    configuration
        A file.
    commits
        Full hashes; the benchmarks are those that are found in the packages at the first one.
    names
        Regular expressions of benchmarks; none: all.
    skip
        Leave out what has been measured already: so a run that was stopped goes on.
    again
        Whether names are those of readings, taken literally.
    in_turn
        Alternate between the commits, round by round of the times, so that a busy hour slows all alike.

    Raises
    ------
    SystemExit
        If asv itself fails; a benchmark that fails is a reading without a value.
    """
    asv(configuration, "machine", "--machine", MACHINE, "--yes")
    patterns = [f"^{re.escape(name)}$" for name in names] if again else names
    chosen = [part for pattern in patterns for part in ("--bench", pattern)]
    options = ["--machine", MACHINE, "--launch-method", "forkserver", "--show-stderr"]
    options += ["--skip-existing"] * skip + ["--interleave-rounds"] * in_turn
    status = asv(configuration, "run", *options, *chosen, "HASHFILE:-", stdin="\n".join(commits) + "\n")
    if status not in (0, 2):
        raise SystemExit(f"asv run failed with exit status {status}")


def git(*arguments: str) -> str:
    """Return what git says, without the last line's end."""
    said = subprocess.run(["git", *arguments], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return said.stdout.strip()
