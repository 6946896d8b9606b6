"""Settings of the documentation; `nox -s docs` builds it."""

from importlib.metadata import version as installed

project = "tamis"
copyright = "the tamis authors"
version = release = installed("tamis")
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
html_theme = "furo"
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
napoleon_google_docstring = False
myst_heading_anchors = 3
