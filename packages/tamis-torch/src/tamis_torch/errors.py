"""The two kinds of error that a user sees, in one readable line each.

Whatever is raised as one of these two is shown by the command line without a
traceback; anything else is a fault of ours and is shown whole.
"""


class InputError(ValueError):
    """What the user gave is wrong: a path, a file, a value (the command line exits with 2)."""


class RunError(RuntimeError):
    """Something failed under way: loss not finite, disk full, folder not writable (exits with 1)."""
