"""Elsa-L is Elsa with its numbers kept in few bits: what holds exactly, what nearly, what it takes."""

import copy
import warnings

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from tamis_torch import ADMM, Dense, Elsa, ElsaL, Finetune, InputError, Magnitude, prunable, prune
from tamis_torch.adam import adam, adam_of, few_bits
from tamis_torch.methods.names import kind_of, name_of
from tamis_torch.state import NAMES
from tamis_torch.state.held import Bits, Encoded, held, put_back, tensors_of, tick

SHORT = {"steps": 8, "batch_size": 4, "seq_len": 16, "seed": 3}
PRUNING = {"sparsity": 0.8, "interval": 2, "start": "none"}


def network(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(48, 64), nn.Tanh(), nn.Linear(64, 48))


def matrices(model: nn.Module) -> dict[str, nn.Parameter]:
    return {name: p for name, p in model.named_parameters() if p.ndim == 2}


def fitted(model: nn.Module, optimizer: ADMM, steps: int = 60) -> float:
    """Train on a fixed random map; return the loss of the sparse network."""
    source = torch.Generator().manual_seed(1)
    x = torch.randn(256, 48, generator=source)
    y = torch.tanh(x @ torch.randn(48, 48, generator=source) / 5)
    dtype = next(model.parameters()).dtype
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"] * (1 - step / steps)
        (model(x.to(dtype)).float() - y).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()
    optimizer.finalize()
    return (model(x.to(dtype)).float() - y).square().mean().item()


def elsa(**settings) -> Elsa:
    return Elsa(steps=60, growth=0.3, **PRUNING, **settings)


def test_it_is_elsa_with_other_defaults():
    assert kind_of("elsa-l") is ElsaL and name_of(ElsaL(**PRUNING)) == "elsa-l"
    few = ElsaL(**PRUNING)
    assert (few.weights, few.rounding, few.moments, few.state, few.in_backward) == (
        "bfloat16", "stochastic", "power8", "power8", True,
    )  # fmt: skip
    assert (few.penalty, few.interval, few.growth, few.start_sparsity) == (
        Elsa(**PRUNING).penalty, Elsa(**PRUNING).interval, Elsa(**PRUNING).growth, Elsa(**PRUNING).start_sparsity,
    )  # fmt: skip


def test_float32_moments_in_the_frugal_optimiser_are_adams():
    plain, frugal = network(), network()
    one = ADMM(adam(plain, 1e-2), matrices(plain), elsa())
    config = elsa(in_backward=True)  # float32 all of it, but for where the step is made
    other = ADMM(few_bits(frugal, config, 1e-2), matrices(frugal), config)
    fitted(plain, one, 12)
    fitted(frugal, other, 12)
    for a, b in zip(plain.parameters(), frugal.parameters(), strict=True):
        assert torch.equal(a == 0, b == 0)
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("state", ["bfloat16", "fp8_e4m3", "int8", "power8"])
@pytest.mark.parametrize("moments", ["float32", "power8"])
def test_few_bits_end_near_float32_with_exactly_the_zeros_asked_for(state, moments):
    model, config = network(), elsa(state=state, moments=moments)
    inner = few_bits(model, config, 1e-2) if moments != "float32" else adam(model, 1e-2)
    loss = fitted(model, ADMM(inner, matrices(model), config))
    exact = network()
    expected = fitted(exact, ADMM(adam(exact, 1e-2), matrices(exact), elsa()))
    assert loss == pytest.approx(expected, rel=0.05)
    entries = sum(p.numel() for p in matrices(model).values())
    assert sum(int((p == 0).sum()) for p in matrices(model).values()) == round(0.8 * entries)


def test_bfloat16_weights_rounded_stochastically_end_near_float32_and_to_nearest_do_not():
    exact = network()
    expected = fitted(exact, ADMM(adam(exact, 1e-3), matrices(exact), elsa()))
    losses = {}
    for rounding in ("stochastic", "compensated", "nearest"):
        model = network().bfloat16()
        config = elsa(weights="bfloat16", rounding=rounding, moments="power8", state="power8")
        losses[rounding] = fitted(model, ADMM(few_bits(model, config, 1e-3), matrices(model), config))
    assert losses["stochastic"] == pytest.approx(expected, rel=0.05)
    assert losses["compensated"] == pytest.approx(expected, rel=0.05)
    assert losses["nearest"] > losses["stochastic"]


