"""The documentation site: `make docs` writes it to out/docs, pages of this folder and a reference from docstrings."""

from lmlaws import __version__ as release

project = "lmlaws"
copyright = "the lmlaws authors"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
exclude_patterns = ["ci/*"]
default_role = "code"
html_theme = "furo"
html_title = f"lmlaws {release}"
html_show_sphinx = False
html_copy_source = False
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
suppress_warnings = ["myst.xref_missing"]  # links to files of the repository, which the site does not hold
nitpicky = False
