"""Who decides a claim, and with what evidence: engines, exact arithmetic, certificates and their checkers."""

# One import path only: a second copy of the classes (as a top-level package) would make isinstance lie.
if __name__ != "lmlaws.checks":
    raise ImportError(f"import lmlaws.checks, not {__name__}: the folder is a part of the package lmlaws")
