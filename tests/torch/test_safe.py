"""SAFE on a block: the paper's step and not its code's, exact zeros, a smaller error, the same twice."""

import copy
from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F
from transformers import GPT2Config, GPT2LMHeadModel

from tamis.sets import Sparse
from tamis_torch import InputError, RunError, input_axes, prunable
from tamis_torch.blockwise import output_error, safe
from tamis_torch.blockwise.blocks import Block, Call, find, run
from tamis_torch.blockwise.output_error import Problem, backward, batches, gather
from tamis_torch.methods.safe import Safe, SafePlus, peak_lr

CONFIG = Safe(sparsity=0.7, epochs=4, batch_size=2, lr=2e-3, seed=1)
LENGTH = 12


def gpt2() -> GPT2LMHeadModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return GPT2LMHeadModel(
            GPT2Config(vocab_size=320, n_positions=64, n_embd=32, n_layer=2, n_head=4)
        ).eval()


def blocks_of(model) -> list[Block]:
    return find(model, prunable(model), input_axes(model))


def calls_of(model, windows: int, size: int, index: int = 0) -> list[Call]:
    """Return calls of ``size`` windows each of a block of a Llama or GPT-2, on random hidden states."""
    hidden = torch.randn(windows, LENGTH, 32, generator=torch.Generator().manual_seed(index))
    hidden = hidden * torch.linspace(0.2, 3, 32)  # inputs of unlike sizes
    kwargs = {}
    if not isinstance(model, GPT2LMHeadModel):
        positions = torch.arange(LENGTH).unsqueeze(0)
        kwargs["position_embeddings"] = model.model.rotary_emb(hidden, positions)
    return [Call(part, kwargs) for part in hidden.split(size)]


def problem_of(model, windows: int = 6, size: int = 1, index: int = 1) -> Problem:
    """Return the error of the second block with targets that it does not reach."""
    block, calls = blocks_of(model)[index], calls_of(model, windows, size)
    generator = torch.Generator().manual_seed(5)
    targets = [run(block, call, "float32").detach() for call in calls]
    targets = [target + torch.randn(target.shape, generator=generator) for target in targets]
    return Problem(block, calls, targets, "float32")


def pulled_of(block: Block, config: Safe) -> list[safe.Pulled]:
    return [safe.Pulled(w, Sparse(1 - config.sparsity), None) for w in block.weights.values()]


def flat(block: Block) -> torch.Tensor:
    return torch.cat([p.detach().flatten().clone() for p in block.module.parameters()])


def naive(model, config: Safe, penalty_at: str) -> torch.Tensor:
    """Return a block's weights after the paper's steps with plain gradient descent, written out."""
    problem = problem_of(model)
    module = problem.block.module
    pruned = [id(w) for w in problem.block.weights.values()]
    parameters = list(module.parameters())
    z = [Sparse(1 - config.sparsity).project(p.detach()) for p in parameters]
    u = [torch.zeros_like(p) for p in parameters]
    steps = list(batches(problem, config.epochs, config.batch_size, config.seed))
    for t, batch in enumerate(steps):
        hidden = torch.cat([problem.calls[i].hidden for i in batch])
        target = torch.cat([problem.targets[i] for i in batch])

        def gradients(hidden=hidden, target=target):
            output = module(hidden, **problem.calls[0].kwargs)
            return torch.autograd.grad(F.mse_loss(output, target), parameters)

        with torch.no_grad():
            w = [p.clone() for p in parameters]
            with torch.enable_grad():
                g = gradients()
            norm = sum((x**2).sum() for x in g).sqrt()
            for p, x in zip(parameters, g, strict=True):
                p += config.radius * x / norm
            with torch.enable_grad():
                g = list(gradients())
            lr = safe.lr_at(config, 32, t, len(steps))
            for i, p in enumerate(parameters):
                at = p if penalty_at == "w + e" else w[i]
                pull = config.penalty * (at - z[i] + u[i]) if id(p) in pruned else 0
                p.copy_(w[i] - lr * (g[i] + pull))
            if (t + 1) % config.interval == 0:
                for i, p in enumerate(parameters):
                    total = p + u[i]
                    z[i] = Sparse(1 - config.sparsity).project(total)
                    u[i] = total - z[i]
    return flat(problem.block)


@pytest.fixture
def descent(monkeypatch):
    """Adam replaced by plain gradient descent, whose steps show what gradient they were given."""

    def sgd(module, lr):
        optimizer = torch.optim.SGD(module.parameters(), lr)
        return optimizer

    monkeypatch.setattr(safe, "adam", sgd)


