"""Softmax rows from float logits, as rigorous enclosures (Arb balls): entropy, NLL and collision probability.

A float is a rational number (a dyadic), so a row of logits determines its softmax law exactly; the law's weights are
transcendental, hence the ball instead of an `Exact`. Nothing is rounded silently: each ball contains the value that
exact arithmetic on these very logits has, and carries its radius. A logit -inf is a masked token: probability exactly
0, and 0 log 0 = 0.

    >>> row = softmax_row([0.0, 0.0, float("-inf")])
    >>> row.entropy.overlaps(arb(2).log()), row.collision.contains(arb("0.5"))
    (True, True)
    >>> print(softmax_row([1.5, 0.25, -3.0]).entropy)
    [0.575043944118067 +/- 3.97e-16]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flint import arb, ctx

__all__ = ["PRECISION", "SoftmaxRow", "softmax_row"]

Ball = Any  # flint.arb, which has no type stubs

PRECISION = 80
"""Bits of the arithmetic: 53 would give radii of 1e-10 at 50,000 tokens, 80 gives them below 1e-17."""
_INFINITY = float("inf")


@dataclass(frozen=True)
class SoftmaxRow:
    """What one row of V logits z says of its law p = softmax(z); every ball encloses the exact value.

    `log_partition` is log sum exp(z), `entropy` the Shannon entropy of p (both in nats), `collision` is sum p^2, so
    that 1 - collision is the TV categorical entropy.
    """

    logits: tuple[float, ...]
    log_partition: Ball
    entropy: Ball
    collision: Ball
    precision: int

    def nll(self, token: int) -> Ball:
        """-log p(token) in nats, inf for a masked token; IndexError for a token id outside 0..V-1."""
        if not 0 <= token < len(self.logits):
            raise IndexError(f"token {token} of a row of {len(self.logits)} logits: ids run from 0")
        with ctx.workprec(self.precision):
            return self.log_partition - arb(self.logits[token])


def softmax_row(logits: Any, *, precision: int = PRECISION) -> SoftmaxRow:
    """Enclose a row of V float logits: a sequence, or a one-dimensional array or tensor of floats of any width.

    One pass, time and memory linear in V, at `precision` bits. ValueError names the position of a NaN or +inf, and
    refuses an empty row and a row that masks every token; TypeError names the position of what is no number.
    """
    row = _read(logits)
    top = max(row)
    if top == -_INFINITY:
        raise ValueError(f"all {len(row)} logits are -inf: a row that masks every token has no law; unmask one")
    with ctx.workprec(precision):
        peak = arb(top)
        mass, moment, squares = arb(0), arb(0), arb(0)
        for z in row:
            if z != -_INFINITY:
                shifted = arb(z) - peak
                weight = shifted.exp()
                mass += weight
                moment += weight * shifted
                squares += weight * weight
        log_mass = mass.log()
        return SoftmaxRow(
            logits=tuple(row),
            log_partition=peak + log_mass,
            entropy=log_mass - moment / mass,
            collision=squares / (mass * mass),
            precision=precision,
        )


def _read(logits: Any) -> Sequence[float]:
    """The logits as Python floats, which hold every float type up to double exactly."""
    row = logits.tolist() if hasattr(logits, "tolist") else list(logits)
    if not isinstance(row, list) or not row:
        raise ValueError(f"softmax_row takes a row of at least one logit, not {logits!r}")
    for i, z in enumerate(row):
        if not isinstance(z, float | int):
            raise TypeError(f"logit {i} is {z!r} of type {type(z).__name__}, not a float; give one row of numbers")
        if not z < _INFINITY:
            raise ValueError(f"logit {i} is {z!r}: a logit is finite, or -inf for a masked token")
    return row
