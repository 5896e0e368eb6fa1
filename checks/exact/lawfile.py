"""Law files: exact laws as JSON, a joint law of variables or several laws by name.

    {"kind": "law", "vars": ["X", "Y"], "sizes": [2, 2], "law": ["1/2", "0", "0", "1/2"]}
    {"laws": {"p": ["1/2", "1/3", "1/6"], "q": ["0.25", "0.75", 0]}}

A joint law is row-major (the last variable runs fastest); "kind" may be left out, other fields are passed over, and the
law may be the field "counterexample" of an object, so that what `lmlaws prove --json` prints is a law file.
Probabilities are integers, or text such as "1/3" and "0.25"; a JSON number with a point is refused, because most
programs that write one have rounded it. Nothing is renormalised.

    >>> parse_laws('{"vars": ["X"], "sizes": [2], "law": ["1/3", "2/3"]}').law.weights
    (Fraction(1, 3), Fraction(2, 3))
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from flint import arb, fmpq

from lmlaws.checks.exact.finite import FinSet
from lmlaws.checks.exact.kernels import State
from lmlaws.checks.exact.numbers import Rational, to_fmpq
from lmlaws.theory.lexing import MAX_DIGITS, is_name

__all__ = ["MOST_BYTES", "JointLaw", "LawFile", "LawFileError", "NamedLaws", "parse_laws", "read_laws"]

MOST_BYTES = 64 * 2**20
_PLAIN = re.compile(r"([0-9]+)(?:/([0-9]+)|\.([0-9]+))?")
_MANY = 10**12  # more letters than any file has entries
_CLIP = 60  # characters of a wrong value that a message shows
_EXACTLY = 'write a probability as 0, 1 or text such as "1/3" or "0.25"'


class LawFileError(ValueError):
    """A text is no law file; the message is the exact defect."""


@dataclass(frozen=True)
class JointLaw:
    """A law on a product of objects that are named by the variables."""

    vars: tuple[str, ...]
    law: State


@dataclass(frozen=True)
class NamedLaws:
    """Laws by name, each on an object of its own size."""

    laws: dict[str, State]


LawFile: TypeAlias = JointLaw | NamedLaws


@dataclass(frozen=True)
class _Number:
    """A JSON number that is not taken: with a point or an exponent, not finite, or with too many digits."""

    text: str

    @property
    def defect(self) -> str:
        if self.text.lstrip("-").isdecimal():
            return f"a number of {len(self.text.lstrip('-')):,} digits; the limit is {MAX_DIGITS:,}"
        if not any(character.isdecimal() for character in self.text):
            return f"{self.text}, which is no probability"
        instead = self.text if re.fullmatch(r"[0-9.]{1,40}", self.text) else "0.25"
        return f'the JSON number {_clip(self.text)}, which most programs round; write it as text, such as "{instead}"'


def read_laws(path: Path) -> LawFile:
    """The laws of a file. Raises LawFileError with the path and what is wrong: unreadable, over 64 MiB, no law file."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as problem:
        raise LawFileError(f"{path}: {problem.strerror}") from problem
    if len(data) > MOST_BYTES:
        raise LawFileError(f"{path}: a law file has at most {MOST_BYTES // 2**20} MiB")
    try:
        return parse_laws(data.decode("utf-8"))
    except UnicodeDecodeError as problem:
        defect = f"not text in UTF-8: {problem.reason} at byte {problem.start}"
        raise LawFileError(f"{path}: {defect}") from problem
    except LawFileError as problem:
        raise LawFileError(f"{path}: {problem}") from problem


def parse_laws(text: str) -> LawFile:
    """The laws that a JSON text gives. Raises LawFileError with the exact defect."""
    data = _json(text)
    if not isinstance(data, dict):
        raise LawFileError(f"a law file is a JSON object, not {_shown(data)}")
    if isinstance(data.get("counterexample"), dict):
        data = data["counterexample"]
    if "law" in data and "laws" in data:
        raise LawFileError('a law file has the field "law" or the field "laws", not both')
    if "laws" in data:
        return _named(data["laws"])
    if "law" not in data:
        raise LawFileError('a law file has a field "law" (with "vars" and "sizes") or "laws", and this has neither')
    if data.get("kind", "law") != "law":
        raise LawFileError(f'"kind" is {_shown(data["kind"])}, and a joint law is of the kind "law"')
    return _joint(data)


def _json(text: str) -> Any:
    def integer(digits: str) -> int | _Number:
        return int(digits) if len(digits) <= MAX_DIGITS else _Number(digits)

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                raise LawFileError(f"the key {_shown(key)} is there twice in one object")
            found[key] = value
        return found

    try:
        return json.loads(
            text, parse_int=integer, parse_float=_Number, parse_constant=_Number, object_pairs_hook=unique
        )
    except json.JSONDecodeError as problem:
        raise LawFileError(f"not JSON: line {problem.lineno}, column {problem.colno}: {problem.msg}") from problem
    except RecursionError as problem:
        raise LawFileError("the JSON is nested too deep") from problem