def test_the_gradient_is_that_at_the_perturbed_point_and_the_penalty_that_at_w(tiny_model, descent):
    """The public code takes the penalty at ``w + e``: that fault would be seen here."""
    config = Safe(
        sparsity=0.7,
        epochs=2,
        batch_size=2,
        interval=2,
        lr=0.5,
        seed=1,
        pull="gradient",
        penalty=0.3,
        radius=0.5,
    )
    problem = problem_of(copy.deepcopy(tiny_model))
    safe.train(problem, pulled_of(problem.block, config), config)
    right = naive(copy.deepcopy(tiny_model), config, penalty_at="w")
    wrong = naive(copy.deepcopy(tiny_model), config, penalty_at="w + e")
    torch.testing.assert_close(flat(problem.block), right, rtol=1e-4, atol=1e-5)
    assert (wrong - right).abs().max() > 1e-3


def test_every_window_of_an_accumulated_batch_meets_its_own_target_in_both_passes(tiny_model):
    """The public code uses the last window's target for all in the second pass: seen here."""
    batch, found = [4, 0, 3], []
    for size in (1, 6):  # a window at a time, or all in one pass
        problem = problem_of(copy.deepcopy(tiny_model), size=size)
        parameters = list(problem.block.module.parameters())
        safe.gradient(problem, batch, parameters, radius=0.1)
        found.append(torch.cat([p.grad.flatten() for p in parameters]))
    torch.testing.assert_close(found[0], found[1], rtol=1e-4, atol=1e-6)
    problem = problem_of(copy.deepcopy(tiny_model), size=1)
    reused = problem._replace(targets=[problem.targets[batch[-1]]] * len(problem.targets))
    parameters = list(problem.block.module.parameters())
    backward(problem, batch)
    with safe.perturbed(parameters, 0.1):
        backward(reused, batch)
    wrong = torch.cat([p.grad.flatten() for p in parameters])
    assert (wrong - found[0]).norm() > 0.1 * found[0].norm()


@pytest.mark.parametrize("build", ["llama", "gpt2"])
def test_safe_plus_keeps_the_largest_of_wandas_scores_in_each_matrix(build, tiny_model):
    """``|w| |X_j|`` of the block's own inputs: with a step size of nothing, the masks are those."""
    model = tiny_model if build == "llama" else gpt2()
    block, calls = blocks_of(model)[0], calls_of(model, 4, 2)
    dense = {name: w.detach().clone() for name, w in block.weights.items()}
    squares = squares_of_inputs(block, calls)
    config = SafePlus(sparsity=0.6, epochs=1, lr=1e-12, pull="gradient", penalty=1e-9)
    safe.prune_block(block, calls, config, "float32")
    differ = 0
    for name, w in block.weights.items():
        norms = squares[name].sqrt()
        score = dense[name].abs() * (norms if block.axes[name] == 1 else norms.unsqueeze(1))
        assert torch.equal(w != 0, largest(score, 0.4)), name
        root = dense[name].abs() * (norms if block.axes[name] == 1 else norms.unsqueeze(1)).sqrt()
        differ += int((largest(root, 0.4) != (w != 0)).sum())
    assert differ > 0  # scores of another power of |X_j| would keep others


def squares_of_inputs(block: Block, calls: list[Call]) -> dict[str, torch.Tensor]:
    found = {}
    for name in block.weights:
        layer = block.module.get_submodule(name.removeprefix(block.name + ".").removesuffix(".weight"))
        seen = []
        handle = layer.register_forward_pre_hook(lambda _, args, seen=seen: seen.append(args[0].detach()))
        for call in calls:
            run(block, call, "float32")
        handle.remove()
        found[name] = torch.cat([x.reshape(-1, x.shape[-1]) for x in seen]).square().sum(0)
    return found


def largest(score: torch.Tensor, share: float) -> torch.Tensor:
    k = round(share * score.numel())
    mask = torch.zeros(score.numel(), dtype=torch.bool)
    mask[score.flatten().argsort(descending=True)[:k]] = True
    return mask.view(score.shape)


@pytest.mark.parametrize("kind", [Safe, SafePlus])
@pytest.mark.parametrize("build", ["llama", "gpt2"])
def test_each_matrix_has_exactly_the_zeros_asked_for(build, kind, tiny_model):
    model = tiny_model if build == "llama" else gpt2()
    block, calls = blocks_of(model)[0], calls_of(model, 4, 2)
    safe.prune_block(block, calls, kind(sparsity=0.7, epochs=2, batch_size=2, lr=1e-3), "float32")
    for w in block.weights.values():
        assert int(torch.count_nonzero(w)) == round(0.3 * w.numel())
    assert not any((p == 0).any() for n, p in block.module.named_parameters() if n.endswith("norm.weight"))


