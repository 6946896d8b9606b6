"""Imported before numpy: every library computes with one thread."""

import os

THREADS = "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"
os.environ.update(dict.fromkeys(THREADS, "1"), JAX_PLATFORMS="cpu")


def pin(core: int | None) -> None:
    """Stay on one core, the last one allowed if none is named; JAX and others make a thread a core."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, [max(os.sched_getaffinity(0)) if core is None else core])
