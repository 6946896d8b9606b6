"""What `tamis plan` says, compared with what torch allocates, saves and counts."""

import json

import pytest
import torch
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoModelForCausalLM, Gemma2Config, GPT2Config, LlamaConfig, OPTConfig

import tamis_torch as tt
from tamis_torch.errors import InputError
from tamis_torch.few_bits import FewBitsAdam
from tamis_torch.masters import Masters
from tamis_torch.methods.elsa_l import ElsaL
from tamis_torch.next_token import next_token_loss
from tamis_torch.optimizer import PARTS
from tamis_torch.planning.activations import activations
from tamis_torch.planning.layouts import PAPER
from tamis_torch.planning.memory import KEPT, kept
from tamis_torch.planning.network import read_network
from tamis_torch.planning.rates import parse_bytes, parse_rate
from tamis_torch.state.held import tensors_of

SIZES = {
    "hidden_size": 64, "intermediate_size": 160, "num_hidden_layers": 3, "num_attention_heads": 4,
    "vocab_size": 320, "max_position_embeddings": 512, "bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0,
}  # fmt: skip
LLAMA = LlamaConfig(**SIZES, num_key_value_heads=2)
TIED = LlamaConfig(**SIZES, tie_word_embeddings=True)
GEMMA = Gemma2Config(**SIZES, num_key_value_heads=2, head_dim=16, attn_implementation="eager")
GPT2 = GPT2Config(
    n_embd=64, n_layer=3, n_head=4, vocab_size=320, n_positions=512, bos_token_id=0, eos_token_id=0
)
OPT = OPTConfig(
    **{k: v for k, v in SIZES.items() if k != "intermediate_size"}, ffn_dim=160, word_embed_proj_dim=64
)
LLAMA_7B = LlamaConfig(hidden_size=4096, intermediate_size=11008, num_hidden_layers=32, vocab_size=32000,
                       num_attention_heads=32, max_position_embeddings=4096)  # fmt: skip


def bytes_of(tensors) -> int:
    return sum(tensor.nbytes for tensor in tensors)


def trained(model, config):
    """Return the optimiser of these settings after a step, and what it moves."""
    masters = Masters(model) if config.has_masters else None
    if config.weights == "bfloat16" and masters is None:
        model.to(torch.bfloat16)
    moved, weights = masters or model, tt.prunable(model)
    rounding = "stochastic" if config.rounding == "masters" else config.rounding
    if config.in_few_bits:
        inner = FewBitsAdam(moved.parameters(), moments=config.moments, rounding=rounding)
    else:
        inner = torch.optim.Adam(moved.parameters())
    if isinstance(config, tt.Elsa):
        weights = masters.of(weights) if masters else weights
        optimizer = tt.ADMM(inner, weights, config)
    else:
        optimizer = inner
    for p in moved.parameters():
        p.grad = torch.full_like(p, 1e-3)
    optimizer.step()
    return optimizer, moved


FEW = {"weights": "bfloat16", "rounding": "stochastic"}
SETTINGS = {
    "dense": tt.Dense(),
    "elsa": tt.Elsa(start="none"),
    "elsa, estimated metric": tt.Elsa(start="none", metric="gradient"),
    "masters": tt.Elsa(start="none", weights="bfloat16"),
    "elsa-l": ElsaL(start="none"),
    "compensated": tt.Elsa(start="none", weights="bfloat16", rounding="compensated", moments="int8", state="bfloat16"),
    "float32 weights, few bits": tt.Elsa(start="none", moments="fp8_e4m3", state="fp8_e5m2"),
    "bfloat16 moments": tt.Dense(**FEW, moments="bfloat16"),
}  # fmt: skip


@pytest.mark.parametrize("name", SETTINGS)
def test_bytes_by_kind_are_those_that_the_optimisers_hold(name):
    config = SETTINGS[name]
    odd = LlamaConfig(**SIZES | {"hidden_size": 56, "vocab_size": 321})
    planned, model = tt.plan(odd, config), AutoModelForCausalLM.from_config(odd)
    optimizer, moved = trained(model, config)
    inner = getattr(optimizer, "inner", optimizer)
    state = [(key, t) for s in inner.state.values() for key, t in s.items() if key != "step"]
    parts = {part: getattr(optimizer, part) if optimizer is not inner else {} for part in PARTS}
    own = {part: list(tensors_of(tensors).items()) for part, tensors in parts.items()}
    every = [*state, *own["targets"]]
    found = {
        "weights": bytes_of(model.parameters()) + bytes_of(t for key, t in state if key == "remainder"),
        "masters": bytes_of(moved.parameters()) if config.has_masters else 0,
        "moments": bytes_of(t for key, t in state if not key.endswith("scale") and key != "remainder")
        + bytes_of(t for _, t in own["moments"]),
        "state": bytes_of(t for key, t in own["targets"] if not key.endswith("scale")),
        "mask": bytes_of(t for _, t in own["kept"]),
        "scales": bytes_of(t for key, t in every if key.endswith("scale")),
    }
    assert planned.kept == found
    gradients = 0 if config.in_backward else bytes_of(p.grad for p in moved.parameters())
    assert planned.in_all["gradients"] == gradients