@pytest.mark.parametrize("build", ["llama", "gpt2"])
def test_a_pattern_lies_along_the_inputs_whichever_way_the_layer_stores_them(build, tiny_model):
    model = tiny_model if build == "llama" else gpt2()
    block, calls = blocks_of(model)[0], calls_of(model, 4, 2)
    config = SafePlus(pattern="2:4", epochs=2, batch_size=2, lr=1e-3)
    safe.prune_block(block, calls, config, "float32")
    for name, w in block.weights.items():
        groups = w.detach().movedim(block.axes[name], -1).reshape(-1, 4)
        assert (torch.count_nonzero(groups, 1) == 2).all(), name


@pytest.mark.parametrize("pull", ["direct", "gradient"])
def test_training_leaves_a_smaller_error_than_the_first_projection(pull, tiny_model):
    config = replace(CONFIG, pull=pull, epochs=20, lr=5e-3, penalty=0.1 if pull == "direct" else 0.01)
    block, calls = blocks_of(tiny_model)[0], calls_of(tiny_model, 6, 6)
    with torch.no_grad():
        for w in block.weights.values():
            w *= 5  # the size of a trained model's
    record = safe.prune_block(block, calls, config, "float32")
    assert record["loss_last"] < 0.5 * record["loss_first"]


def test_the_training_starts_from_the_dense_weights(tiny_model, monkeypatch):
    """The first projection's error is measured on the way, and must leave no trace."""
    seen = []
    monkeypatch.setattr(safe, "train", lambda problem, *_: seen.append(flat(problem.block)))
    block = blocks_of(tiny_model)[0]
    before = flat(block)
    record = safe.prune_block(block, calls_of(tiny_model, 2, 2), CONFIG, "float32")
    assert torch.equal(seen[0], before)
    assert record["loss_first"] == record["loss_last"] > 0


def test_the_record_holds_the_error_of_the_block_as_it_is_left(tiny_model):
    block, calls = blocks_of(tiny_model)[0], calls_of(tiny_model, 5, 2)
    targets = torch.cat([run(block, call, "float32").detach() for call in calls])
    record = safe.prune_block(block, calls, CONFIG, "float32")
    left = torch.cat([run(block, call, "float32").detach() for call in calls])
    assert record["loss_last"] == pytest.approx(F.mse_loss(left, targets).item(), rel=1e-5)


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(tiny_model):
    left = []
    for seed in (1, 1, 2):
        block = blocks_of(copy.deepcopy(tiny_model))[0]
        safe.prune_block(block, calls_of(tiny_model, 6, 2), replace(CONFIG, seed=seed), "float32")
        left.append(flat(block))
    assert torch.equal(left[0], left[1])
    assert not torch.equal(left[0], left[2])


def test_an_epoch_visits_every_window_once_in_an_order_of_its_seed_block_and_epoch(tiny_model):
    problem = problem_of(tiny_model, windows=7, size=3)
    steps = list(batches(problem, epochs=2, batch_size=4, seed=0))
    assert [len(step) for step in steps] == [4, 3, 4, 3]
    first, second = steps[0] + steps[1], steps[2] + steps[3]
    assert sorted(first) == sorted(second) == list(range(7))
    assert first != second
    other = problem_of(tiny_model, windows=7, size=3, index=0)
    assert list(batches(other, 2, 4, 0)) != steps != list(batches(problem, 2, 4, 1))


