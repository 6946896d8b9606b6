"""JSON as the format is defined, which knows no NaN and no infinity: they become null."""

import json
import math
from typing import Any


def dumps(content: Any, indent: int | None = None) -> str:
    """Return the content as JSON."""
    return json.dumps(_finite(content), indent=indent, allow_nan=False)


def _finite(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content
