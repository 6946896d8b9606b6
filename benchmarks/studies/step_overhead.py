"""The extra time of an Elsa step over plain Adam: one ratio, measured in one run.

Blocks of ``interval`` steps, one update of z and u each, alternate with as many plain Adam steps
on the same model and batches; the median of the ratios of neighbouring blocks is reported, with
the least and the greatest.

    python benchmarks/studies/step_overhead.py MODEL --blocks 5
"""

import argparse
import json
from statistics import median
from time import perf_counter

import torch

from tamis_torch import ADMM, Elsa, load, prunable
from tamis_torch.adam import adam
from tamis_torch.training import gradient
from tamis_torch.weights import vocabulary


def block(
    model: torch.nn.Module, optimizer: torch.optim.Optimizer, batches: torch.Tensor, dtype: str
) -> float:
    """Return the seconds that a block of steps takes."""
    begun = perf_counter()
    for batch in batches:
        gradient(model, batch, dtype)
        optimizer.step()
        optimizer.zero_grad()
    return perf_counter() - begun


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--blocks", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--seq-len", type=int, default=256)
    parser.add_argument("--dtype", default="float32")
    arguments = parser.parse_args()
    model = load(arguments.model).model.train()
    config = Elsa(steps=10**6, lr=1e-6, growth=0.0)
    plain = adam(model, 1e-6)
    sparse = ADMM(adam(model, 1e-6), prunable(model), config)
    shape = (config.interval, arguments.batch_size, arguments.seq_len)
    ratios = []
    for number in range(arguments.blocks + 1):
        batches = torch.randint(vocabulary(model), shape, generator=torch.Generator().manual_seed(number))
        times = [block(model, optimizer, batches, arguments.dtype) for optimizer in (plain, sparse)]
        if number:  # the first block allocates
            ratios.append(times[1] / times[0])
    result = {
        "ratio": median(ratios), "least": min(ratios), "greatest": max(ratios), "interval": config.interval,
        "tokens": shape[1] * shape[2], "dtype": arguments.dtype, "threads": torch.get_num_threads(),
    }  # fmt: skip
    print(json.dumps(result))


if __name__ == "__main__":
    main()
