"""How fast a training goes: as the user says, or as a finished run went."""

import json
import re
from pathlib import Path
from statistics import median
from typing import NamedTuple

from tamis_torch.errors import InputError, in_one_line
from tamis_torch.planning.network import read_network
from tamis_torch.planning.work import flops_a_token

PREFIXES = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15}
BYTES = re.compile(r"\s*([\d.]+)\s*([kMGTP]?)(i?)B?\s*")
FLOPS = re.compile(r"\s*([\d.]+(?:e\d+)?)\s*([kMGTP]?)FLOP(?:S|/s)\s*", re.IGNORECASE)


class Rate(NamedTuple):
    """One of the two is given."""

    tokens: float | None  # a second, of all devices together
    flops: float | None  # a second, of each device
    source: str


def read_rate(rate: str | float | None, from_run: str | Path | None) -> Rate | None:
    """Return how fast the training goes, if either says.

    Raises
    ------
    InputError
        If both do, or one cannot be used.
    """
    if rate is not None and from_run is not None:
        raise InputError("rate and from_run exclude each other: both say how fast the training goes")
    if from_run is not None:
        return rate_of_run(from_run)
    return None if rate is None else parse_rate(rate)


def seconds(rate: Rate | None, tokens: int, flops: int, busy: int) -> float | None:
    """Return the time of so many tokens.

    Parameters
    ----------
    rate, tokens
    flops
        Of a token.
    busy
        Devices that share a step's windows, with nothing lost between them.
    """
    if rate is None:
        return None
    return tokens / rate.tokens if rate.tokens else tokens * flops / ((rate.flops or 1.0) * busy)


def parse_bytes(text: str | float) -> int:
    """Return the bytes that "80GB", "40 GiB" or a number of bytes says.

    Raises
    ------
    InputError
    """
    match = BYTES.fullmatch(str(text))
    number = _number(match[1]) if match else None
    bare = isinstance(text, str) and match is not None and not (match[2] or "B" in text)
    if match is None or not number or bare:
        raise InputError(f"device memory must be bytes such as 80GB or 24GiB, got {text!r}")
    power = list(PREFIXES).index(match[2])
    return int(number * (1024 if match[3] else 1000) ** power)


def parse_rate(text: str | float) -> Rate:
    """Return the rate that "3000" (tokens a second) or "400TFLOPS" (of each device) says.

    Raises
    ------
    InputError
    """
    match = FLOPS.fullmatch(str(text))
    number = _number(match[1]) if match else _number(str(text))
    if not number:
        raise InputError(f"rate must be tokens a second, or FLOPs a second such as 400TFLOPS, got {text!r}")
    if match is None:
        return Rate(number, None, f"{number:g} tokens a second")
    prefix = {name.lower(): factor for name, factor in PREFIXES.items()}[match[2].lower()]
    return Rate(None, number * prefix, f"{str(text).strip()} a device")


def rate_of_run(folder: str | Path) -> Rate:
    """Return the FLOPs a second of a finished training on one device, by the median of its steps.

    Raises
    ------
    InputError
        If the folder is not of a training.
    """
    folder = Path(folder)
    try:
        settings = json.loads((folder / "config.json").read_text("utf-8"))
        lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text("utf-8").splitlines()]
        speed = median(line["tokens_per_second"] for line in lines if "loss" in line)
        seq_len = int(settings["seq_len"])
    except (OSError, ValueError, KeyError, TypeError) as error:  # no steps: StatisticsError is a ValueError
        raise InputError(
            f"from_run {folder} is not the folder of a training that was run: {in_one_line(error)}"
        ) from error
    if not (folder / "model").exists():
        raise InputError(f"from_run {folder} must be a finished run, but it has no model")
    network = read_network(folder / "model")
    again, radius = bool(settings.get("recompute")), float(settings.get("radius") or 0)
    flops = speed * flops_a_token(network, seq_len, recompute=again, radius=radius)
    return Rate(None, flops, f"the run in {folder}, {speed:,.0f} tokens a second of its model")


def _number(text: str) -> float | None:
    """Return a positive finite number, None if it is none."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 < value < float("inf") else None
