"""asv's pages of what has been measured, which need no network and no server.

    python benchmarks/pages_of_asv.py FOLDER

``nox -s asv`` makes them in ``.asv/html``, ``nox -s docs`` beside the documentation.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

import offline
from running import HERE, asv, configuration


def publish(pages: Path, results: Path = HERE / "results/asv") -> None:
    """Write the pages of a folder of results into ``pages``, which are replaced.

    Raises
    ------
    SystemExit
        If asv fails or a script that the pages need is not to be had.
    """
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder, "html")
        file = Path(folder, "asv.conf.json")
        file.write_text(json.dumps(configuration(results) | {"html_dir": str(made)}), "utf-8")
        if asv(file, "publish", "--no-pull"):
            raise SystemExit("asv publish failed")
        offline.complete(made)
        shutil.rmtree(pages, ignore_errors=True)
        shutil.copytree(made, pages)


if __name__ == "__main__":
    publish(Path(sys.argv[1]))
