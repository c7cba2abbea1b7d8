"""Settings of the site. Build it with ``sphinx-build -W docs docs/_build/html``.

The result needs no network: formulas are MathML, fonts the system's, figures drawn at the build.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from building.reference import link_to_source as linkcode_resolve  # noqa: F401

from minicnn import __version__

project = "minicnn"
author = "The minicnn authors"
copyright = "the minicnn authors"
version = release = __version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.linkcode",
    "building.formulas",
    "building.sources",
    "building.equations",
    "building.figures",
    "building.floors",
    "building.reference",
    "building.networks",
]
exclude_patterns = ["_build", "generated/pages", "**.ipynb_checkpoints"]
language = "en"
html_theme = "furo"
html_title = f"minicnn {release}"
html_static_path = ["_static"]
# Sphinx looks for the folder before the build fills it.
html_extra_path = ["generated/pages"]
Path(__file__).with_name("generated").joinpath("pages").mkdir(parents=True, exist_ok=True)
html_css_files = ["site.css"]
html_math_renderer = "mathml"
html_copy_source = False
html_show_sphinx = False

myst_enable_extensions = ["dollarmath", "colon_fence", "attrs_inline"]
myst_heading_anchors = 3

# Thousands of names in the table of contents would be copied into every page.
toc_object_entries = False

# A method that only fills in what its base class explains is not shown again in every layer.
autodoc_inherit_docstrings = False

# What docstrings call attributes is described as part of its class.
napoleon_use_ivar = True

# Lessons are run when they have changed, and in a fresh build all; one that fails, fails the build.
nb_execution_mode = "cache"
nb_execution_raise_on_error = True
nb_execution_timeout = 600