def _joint(data: dict[str, Any]) -> JointLaw:
    for field in ("vars", "sizes", "law"):
        if field not in data:
            raise LawFileError(f'the field "{field}" is missing; a joint law has "vars", "sizes" and "law"')
        if not isinstance(data[field], list):
            raise LawFileError(f'"{field}" is {_shown(data[field])}, not a list')
    variables, sizes, law = data["vars"], data["sizes"], data["law"]
    _check_names(variables, "vars")
    for i, size in enumerate(sizes):
        if type(size) is not int or size < 1:
            raise LawFileError(f"sizes[{i}] is {_shown(size)}, not an integer of at least 1")
    if len(sizes) != len(variables):
        raise LawFileError(f'"vars" has {len(variables)} names, but "sizes" has {len(sizes)} numbers')
    _check_product(sizes, len(law))
    objects = tuple(FinSet(size, name) for size, name in zip(sizes, variables))
    return JointLaw(tuple(variables), State(_weights(law, "law"), objects))


def _named(laws: Any) -> NamedLaws:
    if not isinstance(laws, dict) or not laws:
        raise LawFileError(f'"laws" is {_shown(laws)}, not an object of laws by name, as in {{"p": ["1/2", "1/2"]}}')
    _check_names(laws, "laws")
    found = {}
    for name, law in laws.items():
        if not isinstance(law, list) or not law:
            raise LawFileError(f"laws.{name} is {_shown(law)}, not a list of probabilities")
        found[name] = State(_weights(law, f"laws.{name}"))
    return NamedLaws(found)


def _check_names(names: Iterable[Any], field: str) -> None:
    seen = set()
    for name in names:
        if not isinstance(name, str) or not is_name(name):
            raise LawFileError(
                f'"{field}" has the name {_shown(name)}; a name is of letters, digits and _, begins with no digit, '
                "and is none of given, log, det"
            )
        if name in seen:
            raise LawFileError(f'"{field}" has the name {_shown(name)} twice')
        seen.add(name)


def _check_product(sizes: Sequence[int], entries: int) -> None:
    letters = 1
    for size in sizes:
        letters *= size
        if letters > _MANY:  # the product of all could be astronomical
            break
    if letters != entries:
        made = f"{letters:,}" if letters <= _MANY else f"more than {_MANY:,}"
        shown = ", ".join(_clip(str(size)) for size in sizes[:8]) + (", ..." if len(sizes) > 8 else "")
        raise LawFileError(f'"law" has {entries:,} entries, but "sizes" [{shown}] make {made} letters')


def _weights(law: Sequence[Any], where: str) -> list[Rational]:
    """The entries, each at least 0, with sum 1; equal entries are read once."""
    known: dict[Any, Rational] = {}
    for i, entry in enumerate(law):
        if type(entry) not in (int, str) or entry not in known:  # True equals 1
            known[entry] = _probability(entry, f"{where}[{i}]")
    total = _total([known[entry] * count for entry, count in Counter(law).items()])
    if total != 1:
        raise LawFileError(f"the entries of {where} sum to {_short(total)}, not to 1 (1 - sum is {_short(1 - total)})")
    return [known[entry] for entry in law]


def _probability(entry: Any, where: str) -> Rational:
    if isinstance(entry, _Number):
        raise LawFileError(f"{where} is {entry.defect}")
    if type(entry) is not int and not isinstance(entry, str):
        raise LawFileError(f"{where} is {_shown(entry)}; {_EXACTLY}")
    try:
        number = fmpq(entry) if isinstance(entry, int) else _read(entry)
    except (ValueError, ArithmeticError) as problem:
        raise LawFileError(f"{where} is {_shown(entry)}: {_clip(str(problem), 200)}; {_EXACTLY}") from problem
    if number < 0:
        raise LawFileError(f"{where} is {_short(number)}; a probability is at least 0")
    return number


def _read(text: str) -> Rational:
    """An integer, fraction or decimal, fast; else any expression of rational value, which has limits of its own."""
    plain = _PLAIN.fullmatch(text)
    if plain is None or len(text) > MAX_DIGITS:
        return to_fmpq(text)
    whole, below, decimals = plain.groups()
    if decimals is not None:
        return fmpq(int(whole + decimals), 10 ** len(decimals))
    return fmpq(int(whole), int(below or 1))


def _total(numbers: list[Rational]) -> Rational:
    """The sum, by halves: denominators that have nothing in common then stay short as long as they can."""
    while len(numbers) > 1:
        pairs = [a + b for a, b in zip(numbers[::2], numbers[1::2])]
        numbers = pairs + numbers[-1:] if len(numbers) % 2 else pairs
    return numbers[0] if numbers else fmpq(0)


def _short(number: Rational) -> str:
    text = str(number) if number.height_bits() <= 4 * _CLIP else ""
    return text if 0 < len(text) <= _CLIP else f"about {arb(number).str(17, radius=False)}"


def _shown(value: Any) -> str:
    """A JSON value in a message: short, and ASCII."""
    if isinstance(value, list | dict):
        article, kind = ("a", "list") if isinstance(value, list) else ("an", "object")
        return f"{article} {kind}" if value else f"an empty {kind}"
    return _clip(value.text if isinstance(value, _Number) else json.dumps(value))


def _clip(text: str, width: int = _CLIP) -> str:
    return text if len(text) <= width else text[: width - 3] + "..."
