"""The solver neither imports torch nor needs it."""

import subprocess
import sys

SCRIPT = """
import importlib, pkgutil, sys
import numpy as np
import tamis
for module in pkgutil.walk_packages(tamis.__path__, "tamis."):
    importlib.import_module(module.name)
from tamis.losses import LeastSquares
from tamis.sets import Sparse
tamis.minimize(LeastSquares(np.eye(3), np.ones(3)), Sparse(1))
print(sorted(name for name in sys.modules if name.split(".")[0] == "torch"))
"""


def test_importing_every_module_and_solving_leaves_torch_alone():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
