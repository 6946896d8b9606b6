"""What ``inspect`` says is what is in the file."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from tamis_torch.errors import InputError
from tamis_torch.inspection import inspect, matrices, plot

Q = "model.layers.0.self_attn.q_proj.weight"


def dense(*shape):
    return torch.arange(1.0, 1 + np.prod(shape)).reshape(shape)


def only(folder):
    (row,) = inspect(folder)
    return row


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_counts_are_exact(tmp_path, dtype):
    weight = dense(6, 5).to(dtype)
    weight.view(-1)[:17] = 0
    weight[5, 4] = -0.0
    save_file({Q: weight}, tmp_path / "model.safetensors")
    row = only(tmp_path)
    assert (row.name, row.shape, row.entries, row.nonzeros) == (Q, (6, 5), 30, 12)
    assert row.sparsity == pytest.approx(0.6)
    assert row.bytes == 30 * dtype.itemsize
    assert row.dtype == str(dtype).removeprefix("torch.")


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 4), st.integers(0, 8), st.integers(0, 2**32 - 1))
def test_patterns_are_the_tightest_that_hold(tmp_path_factory, four, eight, seed):
    """Rows with at most ``four`` of 4 and ``eight`` of 8 nonzeros: counted here by hand, group by group."""
    chance = np.random.default_rng(seed)
    weight = torch.tensor(chance.random((3, 32)) + 0.5)
    for group in range(0, 32, 8):
        for row in range(3):
            drop = [group + half + i for half in (0, 4) for i in chance.permutation(4)[four:]]
            weight[row, drop] = 0
            weight[row, (group + chance.permutation(8))[eight:]] = 0
    folder = tmp_path_factory.mktemp("model")
    save_file({Q: weight}, folder / "model.safetensors")
    most = {
        m: max(int((weight[r, g : g + m] != 0).sum()) for r in range(3) for g in range(0, 32, m))
        for m in (4, 8)
    }
    density = int((weight != 0).sum()) / weight.numel()
    means = {m: n <= m / 2 or (n < m and density > 0.9 * n / m) for m, n in most.items()}
    expected = [f"{most[4]}:4"] if means[4] else []
    expected += [f"{most[8]}:8"] if means[8] and most[8] < 2 * most[4] else []
    assert only(folder).pattern == ", ".join(expected)


def test_a_pattern_that_holds_by_chance_is_not_named(tmp_path):
    """Nine tenths of zeros anywhere leave some 7:8 or so; a matrix pruned to 3:4 is filled, and is named."""
    chance = torch.Generator().manual_seed(0)
    weight = torch.rand(64, 64, generator=chance) + 0.5
    save_file({Q: weight * (torch.rand(64, 64, generator=chance) > 0.9)}, tmp_path / "model.safetensors")
    assert only(tmp_path).pattern == ""
    weight[:, ::4] = 0
    save_file({Q: weight}, tmp_path / "model.safetensors")
    assert only(tmp_path).pattern == "3:4"


def test_pattern_lies_along_the_inputs_also_for_gpt2(tmp_path):
    """GPT-2 stores (in, out), so its groups run down the columns."""
    weight = dense(4, 3)
    weight[2:] = 0
    save_file({"h.0.mlp.c_fc.weight": weight}, tmp_path / "model.safetensors")
    assert only(tmp_path).pattern == ""
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "gpt2"}))
    assert only(tmp_path).pattern == "2:4"


def test_shards_of_an_index_are_read_and_a_missing_one_is_named(tmp_path):
    save_file({"a": dense(2, 2)}, tmp_path / "one.safetensors")
    save_file({"b": dense(2, 3)}, tmp_path / "two.safetensors")
    index = {"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    assert [row.name for row in inspect(tmp_path)] == ["a", "b"]
    (tmp_path / "two.safetensors").unlink()
    with pytest.raises(InputError, match=r"two\.safetensors is missing"):
        inspect(tmp_path)


def test_run_folder_means_its_model(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "run.json").write_text("{}")
    save_file({"a": dense(2, 2)}, tmp_path / "model" / "model.safetensors")
    assert only(tmp_path).name == "a"
    assert only(tmp_path / "model" / "model.safetensors").name == "a"


@pytest.mark.parametrize("kept", [4, 200])
def test_truncated_file_is_named(tmp_path, kept):
    path = tmp_path / "model.safetensors"
    save_file({Q: dense(20, 20)}, path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(InputError, match=r"model\.safetensors is truncated or not"):
        inspect(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty", None, "has no .safetensors file"),
        ("missing", None, "does not exist"),
        ("model.gguf", "x", "is not a .safetensors file"),
        ("model.safetensors.index.json", "{}", "is not a safetensors index"),
    ],
)
def test_other_input_is_refused(tmp_path, name, content, message):
    path = tmp_path / name
    if name == "empty":
        path.mkdir()
    if content:
        path.write_text(content)
    with pytest.raises(InputError, match=message):
        inspect(tmp_path if name.endswith(".json") else path)


def test_plot_has_a_bar_a_tensor(tmp_path):
    half = dense(4, 4)
    half[:2] = 0
    rows = {Q: half, "model.embed_tokens.weight": dense(8, 4), "model.norm.weight": torch.ones(4)}
    save_file(rows, tmp_path / "model.safetensors")
    found = inspect(tmp_path)
    assert [row.name for row in matrices(found)] == [Q]
    lines = plot(found, width=10).splitlines()
    assert f"{Q}  #####.....       50%" in lines
    assert plot(found).isascii()
    assert plot([]) == ""


def test_every_weight_of_a_classifier_counts_whatever_its_axes_and_name(tmp_path):
    weights = {"stem.weight": dense(8, 3, 3, 3), "0.weight": dense(4, 4), "norm.bias": torch.ones(4)}
    save_file(weights, tmp_path / "model.safetensors")
    assert [row.name for row in matrices(inspect(tmp_path))] == ["0.weight"]
    (tmp_path / "network.json").write_text("{}")
    assert {row.name for row in matrices(inspect(tmp_path))} == {"0.weight", "stem.weight"}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float8_e4m3fn, torch.int8])
def test_what_is_not_finite_is_counted(tmp_path, dtype):
    weight = dense(6, 5)
    weight[0, 0], weight[1, 1] = torch.nan, torch.nan if dtype == torch.float8_e4m3fn else -torch.inf
    if dtype == torch.int8:
        weight = weight.nan_to_num(0, 0, 0)
    save_file({Q: weight.to(dtype)}, tmp_path / "model.safetensors")
    assert only(tmp_path).not_finite == (0 if dtype == torch.int8 else 2)
