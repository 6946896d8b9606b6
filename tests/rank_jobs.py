"""What the tests of several ranks do on each of them, and on one process for comparison."""

import contextlib
import math
import os
import signal
import warnings
from collections import OrderedDict
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, Shard
from transformers import LlamaConfig, LlamaForCausalLM

import tamis_torch
from tamis_torch import (
    ADMM,
    Elsa,
    ElsaL,
    InputError,
    Iteration,
    SharpnessAware,
    SparseGPT,
    prunable,
    prune,
    recording,
    training,
)
from tamis_torch.few_bits import FewBitsAdam
from tamis_torch.in_backward import step_in_backward
from tamis_torch.ranks import Ranks, local, rows_before, share
from tamis_torch.select import keep_in_turn, keep_largest
from tamis_torch.zeros import nonzeros

STEPS = 8


def each(work: list[tuple[str, Any, tuple[Any, ...]]]) -> dict[str, Any]:
    """Do several jobs on these ranks, or on one process, and return what they find by name."""
    many = dist.is_initialized()
    return {name: job(many, *args) for name, job, args in work}


def quietly(work):
    """Do something that warns, as such short trainings do."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        work()


def whole(x: Tensor) -> np.ndarray:
    """Return all of a tensor, on every rank."""
    x = x.detach()
    return (x.full_tensor() if isinstance(x, DTensor) else x).float().cpu().numpy()


def gathered(ranks: Ranks, part: Tensor) -> np.ndarray:
    """Return what all ranks have of a tensor, in their order; rows may be unevenly many."""
    if ranks.count == 1:
        return part.numpy()
    found: list[Any] = [None] * ranks.count
    dist.all_gather_object(found, part.numpy())
    return np.concatenate(found)


def matrices(columns: int) -> nn.Module:
    """Return layers of many and few rows: of the last, 3 ranks leave one empty."""
    torch.manual_seed(0)
    rows = 7, 33, 16, 4
    layers = [nn.Linear(columns, n, bias=i % 2 == 0) for i, n in enumerate(rows)]
    return nn.Sequential(*(nn.Sequential(OrderedDict(layer=layer)) for layer in layers))


def give_gradient(model: nn.Module, step: int) -> None:
    """Give each parameter the gradient of this step, as FSDP2 would its rows."""
    draw = torch.Generator().manual_seed(step)
    for p in model.parameters():
        gradient = torch.randn(p.shape, generator=draw) * 0.1
        if isinstance(p, DTensor):
            begin, here = rows_before(p), local(p.detach()).shape[0]
            rows = gradient[begin : begin + here].to(p.device)
            gradient = DTensor.from_local(rows, p.device_mesh, [Shard(0)], shape=p.shape, stride=p.stride())
        p.grad = gradient


def same_gradients(many: bool, settings: dict[str, Any], columns: int) -> dict[str, Any]:
    """Return weights, masks and numbers after some steps with gradients that are the same everywhere."""
    model = matrices(columns)
    config = (ElsaL if settings.get("state") else Elsa)(**{"steps": STEPS, "interval": 2, **settings})
    if many:
        fully_shard(model, mesh=init_device_mesh("cpu", (dist.get_world_size(),)))
    inner = (
        FewBitsAdam(model.parameters(), 1e-2)
        if settings.get("state")
        else torch.optim.Adam(model.parameters(), 1e-2)
    )
    optimizer = ADMM(inner, prunable(model), config)
    masks, watches = [], []
    for step in range(STEPS):
        give_gradient(model, step)
        optimizer.step()
        masks.append({n: gathered(optimizer.ranks, optimizer.kept[n]) for n in optimizer.weights})
        watches.append(tuple(optimizer.watch or ()))
    quietly(optimizer.finalize)
    return {"weights": {n: whole(p) for n, p in model.named_parameters()}, "masks": masks, "watches": watches}


def sharp_steps(many: bool, kind: str) -> dict[str, Any]:
    """Return the weights after some sharpness-aware steps inside ADMM, each rank on its share of a batch."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 9), nn.Tanh(), nn.Linear(9, 4))
    ranks = dist.get_world_size() if many else 1
    mine = slice(dist.get_rank(), None, ranks) if many else slice(None)
    net: nn.Module = model
    if many and kind == "fully_shard":
        fully_shard(model, mesh=init_device_mesh("cpu", (ranks,)))
    elif many:
        net = nn.parallel.DistributedDataParallel(model)
    sharp = SharpnessAware(torch.optim.SGD(model.parameters(), 0.1, momentum=0.9), 0.5)
    config = Iteration(sparsity=0.5, budget="global", interval=2, metric="none", pull="gradient")
    optimizer = ADMM(sharp, prunable(model), config)

    for step in range(4):
        inputs = torch.randn(12, 6, generator=torch.Generator().manual_seed(step))[mine]

        def closure(inputs: Tensor = inputs) -> Tensor:
            optimizer.zero_grad()
            loss: Tensor = net(inputs).square().mean()
            loss.backward()
            return loss

        optimizer.step(closure)
    return {name: whole(p) for name, p in model.named_parameters()}


