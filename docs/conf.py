"""Settings of the documentation; `nox -s docs` builds it."""

import re
from importlib.metadata import version as installed

project = "tamis"
copyright = "the tamis authors"
version = release = installed("tamis")
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_gallery.gen_gallery"]
exclude_patterns = ["_build", "gallery"]
html_theme = "furo"
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
napoleon_google_docstring = False
napoleon_use_ivar = True  # attributes are listed, and are no targets of links: several classes have an x
myst_heading_anchors = 3
sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "_gallery",  # written by the build, not in the repository
    "filename_pattern": "plot_",
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_signature": False,
    "show_memory": False,
    "write_computation_times": False,
    "matplotlib_animations": False,
    "image_srcset": ["2x"],
}


def lead_to_pages(app, page, source):
    """Let links to the scripts of the gallery, which are right on GitHub, lead to the pages made of them."""
    text = source[0].replace("gallery/GALLERY_HEADER.rst)", "_gallery/index.rst)")
    source[0] = re.sub(r"gallery/(plot_\w+)\.py\)", r"_gallery/\1.rst)", text)


def setup(app):
    """Register the above."""
    app.connect("source-read", lead_to_pages)
