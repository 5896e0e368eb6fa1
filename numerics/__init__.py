"""Claims at scale: language models as composed kernels, trained, loaded and measured with torch."""

# One import path only: a second copy of the classes (as a top-level package) would make isinstance lie.
if __name__ != "lmlaws.numerics":
    raise ImportError(f"import lmlaws.numerics, not {__name__}: the folder is a part of the package lmlaws")
