"""Small independent checkers of certificates. Nothing here imports a prover.

`check` is the first checker, `lmlaws.checks.recheck.standard`; it uses the standard library alone.
"""

from .standard.checker import Accepted, Rejected, check

__all__ = ["Accepted", "Rejected", "check"]
