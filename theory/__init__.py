"""What is claimed: terms, quantities, analytic expressions, claims and the catalogue. Data only."""

# One import path only: a second copy of the classes (as a top-level package) would make isinstance lie.
if __name__ != "lmlaws.theory":
    raise ImportError(f"import lmlaws.theory, not {__name__}: the folder is a part of the package lmlaws")
