"""OWL: sparsities by block that are the published formula's, and together exactly what was asked."""

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from transformers import GPT2Config, GPT2LMHeadModel

from tamis_torch import Wanda, prune
from tamis_torch.blockwise.owl import sparsities, spread
from tamis_torch.blockwise.windows import draw
from tamis_torch.task import prepare

CONFIG = Wanda(sparsity=0.6, samples=12, seq_len=16)


def task_of(model, config=CONFIG, vocabulary=320):
    tokens = torch.randint(vocabulary, (400,), generator=torch.Generator().manual_seed(0))
    return prepare(
        model, tokens, None,
        tokenizer=None, goal=config, seq_len=16, eval_seq_len=16, eval_windows=None, device="cpu",
    )  # fmt: skip


def uneven(model, blocks):
    """Let the inputs of the later blocks have ever larger outliers."""
    with torch.no_grad():
        for depth, block in enumerate(blocks):
            for norm in [m for m in block.modules() if "norm" in type(m).__name__.lower()]:
                norm.weight[:3] *= 1 + 8 * depth
    return model


def published(shares, sparsity, spread=0.08):
    """The lines of luuyin/OWL, prune_wanda_outlier: the share kept of each block, blocks alike."""
    kept = np.array(shares)
    kept = (kept - kept.min()) * (1 / (kept.max() - kept.min()) * spread * 2)
    kept = kept - np.mean(kept) + (1 - sparsity)
    return 1 - kept


def shares_by_hooks(model, weights, axes, windows, names):
    """D_b from one forward pass of the whole dense model, each score compared on its own."""
    inputs = {}
    for name in weights:
        layer = model.get_submodule(name.removesuffix(".weight"))
        layer.register_forward_pre_hook(lambda _, args, name=name: inputs.__setitem__(name, args[0]))
    with torch.no_grad():
        model(windows)
    shares = []
    for block in names:
        scores = []
        for name, weight in weights.items():
            if name.startswith(f"{block}."):
                matrix = weight.detach() if axes[name] == 1 else weight.detach().T
                scores.append((matrix.abs() * inputs[name].flatten(0, 1).norm(dim=0)).flatten())
        scores = torch.cat(scores).double()
        shares.append(float((scores > 5 * scores.mean()).double().mean()))
    return shares


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_it_is_the_published_formula_on_a_forward_pass_of_the_dense_model(kind, tiny_model):
    if kind == "llama":
        model, names = tiny_model, ["model.layers.0", "model.layers.1"]
        uneven(model, model.model.layers)
    else:
        torch.manual_seed(0)
        config = GPT2Config(vocab_size=320, n_positions=32, n_embd=16, n_layer=3, n_head=2)
        model, names = GPT2LMHeadModel(config).eval(), [f"transformer.h.{i}" for i in range(3)]
        uneven(model, model.transformer.h)
    task = task_of(model)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    found = sparsities(task, CONFIG, "float32")
    windows = draw(task.train.tokens, CONFIG)
    shares = shares_by_hooks(model, task.weights, task.axes, windows, names)
    assert len(set(shares)) == len(names)
    np.testing.assert_allclose(found, published(shares, 0.6), atol=1e-12)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_block_that_is_skipped_has_no_part_in_it(tiny_model):
    uneven(tiny_model, tiny_model.model.layers)
    config = Wanda(sparsity=0.6, samples=12, seq_len=16, skip="model.layers.0.*")
    assert sparsities(task_of(tiny_model, config), config, "float32") == [0.6, 0.6]


blocks = st.lists(st.tuples(st.floats(0, 0.2), st.integers(0, 10_000)), min_size=1, max_size=12).filter(
    lambda pairs: any(size for _, size in pairs)
)


@given(blocks, st.floats(0, 0.9999))
@example([(0.0, 1), (5e-324, 1)], 0.0)
def test_the_sparsity_of_all_together_is_the_asked_one_and_no_block_is_emptied(pairs, sparsity):
    shares, sizes = zip(*pairs, strict=True)
    found = spread(shares, sizes, sparsity)
    assert np.average(found, weights=sizes) == pytest.approx(sparsity, abs=1e-12)
    assert all(-1e-12 <= s <= 1 - 0.1 * (1 - sparsity) + 1e-12 for s in found)
    assert max(found) - min(found) <= 0.16 + 1e-12
    assert max(found) < 1 and min(found) >= 0


def test_more_outliers_means_fewer_zeros_over_a_range_of_twice_lambda():
    found = spread([0.02, 0.01, 0.04], [100, 300, 200], 0.7)
    assert found[2] < found[0] < found[1]
    assert found[1] - found[2] == pytest.approx(0.16)


def test_a_block_without_weights_is_given_the_asked_sparsity_and_moves_no_other():
    found = spread([0.5, 0.02, 0.01], [0, 100, 300], 0.7)
    assert found == [0.7, *spread([0.02, 0.01], [100, 300], 0.7)]


def test_where_the_range_does_not_fit_it_is_narrowed():
    found = spread([0.02, 0.01, 0.04], [100, 100, 100], 0.99)
    assert max(found) == pytest.approx(0.999)
    assert spread([0.02, 0.01], [1, 1], 0.0) == [0.0, 0.0]


def test_a_run_prunes_each_block_to_its_sparsity_and_the_whole_as_asked(tiny_model, tmp_path):
    uneven(tiny_model, tiny_model.model.layers)
    config = Wanda(sparsity=0.6, samples=12, seq_len=16, ratios="owl")
    task = task_of(tiny_model, config)
    expected = sparsities(task, config, "float32")
    prune(
        tiny_model,
        task.train.tokens,
        config,
        out=tmp_path / "run",
        evaluation=task.train.tokens,
        eval_seq_len=16,
    )
    for name, weight in task.weights.items():
        block = int(name.split(".")[2])
        assert int((weight != 0).sum()) == round((1 - expected[block]) * weight.numel())
    assert expected[0] != expected[1] and np.mean(expected) == pytest.approx(0.6)
