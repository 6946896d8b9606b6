"""A plan in words: a table of bytes by kind, and lines on work, time, files and devices."""

from rich.table import Table

from tamis_torch.human import count, duration, size
from tamis_torch.planning.memory import KEPT, PASSING
from tamis_torch.planning.outcome import MOST_DEVICES, Plan

TITLES = {"state": "z and u", "scales": "scales of blocks"}


def table(plan: Plan) -> Table:
    """Return the bytes by kind: the most of each on the first device, and what it holds at the peak."""
    shown = Table(title=_title(plan), title_justify="left", caption=_caption(plan), caption_justify="left")
    shown.add_column("kind")
    for column in ("in all", "a parameter", "first device", "at the peak"):
        shown.add_column(column, justify="right")
    for kind in (*KEPT, *PASSING):
        if plan.of_kind(kind):
            shown.add_row(*_row(plan, kind))
    shown.add_section()
    shown.add_row("sum", "", "", "", size(plan.bytes))
    return shown


def lines(plan: Plan) -> list[str]:
    """Return what is to be said below the table."""
    time = (
        f"time {duration(plan.seconds)}, at {plan.rate}"
        if plan.seconds is not None
        else "time: give --rate (tokens a second, or 400TFLOPS a device) or --from-run DIR, a finished run"
    )
    said = [
        f"work {count(plan.tokens)} tokens of {_flops(plan.flops_a_token)} each, {_flops(plan.flops)} in all",
        time,
        f"files {size(plan.checkpoint)} a checkpoint, {size(plan.saved)} the saved model",
    ]
    if plan.device_memory is not None:
        said.append(_devices(plan))
        if plan.bytes > plan.device_memory:
            said.append(f"note: {plan.devices} of these do not suffice")
    at_once = plan.config.batch_size // plan.config.accumulate
    if max(plan.devices, plan.smallest or 1) > at_once:
        said.append(
            f"note: {_windows(at_once)} at a time: no more devices have work, and a training on more is "
            "refused; give a larger batch_size"
        )
    return said


def _title(plan: Plan) -> str:
    network, config = plan.network, plan.config
    return (
        f"{network.name}: {count(network.parameters)} parameters, {count(network.pruned)} of them pruned\n"
        f"{plan.layout.name}, {_windows(config.batch_size)} of {config.seq_len} tokens a step, "
        f"{plan.devices} {'device' if plan.devices == 1 else 'devices'}"
    )


def _caption(plan: Plan) -> str:
    text = f"peak: {plan.peak.name}; activations are an estimate"
    if plan.devices > 1:
        text += f"; kept {size(sum(plan.kept.values()))} on the first device, {size(plan.last)} on the last"
    return text


def _row(plan: Plan, kind: str) -> list[str]:
    most, network = plan.of_kind(kind), plan.network
    if plan.in_all.get(kind):
        among = network.pruned if kind in ("state", "mask") else network.parameters
        whole, each = size(plan.in_all[kind]), f"{plan.in_all[kind] / among:.3g}"
    else:
        whole, each = "", ""
    peak = most if kind in KEPT else getattr(plan.peak, kind)
    return [TITLES.get(kind, kind), whole, each, size(most), size(peak) if peak else "-"]


def _devices(plan: Plan) -> str:
    each = size(plan.device_memory)
    if plan.smallest is None:
        most = min(MOST_DEVICES, plan.network.rows)
        return f"devices no number up to {most} of {each} each is enough"
    return (
        f"devices {plan.smallest} of {each} each {'is' if plan.smallest == 1 else 'are'} the fewest that fit"
    )


def _windows(number: int) -> str:
    return f"{number} window{'' if number == 1 else 's'}"


def _flops(value: float) -> str:
    for unit, factor in (("E", 1e18), ("P", 1e15), ("T", 1e12), ("G", 1e9), ("M", 1e6)):
        if value >= factor:
            return f"{value / factor:.3g} {unit}FLOP"
    return f"{value:.0f} FLOP"