def mean(many: bool) -> float:
    """Return the mean of numbers of which the ranks have unevenly many."""
    ranks = Ranks(dist.get_world_size(), dist.get_rank(), dist.group.WORLD) if many else Ranks()
    mine = share(7, ranks.count, ranks.rank)
    return ranks.mean(torch.arange(7.0).square()[mine.start : mine.stop], 7).item()


def selection(many: bool) -> list[np.ndarray]:
    """Return the masks of selections with many ties, from parts cut unevenly over the ranks."""
    ranks = Ranks(dist.get_world_size(), dist.get_rank(), dist.group.WORLD) if many else Ranks()
    found = []
    draw = torch.Generator().manual_seed(0)
    for trial in range(12):
        sizes = torch.randint(1, 40, (3,), generator=draw).tolist()
        dtype = (torch.float32, torch.bfloat16)[trial % 2]
        full = [torch.randint(0, 2 + trial, (n,), generator=draw).to(dtype) for n in sizes]
        k = int(torch.randint(0, sum(sizes) + 1, (1,), generator=draw))
        cut = [x.split(-(-len(x) // ranks.count)) for x in full]
        mine = [c[ranks.rank] if ranks.rank < len(c) else c[0][:0] for c in cut]
        if many:
            found += [gathered(ranks, mask) for mask in keep_in_turn(lambda mine=mine: mine, k, ranks)]
        else:
            found += list(keep_largest(torch.cat(full), k).split(sizes))
    return [np.asarray(mask) for mask in found]


def llama() -> LlamaForCausalLM:
    """Return a network whose row counts are odd, or smaller than the ranks are many."""
    config = LlamaConfig(
        vocab_size=61, hidden_size=25, intermediate_size=45, num_hidden_layers=2, num_attention_heads=5,
        num_key_value_heads=1, head_dim=2, max_position_embeddings=32, tie_word_embeddings=True,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return LlamaForCausalLM(config)


def shard(model: nn.Module, device: str) -> None:
    """Do what a user of FSDP2 does."""
    mesh = init_device_mesh(device, (dist.get_world_size(),))
    for block in model.model.layers:
        fully_shard(block, mesh=mesh)
    fully_shard(model, mesh=mesh)


def batch(step: int, many: bool, size: int = 6) -> Tensor:
    """Return this rank's share of a step's windows."""
    draw = torch.Generator().manual_seed(step)
    windows = torch.randint(0, 61, (size, 16), generator=draw)
    windows[:, 1::2] = (7 * windows[:, ::2] + 3) % 61  # every second token can be told from the one before
    return windows.chunk(dist.get_world_size())[dist.get_rank()] if many else windows


def train(many: bool, settings: dict[str, Any], spoil: int = -1, device: str = "cpu") -> dict[str, Any]:
    """Train as a user would in a loop of one's own; ``spoil``: the last rank's loss is NaN in this step."""
    model = llama().to(device)
    if many:
        shard(model, device)
    steps, in_backward = STEPS, settings.get("in_backward", False)
    kind = ElsaL if settings.get("state") else Elsa
    config = kind(**{"sparsity": 0.7, "steps": steps, "interval": 2, **settings})
    if settings.get("state"):
        inner: torch.optim.Optimizer = FewBitsAdam(model.parameters(), 1e-2, (0.9, 0.99))
    else:
        inner = torch.optim.Adam(model.parameters(), 1e-2, (0.9, 0.99), fused=True)
    optimizer = ADMM(inner, prunable(model), config)
    inside = step_in_backward(inner, model.named_parameters()) if in_backward else None
    losses, norms = [], []
    with counted(many) as traffic:
        for step in range(steps):
            windows = batch(step, many).to(device)
            loss = model(input_ids=windows, labels=windows, use_cache=False).loss
            if step == spoil and (not many or dist.get_rank() == dist.get_world_size() - 1):
                loss = loss * math.nan
            loss.backward()
            if inside is None:
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            else:
                norms.append(inside.finish())
            traffic["in_step"] = True
            optimizer.step()
            traffic["in_step"] = False
            optimizer.zero_grad()
            losses.append(loss.item())
    before = {n: gathered(optimizer.ranks, optimizer.kept[n].cpu()) for n in optimizer.weights}
    quietly(optimizer.finalize)
    weights = {n: whole(p) for n, p in model.named_parameters()}
    return {"weights": weights, "mask": before, "traffic": traffic, "losses": losses, "norms": norms, "watch": tuple(optimizer.watch),
            "empty": min(local(w.detach()).shape[0] for w in optimizer.weights.values())}  # fmt: skip


@contextlib.contextmanager
def counted(many: bool):
    """Count the bytes that a rank gives to ``all_reduce`` and ``all_gather`` inside the optimiser's step."""
    traffic = {"in_step": False, "bytes": 0, "calls": 0}
    kept = dist.all_reduce, dist.all_gather

    def all_reduce(x, *args, **kwargs):
        if traffic["in_step"]:
            traffic["bytes"] += x.nbytes
            traffic["calls"] += 1
        return kept[0](x, *args, **kwargs)

    def all_gather(found, x, *args, **kwargs):
        if traffic["in_step"]:
            traffic["bytes"] += x.nbytes
            traffic["calls"] += 1
        return kept[1](found, x, *args, **kwargs)

    dist.all_reduce, dist.all_gather = all_reduce, all_gather
    try:
        yield traffic
    finally:
        dist.all_reduce, dist.all_gather = kept


def page(code: str) -> dict[str, Any]:
    """Run the loop of a page of the guide."""
    model, batches = llama(), [batch(step, True) for step in range(3)]
    given = {
        "torch": torch,
        "tt": tamis_torch,
        "fully_shard": fully_shard,
        "model": model,
        "batches": batches,
    }
    quietly(lambda: exec(code, given))
    weights = prunable(model)
    return {"kept": sum(nonzeros(weights)), "of": sum(w.numel() for w in weights.values())}


def refused() -> list[str]:
    """Return how each of what ranks cannot share is refused."""
    mesh = init_device_mesh("cpu", (dist.get_world_size(),))
    columns, some, model = matrices(8), matrices(8), matrices(8)
    fully_shard(columns, mesh=mesh, shard_placement_fn=lambda p: Shard(p.ndim - 1))
    fully_shard(some[0], mesh=mesh)
    fully_shard(model, mesh=mesh)
    inputs_first = dict.fromkeys(prunable(model), 0)
    cases = [
        (columns, {"sparsity": 0.5}, None),
        (some, {"sparsity": 0.5}, None),
        (model, {"sparsity": 0.5, "budget": "row"}, inputs_first),
        (model, {"pattern": "2:4"}, inputs_first),
    ]
    said = []
    for network, settings, axes in cases:
        try:
            ADMM(torch.optim.Adam(network.parameters()), prunable(network), Elsa(**settings), axes)
        except InputError as error:
            said.append(str(error))
    return said


def run(
    out: Path,
    model: Path,
    text: Path,
    method: str = "elsa",
    resume: bool = False,
    stop: int = 0,
    kill: int = 0,
    spoil: int = 0,
) -> dict[str, Any]:
    """Prune in a run folder as ``tamis prune`` does, on these ranks or in one process.

    ``stop``: the last rank is asked to stop in this step.  ``kill``: it is killed in this step.
    ``spoil``: it has a NaN in its gradient in this step.
    """
    last = not dist.is_initialized() or dist.get_rank() == dist.get_world_size() - 1
    common = {"sparsity": 0.7, "steps": 9, "batch_size": 5, "seq_len": 16, "interval": 2, "start": "none"}
    config = {
        "elsa": lambda: Elsa(**common, lr=3e-3),
        "elsa-l": lambda: ElsaL(**common, lr=3e-3),
        "sharp": lambda: Elsa(**common, radius=0.1),
        "small": lambda: Elsa(**common | {"batch_size": 1}),
        "sparsegpt": lambda: SparseGPT(sparsity=0.5),
    }[method]()
    steps = iter(range(1, 100))

    @contextlib.contextmanager
    def stopping():
        def asked() -> bool:
            step = next(steps)
            if last and step == kill:
                os.kill(os.getpid(), signal.SIGKILL)
            return last and step == stop

        yield asked

    backward, passes = training._backward_part, iter(range(1, 100))

    def spoiling(network: nn.Module, *args: Any) -> Tensor:
        loss = backward(network, *args)
        if last and next(passes) == spoil:
            local(next(network.parameters()).grad)[0] = math.nan
        return loss

    patches = (
        mock.patch.object(recording, "stop_requested", stopping),
        mock.patch.object(training, "_backward_part", spoiling),
    )
    with patches[0], patches[1]:
        quietly(lambda: prune(str(model), text, config, out=out, resume=resume, checkpoint_every=3))
    return {"done": True}
