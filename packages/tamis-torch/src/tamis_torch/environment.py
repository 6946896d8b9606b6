"""What a result depends on besides its settings: versions, device, and the memory that it took."""

import platform
import resource
import sys
from importlib.metadata import version

import torch

PACKAGES = {"tamis": "tamis", "tamis_torch": "tamis-torch", "torch": "torch", "transformers": "transformers"}


def versions() -> dict[str, str]:
    """Return the versions of what a run's numbers depend on."""
    return {name: version(package) for name, package in PACKAGES.items()} | {
        "python": platform.python_version()
    }


def machine(device: str) -> dict[str, object]:
    """Return the device in words, and the threads of the CPU."""
    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else platform.machine()
    return {"device": name, "threads": torch.get_num_threads(), "system": platform.system()}


def peak_memory(device: str) -> int:
    """Return the most bytes held so far: on the GPU, or resident in this process."""
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated(device)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # kilobytes on Linux
