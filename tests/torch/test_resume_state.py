"""The state of a run comes back to the last bit, from the newest checkpoint that is what was written."""

import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tamis_torch import checked
from tamis_torch.checked import VERSION
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
    again, meta_again, warnings = load_state(tmp_path)
    assert meta_again == meta and again.keys() == tensors.keys() and warnings == []
    for name, tensor in tensors.items():
        assert again[name].dtype == tensor.dtype and again[name].shape == tensor.shape
        assert torch.equal(again[name].flatten().view(torch.uint8), tensor.flatten().view(torch.uint8)), name


def test_views_and_shared_tensors_are_stored_apart(tmp_path: Path) -> None:
    base = torch.arange(12.0).view(3, 4)
    tensors = {"one": base, "same": base, "transposed": base.t(), "slice": base[1:, ::2]}
    path = save_state(tmp_path, tensors, {})
    again = load_state(tmp_path).tensors
    assert all(torch.equal(again[name], tensors[name]) for name in tensors)
    assert path.stat().st_size < 1000  # the slice does not bring its storage with it


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def flip(path: Path, bit: int) -> None:
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def test_the_newest_wins_and_the_last_two_stay(tmp_path: Path) -> None:
    for step in (1, 2, 10):
        save_state(tmp_path, {"w": torch.tensor([step])}, {"step": step})
    assert load_state(tmp_path) == ({"w": torch.tensor([10])}, {"step": 10}, [])
    assert names(tmp_path) == ["state-00000002.safetensors", "state-00000003.safetensors"]


@pytest.mark.parametrize("damage", [cut, lambda path: flip(path, 8 * path.stat().st_size - 9), Path.unlink])
def test_a_damaged_newest_gives_way_to_the_one_before_and_it_is_said(damage, tmp_path: Path) -> None:
    """Moved aside, so that the whole one before it stays among the last two."""
    for step in (1, 2):
        path = save_state(tmp_path, {"w": torch.ones(9)}, {"step": step})
    damage(path)
    lost = not path.exists()
    _, meta, warnings = load_state(tmp_path)
    assert meta == {"step": 1}
    assert lost or ("00000002.safetensors: " in warnings[0] and "state-00000001" in warnings[0])
    assert lost or names(tmp_path)[1] == "state-00000002.safetensors.damaged"
    save_state(tmp_path, {}, {"step": 3})
    assert names(tmp_path) == ["state-00000001.safetensors", "state-00000002.safetensors"]
    assert load_state(tmp_path) == ({}, {"step": 3}, [])


def test_any_flipped_bit_is_noticed_or_changes_nothing(tmp_path: Path) -> None:
    """Every seventh bit of a file: a dtype, a shape, a name, a place, the checksum, the version, a weight.

    What may change unnoticed are the words that nobody reads: safetensors' own "format".
    """
    tensors = {"w": torch.randn(3, 2), "mask": torch.tensor([True]), "none": torch.zeros(0, 3)}
    path = save_state(tmp_path, tensors, {"step": 7, "loss": 0.1})
    content, unnoticed = path.read_bytes(), 0
    for bit in range(0, 8 * len(content), 7):
        flip(path, bit)
        try:
            again, meta = checked.read(path)
        except checked.Damaged:
            path.write_bytes(content)
            continue
        path.write_bytes(content)
        unnoticed += 1
        assert meta == {"step": 7, "loss": 0.1} and again.keys() == tensors.keys()
        assert all(torch.equal(again[name], tensors[name]) for name in tensors)
        assert all(again[name].shape == tensors[name].shape for name in tensors)
    assert unnoticed <= 56 // 7 + 1


@pytest.mark.parametrize(
    ("was", "becomes"), [(b"[0,3]", b"[0,2]"), (b'"mask"', b'"mast"'), (b'\\"step\\": 7', b'\\"step\\": 6')]
)
def test_what_safetensors_would_take_for_another_file_is_damage(was, becomes, tmp_path: Path) -> None:
    tensors = {"mask": torch.tensor([True]), "none": torch.zeros(0, 3)}
    path = save_state(tmp_path, tensors, {"step": 7})
    content = path.read_bytes()
    assert content.count(was) == 1
    path.write_bytes(content.replace(was, becomes))
    with pytest.raises(checked.Damaged, match=r"00000001\.safetensors: its checksum is \w{8}, its header"):
        checked.read(path)


def test_a_checkpoint_of_another_version_is_refused_with_both_versions(tmp_path: Path, monkeypatch) -> None:
    save_state(tmp_path, {}, {"step": 1})
    with monkeypatch.context() as patch:
        patch.setattr(checked, "VERSION", VERSION + 1)
        path = save_state(tmp_path, {}, {"step": 2})
    with pytest.raises(
        InputError,
        match=rf"state-00000002.* is of version {VERSION + 1} .* reads version {VERSION}: go on with",
    ):
        load_state(tmp_path)
    assert path.exists()
    save_file({"w": torch.ones(1)}, path, {"format": "pt", "meta": "{}"})  # as it was before the checksums
    with pytest.raises(InputError, match=rf"is of version 1 .* reads version {VERSION}"):
        load_state(tmp_path)


def test_a_flipped_bit_in_the_version_is_damage_and_no_other_version(tmp_path: Path) -> None:
    for step in (1, 2):
        path = save_state(tmp_path, {}, {"step": step})
    content, said = path.read_bytes(), f'"version":"{VERSION}"'.encode()
    assert content.count(said) == 1
    path.write_bytes(content.replace(said, f'"version":"{VERSION + 1}"'.encode()))
    assert load_state(tmp_path).meta == {"step": 1}


def test_no_checkpoint_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no complete checkpoint in .* to resume from \(there is none\)"):
        load_state(tmp_path / "nowhere")
    (tmp_path / "state-00000001.safetensors").write_bytes(b"123")
    with pytest.raises(InputError, match=r"no complete checkpoint .*00000001\.safetensors: .*--force begins"):
        load_state(tmp_path)
    assert names(tmp_path) == ["state-00000001.safetensors"]


def test_an_interrupt_while_writing_keeps_the_one_before(tmp_path: Path, monkeypatch) -> None:
    save_state(tmp_path, {"w": torch.ones(3)}, {"step": 1})

    def interrupt(tensors: object, path: Path, metadata: object) -> None:
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr("tamis_torch.checked.save_file", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save_state(tmp_path, {"w": torch.zeros(3)}, {"step": 2})
    assert load_state(tmp_path)[1] == {"step": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["state-00000001.safetensors"]


def test_a_part_stays_when_states_go(tmp_path: Path) -> None:
    tensors = {"w": torch.randn(3, 4).T, "half": torch.randn(5).bfloat16()}
    part = save_part(tmp_path, "block-00000", tensors)
    for step in (1, 2):
        save_state(tmp_path, {}, {"step": step})
    assert names(tmp_path) == [part.name, "state-00000001.safetensors", "state-00000002.safetensors"]
    again = load_part(tmp_path, "block-00000")
    assert all(torch.equal(again[name], tensors[name]) for name in tensors)


@pytest.mark.parametrize("damage", [Path.unlink, cut, lambda path: flip(path, 7000)])
def test_a_part_that_cannot_be_read_is_said(damage, tmp_path: Path) -> None:
    damage(save_part(tmp_path, "block-00007", {"w": torch.ones(900)}))
    with pytest.raises(checked.Damaged, match=r"part-block-00007\.safetensors: "):
        load_part(tmp_path, "block-00007")
