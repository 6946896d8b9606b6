"""A name that leads to no model, and files that are damaged, are told before a weight is read."""

import json
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from tamis_torch import sources
from tamis_torch.checkpoint import load


def truncate(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])


def test_a_path_that_is_not_there(refusal, tmp_path: Path) -> None:
    message = refusal(tmp_path / "nowhere")
    assert f"model {tmp_path / 'nowhere'} does not exist; give a folder in the Hugging Face layout" in message


@pytest.mark.parametrize(
    "name", ["./org/name", "runs/elsa/model", "nowhere", "org/model.gguf", "../org/name"]
)
def test_what_looks_like_a_path_is_never_asked_of_the_hub(refusal, name, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sources, "online", lambda: pytest.fail("asked for the network"))
    assert f"model {name} does not exist" in refusal(name)


def test_a_misspelt_path_beside_others_is_not_a_hub_name(refusal, monkeypatch, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    monkeypatch.chdir(tmp_path)
    assert "model runs/elza does not exist" in refusal("runs/elza")


def test_a_hub_name_without_network_is_one_line(refusal, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sources, "online", lambda: False)
    assert "hub model some-org/no-such-model (no folder here has that name) cannot be read" in refusal(
        "some-org/no-such-model"
    )


def test_without_a_name_server_the_machine_counts_as_offline(monkeypatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("no name server")

    monkeypatch.setattr(sources.socket, "getaddrinfo", fail)
    monkeypatch.setattr(sources.urllib.request, "getproxies", dict)
    assert not sources.online()
    monkeypatch.setattr(sources.urllib.request, "getproxies", lambda: {"https": "http://proxy"})
    assert sources.online()


def test_a_folder_without_config(refusal, folder: Path) -> None:
    (folder / "config.json").unlink()
    assert f"model folder {folder} has no config.json; give a folder" in refusal(folder)
    (folder / "x.gguf").touch()
    assert f"has no config.json, but a GGUF file: {folder / 'x.gguf'}" in refusal(folder)


def test_a_classifier_is_told_from_a_language_model(refusal, tmp_path: Path) -> None:
    (tmp_path / "network.json").write_text("{}")
    assert "an image classifier has none: tamis_torch.vision.load_network reads it" in refusal(tmp_path)


def test_a_run_folder_is_told_where_its_model_is(refusal, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "run.json").touch()
    assert f"is the folder of a run; give its model: {folder}" in refusal(tmp_path)


def test_a_file_that_is_no_gguf_by_name(refusal, folder: Path) -> None:
    assert "model.safetensors is not a .gguf file; give a folder" in refusal(folder / "model.safetensors")


@pytest.mark.parametrize("share", [0, 0.00005, 0.01, 0.5, 0.99999])
def test_a_truncated_safetensors_file(refusal, folder: Path, share: float) -> None:
    file = folder / "model.safetensors"
    truncate(file, int(share * file.stat().st_size))
    assert f"{file} is truncated or corrupt: " in refusal(folder)


def test_a_safetensors_file_with_another_content(refusal, folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"<html>404 not found</html>" * 1000)
    assert "model.safetensors is truncated or corrupt: " in refusal(folder)


def test_a_shard_that_is_missing_and_an_index_that_is_corrupt(refusal, folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    shard = "model-00001-of-00002.safetensors"
    save_file(weights, folder / shard, metadata={"format": "pt"})
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": dict.fromkeys(weights, shard)}))
    assert load(str(folder)).model is not None
    index.write_text(
        json.dumps({"weight_map": {**dict.fromkeys(weights, shard), "x": "model-00002-of-00002.safetensors"}})
    )
    assert "is incomplete: model-00002-of-00002.safetensors is missing" in refusal(folder)
    index.write_text("{")
    assert f"{index} is corrupt: " in refusal(folder)


def test_a_pickle_is_refused_unopened(refusal, folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    assert "has no weights: model.safetensors is missing" in refusal(folder)
    (folder / "pytorch_model.bin").write_bytes(b"never read")
    assert "has its weights only as a pickle (pytorch_model.bin)" in refusal(folder)
