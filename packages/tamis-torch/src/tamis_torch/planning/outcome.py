"""What a training of a model needs: the call behind ``tamis plan``."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import nn
from transformers import PretrainedConfig

from tamis_torch.errors import InputError
from tamis_torch.methods.checks import check_choice, check_count
from tamis_torch.methods.schedule import Training
from tamis_torch.planning.activations import activations
from tamis_torch.planning.asked import asked
from tamis_torch.planning.layouts import Layout
from tamis_torch.planning.memory import KEPT, PASSING, Moment, Step, kept, moments
from tamis_torch.planning.network import Network, read_network
from tamis_torch.planning.rates import parse_bytes, read_rate, seconds
from tamis_torch.planning.work import flops_a_token

MOST_DEVICES = 1024


@dataclass(frozen=True)
class Plan:
    """What a training needs; bytes are of the first device, which has the most, unless said otherwise."""

    network: Network
    layout: Layout
    config: Training
    devices: int
    kept: dict[str, int]
    """By kind, all through the training."""
    moments: tuple[Moment, ...]
    """What comes on top for a while."""
    in_all: dict[str, int]
    """As ``kept``, of all devices together, and the gradients."""
    last: int
    """Bytes that the last device keeps."""
    tokens: int
    flops_a_token: int
    seconds: float | None
    rate: str | None
    """Where the time is from."""
    device_memory: int | None
    smallest: int | None
    """The smallest number of devices with ``device_memory`` each, up to 1024; None if none, or not asked."""

    @property
    def peak(self) -> Moment:
        """The moment at which the most is alive."""
        return max(self.moments, key=lambda moment: moment.total)

    @property
    def bytes(self) -> int:
        """The most that the first device holds at a time."""
        return sum(self.kept.values()) + self.peak.total

    @property
    def flops(self) -> int:
        """Floating point operations of the training."""
        return self.flops_a_token * self.tokens

    @property
    def checkpoint(self) -> int:
        """Bytes of a checkpoint: what is kept, masters in place of weights."""
        return sum(self.in_all[kind] for kind in KEPT if kind != "weights" or not self.in_all["masters"])

    @property
    def saved(self) -> int:
        """Bytes of the weights of the saved model, zeros among them."""
        return self.network.parameters * self.layout.saved_bits // 8

    def of_kind(self, kind: str) -> int:
        """Return the most that the first device holds of a kind of ``KEPT`` or ``PASSING``."""
        return self.kept[kind] if kind in KEPT else max(getattr(m, kind) for m in self.moments)

    def summary(self) -> dict[str, Any]:
        """Return the plan as what JSON can hold."""
        network = self.network
        return {
            "model": network.name, "method": self.layout.name, "parameters": network.parameters,
            "pruned": network.pruned, "devices": self.devices, "settings": asdict(self.config),
            "bytes_a_parameter": self.layout.bytes_a_parameter(),
            "bytes": {kind: self.of_kind(kind) for kind in (*KEPT, *PASSING)},
            "bytes_in_all": self.in_all,
            "peak": {"moment": self.peak.name, "bytes": self.bytes}
            | {kind: getattr(self.peak, kind) for kind in PASSING},
            "first_device_keeps": sum(self.kept.values()), "last_device_keeps": self.last,
            "tokens": self.tokens, "flops_a_token": self.flops_a_token, "flops": self.flops,
            "checkpoint_bytes": self.checkpoint, "model_bytes": self.saved,
            "seconds": self.seconds, "rate": self.rate,
            "device_memory": self.device_memory, "smallest_devices": self.smallest,
        }  # fmt: skip


def plan(
    model: str | Path | PretrainedConfig | nn.Module,
    method: str | Training = "elsa",
    *,
    devices: int | None = None,
    device_memory: str | float | None = None,
    dtype: str = "float32",
    rate: str | float | None = None,
    from_run: str | Path | None = None,
    **settings: Any,
) -> Plan:
    """Say what a training needs before it is begun; no weight is read.

    Parameters
    ----------
    model
        A folder, a config.json, a .gguf file, a hub name (of which the config is downloaded), a config
        of transformers, or a model.
    method
        "elsa", "elsa-l", "elsa-l-paper", "dense" or "finetune"; or a method's settings.
    devices
        Among which the training is sharded; by default the smallest number that fits, or 1.
    device_memory
        Of each, such as "80GB": which number of devices is the smallest that fits?
    dtype
        Of forward and backward pass (autocast), as in :func:`tamis_torch.prune`.
    rate
        Tokens a second of all devices, or FLOPs a second of each ("400TFLOPS").
    from_run
        The folder of a finished training on one device, from whose speed the rate is taken.
    **settings
        Those of a method given by its name: ``sparsity``, ``steps``, ``batch_size`` ...

    Returns
    -------
    Plan

    Raises
    ------
    InputError
        If something given cannot be used.
    """
    config, layout = asked(method, settings)
    check_choice("dtype", dtype, ("float32", "bfloat16"))
    size = None if device_memory is None else parse_bytes(device_memory)
    speed = read_rate(rate, from_run)
    given = {name: getattr(config, name) for name in ("layers", "skip") if hasattr(config, name)}
    network = read_network(model, **given)
    _check(network, config, devices)

    def at(number: int) -> tuple[dict[str, int], tuple[Moment, ...]]:
        step = _step(network, config, layout, number, dtype)
        return kept(layout, network, number), moments(layout, network, step, number)

    smallest = None if size is None else _smallest(at, size, min(MOST_DEVICES, network.rows))
    number = devices or smallest or 1
    always, passing = at(number)
    tokens = config.steps * config.batch_size * config.seq_len
    radius = getattr(config, "radius", 0.0)
    flops = flops_a_token(network, config.seq_len, recompute=config.recompute, radius=radius)
    whole = kept(layout, network) | {
        "gradients": moments(layout, network, _step(network, config, layout, 1, dtype))[-1].gradients
    }
    return Plan(
        network=network, layout=layout, config=config, devices=number, kept=always, moments=passing,
        in_all=whole, last=sum(kept(layout, network, number, number - 1).values()), tokens=tokens,
        flops_a_token=flops, seconds=seconds(speed, tokens, flops, min(number, config.batch_size)),
        rate=speed.source if speed else None, device_memory=size, smallest=smallest,
    )  # fmt: skip


def _check(network: Network, config: Training, devices: int | None) -> None:
    if network.context is not None and config.seq_len > network.context:
        raise InputError(
            f"seq_len must be at most the model's {network.context} positions, got {config.seq_len}"
        )
    if devices is None:
        return
    check_count("devices", devices, 1)
    if devices > network.rows:
        raise InputError(
            f"devices must be at most {network.rows}, the rows of the tallest matrix of {network.name}, "
            f"got {devices}"
        )


def _step(network: Network, config: Training, layout: Layout, devices: int, dtype: str) -> Step:
    windows = -(-config.batch_size // (config.accumulate * devices))
    bits = layout.compute_bits
    return Step(
        activations(network, windows, config.seq_len, bits=bits, autocast=dtype == "bfloat16" and bits == 32),
        config.recompute, config.accumulate > 1, getattr(config, "radius", 0.0) > 0,
    )  # fmt: skip


def _smallest(
    at: Callable[[int], tuple[dict[str, int], tuple[Moment, ...]]], size: int, most: int
) -> int | None:
    for number in range(1, most + 1):
        always, passing = at(number)
        if sum(always.values()) + max(moment.total for moment in passing) <= size:
            return number
    return None
