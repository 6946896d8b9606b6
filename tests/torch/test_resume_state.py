"""The state of a run comes back to the last bit, from the newest checkpoint that is whole."""

import math
from pathlib import Path

import pytest
import torch

from tamis_torch.checkpoint import load_part, load_state, save_part, save_state
from tamis_torch.errors import InputError


def test_tensors_and_meta_come_back_bit_for_bit(tmp_path: Path) -> None:
    tensors = {
        "w": torch.randn(3, 4),
        "half": torch.randn(5).to(torch.bfloat16),
        "fp8": torch.randn(8).to(torch.float8_e4m3fn),
        "mask": torch.tensor([True, False]),
        "step": torch.tensor(7),
        "rng": torch.get_rng_state(),
        "nan": torch.tensor([math.nan, -0.0, math.inf]),
        "empty": torch.zeros(0, 3),
    }
    meta = {"step": 7, "loss": 0.1 + 0.2, "settings": {"pattern": None, "lr": 1e-3}}
    save_state(tmp_path, tensors, meta)
    again, meta_again = load_state(tmp_path)
    assert meta_again == meta and again.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert again[name].dtype == tensor.dtype and again[name].shape == tensor.shape
        assert torch.equal(again[name].flatten().view(torch.uint8), tensor.flatten().view(torch.uint8)), name


def test_views_and_shared_tensors_are_stored_apart(tmp_path: Path) -> None:
    base = torch.arange(12.0).view(3, 4)
    tensors = {"one": base, "same": base, "transposed": base.t(), "slice": base[1:, ::2]}
    path = save_state(tmp_path, tensors, {})
    again, _ = load_state(tmp_path)
    assert all(torch.equal(again[name], tensors[name]) for name in tensors)
    assert path.stat().st_size < 1000  # the slice does not bring its storage with it


def test_the_newest_wins_and_older_ones_go(tmp_path: Path) -> None:
    for step in (1, 2, 10):
        save_state(tmp_path, {"w": torch.tensor([step])}, {"step": step})
    assert load_state(tmp_path)[1] == {"step": 10}
    assert [path.name for path in tmp_path.iterdir()] == ["state-00000003.safetensors"]


def test_a_damaged_newest_gives_way_to_the_one_before(tmp_path: Path) -> None:
    newer = save_state(tmp_path / "other", {"w": torch.ones(9)}, {"step": 2}).read_bytes()
    save_state(tmp_path, {"w": torch.ones(9)}, {"step": 1})
    (tmp_path / "state-00000002.safetensors").write_bytes(newer)
    assert load_state(tmp_path)[1] == {"step": 2}
    (tmp_path / "state-00000002.safetensors").write_bytes(newer[: len(newer) // 2])
    assert load_state(tmp_path)[1] == {"step": 1}
    save_state(tmp_path, {}, {"step": 3})
    assert load_state(tmp_path)[1] == {"step": 3}


def test_no_checkpoint_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no complete checkpoint in .* to resume from \(there is none\)"):
        load_state(tmp_path / "nowhere")
    (tmp_path / "state-00000001.safetensors").write_bytes(b"123")
    with pytest.raises(InputError, match=r"no complete checkpoint .*state-00000001\.safetensors: "):
        load_state(tmp_path)


def test_an_interrupt_while_writing_keeps_the_one_before(tmp_path: Path, monkeypatch) -> None:
    save_state(tmp_path, {"w": torch.ones(3)}, {"step": 1})

    def interrupt(tensors: object, path: Path, metadata: object) -> None:
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr("tamis_torch.resume.save_file", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save_state(tmp_path, {"w": torch.zeros(3)}, {"step": 2})
    assert load_state(tmp_path)[1] == {"step": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["state-00000001.safetensors"]


def test_a_part_stays_when_states_go(tmp_path: Path) -> None:
    tensors = {"w": torch.randn(3, 4).T, "half": torch.randn(5).bfloat16()}
    part = save_part(tmp_path, "block-00000", tensors)
    for step in (1, 2):
        save_state(tmp_path, {}, {"step": step})
    assert sorted(path.name for path in tmp_path.iterdir()) == [part.name, "state-00000002.safetensors"]
    again = load_part(tmp_path, "block-00000")
    assert all(torch.equal(again[name], tensors[name]) for name in tensors)


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(path.read_bytes()[:50])])
def test_a_part_that_cannot_be_read_is_said(damage, tmp_path: Path) -> None:
    damage(save_part(tmp_path, "block-00007", {"w": torch.ones(9)}))
    with pytest.raises(InputError, match=r"part-block-00007\.safetensors, on which the newest checkpoint"):
        load_part(tmp_path, "block-00007")
