"""The text of a polynomial in normal form (see `forms`), in the language that `reading` reads.

Constants come first, then roots, logs, exps. The language has no exponents: powers are repeated factors, and a root
that is no square root is an exp of a log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lmlaws.checks.exact.forms import Atom, Monomial, Power, Rational, Terms


def written(normal: Terms) -> str:
    """A normal form as text, such as "1/2*log(2) + 1/3*log(3)"; "0" when it is empty."""
    result = ""
    for monomial, c in sorted(normal.items(), key=lambda item: _place(item[0])):
        text = _term(monomial, abs(c))
        if not result:
            result = f"-{text}" if c < 0 else text
        else:
            result += f" - {text}" if c < 0 else f" + {text}"
    return result or "0"


def _place(monomial: Monomial) -> tuple[Any, ...]:
    factors, (radicand, index), exponent = monomial
    return bool(exponent), exponent, factors, index, radicand


def _term(monomial: Monomial, c: Rational) -> str:
    """A monomial with a positive coefficient."""
    factors, (radicand, index), exponent = monomial
    above = [] if radicand == 1 else [_rooted(str(radicand), f"1/{index}")]
    above += [text for n, e in factors if e > 0 for text in _powers(n, e)]
    above += [f"exp({exponent})"] if exponent else []
    if c != 1 or not above:
        above.insert(0, str(c))
    return "*".join(above) + "".join(f"/{text}" for n, e in factors if e < 0 for text in _powers(n, -e))


def _powers(n: int | Atom, e: Power) -> list[str]:
    """The factors that a positive power is written as."""
    if isinstance(n, int):
        return [f"log({n})"] * int(e)
    if n.kind == "exp":
        return [f"exp({n.text})" if e == 1 else f"exp({e}*{n.text})"]
    if n.kind != "sum":
        return [f"{n.kind}({n.text})"] * int(e)
    return [f"({n.text})"] * int(e) if e == int(e) else [_rooted(n.text, str(e))]


def _rooted(text: str, power: str) -> str:
    return f"sqrt({text})" if power == "1/2" else f"exp({power}*log({text}))"
