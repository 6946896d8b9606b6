"""The asv suite: what is measured at every commit.

Every number is such that less is better.  A benchmark is a function (or a factory's product) with
attributes that end up in asv's ``benchmarks.json``: ``unit``, ``tolerance`` (how much worse a track may
be, relative) or ``slack`` (absolute), and ``kind``: "quality" repeats bit for bit on one machine, "ratio"
is one time over another, measured in one run, interleaved.

A name must mean the same at every commit.  asv tells the values of a parameter apart by their place in a
list, and a list that is found in the packages differs from commit to commit; so each method and each set
is a function of its own, made by a factory, and only fixed lists are parameters.

asv forks a process for each benchmark and parameter from one that has imported this package; what is imported
here is paid once and not in each of them.
"""

import importlib
import os
from contextlib import suppress

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")  # read when numpy and torch are first imported
with suppress(ImportError):  # commits before the demo
    importlib.import_module("tamis_torch.demo.run")  # torch and transformers, seconds
