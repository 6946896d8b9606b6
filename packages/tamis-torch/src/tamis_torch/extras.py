"""Libraries that only some users need: loaded when they are used, asked for by name when they are missing."""

from importlib import import_module
from typing import Any

from tamis_torch.errors import InputError


def borrow(module: str, name: str, extra: str, user: str) -> Any:
    """Return ``name`` of a module that comes with an extra.

    Parameters
    ----------
    module, name
        ``from module import name``.
    extra
        The extra of tamis-torch that installs it.
    user
        What needs it, as the message names it.

    Raises
    ------
    InputError
        If it cannot be imported: one line that names the extra.
    """
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:  # a folder of that name beside the user imports as well
        library = module.partition(".")[0]
        raise InputError(
            f"{user} needs the library {library}: pip install 'tamis-torch[{extra}]' ({error})"
        ) from None
