"""What a sharpness-aware step costs in plain steps, and what compiling saves: ratios measured in one run.

Blocks of steps of the plain optimiser alternate with blocks of sharpness-aware ones on the same network and
batches; the median of the ratios of neighbouring blocks is reported, with the least and the greatest.  It is
processor time that is measured, so that other programs on the machine make no difference.

    python benchmarks/studies/sharpness_overhead.py --arch resnet8 --side 28 --blocks 9
"""

import argparse
import json
from collections.abc import Callable
from statistics import median
from time import process_time
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from tamis_torch import ADMM, Iteration, SharpnessAware
from tamis_torch.vision import build, prunable

Step = Callable[[torch.Tensor, torch.Tensor], Any]


def steps_of(arch: str, shape: tuple[int, ...], admm: bool, radius: float, compiled: bool = False) -> Step:
    """Return a function that makes one step on a batch."""
    network = build(arch, shape, 10).train()
    outputs = torch.compile(network) if compiled else network
    inner: torch.optim.Optimizer = torch.optim.SGD(network.parameters(), 1e-3, momentum=0.9)
    optimizer = SharpnessAware(inner, radius) if radius else inner
    if admm:
        config = Iteration(sparsity=0.95, budget="global", metric="none", steps=10**6)
        optimizer = ADMM(optimizer, prunable(network), config)

    def step(inputs: torch.Tensor, labels: torch.Tensor) -> Any:
        def closure() -> torch.Tensor:
            optimizer.zero_grad()
            loss = cross_entropy(outputs(inputs), labels)
            loss.backward()
            return loss

        return optimizer.step(closure)

    return step


def seconds(step: Step, batches: list[tuple[torch.Tensor, torch.Tensor]]) -> float:
    """Return the processor time that a block of steps takes."""
    begun = process_time()
    for inputs, labels in batches:
        step(inputs, labels)
    return process_time() - begun


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--arch", default="resnet8")
    parser.add_argument("--side", type=int, default=28)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--blocks", type=int, default=9)
    parser.add_argument("--steps", type=int, default=8, help="Of a block.")
    given = parser.parse_args()
    shape = (1, given.side, given.side)
    kinds = {
        "plain": (False, 0.0), "sharp": (False, 0.1), "admm": (True, 0.0), "admm, sharp": (True, 0.1),
        "compiled": (False, 0.0, True),
    }  # fmt: skip
    made = {name: steps_of(given.arch, shape, *kind) for name, kind in kinds.items()}
    draw = torch.Generator().manual_seed(0)
    batches = [
        (
            torch.randn(given.batch_size, *shape, generator=draw),
            torch.randint(10, (given.batch_size,), generator=draw),
        )
        for _ in range(given.steps)
    ]
    times: dict[str, list[float]] = {name: [] for name in made}
    for number in range(given.blocks + 1):
        for name, step in made.items():
            spent = seconds(step, batches)
            if number:  # the first block allocates
                times[name].append(spent)
    result: dict[str, Any] = {"arch": given.arch, "side": given.side, "batch_size": given.batch_size}
    pairs = ("sharp", "plain"), ("admm, sharp", "admm"), ("admm, sharp", "plain"), ("compiled", "plain")
    for name, base in pairs:
        ratios = [a / b for a, b in zip(times[name], times[base], strict=True)]
        found = {"ratio": median(ratios), "least": min(ratios), "greatest": max(ratios)}
        result[f"{name} / {base}"] = {key: round(value, 3) for key, value in found.items()}
    print(json.dumps(result | {"torch": torch.__version__, "threads": torch.get_num_threads()}))


if __name__ == "__main__":
    main()
