"""A disk that is really full: nothing half-written, what was there before still is."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tamis_torch.checkpoint import load_state, save, save_state, write_atomically
from tamis_torch.errors import RunError


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a folder on a disk of 64 KiB, or skip where it cannot be made."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if shutil.which("mount") is None or os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], capture_output=True, text=True
    )
    if mount.returncode:
        pytest.skip(f"mount was refused: {mount.stderr.strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_leaves_no_model(tiny_model, tiny_tokenizer, small_disk: Path) -> None:
    with pytest.raises(RunError, match=r"cannot write .*model: .*No space left on device"):
        save(tiny_model, tiny_tokenizer, small_disk / "model")
    assert list(small_disk.iterdir()) == []


def test_a_disk_that_is_full_after_the_weights_leaves_no_model(
    tiny_model, tiny_tokenizer, small_disk: Path
) -> None:
    """The tokenizer's writer has an error of its own for a full disk."""
    subprocess.run(["mount", "-o", "remount,size=132k", small_disk], check=True)
    with pytest.raises(RunError, match=r"cannot write .*model: .*No space left on device"):
        save(tiny_model, tiny_tokenizer, small_disk / "model")
    assert list(small_disk.iterdir()) == []


def test_a_full_disk_keeps_the_checkpoint_before(small_disk: Path) -> None:
    save_state(small_disk, {"w": torch.ones(4000)}, {"step": 1})
    with pytest.raises(RunError, match="No space left on device"):
        save_state(small_disk, {"w": torch.ones(40000)}, {"step": 2})
    tensors, meta, warnings = load_state(small_disk)
    assert meta == {"step": 1} and warnings == [] and torch.equal(tensors["w"], torch.ones(4000))
    assert [path.name for path in small_disk.iterdir()] == ["state-00000001.safetensors"]


def test_a_full_disk_keeps_the_file_before(small_disk: Path) -> None:
    write_atomically(small_disk / "run.json", "old")
    with pytest.raises(RunError, match=r"cannot write .*run\.json: No space left on device"):
        write_atomically(small_disk / "run.json", "x" * 100_000)
    assert [path.name for path in small_disk.iterdir()] == ["run.json"]
    assert (small_disk / "run.json").read_text() == "old"
