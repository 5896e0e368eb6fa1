"""The second checker: python-flint and the standard library; written from docs/certificates.md alone."""

from .checker import Accepted, Rejected, check

__all__ = ["Accepted", "Rejected", "check"]
