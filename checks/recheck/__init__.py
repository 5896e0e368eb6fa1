"""Small independent checkers of certificates, which share no code. Nothing here imports a prover.

`check` is the first checker, `standard`, on the standard library alone. `answers` asks the second one, `flint`, on
python-flint, as well; engines' proofs pass through both.
"""

from dataclasses import dataclass

from .standard.checker import Accepted, Rejected, check

__all__ = ["Accepted", "Answer", "Rejected", "answers", "check"]


@dataclass(frozen=True)
class Answer:
    """What one checker says: no `reason` where it accepts a certificate."""

    checker: str
    reason: str | None


def answers(text: str, expected: object | None = None) -> tuple[Answer, ...]:
    """The answers of both checkers to a certificate, which must prove the expected statement if one is given.

    `expected` is a statement's canonical form. Never raises on what the text says.
    """
    from .flint import check as second  # python-flint is loaded only where it's asked for

    outcomes = (("standard", check(text, expected)), ("flint", second(text, expected)))
    return tuple(Answer(name, getattr(outcome, "reason", None)) for name, outcome in outcomes)
