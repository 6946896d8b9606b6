"""The steps of a training as its run folder has them, of whatever kind the training is.

after step t    a line of metrics; a checkpoint, if one is due or the user asked to stop; then the stop
not finite      a checkpoint of the state before that step
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor

from tamis_torch.errors import NotFinite
from tamis_torch.interrupt import Interrupted, stop_requested
from tamis_torch.intervals import Clock, Intervals
from tamis_torch.journal import Journal, Silent
from tamis_torch.ranks import ONE, Ranks

Line = dict[str, Any]
State = tuple[dict[str, Tensor], dict[str, Any]]  # the tensors to resume from, and what says what they are


@contextmanager
def recording(
    journal: Journal | Silent,
    steps: int,
    intervals: Intervals,
    state: Callable[[int], State],
    ranks: Ranks = ONE,
) -> Iterator[Callable[[int, Line], None]]:
    """Give what is to be called after each step, with the steps made and the step's line.

    Parameters
    ----------
    journal
        Of this rank; open while inside.
    steps
        In all; the state after the last one is not kept.
    intervals
        Between checkpoints: by default a tenth of the steps, and by time.
    state
        Returns the state after so many steps.
    ranks
        Those that train together: a stop or a checkpoint is everybody's.

    Raises
    ------
    Interrupted
        After a checkpoint, if the user asked to stop.
    RunError
        If the loss is not finite (after a checkpoint of the last good state) or a file cannot be written.
    """
    with stop_requested() as stop, journal:
        clock = Clock(intervals, max(1, steps // 10))

        def keep(step: int) -> None:
            journal.checkpoint(*state(step), ranks)
            clock.kept()

        def after_step(step: int, line: Line) -> None:
            journal.write(step, line)
            asked, due = ranks.any(stop(), clock.due(step))
            if step < steps and (asked or due):
                keep(step)
            if step < steps and asked:
                raise Interrupted(step, steps)

        try:
            yield after_step
        except NotFinite as error:
            keep(error.step)
            raise
