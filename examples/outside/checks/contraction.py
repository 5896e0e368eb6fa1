"""Contraction: what a kernel does to the distance of two laws."""

from lmlaws import Kernel, State, divergence


def contracts(name: str, kernel: Kernel, p: State, q: State) -> bool:
    """Whether the kernel brings these two laws no further apart, decided exactly."""
    return divergence(name, p >> kernel, q >> kernel) <= divergence(name, p, q)
