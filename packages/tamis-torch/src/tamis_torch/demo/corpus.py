"""The demo's text: the standard library of the Python that runs it.

Nothing has to be downloaded: source files of the installed ``stdlib`` (tests,
character tables and generated build data left out) and the help topics of
``pydoc``.  Each module goes whole to the training or to the test text, chosen
by a fixed hash of its name, so that no test module is ever trained on and the
split is the same on every machine.
"""

import hashlib
import sysconfig
from pathlib import Path

TEST_SHARE = 0.05  # of the modules, by hash
SKIPPED_FOLDERS = {"site-packages", "test", "tests", "idlelib", "encodings", "lib2to3", "turtledemo"}
SKIPPED_FILES = ("_sysconfigdata", "_sysconfig_vars", "topics.py")


def stdlib_text(split: str) -> str:
    """Return the training or the test text.

    Parameters
    ----------
    split : {"train", "test"}

    Returns
    -------
    str
        All modules of the split in the order of their names, joined by blank lines.

    Raises
    ------
    ValueError
        If ``split`` is another word.
    """
    if split not in ("train", "test"):
        raise ValueError(f"split must be 'train' or 'test', got {split!r}")
    wanted = split == "test"
    return "\n\n".join(text for name, text in _modules() if _is_test(name) is wanted)


def _is_test(name: str) -> bool:
    digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64 < TEST_SHARE


def _modules() -> list[tuple[str, str]]:
    """Return (name, text) of each module and help topic, sorted by name."""
    root = Path(sysconfig.get_paths()["stdlib"])
    paths = sorted(path.relative_to(root) for path in root.rglob("*.py"))
    sources = [(path.as_posix(), _read(root / path)) for path in paths if not _skipped(path)]
    return sources + _help_topics()


def _skipped(path: Path) -> bool:
    return bool(SKIPPED_FOLDERS.intersection(path.parts)) or path.name.startswith(SKIPPED_FILES)


def _read(path: Path) -> str:
    """Read a source file; a file in an older encoding keeps its ASCII part."""
    return path.read_text(encoding="utf-8", errors="ignore")


def _help_topics() -> list[tuple[str, str]]:
    from pydoc_data.topics import topics  # absent from no CPython, but slow to import

    return [(f"help:{name}", text) for name, text in sorted(topics.items())]
