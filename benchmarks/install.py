"""Install the wheels of a folder, and what they need, held to a constraints file: a step of asv's.

python install.py WHEELS CONSTRAINTS
"""

import subprocess
import sys
from pathlib import Path


def command(wheels: Path, constraints: Path) -> list[str]:
    """Return the call of pip; it replaces what is installed, for every commit has the same version."""
    files = sorted(str(path) for path in wheels.glob("*.whl"))
    if not files:
        raise SystemExit(f"no wheel in {wheels}")
    files = [f"{file}[images]" if Path(file).name.startswith("tamis_torch") else file for file in files]
    return [sys.executable, "-m", "pip", "install", "-c", str(constraints), *files]


if __name__ == "__main__":
    raise SystemExit(subprocess.call(command(Path(sys.argv[1]), Path(sys.argv[2]))))
