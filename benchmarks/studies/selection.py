"""The time of selecting the k largest, as a ratio to torch's own ways: one run, interleaved, medians.

Ours is the mask of exactly k (``keep_largest``) and the k-th largest (``kth_largest``).  Against them
torch.kthvalue, topk (unsorted) and sort, which leave the mask to be made, and numpy's partition of a
copy where numpy has the type.  Each ratio is the other's time over that of our ``keep_largest``.

    OMP_NUM_THREADS=1 python benchmarks/studies/selection.py benchmarks/results/selection.json
"""

import argparse
import json
import platform
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import torch
from torch import Tensor

from tamis_torch.select import keep_largest, kth_largest

SIZES = {10**5: 15, 10**6: 9, 10**7: 5, 10**8: 1}  # and the repeats of each
SHARES = (0.01, 0.1, 0.5)
TYPES = (torch.float32, torch.bfloat16)


def data(kind: str, size: int) -> Tensor:
    """Return scores: absolute normal numbers, or such as make a selection hard."""
    draw = torch.randn(size, generator=torch.Generator().manual_seed(0)).abs_()
    if kind == "equal":
        return torch.full_like(draw, 1.5)
    if kind == "powers of two":
        return torch.exp2(draw.mul_(8).round_())
    return draw.sort().values if kind == "sorted" else draw


def ways(scores: Tensor, k: int) -> dict[str, Callable[[], object]]:
    """Return what is compared, by name."""
    found: dict[str, Callable[[], object]] = {
        "keep_largest": lambda: keep_largest(scores, k),
        "kth_largest": lambda: kth_largest(scores, k),
        "kthvalue": lambda: torch.kthvalue(scores, len(scores) - k + 1),
        "topk": lambda: torch.topk(scores, k, sorted=False),
        "sort": lambda: torch.sort(scores),
    }
    if scores.dtype == torch.float32:
        found["partition"] = lambda: np.partition(scores.numpy(), len(scores) - k)
    return found


def measure(scores: Tensor, k: int, repeats: int) -> dict[str, float]:
    """Return the median seconds of each way, after one round that is not counted if there are several."""
    times: dict[str, list[float]] = {}
    for number in range(repeats + (repeats > 1)):
        for name, way in ways(scores, k).items():
            begun = perf_counter()
            way()
            if number or repeats == 1:
                times.setdefault(name, []).append(perf_counter() - begun)
    return {name: median(seconds) for name, seconds in times.items()}


def row(kind: str, size: int, dtype: torch.dtype, share: float, repeats: int) -> dict[str, object]:
    """Return one line of the table."""
    scores = data(kind, size).to(dtype)
    seconds = measure(scores, round(share * size), repeats)
    own = seconds["keep_largest"]
    ratios = {name: round(value / own, 2) for name, value in seconds.items() if name != "keep_largest"}
    best = min(ratios[name] for name in ("kthvalue", "topk", "sort"))
    return {
        "data": kind, "size": size, "dtype": str(dtype).removeprefix("torch."), "share": share,
        "ratios": ratios, "best_of_torch": best, "repeats": repeats,
    }  # fmt: skip


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--largest", type=int, default=10**8)
    arguments = parser.parse_args()
    cases = [("normal", size, share) for size in SIZES for share in SHARES if size < 10**8 or share == 0.1]
    cases += [(kind, 10**7, 0.1) for kind in ("equal", "sorted", "powers of two")]
    rows = [
        row(kind, size, dtype, share, SIZES[size])
        for kind, size, share in sorted(cases, key=lambda case: case[1])
        for dtype in TYPES
        if size <= arguments.largest
    ]
    conditions = {
        "torch": torch.__version__, "numpy": np.__version__, "threads": torch.get_num_threads(),
        "machine": platform.machine(), "other_jobs": "some, at lower priority",
    }  # fmt: skip
    arguments.out.write_text(json.dumps({"conditions": conditions, "rows": rows}, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
