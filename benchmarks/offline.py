"""Make asv's pages complete: scripts from the npm registry instead of content networks, data beside them.

asv's ``index.html`` loads its libraries from the network and its data by requests, which a browser refuses
for pages that are files.  Here each library is a file of a package of a pinned version with a pinned
checksum (``pages/scripts.json``), fetched by ``npm pack`` once into ``.asv/npm``, and all data is one more
script.
"""

import hashlib
import json
import re
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PAGES, CACHE = HERE / "pages", HERE.parent / ".asv/npm"
EXTERNAL = re.compile(r'<(script|link)\b[^>]*(?:src|href)="(https://[^"]+)"[^>]*>')


def complete(pages: Path) -> None:
    """Put everything that asv's pages need into their folder.

    Raises
    ------
    SystemExit
        If npm is missing or fails, a file is not the one expected, or asv asks for something unknown.
    """
    scripts = json.loads((PAGES / "scripts.json").read_text("utf-8"))
    for script in scripts:
        place = pages / local(script)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content(script))
    for name in ("files.js", "narrow.css"):
        shutil.copy(PAGES / name, pages / name)
    (pages / "data.js").write_text(data(pages), "utf-8")
    index = pages / "index.html"
    index.write_text(without_network(index.read_text("utf-8"), scripts), "utf-8")


def local(script: dict[str, Any]) -> str:
    """Return where a file stands among the pages."""
    return f"vendor/{script['package'].partition('@')[0]}/{script['file']}"


def content(script: dict[str, Any]) -> bytes:
    """Return a file of an npm package, checked."""
    package = script["package"]
    archive = CACHE / f"{package.replace('@', '-')}.tgz"
    if not archive.exists():
        fetch(package)
    with tarfile.open(archive) as packed:
        member = packed.extractfile(f"package/{script['file']}")
        read = b"" if member is None else member.read()
    if hashlib.sha256(read).hexdigest() != script["sha256"]:
        raise SystemExit(f"{script['file']} of {package} is not the file expected: its checksum differs")
    return read


def fetch(package: str) -> None:
    """Download a package into the cache."""
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit(
            "the benchmarks' pages need npm (of Node.js) once, to fetch the scripts of asv's pages"
        )
    CACHE.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [npm, "pack", package, "--silent", "--pack-destination", str(CACHE)],
        check=True,
        stdout=subprocess.DEVNULL,
    )


def without_network(html: str, scripts: list[dict[str, Any]]) -> str:
    """Return asv's page with local files in place of those from the network, and its data as a script."""

    def here(found: re.Match[str]) -> str:
        tag, address = found.groups()
        known = [s for s in scripts if s["instead_of"] and s["instead_of"] in address]
        if len(known) != 1:
            raise SystemExit(f"asv's page loads {address}, which pages/scripts.json does not have")
        place = local(known[0])
        return f'<script src="{place}">' if tag == "script" else f'<link rel="stylesheet" href="{place}">'

    scale = '<meta name="viewport" content="width=device-width, initial-scale=1">'
    added = '<script src="data.js"></script>\n<script src="files.js"></script>\n'
    first = '<script language="javascript" type="text/javascript"\n            src="asv.js">'
    if first not in html or "</head>" not in html:
        raise SystemExit("asv's page is not the one that this was written for")
    narrow = '<link rel="stylesheet" href="narrow.css">\n'
    changed = EXTERNAL.sub(here, html).replace(first, added + first)
    return changed.replace("<title>", f"{scale}\n<title>", 1).replace("</head>", f"{narrow}</head>", 1)


def data(pages: Path) -> str:
    """Return the script that holds every JSON file of the pages, by its path."""
    files = {
        path.relative_to(pages).as_posix(): path.read_text("utf-8") for path in sorted(pages.rglob("*.json"))
    }
    return f"window.ASV_FILES = {json.dumps(files)};\n"
