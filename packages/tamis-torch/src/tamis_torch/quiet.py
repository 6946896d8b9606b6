"""Silence transformers' log and progress bars for a while."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr
from io import StringIO

from transformers.utils import logging


@contextmanager
def quiet(*, bars: bool = False, stderr: bool = False) -> Iterator[None]:
    """Log errors only; afterwards everything is as it was.

    Parameters
    ----------
    bars
        Leave the progress bars, as for a download.
    stderr
        Swallow what is printed to it too: the reader of GGUF files has a bar that nothing else turns off.
    """
    verbosity, had_bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    with ExitStack() as stack:
        stack.callback(logging.set_verbosity, verbosity)
        logging.set_verbosity_error()
        if had_bars and not bars:
            stack.callback(logging.enable_progress_bar)
            logging.disable_progress_bar()
        if stderr:
            stack.enter_context(redirect_stderr(StringIO()))
        yield
