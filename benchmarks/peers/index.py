"""One page that leads to every comparison with other projects: ``benchmarks/results/peers.md``.

python benchmarks/peers/index.py
"""

import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[1] / "results"
PEERS = {  # file -> (what is compared, command)
    "solver-peers": ("best subset and sparse regression", "nox -s peers -- solver"),
    "llm-peers": ("Wanda and SparseGPT, weight by weight", "nox -s peers -- llm"),
    "torch-peers": ("Elsa's step, selection, products, decoding, loading", "nox -s peers -- torch"),
}
HEAD = """# tamis beside other projects

Each table is made by one command, in an environment of its own, with the versions it found; times are
ratios within one run. `python benchmarks/peers/index.py` writes this page from the JSON beside the tables.

| table | what | beside | of | command |
| --- | --- | --- | --- | --- |
"""


def page(found: dict[str, dict[str, Any]]) -> str:
    """Return the page of these results, by the name of their file."""
    return HEAD + "".join(_row(name, *PEERS[name], found[name]) for name in PEERS if name in found)


def _row(name: str, what: str, command: str, content: dict[str, Any]) -> str:
    theirs = [f"{peer} {version}" for peer, version in content["versions"].items()
              if version and not peer.startswith("tamis")]  # fmt: skip
    day = content["machine"].get("date", "")
    return f"| [{name}]({name}.md) | {what} | {', '.join(theirs)} | {day} | `{command}` |\n"


def main() -> None:
    """Write the page."""
    files = {name: RESULTS / f"{name}.json" for name in PEERS}
    found = {name: json.loads(file.read_text("utf-8")) for name, file in files.items() if file.exists()}
    (RESULTS / "peers.md").write_text(page(found), "utf-8")


if __name__ == "__main__":
    main()
