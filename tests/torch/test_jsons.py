"""What is written is JSON, whatever the numbers."""

import json
import math

from tamis_torch.jsons import dumps


def test_numbers_that_json_lacks_become_null():
    content = {"a": math.inf, "b": [math.nan, 1.5], "c": {"d": (-math.inf, 2)}, "e": "NaN", "f": True}
    read = json.loads(dumps(content), parse_constant=lambda name: 1 / 0)
    assert read == {"a": None, "b": [None, 1.5], "c": {"d": [None, 2]}, "e": "NaN", "f": True}
