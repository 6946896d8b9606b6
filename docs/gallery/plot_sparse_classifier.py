"""
A sparse image classifier of your own
=====================================

Your network, your images, ten lines: SAFE trains it to 90% zeros from random weights, and the same call
without a sharpness-aware step, or by gradual magnitude pruning, tells what that is worth.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn

import tamis_torch as tt

# %%
# The images are arrays of any shape, with integer labels, in two parts; those of 8 bits are standardised.

inputs, labels = load_digits(return_X_y=True)
inputs = (torch.tensor(inputs) * 255 / 16).round().to(torch.uint8).reshape(-1, 1, 8, 8)
images = tt.vision.Images((inputs[:1300], labels[:1300]), (inputs[1300:], labels[1300:]), "digits by time")


def network():
    """Return a small convolutional network with random weights."""
    torch.manual_seed(0)
    first = nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2)
    return nn.Sequential(*first, nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(512, 10))


folder = Path(tempfile.mkdtemp())
sparsities = (0.9, 0.97)
methods = {"SAFE": tt.vision.Safe, "ADMM": tt.vision.Admm, "gradual": tt.vision.Gradual}
accuracy = {name: [] for name in methods}
for name, settings in methods.items():
    for sparsity in sparsities:
        method = settings(sparsity=sparsity, epochs=15, batch_size=64)
        run = tt.train_sparse(network(), images, method, out=folder / f"{name}-{sparsity}")
        accuracy[name].append(run.results["accuracy"]["after"])
        print(f"{name:8} {run.results['sparsity']:.3f} zeros, {accuracy[name][-1]:.1%} right")

# %%
# Each run has left a folder with its page, ``report.html``, and the network, which comes back with its
# zeros. The first layer's filters show where they are.

saved = tt.vision.load_network(folder / "SAFE-0.9" / "model", network())
filters = saved.network[0].weight.detach()[:, 0]
print(f"{int((filters == 0).sum())} of the first layer's {filters.numel()} weights are zero")

figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
for name, values in accuracy.items():
    axes[0].plot([f"{s:.0%}" for s in sparsities], [100 * v for v in values], "o-", label=name)
axes[0].set(xlabel="sparsity", ylabel="test images that are right, %")
axes[0].legend()
grid = torch.full((4 * 4 - 1, 4 * 4 - 1), torch.nan)
for number, kernel in enumerate(filters):
    row, column = divmod(number, 4)
    grid[4 * row : 4 * row + 3, 4 * column : 4 * column + 3] = torch.where(kernel == 0, torch.nan, kernel)
axes[1].imshow(grid, cmap="RdBu")
axes[1].set(title="what is left of the first layer", xticks=[], yticks=[], ylabel="16 filters of 3x3")
plt.show()
