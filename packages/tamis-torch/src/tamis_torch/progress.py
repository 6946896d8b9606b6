"""How a run is doing while it runs: a live display on a terminal, plain lines elsewhere.

On a terminal two lines are kept up to date; in a file or a log a line is written after the first
step, about every 5% of the steps and after the last, without control characters.  Both show the
steps, the figures of the kind of run, tokens a second and the time left, and both write to stderr,
so that stdout stays for results.
"""

import sys
from collections.abc import Callable
from time import monotonic
from types import TracebackType
from typing import NamedTuple, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tamis_torch.human import duration, number, percent
from tamis_torch.speed import Speed

PLAIN_LINES = 20
REFRESH = 8  # times a second


class Kind(NamedTuple):
    """What a run goes by, and the figures it shows: key, name, and how its values are written."""

    unit: str
    figures: tuple[tuple[str, str, Callable[[float | None], str]], ...]
    counted: str = "tokens"  # what a step reads


TRAINING = Kind(
    "step", (("loss", "loss", number), ("residual", "|w-z|/|w|", number), ("sparsity", "sparsity", percent))
)
IMAGES = Kind(
    "step",
    (("loss", "loss", number), ("accuracy", "accuracy", percent), ("sparsity", "sparsity", percent)),
    "images",
)
BLOCKS = Kind("block", (("error", "error", number), ("sparsity", "sparsity", percent)))


class Progress:
    """Show the progress of a run: ``with Progress(steps, tokens) as p: p.update(step, loss=...)``.

    Parameters
    ----------
    total_steps : int
        Steps of the whole run, those before a resume included.
    tokens_per_step : int
        Tokens, or images, that a step reads.
    kind : Kind
        TRAINING (default), IMAGES or BLOCKS.
    console : rich.console.Console, optional
        Where to write; by default stderr, live only if that is a terminal.
    clock : callable, optional
        Returns seconds that only grow; for tests.

    Raises
    ------
    ValueError
        If ``total_steps`` or ``tokens_per_step`` is negative.
    """

    def __init__(
        self,
        total_steps: int,
        tokens_per_step: int,
        kind: Kind = TRAINING,
        *,
        console: Console | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        for name, value in (("total_steps", total_steps), ("tokens_per_step", tokens_per_step)):
            if value < 0:
                raise ValueError(f"{name} must not be negative, got {value}")
        self.total_steps = total_steps
        self.tokens_per_step = tokens_per_step
        self._console = console or Console(
            stderr=True, force_terminal=sys.stderr.isatty(), force_jupyter=False
        )
        self._speed = Speed(clock)
        self._kind = kind
        self._step = 0
        self._known: dict[str, float | None] = {}
        self._printed = 0
        self._live = _live(self._console, self._display)

    def __enter__(self) -> Self:
        self._speed.begin()
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()
        elif self._step != self._printed:
            self._print_line()

    def update(self, step: int, **figures: float | None) -> None:
        """Say that ``step``, counted from 1, has ended; a figure is shown until its next value."""
        before, self._step = self._step, step
        self._speed.ended(step)
        self._known |= {key: value for key, value in figures.items() if value is not None}
        if not self._live and (before == 0 or self._passed_a_mark(before, step)):
            self._print_line()

    def note(self, text: str) -> None:
        """Write a line for the reader, above the display if there is one."""
        if self._live:
            self._console.print(Text(_printable(text)))
        else:
            self._write(text)

    def _passed_a_mark(self, before: int, step: int) -> bool:
        """Return whether a twentieth of the run, or its end, lies in (before, step]."""
        marks = min(PLAIN_LINES, self.total_steps) or 1
        return before * marks // max(self.total_steps, 1) < step * marks // max(self.total_steps, 1)

    def _print_line(self) -> None:
        self._printed = self._step
        where = f"{self._kind.unit} {self._step:>{len(str(self.total_steps))}}/{self.total_steps}"
        self._write("  ".join([where, *self._figures(), self._left()]))

    def _write(self, text: str) -> None:
        print(_printable(text), file=self._console.file, flush=True)

    def _figures(self) -> list[str]:
        seconds = self._speed.seconds_per_step()
        speed = self.tokens_per_step / seconds if seconds else None
        figures = [f"{name} {show(self._known.get(key))}" for key, name, show in self._kind.figures]
        return [*figures, f"{number(speed)} {self._kind.counted}/s"]

    def _left(self) -> str:
        seconds = self._speed.seconds_per_step()
        remaining = max(0, self.total_steps - self._step)
        return f"{duration(None if seconds is None else seconds * remaining)} left"

    def _display(self) -> Group:
        """Return the two lines of the terminal: bar, steps and time left; the figures."""
        step = self._step
        share = f"{100 * step // max(self.total_steps, 1)}%"
        top = Table.grid(expand=True, padding=(0, 2, 0, 0))
        for column in range(4):
            top.add_column(ratio=1 if column == 0 else None, no_wrap=True)
        bar = ProgressBar(total=max(self.total_steps, 1), completed=step)
        top.add_row(bar, f"{step}/{self.total_steps}", share, Text(self._left(), style="cyan"))
        return Group(top, Text("  ".join(self._figures()), style="dim", overflow="ellipsis", no_wrap=True))


def _live(console: Console, display: Callable[[], Group]) -> Live | None:
    """Return the live display, or None where lines cannot be rewritten."""
    if not console.is_terminal or console.is_dumb_terminal:
        return None
    return Live(
        get_renderable=display,
        console=console,
        refresh_per_second=REFRESH,
        redirect_stdout=sys.stdout.isatty(),  # what goes to a file must not end up on the terminal
    )


def _printable(text: str) -> str:
    """Return the text on one line, control characters as spaces."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
