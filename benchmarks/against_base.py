"""Compare this checkout with its merge base: a table of changes, and exit status 1 if something is worse.

``nox -s bench`` runs this file.  Changes that are not committed are measured too (new files must be added to
the index).  What was measured of a commit is kept in ``.asv/bench``; a time that looks worse by 1.3 is
measured again on both sides, twice, and counts only if it is each time.
"""

import argparse
import json
import shutil
from pathlib import Path

from changes import Change, changes, confirmed, suspects, table
from readings import Reading, read
from running import QUICK, ROOT, configuration, git, measure

FOLDER = ROOT / ".asv/bench"
AGAIN = 2


def tip() -> str:
    """Return the commit of this checkout: HEAD, or one made of it and its changes, on no branch."""
    return git("stash", "create") or git("rev-parse", "HEAD")


def base(asked: str | None, head: str) -> str:
    """Return the commit to compare with: the one asked for, the merge base with main, or the parent."""
    if asked:
        return git("rev-parse", f"{asked}^{{commit}}")
    here = git("rev-parse", "HEAD")
    known = git("for-each-ref", "--format=%(refname)", "refs/heads/main", "refs/remotes/origin/main").split()
    found = git("merge-base", known[0], "HEAD") if known else here
    return git("rev-parse", "HEAD^") if found == here == head else found


def compare(before: str, after: str, patterns: tuple[str, ...]) -> list[Change]:
    """Measure two commits and return what has changed, times being confirmed."""
    first = _measured(FOLDER / "results", (after, before), patterns, skip=True)
    found = changes(first[1], first[0])
    again = []
    for number in range(AGAIN):
        doubtful = suspects(confirmed(found, *again))
        if not doubtful:
            break
        folder = FOLDER / f"again-{number}"
        shutil.rmtree(folder, ignore_errors=True)
        later = _measured(folder, (after, before), doubtful, skip=False, again=True)
        again.append([change for change in changes(later[1], later[0]) if change.name in doubtful])
    return confirmed(found, *again)


def _measured(
    results: Path,
    commits: tuple[str, str],
    names: tuple[str, ...] | list[str],
    *,
    skip: bool,
    again: bool = False,
) -> tuple[dict[str, Reading], dict[str, Reading]]:
    results.mkdir(parents=True, exist_ok=True)
    file = results.with_suffix(".conf.json")
    file.write_text(json.dumps(configuration(results), indent=1), "utf-8")
    measure(file, commits, names, skip=skip, again=again, in_turn=True)
    return read(results, commits[0]), read(results, commits[1])


def main() -> int:
    """Compare and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", help="a commit; by default the merge base with main, or the parent")
    parser.add_argument("--full", action="store_true", help="all of the suite, some 40 minutes")
    parser.add_argument("--bench", action="append", help="regular expression of the benchmarks to run")
    given = parser.parse_args()
    after = tip()
    before = base(given.base, after)
    patterns = tuple(given.bench or (() if given.full else QUICK))
    found = compare(before, after, patterns)
    print(f"\n{git('log', '-1', '--format=%h %s', before)}  ->  this checkout\n\n{table(found)}")
    return int(any(change.refused for change in found))


if __name__ == "__main__":
    raise SystemExit(main())
