"""Damage what an interrupted run left, or fill its disk: the run goes on from what is whole, and says so."""

import json
import os
import random
import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import save_file

from .child import KILLED, run, said
from .faults import Within
from .kills import Whole, differences

Damage = Callable[[Path], None]
SIZES = (15, 40, 65, 90)  # of a small disk, in percent of what the run needs


def interrupted(whole: Whole, folder: Path, name: str) -> Path:
    """Return the folder of a run that was killed within the writing of the file of this name."""
    code = run([*whole.command, "--out", folder], folder, Within(name, 0.5))
    if code != KILLED:
        raise RuntimeError(f"the run ended with {code}: see {folder.with_suffix('.log')}")
    return folder


def cut(share: float) -> Damage:
    """Return a damage that leaves this share of a file."""
    return lambda path: os.truncate(path, int(share * path.stat().st_size))


def flips(path: Path, count: int, chooser: random.Random) -> dict[str, Damage]:
    """Return damages of one bit each: in a file's length of the header, in the header, and in the tensors."""
    (header,) = struct.unpack("<Q", path.read_bytes()[:8])
    ends = {"length": (0, 8), "header": (8, 8 + header), "tensors": (8 + header, path.stat().st_size)}
    found: dict[str, Damage] = {}
    for place, (first, last) in ends.items():
        for _ in range(count if last > first else 0):
            bit = chooser.randrange(8 * first, 8 * last)
            found[f"bit {bit} flipped, in the {place}"] = _flip(bit)
    return found


def goes_on(name: str, damage: Damage, base: Path, file: str, whole: Whole, folder: Path) -> dict[str, Any]:
    """Damage a file of a copy of the folder and resume: the end is the same, but for a warning that names it.

    A bit that nobody reads may flip without a word.
    """
    _copy(base, folder)
    damage(folder / file)
    code = run([*whole.command, "--out", folder, "--resume"], folder)
    told = json.loads((folder / "run.json").read_text("utf-8"))["warnings"] if code == 0 else []
    expected = json.loads((whole.folder / "run.json").read_text("utf-8"))["warnings"]
    warnings = [text for text in told if Path(file).name in text]
    shown = bool(warnings) and all(f"warning: {text}" in said(folder) for text in warnings)
    record = {"file": file, "damage": name, "exit": code, "warnings": warnings, "shown": shown}
    differs = (
        [one for one in differences(whole.folder, folder) if one != "run.json: warnings"] if code == 0 else []
    )
    return record | {
        "differs": differs,
        "other_warnings": [t for t in told if t not in [*expected, *warnings]],
    }


def refused(name: str, damage: Damage, base: Path, file: str, whole: Whole, folder: Path) -> dict[str, Any]:
    """Damage a file of a copy of the folder and resume: it is refused with a reason, and no state is lost."""
    _copy(base, folder)
    damage(folder / file)
    before = _contents(folder)
    code = run([*whole.command, "--out", folder, "--resume"], folder)
    lines = [line for line in said(folder).splitlines() if line.startswith("tamis: ")]
    return {
        "file": file, "damage": name, "exit": code,
        "reason": lines[-1].replace(str(folder), "DIR") if lines else None, "untouched": _contents(folder) == before,
    }  # fmt: skip


def another_version(path: Path) -> None:
    """Rewrite a checkpoint as the version before the checksums wrote it."""
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        meta = file.metadata()["meta"]
    save_file(tensors, path, {"format": "pt", "meta": meta})


def all_of(damage: Damage) -> Damage:
    """Return the damage of every checkpoint in the folder of one."""

    def each(path: Path) -> None:
        for one in path.parent.glob("state-*.safetensors"):
            damage(one)

    return each


def full_disk(share: int, whole: Whole, folder: Path) -> dict[str, Any]:
    """Run on a disk that is too small, make it larger, resume."""
    need = sum(file.stat().st_size for file in whole.folder.rglob("*") if file.is_file())
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={need * share // 100}", "tmpfs", str(folder)]
    refusal = subprocess.run(mount, capture_output=True, text=True)
    if refusal.returncode:
        return {"percent": share, "skipped": refusal.stderr.strip() or "mount was refused"}
    try:
        disk = folder / "run"
        first = run([*whole.command, "--out", disk], disk)
        reason = said(disk).splitlines()[-1].replace(str(disk), "DIR")
        subprocess.run(["mount", "-o", "remount,size=0", str(folder)], check=True)  # 0: no limit
        begun = (disk / "config.json").exists()
        second = run([*whole.command, "--out", disk, "--resume" if begun else "--force"], disk)
        return {
            "percent": share, "exit": first, "reason": reason, "resumed": begun, "exit_resumed": second,
            "differs": differences(whole.folder, disk) if second == 0 else ["it did not end"],
        }  # fmt: skip
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def _flip(bit: int) -> Damage:
    def damage(path: Path) -> None:
        content = bytearray(path.read_bytes())
        content[bit // 8] ^= 1 << bit % 8
        path.write_bytes(content)

    return damage


def _copy(base: Path, folder: Path) -> None:
    shutil.copytree(base, folder)


def _contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.glob("checkpoints/*.safetensors")}