@pytest.mark.parametrize("batch_size", [1, 2, 3, 5])
def test_a_batch_is_the_same_whatever_calls_its_windows_came_in(batch_size, tiny_model):
    left = []
    for size in (1, 3, 6):
        block = blocks_of(copy.deepcopy(tiny_model))[0]
        config = replace(CONFIG, batch_size=batch_size, epochs=2)
        safe.prune_block(block, calls_of(tiny_model, 6, size), config, "float32")
        left.append(flat(block))
    torch.testing.assert_close(left[1], left[0], rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(left[2], left[0], rtol=1e-3, atol=1e-4)


def test_arguments_with_a_row_a_window_are_cut_to_the_batch_and_others_are_not(tiny_model):
    mask, table, place = torch.zeros(3, 1, LENGTH, LENGTH), torch.zeros(1, LENGTH, 8), torch.arange(3)
    kwargs = {"mask": mask, "table": (table, table), "place": place, "cache": None}
    calls = [call._replace(kwargs=kwargs) for call in calls_of(tiny_model, 6, 3)]
    problem = problem_of(tiny_model, windows=6, size=3)._replace(calls=calls)
    call, target = gather(problem, [5, 1])
    assert torch.equal(call.hidden, torch.stack([calls[1].hidden[2], calls[0].hidden[1]]))
    assert torch.equal(target, torch.stack([problem.targets[1][2], problem.targets[0][1]]))
    assert call.kwargs["mask"].shape == (2, 1, LENGTH, LENGTH)
    assert call.kwargs["table"][0].shape == table.shape
    assert call.kwargs["place"].shape == place.shape
    assert call.kwargs["cache"] is None


@pytest.mark.parametrize(("radius", "passes"), [(0.0, 1), (1e-3, 2)])
def test_a_radius_of_zero_takes_one_pass_a_step_and_any_other_two(radius, passes, tiny_model, monkeypatch):
    counted = []
    monkeypatch.setattr(output_error, "run", lambda *given: counted.append(1) or run(*given))
    problem = problem_of(tiny_model, size=6)
    config = replace(CONFIG, epochs=3, batch_size=6, radius=radius)
    safe.train(problem, pulled_of(problem.block, config), config)
    assert len(counted) == 3 * passes


def test_the_other_parameters_of_the_block_are_trained_too_and_other_blocks_are_not(tiny_model):
    block, other = blocks_of(tiny_model)
    before, untouched = block.module.input_layernorm.weight.detach().clone(), flat(other)
    safe.prune_block(block, calls_of(tiny_model, 4, 2), CONFIG, "float32")
    assert not torch.equal(block.module.input_layernorm.weight, before)
    assert torch.equal(flat(other), untouched)


def test_a_block_without_weights_to_prune_is_left_as_it_is(tiny_model):
    block = blocks_of(tiny_model)[0]
    before = flat(block)
    left = safe.prune_block(
        block._replace(weights={}, axes={}), calls_of(tiny_model, 2, 2), CONFIG, "float32"
    )
    assert left == {}
    assert torch.equal(flat(block), before)


def test_in_bfloat16_the_passes_are_rounded_the_weights_stay_float32_and_the_zeros_exact(tiny_model):
    block = blocks_of(tiny_model)[0]
    problem = problem_of(copy.deepcopy(tiny_model))
    assert output_error.loss(problem) != output_error.loss(problem._replace(dtype="bfloat16"))
    record = safe.prune_block(block, calls_of(tiny_model, 4, 2), replace(CONFIG, epochs=8), "bfloat16")
    assert {w.dtype for w in block.weights.values()} == {torch.float32}
    assert all(int(torch.count_nonzero(w)) == round(0.3 * w.numel()) for w in block.weights.values())
    assert record["loss_last"] < record["loss_first"]


def test_an_input_that_is_always_zero_does_not_stop_safe_plus(tiny_model):
    block = blocks_of(tiny_model)[0]
    with torch.no_grad():
        block.module.input_layernorm.weight[3] = 0
    safe.prune_block(block, calls_of(tiny_model, 2, 2), SafePlus(sparsity=0.5, epochs=1, lr=1e-12), "float32")
    query = block.weights["model.layers.0.self_attn.q_proj.weight"]
    assert int(torch.count_nonzero(query)) == query.numel() // 2
    assert not query[:, 3].any()


def test_a_loss_that_is_not_finite_is_an_error_that_names_the_block(tiny_model):
    problem = problem_of(tiny_model)
    bad = problem._replace(targets=[target / 0 for target in problem.targets])
    with pytest.raises(RunError, match=r"model\.layers\.1 is (nan|inf) in step 4; give a smaller lr"):
        safe.train(bad, pulled_of(problem.block, CONFIG), replace(CONFIG, interval=4))


def test_a_training_that_made_things_worse_is_warned_about(tiny_model):
    config = replace(CONFIG, epochs=3, lr=0.1)
    with pytest.warns(UserWarning, match=r"larger error \(.*\) than the first projection had"):
        safe.prune_block(blocks_of(tiny_model)[0], calls_of(tiny_model, 2, 2), config, "float32")


def test_the_default_learning_rate_grows_with_the_sparsity_and_falls_with_the_width():
    assert peak_lr(Safe(sparsity=0.9), 1900) == pytest.approx(1e-3)
    assert peak_lr(Safe(sparsity=0.45), 1900) == pytest.approx(2.5e-4)
    assert peak_lr(Safe(sparsity=0.9), 16) == 1e-2
    assert peak_lr(Safe(sparsity=0.45, lr=0.3), 1900) == 0.3


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"radius": -1.0}, "radius must be in"),
        ({"epochs": 0}, "epochs must be an integer of at least 1, got 0"),
        ({"batch_size": 0}, "batch_size must be"),
        ({"interval": 0}, "interval must be"),
        ({"penalty": 1.5}, r"penalty must be in \(0, 1\], got 1.5"),
        ({"pull": "both"}, "pull must be one of direct, gradient, got 'both'"),
        ({"lr": 0.0}, "lr must be in"),
        ({"warmup": 2.0}, "warmup must be in"),
    ],
)
def test_a_setting_out_of_range_is_refused(settings, words):
    with pytest.raises(InputError, match=words):
        Safe(**settings)


def test_the_papers_settings_are_at_hand():
    config = Safe.paper(sparsity=0.5, samples=64)
    assert (config.pull, config.penalty, config.interval, config.radius) == ("gradient", 1e-3, 32, 2e-4)
    assert (config.lr, config.epochs, config.samples) == (2e-4, 30, 64)
