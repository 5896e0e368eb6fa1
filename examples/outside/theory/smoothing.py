"""Label smoothing as a kernel."""

from fractions import Fraction

from lmlaws import Kernel


def smoothing(letters: int, share: Fraction) -> Kernel:
    """Keep each letter, but spread this share of its probability evenly over all letters."""
    even = share / letters
    return Kernel([[even + (1 - share) * (i == j) for j in range(letters)] for i in range(letters)])
