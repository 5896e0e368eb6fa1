"""Limits, and strict JSON: what is not exactly the format is refused before any arithmetic."""

import json
import re
from collections.abc import Iterable
from fractions import Fraction
from itertools import accumulate
from typing import Any

FILE_BYTES, FORMAT_DEPTH = 4 * 1024 * 1024, 400  # the format's own limits; the others are ours
# nesting (and so every recursion, far from Python's own limit); strings and brackets; bits of a numerator
WORK_DEPTH, TOKENS, BITS = 100, 1_000_000, 10_000
# groups in an information; functions of functions; namings of bound letters; powers of sums; atoms handled in all
GROUPS, HEIGHT, RENAMINGS, EXPONENT, WORK = 8, 10, 720, 64, 100_000

_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)
_NUM = re.compile(r"-?[0-9]{1,1000}(/[1-9][0-9]{0,999})?")


class Refusal(Exception):  # noqa: N818 - a certificate is refused; nothing is broken
    """The certificate is not accepted; the message is the reason."""


def need(holds: object, reason: str, *values: object) -> None:
    """Refuse unless this holds; each {} of the reason shows a value."""
    if not holds:
        raise Refusal(reason.format(*map(shown, values)))


def too_large(what: str) -> Refusal:
    """The refusal for a certificate beyond our means."""
    return Refusal(f"too large to check: {what}")


def within(amount: int, limit: int, what: str) -> None:
    """Refuse a certificate beyond our means."""
    if amount > limit:
        raise too_large(what)


def bounded(value: Fraction, exponent: int = 1) -> Fraction:
    """The power of a number, or a refusal where it would be longer than BITS."""
    bits = exponent * max(value.numerator.bit_length(), value.denominator.bit_length())
    within(bits, BITS, f"a number of more than {BITS} bits")
    return value if exponent == 1 else Fraction(value**exponent)


def combined(parts: Iterable[tuple[dict[Any, Fraction], Fraction | int]]) -> dict[Any, Fraction]:
    """The sum of multiples of sparse vectors; coordinates that cancel are left out."""
    total: dict[Any, Fraction] = {}
    for vector, times in parts:
        for key, value in vector.items():
            total[key] = bounded(total.get(key, Fraction(0)) + times * value)
    return {key: value for key, value in total.items() if value}


def canonical(data: object) -> str:
    """The canonical text of JSON data: no spaces, ASCII with escapes."""
    return json.dumps(data, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def shown(value: object) -> str:
    """A short ASCII form of a piece of the input, for messages."""
    text = ascii(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _int(numeral: str) -> int:
    need(re.fullmatch("0|-?[1-9][0-9]{0,999}", numeral), "{} is not an integer of at most 1000 digits", numeral)
    return int(numeral)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    need(len(dict(pairs)) == len(pairs), "duplicate key among {}", sorted(key for key, _ in pairs))
    return dict(pairs)


def parse(text: str) -> Any:
    """The JSON value of the text, or a refusal. Nesting is bounded before the parser sees the text."""
    small = len(text) <= FILE_BYTES and len(text.encode("utf-8", "surrogatepass")) <= FILE_BYTES
    need(small, f"more than {FILE_BYTES} bytes")
    steps = [{"[": 1, "{": 1, "]": -1, "}": -1}.get(match.group(), 0) for match in _TOKEN.finditer(text)]
    deepest = max(accumulate(steps, initial=0))
    need(deepest <= FORMAT_DEPTH, f"nesting deeper than {FORMAT_DEPTH}")
    within(deepest, WORK_DEPTH, f"nesting deeper than {WORK_DEPTH}")
    within(len(steps), TOKENS, f"nesting of more than {TOKENS} strings and brackets")
    try:
        return json.loads(text, parse_int=_int, parse_float=_int, parse_constant=_int, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        raise Refusal(f"not JSON: {error.msg} at character {error.pos}") from None


def rational(raw: object) -> Fraction:
    """The value of a NUM: a string with an integer or a fraction in lowest terms."""
    value = Fraction(raw) if isinstance(raw, str) and _NUM.fullmatch(raw) else None
    if value is None or str(value) != raw:
        raise Refusal(f"{shown(raw)} is not a string with a number in lowest terms, of at most 1000 digits")
    return value


def indices(raw: Any, below: int, what: str) -> tuple[int, ...]:
    """An increasing list of integers in 0 ... below - 1."""
    good = isinstance(raw, list) and all(type(x) is int and 0 <= x < below for x in raw) and raw == sorted({*raw})
    need(good, what + " {}: not an increasing list of numbers from 0 to " + str(below - 1), raw)
    return tuple(raw)


def fields(raw: Any, names: tuple[str, ...], what: str) -> list[Any]:
    """The values of an object that has exactly these fields."""
    good = isinstance(raw, dict) and set(raw) == set(names)
    need(good, what + f" must have exactly the fields {', '.join(names)}; it is {{}}", raw)
    return [raw[name] for name in names]