def test_the_pull_is_made_once_and_before_the_rounding():
    model = network()
    config = elsa(moments="power8", state="power8", penalty=0.5)
    optimizer = ADMM(few_bits(model, config, 1e-12), matrices(model), config)
    name, weight = next(iter(matrices(model).items()))
    before, target = weight.detach().clone(), optimizer.targets[name]
    for p in model.parameters():
        p.grad = torch.zeros_like(p)
    optimizer.step()
    torch.testing.assert_close(weight.detach(), before.lerp(target, 0.5), rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("order", ["wzu", "zwu"])
def test_exactly_the_count_is_kept_of_what_few_bits_hold(order):
    model, config = network(), elsa(state="power8", order=order)
    optimizer = ADMM(adam(model, 1e-2), matrices(model), config)
    for name, weight in matrices(model).items():
        optimizer.targets[name] = torch.randn_like(weight)
        weight.data = torch.randn_like(weight)
    optimizer.count = config.steps  # at the goal
    with torch.no_grad():
        optimizer.splitting.update(optimizer.count)
    kept = {name: optimizer.kept[name] for name in matrices(model)}
    assert sum(int(k.sum()) for k in kept.values()) == round(0.2 * 2 * 48 * 64)
    for name, weight in matrices(model).items():
        assert (
            weight[kept[name]].abs().mean() > weight[~kept[name]].abs().mean()
        )  # the largest, gradient or not


def test_a_state_that_was_put_back_goes_on_bit_for_bit():
    config = elsa(moments="power8", state="power8")

    def begin(seed):
        model = network(seed)
        return model, ADMM(few_bits(model, config, 1e-2), matrices(model), config)

    def some(model, optimizer, steps):
        for step in steps:
            source = torch.Generator().manual_seed(step)
            model(torch.randn(16, 48, generator=source)).square().mean().backward()
            optimizer.step()
            optimizer.zero_grad()

    whole, one = begin(0)
    some(whole, one, range(5))
    weights, state = copy.deepcopy(whole.state_dict()), copy.deepcopy(one.state_dict())
    some(whole, one, range(5, 11))
    other, two = begin(1)
    other.load_state_dict(weights)
    two.load_state_dict(state)
    some(other, two, range(5, 11))
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), other.parameters(), strict=True))


def test_what_is_held_in_few_bits_reads_and_writes_like_a_dict():
    targets, masks = held("power8", seed=0)
    assert isinstance(targets, Encoded) and isinstance(masks, Bits) and held("float32", 0) == ({}, {})
    x, mask = torch.randn(37, 19), torch.rand(37, 19) > 0.5
    targets["a"], masks["a"] = x, mask
    assert torch.equal(masks["a"], mask)
    assert (targets["a"] - x).abs().max() < 0.05 * x.abs().max()
    saved = {k: v.clone() for k, v in tensors_of(targets).items()}
    assert sum(t.nbytes for t in saved.values()) < 1.1 * x.numel()
    held_before = targets.codes["a"].codes
    tick(targets, 1)
    targets["a"] = torch.randn(37, 19)
    assert targets.codes["a"].codes is held_before  # written in place: an optimiser holds it
    put_back(targets, saved)
    assert all(torch.equal(a, saved[k]) for k, a in tensors_of(targets).items())


def test_each_round_of_writing_rounds_anew_and_a_round_again_is_the_same():
    x = torch.randn(512)

    def written(seed, clock, name="a"):
        targets, _ = held("power8", seed)
        tick(targets, clock)
        targets[name] = x
        return targets[name]

    assert torch.equal(written(0, 1), written(0, 1))
    for other in (written(1, 1), written(0, 2), written(0, 1, "b")):
        assert not torch.equal(written(0, 1), other)


@pytest.mark.parametrize("config", [
    ElsaL(**PRUNING, **SHORT),
    ElsaL(**PRUNING, rounding="compensated", in_backward=False, **SHORT),
    ElsaL(**PRUNING, weights="float32", rounding="masters", **SHORT),
    Elsa(**PRUNING, weights="bfloat16", state="fp8_e4m3", **SHORT),
    Dense(moments="power8", in_backward=True, accumulate=2, **SHORT),
], ids=["elsa-l", "compensated", "float32", "masters", "dense"])  # fmt: skip
def test_a_stopped_run_in_few_bits_goes_on_bit_for_bit(config, tiny_folder, tiny_text, tmp_path, monkeypatch):
    whole = prune(tiny_folder, tiny_text, config, out=tmp_path / "whole")
    from tamis_torch import fit

    written = fit.Journal.write

    def stop(self, step, record):
        written(self, step, record)
        if step == 5:
            raise KeyboardInterrupt

    monkeypatch.setattr(fit.Journal, "write", stop)
    with pytest.raises(KeyboardInterrupt):
        prune(tiny_folder, tiny_text, config, out=tmp_path / "run", checkpoint_every=2)
    monkeypatch.undo()
    resumed = prune(tiny_folder, tiny_text, config, out=tmp_path / "run", checkpoint_every=2, resume=True)
    model = "model.safetensors"
    assert (resumed.model / model).read_bytes() == (whole.model / model).read_bytes()


