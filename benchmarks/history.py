"""The history of the project in numbers: releases and the last commits, as pages.

``nox -s asv`` runs this file.  What has been measured is kept in ``benchmarks/results/asv`` and not
measured again, so a run that was stopped goes on.  asv's pages go to ``.asv/html``, with the scripts that
they need beside them, and the front page to ``docs/benchmarks.md``.
"""

import argparse
from collections.abc import Sequence

import front
from pages_of_asv import publish
from running import HERE, QUICK, ROOT, git, measure

CONFIGURATION = HERE / "asv.conf.json"
PAGES = ROOT / ".asv/html"


def chosen(tags: Sequence[str], last: Sequence[str], given: Sequence[str]) -> list[str]:
    """Return the commits to measure, each once: those given, or the last ones and then the releases."""
    return list(dict.fromkeys(given or [*last, *tags]))


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--last", type=int, default=10, help="commits before this one")
    parser.add_argument("--commits", nargs="*", default=[], help="these commits instead, newest first")
    parser.add_argument("--bench", action="append", help="regular expression of the benchmarks to run")
    parser.add_argument("--quick", action="store_true", help="at 90% only, without the projections")
    parser.add_argument("--publish-only", action="store_true", help="make the pages from what there is")
    given = parser.parse_args()
    if not given.publish_only:
        tags = [git("rev-parse", f"{tag}^{{commit}}") for tag in git("tag", "--list", "v*").split()]
        last = git("rev-list", "--first-parent", f"--max-count={given.last}", "HEAD").split()
        own = [git("rev-parse", f"{name}^{{commit}}") for name in given.commits]
        patterns = given.bench or (QUICK if given.quick else ())
        measure(CONFIGURATION, chosen(tags, last, own), patterns, skip=True)
    publish(PAGES)
    front.main()


if __name__ == "__main__":
    main()
