"""A task's model cut over ranks by FSDP2, and its parameters put together again.

Each transformer block is a unit: its weights are gathered for its forward and its backward pass, and only
then.  Gradients are averaged over ranks; as each rank's loss is a mean over its share of the windows,
shares of unequal size are weighted (:func:`tamis_torch.training.train`).
"""

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

from tamis_torch.errors import InputError
from tamis_torch.masters import to_bfloat16
from tamis_torch.methods.schedule import Training
from tamis_torch.ranks import Ranks
from tamis_torch.task import Task


def check_shares(method: object, ranks: Ranks) -> None:
    """Refuse what several ranks cannot do, before long work.

    Raises
    ------
    InputError
        If the method does not train, needs the gradient at another point, or there are fewer windows than
        ranks.
    """
    if ranks.count == 1:
        return
    if not isinstance(method, Training):
        raise InputError(
            f"method must be one that trains (elsa, elsa-l, finetune) on {ranks.count} ranks; "
            f"{type(method).__name__} runs in one process"
        )
    if getattr(method, "radius", 0):
        raise InputError(f"radius must be 0 on {ranks.count} ranks, got {method.radius}")  # type: ignore[attr-defined]
    windows = method.batch_size // method.accumulate
    if windows < ranks.count:
        raise InputError(
            f"batch_size / accumulate must be at least the number of ranks ({ranks.count}), got {windows}: "
            "each takes its share of a step's windows"
        )


def cut(task: Task, config: Training, ranks: Ranks) -> Task:
    """Return the task with its model cut over the ranks, in place; as it is on one.

    Where one process would hold bfloat16 weights beside float32 masters, FSDP2 gathers bfloat16 copies of
    the float32 shards, which is the same.
    """
    if ranks.count == 1:
        return task
    if config.rounds_weights:
        to_bfloat16(task.model)
    mesh = init_device_mesh(task.model.device.type, (ranks.count,))
    policy = MixedPrecisionPolicy()
    if config.has_masters:
        policy = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)
    for block in _blocks(task.model):
        fully_shard(block, mesh=mesh, mp_policy=policy)
    fully_shard(task.model, mesh=mesh, mp_policy=policy, reshard_after_forward=True)
    named = dict(task.model.named_parameters())
    return task._replace(weights={name: named[name] for name in task.weights})


@torch.no_grad()
def whole(model: nn.Module, ranks: Ranks) -> dict[str, Tensor] | None:
    """Return the state of a model that was cut, whole and on the CPU, on the first rank; all must call.

    None if the model was not cut: it is whole as it is.  Tied entries stay one tensor.
    """
    if ranks.count == 1:
        return None
    done: dict[int, Tensor] = {}
    found = {}
    for name, x in model.state_dict(keep_vars=True).items():
        if id(x) not in done:
            full = x.full_tensor() if hasattr(x, "full_tensor") else x
            done[id(x)] = full.detach().cpu() if ranks.rank == 0 else torch.empty(0)
        found[name] = done[id(x)]
    return found


def _blocks(model: nn.Module) -> list[nn.Module]:
    """Return the transformer blocks: the longest list of modules that lies in no other."""
    lists = {name: [*m] for name, m in model.named_modules() if isinstance(m, nn.ModuleList)}
    outer = [blocks for name, blocks in lists.items() if not any(name.startswith(f"{o}.") for o in lists)]
    return max(outer, key=len, default=[])