def test_the_papers_layout_is_its_9_bytes():
    assert PAPER.bytes_a_parameter() == 9
    planned = tt.plan(LLAMA_7B, "elsa-l-paper")
    assert sum(planned.in_all.values()) == pytest.approx(9 * planned.network.pruned, rel=0.05)


def test_elsa_l_keeps_5_and_a_quarter_bytes():
    planned = tt.plan(LLAMA_7B, "elsa-l")
    assert planned.layout.bytes_a_parameter() == 2 + 2 * (1 + 1 / 512) + 1 + 1 / 512 + 1 / 8
    assert planned.in_all["gradients"] == 0
    assert planned.of_kind("gradients") == 2 * 32000 * 4096  # the largest parameter's alone


def test_elsa_l_has_all_gradients_where_parts_are_added_up():
    planned = tt.plan(LLAMA_7B, "elsa-l", batch_size=4, accumulate=4)
    assert planned.of_kind("gradients") > 2 * planned.network.parameters
    assert planned.of_kind("activations") < tt.plan(LLAMA_7B, "elsa-l", batch_size=4).of_kind("activations")


def saved_bytes(config, dtype, autocast, layers) -> int:
    """Return the bytes of the tensors that autograd saves, parameters left out."""
    few = {"num_hidden_layers": layers, "layer_types": None}
    config = type(config)(**{k: v for k, v in (config.to_dict() | few).items() if v is not None})
    config._attn_implementation = "eager" if config.model_type == "gemma2" else "sdpa"
    model = AutoModelForCausalLM.from_config(config, dtype=dtype)
    seen = {p.untyped_storage().data_ptr(): 0 for p in model.parameters()}
    held = []

    def pack(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in seen:
            seen[storage.data_ptr()] = storage.nbytes()
            held.append(tensor)
        return tensor

    tokens = torch.randint(320, (2, 64))
    with saved_tensors_hooks(pack, lambda t: t), torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        next_token_loss(model(input_ids=tokens, use_cache=False).logits, tokens)
    return sum(seen.values())


@pytest.mark.parametrize(
    "dtype, autocast", [(torch.float32, False), (torch.bfloat16, False), (torch.float32, True)]
)
@pytest.mark.parametrize(
    "config, within", [(LLAMA, 0.002), (TIED, 0.002), (GEMMA, 0.15)], ids=["llama", "tied", "gemma2"]
)
def test_activations_of_a_block_are_what_autograd_saves(config, within, dtype, autocast):
    block = saved_bytes(config, dtype, autocast, 3) - saved_bytes(config, dtype, autocast, 2)
    said = activations(read_network(config), 2, 64, bits=8 * dtype.itemsize, autocast=autocast)
    assert said.block == pytest.approx(block, rel=within)


def test_activations_behind_the_blocks_are_what_autograd_saves():
    one, two = (saved_bytes(LLAMA, torch.float32, False, layers) for layers in (1, 2))
    said = activations(read_network(LLAMA), 2, 64, bits=32, autocast=False)
    gradient = 4 * 320 * 128  # of the logits, kept by the loss
    assert said.head + gradient == pytest.approx(2 * one - two, rel=0.05)
    assert said.loss == 2 * gradient


@pytest.mark.parametrize(
    "config", [LLAMA, TIED, GEMMA, GPT2, OPT], ids=["llama", "tied", "gemma2", "gpt2", "opt"]
)
def test_flops_are_those_that_torch_counts(config):
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    tokens = torch.randint(320, (2, 64))
    with FlopCounterMode(display=False) as counter:
        model(input_ids=tokens, labels=tokens, use_cache=False).loss.backward()
    planned = tt.plan(config, "dense", seq_len=64)
    assert planned.flops_a_token * tokens.numel() == counter.get_total_flops()


def test_a_radius_doubles_the_work_and_recompute_adds_a_third():
    once, twice, again = (
        tt.plan(LLAMA_7B, seq_len=2048, **more).flops for more in ({}, {"radius": 0.1}, {"recompute": True})
    )
    assert twice == 2 * once and again == pytest.approx(4 / 3 * once, rel=0.01)


@pytest.mark.parametrize("method", ["elsa", "elsa-l", "elsa-l-paper"])
def test_shares_of_all_devices_are_the_whole_and_the_first_is_the_largest(method):
    planned = tt.plan(LLAMA, method)
    for devices in (2, 3, 7):
        shares = [kept(planned.layout, planned.network, devices, rank) for rank in range(devices)]
        for kind in set(KEPT) - {"scales", "mask"}:
            assert sum(share[kind] for share in shares) == planned.kept[kind]
        assert max(shares, key=lambda share: sum(share.values())) == shares[0]
        assert tt.plan(LLAMA, method, devices=devices).last == sum(shares[-1].values())


def test_the_smallest_number_of_devices_fits_and_one_fewer_does_not():
    planned = tt.plan(LLAMA_7B, batch_size=64, seq_len=2048, device_memory="40GB")
    assert planned.smallest == planned.devices > 1
    assert planned.bytes <= 40e9
    assert tt.plan(LLAMA_7B, batch_size=64, seq_len=2048, devices=planned.smallest - 1).bytes > 40e9


def test_a_model_that_fits_nowhere_has_no_number_of_devices():
    assert tt.plan(LLAMA, device_memory="1kB").smallest is None


def test_recompute_and_accumulate_lower_the_activations_alone():
    asked = {"batch_size": 8, "seq_len": 2048}
    plain = tt.plan(LLAMA_7B, **asked)
    for more in ({"recompute": True}, {"accumulate": 4}):
        other = tt.plan(LLAMA_7B, **asked, **more)
        assert other.of_kind("activations") < plain.of_kind("activations") and other.kept == plain.kept


def test_405_billion_parameters_are_planned_without_a_weight():
    config = LlamaConfig(hidden_size=16384, intermediate_size=53248, num_hidden_layers=126, num_attention_heads=128,
                         num_key_value_heads=8, vocab_size=128256)  # fmt: skip
    asked = {"device_memory": "80GB", "batch_size": 512, "recompute": True}
    planned = tt.plan(config, "elsa-l", **asked)
    assert planned.network.parameters == 405_853_388_800
    assert planned.saved == 2 * planned.network.parameters
    assert 27 < planned.smallest < tt.plan(config, "elsa", **asked | {"device_memory": "160GB"}).smallest


def test_a_folder_a_config_file_a_config_and_a_model_give_the_same(tiny_folder, tiny_model):
    plans = [
        tt.plan(m, seq_len=64)
        for m in (tiny_folder, tiny_folder / "config.json", tiny_model.config, tiny_model)
    ]
    assert {(p.network.parameters, p.network.pruned, p.bytes, p.flops) for p in plans} == {
        (plans[0].network.parameters, plans[0].network.pruned, plans[0].bytes, plans[0].flops)
    }
    assert plans[0].network.parameters == sum(p.numel() for p in tiny_model.parameters())
    assert plans[0].network.pruned == sum(w.numel() for w in tt.prunable(tiny_model).values())


def test_layers_left_out_have_no_state(tiny_model):
    fewer = tt.plan(tiny_model, seq_len=64, layers="*.mlp.*")
    mlp = sum(w.numel() for w in tt.prunable(tiny_model, "*.mlp.*").values())
    assert (
        fewer.kept["state"] == 4 * mlp
        and fewer.kept["weights"] == tt.plan(tiny_model, seq_len=64).kept["weights"]
    )


def test_a_checkpoint_and_the_model_are_as_large_as_their_files(tiny_folder, tiny_text, tmp_path):
    config = tt.Elsa(steps=4, batch_size=2, seq_len=16, start="none")
    tt.prune(tiny_folder, tiny_text, config, out=tmp_path / "run", checkpoint_every=3)
    planned = tt.plan(tiny_folder, config)
    files = [tmp_path / "run/model/model.safetensors", max((tmp_path / "run/checkpoints").glob("state-*"))]
    for file, said in zip(files, (planned.saved, planned.checkpoint), strict=True):
        assert 0 <= file.stat().st_size - said < 20_000  # the header


def test_a_rate_gives_the_time():
    asked = {"steps": 100, "batch_size": 8, "seq_len": 64}
    assert tt.plan(LLAMA, **asked).seconds is None
    assert tt.plan(LLAMA, **asked, rate=512).seconds == 100
    one = tt.plan(LLAMA, **asked, rate="1TFLOPS")
    assert one.seconds == pytest.approx(one.flops / 1e12)
    assert tt.plan(LLAMA, **asked, rate="1TFLOPS", devices=4).seconds == pytest.approx(one.seconds / 4)


def test_a_finished_run_gives_the_rate_in_operations(tmp_path):
    """The median of its steps; a model of twice the work a token takes twice the time."""
    (tmp_path / "model").mkdir()
    LLAMA.save_pretrained(tmp_path / "model")
    (tmp_path / "config.json").write_text(json.dumps({"seq_len": 64, "recompute": False, "radius": 0.0}))
    speeds = [1.0, 1000.0, 1000.0, 900.0, 5000.0]
    (tmp_path / "metrics.jsonl").write_text(
        "".join(json.dumps({"loss": 1.0, "tokens_per_second": s}) + "\n" for s in speeds)
    )
    asked = {"steps": 100, "batch_size": 8, "seq_len": 64}
    same = tt.plan(LLAMA, **asked, from_run=tmp_path)
    assert same.seconds == pytest.approx(same.tokens / 1000)
    assert tt.plan(LLAMA, **asked, radius=0.1, from_run=tmp_path).seconds == pytest.approx(2 * same.seconds)


@pytest.mark.parametrize(
    "text, value", [("80GB", 80e9), ("24 GiB", 24 * 2**30), ("1.5TB", 1.5e12), (1000, 1000)]
)
def test_sizes_are_read_as_written(text, value):
    assert parse_bytes(text) == value


@pytest.mark.parametrize("text", ["much", "-3GB", "0", "nanGB", "80 XB"])
def test_sizes_that_say_nothing_are_refused(text):
    with pytest.raises(InputError, match="80GB"):
        parse_bytes(text)


def test_rates_that_say_nothing_are_refused():
    assert parse_rate("400TFLOPS").flops == parse_rate("400 tflop/s").flops == 400e12
    for text in ("fast", "0", "-1", "nan", "inf", "3 TFLOPs an hour"):
        with pytest.raises(InputError, match="rate must be"):
            parse_rate(text)


BAD = {
    "devices zero": ({"devices": 0}, "devices must be"),
    "devices beyond the rows": ({"devices": 321}, "at most 320, the rows"),
    "windows beyond the context": ({"seq_len": 513}, "at most the model's 512 positions"),
    "layer-wise method": ({"method": "wanda"}, "trains the whole model"),
    "unknown method": ({"method": "sieve"}, "method must be one of"),
    "setting of another method": ({"method": "dense", "sparsity": 0.5}, "no meaning for the method dense"),
    "settings twice": ({"method": tt.Dense(), "steps": 3}, "beside them"),
    "not a method": ({"method": 3}, "trains the whole model"),
    "dtype": ({"dtype": "float16"}, "dtype must be one of"),
    "two rates": ({"rate": 3, "from_run": "x"}, "exclude each other"),
    "no run": ({"from_run": "nowhere"}, "from_run nowhere"),
    "layers": ({"layers": "*.sieve"}, "matches none"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_planned_is_refused_in_one_line(case):
    arguments, message = BAD[case]
    with pytest.raises(InputError, match=message) as caught:
        tt.plan(LLAMA, **arguments)
    assert "\n" not in str(caught.value)


CONFIGS = {
    "missing": (None, "cannot be read"),
    "no JSON": ("{", "not JSON"),
    "a list": ("[]", "must have a model_type"),
    "no type": ("{}", "must have a model_type"),
    "unknown type": ('{"model_type": "sieve"}', "sieve"),
    "no language model": ('{"model_type": "vit"}', "not a causal language model"),
    "sizes of the wrong type": ('{"model_type": "llama", "hidden_size": "wide"}', "hidden_size|config"),
    "sizes that do not fit": ('{"model_type": "llama", "hidden_size": 64, "num_attention_heads": 0}', "bad.json"),
}  # fmt: skip


@pytest.mark.parametrize("case", CONFIGS)
def test_a_config_that_is_no_model_is_refused_in_one_line(case, tmp_path):
    content, message = CONFIGS[case]
    file = tmp_path / "bad.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(InputError, match=message) as caught:
        tt.plan(file)
    assert "\n" not in str(caught.value)
