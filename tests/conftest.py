"""How hypothesis runs: the same examples every time, unless HYPOTHESIS_PROFILE=search asks for new ones."""

import os

from hypothesis import settings

settings.register_profile("ci", derandomize=True, deadline=None, database=None)
settings.register_profile("search", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

pytest_plugins = ["tiny"]  # tests/tiny.py: the fixtures of all that needs a network
