"""What a result was measured with: the machine and the versions of the solvers."""

import os
import platform
import subprocess
import time
from importlib import metadata
from pathlib import Path

PACKAGES = ["tamis", "numpy", "scipy", "scikit-learn", "abess", "skscope", "jax", "skglm", "celer", "pycasso"]


def machine() -> dict:
    """Return what the times were measured on."""
    names = [row.split(":")[1].strip() for row in _cpuinfo() if row.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load": os.getloadavg() if hasattr(os, "getloadavg") else None,
        "date": time.strftime("%Y-%m-%d"),
    }


def versions() -> dict[str, str | None]:
    """Return the versions of the solvers, None for those not installed."""
    found = {d.name.lower().replace("_", "-"): d.version for d in metadata.distributions() if d.name}
    return {name: found.get(name) for name in PACKAGES} | {"l0learn": _l0learn_version()}


def _l0learn_version() -> str | None:
    if "L0LEARN_PYTHON" not in os.environ:
        return None
    code = "from importlib.metadata import version; print(version('l0learn'))"
    command = [os.environ["L0LEARN_PYTHON"], "-c", code]
    return subprocess.run(command, capture_output=True, text=True).stdout.strip() or None


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []
