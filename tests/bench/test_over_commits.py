"""Where something became worse: from stored readings, and in a clone in which it was planted."""

import json
import shutil
import subprocess
from functools import partial

import front
import pytest
import running
from over_commits import history, series, worsened
from readings import Reading

CORE = "packages/tamis"
SUITE = ("__init__", "clock", "stated", "instances", "solver")
MINIMIZE = f"{CORE}/src/tamis/minimize.py"
START = "    check(loss, constraint, effort, time_limit, step, penalty, max_iter, tol, callback, seed)\n"
SLOW = "    sum(i * i for i in range(3_000_000))\n"
WORSE = '    effort = "fast"\n'


def reading(value, kind="quality"):
    return Reading(value, kind, "u", 0.05)


def linear(commits):
    """Return of each commit those before it, where they follow one another in this order."""
    return {commit: set(commits[:place]) for place, commit in enumerate(commits)}


def test_what_became_worse_is_told_with_its_commit_and_over_a_commit_that_failed():
    found = [
        ("a" * 40, "2026-01-01", {"q": reading(1.0), "p": reading(2.0)}),
        ("b" * 40, "2026-01-02", {"q": reading(None), "p": reading(2.0)}),
        ("c" * 40, "2026-01-03", {"q": reading(1.2), "p": reading(1.0)}),
    ]
    before = linear([commit for commit, _, _ in found])
    assert [(commit[0], change.name) for commit, change in worsened(found, before)] == [("c", "q")]
    assert series(found, "q") == [("a" * 40, 1.0), ("c" * 40, 1.2)]
    followed = [(*entry[:2], entry[2] | {"sizes.track_kept_elsa_l": reading(5.0)}) for entry in found]
    told = front.over_time(followed, before, {"c" * 40: "Use a wider net"})
    assert "- `ccccccc` (Use a wider net): q 1 -> 1.2" in told


def test_a_merge_is_not_blamed_for_what_one_of_its_branches_had():
    """a is before b and c, which know nothing of each other; d merges them."""
    found = [
        (name, "2026-01-01", {"q": reading(value)}) for name, value in zip("abcd", (1, 2, 1, 2), strict=True)
    ]
    before = {"a": set(), "b": {"a"}, "c": {"a"}, "d": {"a", "b", "c"}}
    assert [commit for commit, _ in worsened(found, before)] == ["b"]
    assert [commit for commit, _ in worsened(found, linear("abcd"))] == ["b", "d"]
    spoilt = [*found[:3], ("d", "2026-01-01", {"q": reading(3)})]
    assert [commit for commit, _ in worsened(spoilt, before)] == ["b", "d"]


def test_a_time_became_worse_only_if_the_next_commit_has_it_too():
    """b swings, d is slower for good, f is the last: nobody knows yet."""
    names, times = "abcdef", (1.0, 1.5, 1.0, 1.5, 1.45, 3.0)
    found = [(n, "2026-01-01", {"t": reading(t, "time")}) for n, t in zip(names, times, strict=True)]
    assert [commit for commit, _ in worsened(found, linear(names))] == ["d"]
    missing = [*found[:4], ("x", "2026-01-01", {"t": reading(None, "time"), "q": reading(1.0)}), *found[4:]]
    assert [commit for commit, _ in worsened(missing, linear("abcdxef"))] == ["d"]


@pytest.fixture
def clone(tmp_path):
    """A clone of the repository with five more commits; the second slows the solver, the fourth spoils it."""
    folder = tmp_path / "clone"
    git = partial(subprocess.run, cwd=folder, check=True, stdout=subprocess.PIPE, text=True)
    subprocess.run(["git", "clone", "--quiet", "--shared", str(running.ROOT), str(folder)], check=True)
    path = folder / MINIMIZE
    assert START in path.read_text("utf-8")
    commits = []
    for number, line in enumerate([None, "", SLOW, "", WORSE, ""]):
        if line is not None:
            text = path.read_text("utf-8").replace(START, START + line)
            path.write_text(text + f"# {number}\n", "utf-8")
            who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
            git(["git", *who, "commit", "--quiet", "--all", "--message", f"planted {number}"])
        commits.append(git(["git", "rev-parse", "HEAD"]).stdout.strip())
    return folder, commits


def small_suite(folder, repository):
    """Write asv's configuration for the solver alone, which needs no torch; return its file."""
    bench = folder / "benchmarks"
    (bench / "suite").mkdir(parents=True)
    for name in SUITE:
        shutil.copy(running.HERE / f"suite/{name}.py", bench / "suite")
    shutil.copytree(running.HERE / "peers/solver", bench / "peers/solver")
    settings = running.configuration(folder / "results")
    wheels = [command.replace(f" {{build_dir}}/{CORE}-torch", "") for command in settings["build_command"]]
    places = {"repo": str(repository), "benchmark_dir": str(bench / "suite"), "env_dir": str(folder / "env")}
    (folder / "asv.conf.json").write_text(json.dumps(settings | places | {"build_command": wheels}), "utf-8")
    return folder / "asv.conf.json"


@pytest.mark.slow
def test_a_planted_slowdown_and_a_planted_loss_are_each_found_at_their_commit(clone, tmp_path):
    """Minutes: an environment, six installs, six times the solver's benchmarks."""
    pytest.importorskip("asv", reason="asv is not installed")
    repository, commits = clone
    configuration = small_suite(tmp_path / "scratch", repository)
    running.measure(configuration, commits[::-1], [r"track_gap", r"time_minimize"])
    found = worsened(history(tmp_path / "scratch/results", commits), linear(commits))
    slower = {commit for commit, change in found if change.timed}
    spoilt = {(commit, change.name) for commit, change in found if not change.timed}
    assert slower == {commits[2]}
    assert {commit for commit, _ in spoilt} == {commits[4]}
    assert "solver.Answers.track_gap('least squares, noisy', 'default')" in {name for _, name in spoilt}
