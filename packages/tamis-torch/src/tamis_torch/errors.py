"""The two kinds of error that a user sees, in one readable line each.

Whatever is raised as one of these two is shown by the command line without a
traceback; anything else is a fault of ours and is shown whole.
"""


class InputError(ValueError):
    """What the user gave is wrong: a path, a file, a value (the command line exits with 2)."""


class RunError(RuntimeError):
    """Something failed under way: loss not finite, disk full, folder not writable (exits with 1)."""


class NotFinite(RunError):
    """The loss or its gradient became NaN or infinite; the weights are those before that step."""

    def __init__(self, step: int, loss: float, norm: float) -> None:
        super().__init__(
            f"the loss is {loss} and its gradient's norm {norm} in step {step + 1}; the state after step "
            f"{step} is kept; begin anew with a smaller learning rate"
        )
        self.step = step  # steps made before


def in_one_line(error: BaseException, most: int | None = None) -> str:
    """Return what another library's error says, at most so many characters.

    Its name if it says nothing, and before the key that is all that a ``KeyError`` says.
    """
    said = f"KeyError: {error}" if isinstance(error, KeyError) else str(error)
    return " ".join(said.split())[:most] or type(error).__name__