def test_the_model_is_saved_in_bfloat16_and_with_masters_in_float32(tiny_folder, tiny_text, tmp_path):
    def dtypes(config, name):
        run = prune(tiny_folder, tiny_text, config, out=tmp_path / name)
        return {w.dtype for w in load_file(run.model / "model.safetensors").values()}

    assert dtypes(ElsaL(**PRUNING, **SHORT), "few") == {torch.bfloat16}
    assert dtypes(Elsa(weights="bfloat16", **PRUNING, **SHORT), "masters") == {torch.float32}


def test_fine_tuning_in_few_bits_keeps_the_zeros(tiny_folder, tiny_text, tmp_path):
    pruned = prune(tiny_folder, tiny_text, Magnitude(sparsity=0.7), out=tmp_path / "pruned")
    config = Finetune(weights="bfloat16", rounding="stochastic", moments="power8", in_backward=True, **SHORT)
    tuned = prune(pruned.model, tiny_text, config, out=tmp_path / "tuned")
    assert tuned.results["sparsity"] == pruned.results["sparsity"]


@pytest.mark.parametrize(("settings", "said"), [
    ({"rounding": "stochastic"}, "rounding must be left out with weights 'float32'"),
    ({"weights": "bfloat16", "in_backward": True}, "in_backward must be False with masters"),
    ({"in_backward": True, "metric": "gradient"}, "in_backward must be False with a radius, or with pull or metric"),
    ({"in_backward": True, "pull": "gradient", "penalty": 1.0}, "in_backward must be False with a radius, or"),
    ({"state": "int4"}, "state must be one of .* got 'int4'"),
    ({"moments": "int4"}, "moments must be one of .* got 'int4'"),
])  # fmt: skip
def test_settings_that_do_not_go_together_are_refused(settings, said):
    with pytest.raises(InputError, match=said):
        Elsa(**PRUNING, **settings)


@pytest.mark.parametrize("rounding", ["masters", "stochastic", "compensated", "nearest"])
@pytest.mark.parametrize("state", NAMES)
def test_each_way_to_keep_the_state_goes_with_each_way_to_keep_the_weights(state, rounding):
    """In the loop of a training, masters left out, with moments in float32 and in few bits."""
    weights = "float32" if rounding == "masters" else "bfloat16"
    for moments in ("float32", "power8"):
        config = ElsaL(
            sparsity=0.5, steps=8, state=state, moments=moments, weights=weights, start="none",
            rounding=None if rounding == "masters" else rounding,
        )  # fmt: skip
        assert config.in_backward
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(24, 30), nn.ReLU(), nn.Linear(30, 1)).to(getattr(torch, weights))
        inner, handle = adam_of(model, config, 1e-2)
        optimizer = ADMM(inner, prunable(model), config)
        if state == "float32":
            assert {t.dtype for t in optimizer.targets.values()} == {torch.float32}
        for _ in range(8):
            inputs = torch.randn(64, 24).to(model[0].weight.dtype)
            (model(inputs)[:, 0] - inputs.sum(1)).square().mean().backward()
            handle.finish()
            optimizer.step()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            optimizer.finalize()
        assert all(bool(p.isfinite().all()) for p in model.parameters())
        assert sum(int((w == 0).sum()) for w in prunable(model).values()) == (24 * 30 + 30) // 2


def test_defaults_of_elsa_l_follow_from_what_is_given():
    assert (ElsaL().rounding, ElsaL().in_backward) == ("stochastic", True)
    plain = ElsaL(weights="float32", radius=0.1)
    assert (plain.rounding, plain.in_backward, plain.moments) == ("masters", False, "power8")
    assert not ElsaL(rounding="masters").in_backward and not ElsaL(pull="gradient").in_backward


def test_a_bfloat16_model_with_any_optimiser_has_its_z_and_u_in_float32():
    model = nn.Sequential(nn.Linear(32, 8, bias=False)).bfloat16()
    optimizer = ADMM(torch.optim.Adam(model.parameters(), 1e-3), prunable(model), Elsa(sparsity=0.5, steps=4))
    for _ in range(4):
        model(torch.randn(16, 32).bfloat16()).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()
    optimizer.finalize()
    assert (
        next(iter(optimizer.targets.values())).dtype == torch.float32
        and int((model[0].weight == 0).sum()) == 128
    )
