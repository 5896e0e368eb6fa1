"""Shannon-type inequalities and beyond: lmlaws with exact certificates, psitip with a linear program in floats.

Data processing; Han's inequality for n variables, H(all but one) summed at least (n - 1) H(all); Ingleton's inequality,
which is no Shannon-type inequality and false; Zhang and Yeung's, by the copy lemma. Statements are read, and psitip's
regions built, beforehand. lmlaws: the proof, and the proof with its certificate accepted by the independent checker.
psitip runs in a process of its own, as its solver and highspy hold two libraries of one name; a question and an answer
cross over a pipe.
"""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable
from functools import partial, reduce
from multiprocessing.connection import Connection
from operator import add
from typing import Any

from bench.harness import Side, Timed, Work, alternate, peer, section
from lmlaws.checks.engine import Budget, Engine
from lmlaws.checks.exact.search import SearchEngine
from lmlaws.checks.provers.copies import CopyProver
from lmlaws.checks.provers.shannon import ShannonProver
from lmlaws.checks.recheck import Accepted, check
from lmlaws.checks.verdicts import Proved, Verdict
from lmlaws.theory.language import parse

PROCESSING = "I(X;Z) <= I(X;Y) given X -> Y -> Z"
INGLETON = "I(A;B) <= I(A;B|C) + I(A;B|D) + I(C;D)"
ZHANG_YEUNG = "2*I(C;D) <= I(A;B) + I(A;C,D) + 3*I(C;D|A) + I(C;D|B)"
SIZES = range(4, 11)
Build = Callable[[Any], Any]
"""psitip's region of a statement, from the module."""


def han(count: int) -> str:
    """Han's inequality for so many variables, in the text language."""
    names = [f"A{i}" for i in range(count)]
    left = " + ".join(f"H({','.join(name for name in names if name != out)})" for out in names)
    return f"{count - 1}*H({','.join(names)}) <= {left}"


def proof(text: str, engine: Engine, rounds: int, *, checked: bool = False) -> Side:
    """lmlaws: the verdict on a statement; with `checked`, after the independent checker has accepted the proof."""
    statement = parse(text)

    def decide() -> Verdict:
        return engine.decide(statement, Budget())

    def decide_and_check() -> Verdict:
        verdict = decide()
        if isinstance(verdict, Proved) and isinstance(
            check(json.dumps(verdict.certificate), statement.canonical), Accepted
        ):
            return verdict
        raise ArithmeticError(f"no accepted proof of {text}: {verdict}")

    does = "exact certificate" if engine.name != "search" else "exact counterexample"
    return Side(
        peer("lmlaws"),
        f"{does}, re-checked" if checked else does,
        lambda: decide_and_check if checked else decide,
        rounds,
    )


class Psitip:
    """A process with psitip in it, which answers whether regions are implied."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        context.Process(target=_serve, args=(theirs,), daemon=True).start()
        theirs.close()

    def ask(self, question: Build | bool) -> Any:
        """Build a region, which becomes the one to decide; or decide it, True for under the copy lemma."""
        self.pipe.send(question)
        answer = self.pipe.recv()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def side(self, build: Build, does: str, rounds: int, *, copies: bool = False) -> Side:
        """Whether a region is implied, as a float linear program; with `copies`, under psitip's copy lemma."""

        def prepare() -> Work:
            self.ask(build)
            return lambda: self.ask(copies)

        return Side(peer("psitip"), does, prepare, rounds)


def _serve(pipe: Connection) -> None:
    region = None
    while True:
        question = pipe.recv()
        try:
            import psitip

            if callable(question):
                region = question(psitip)
                answer: Any = None
            elif question:
                with psitip.copylem().assumed():
                    answer = bool(region)
            else:
                answer = bool(region)
        except Exception as problem:  # noqa: BLE001 - the asking side raises it
            answer = RuntimeError(f"{type(problem).__name__}: {problem}")
        pipe.send(answer)


def psitip_han(count: int, psitip: Any) -> Any:
    """Han's inequality in psitip."""
    names = list(psitip.rv(*(f"A{i}" for i in range(count))))  # to go through them twice makes new variables
    left = [psitip.H(reduce(add, (name for name in names if name is not out))) for out in names]
    return (count - 1) * psitip.H(reduce(add, names)) <= reduce(add, left)


def psitip_processing(psitip: Any) -> Any:
    """Data processing in psitip."""
    x, y, z = psitip.rv("X", "Y", "Z")
    return psitip.markov(x, y, z) >> (psitip.I(x & z) <= psitip.I(x & y))


def psitip_ingleton(psitip: Any) -> Any:
    """Ingleton's inequality in psitip."""
    (a, b, c, d), i = psitip.rv("A", "B", "C", "D"), psitip.I
    return i(a & b) <= i(a & b | c) + i(a & b | d) + i(c & d)


def psitip_zhang_yeung(psitip: Any) -> Any:
    """Zhang and Yeung's inequality in psitip."""
    (a, b, c, d), i = psitip.rv("A", "B", "C", "D"), psitip.I
    return 2 * i(c & d) <= i(a & b) + i(a & c + d) + 3 * i(c & d | a) + i(c & d | b)


def row(title: str, text: str, engine: Engine, theirs: Side, rounds: int) -> tuple[str, list[Timed]]:
    """The times of one true statement, and what its certificate holds. ArithmeticError where a side finds no proof."""
    rows = alternate(proof(text, engine, rounds), proof(text, engine, rounds, checked=True), theirs)
    for timed in rows[:2]:
        if not isinstance(timed.result, Proved):
            raise ArithmeticError(f"{title}: {timed.result or timed.reason}")
    if rows[2].seconds and rows[2].result is not True:
        raise ArithmeticError(f"{title}: psitip does not find it implied")
    certificate = rows[0].result.certificate
    facts = len(certificate["steps"]["<="])
    return f"{title}: {facts} facts, {len(json.dumps(certificate)):,} bytes", rows


def ingleton(psitip: Psitip) -> tuple[str, list[Timed]]:
    """Ingleton's inequality: refuted here, and only not implied there (its counterexamples need torch and minutes)."""
    rows = alternate(
        proof(INGLETON, SearchEngine(), 3),
        proof(INGLETON, ShannonProver(), 3),
        psitip.side(psitip_ingleton, "not implied, no counterexample", 3),
    )
    if rows[0].result.name != "refuted" or rows[1].result.name != "undecided" or rows[2].result is True:
        raise ArithmeticError(f"Ingleton: {[timed.result for timed in rows]}")
    return "Ingleton: an exact counterexample; no proof; no proof by psitip", rows


def main() -> str:
    """Run the row."""
    psitip, implied = Psitip(), "implied, by floats"
    found = [row("data processing", PROCESSING, ShannonProver(), psitip.side(psitip_processing, implied, 9), 9)]
    for count in SIZES:
        rounds = 9 if count < 9 else 3
        theirs = psitip.side(partial(psitip_han, count), implied, rounds)
        found.append(row(f"Han, n = {count}", han(count), ShannonProver(), theirs, rounds))
    theirs = psitip.side(psitip_zhang_yeung, f"{implied} and its copy lemma", 5, copies=True)
    found += [row("Zhang and Yeung", ZHANG_YEUNG, CopyProver(), theirs, 5), ingleton(psitip)]
    about = "Tables in this order, with the sizes of certificates: " + "; ".join(title for title, _ in found) + "."
    return section("Information inequalities", about, *(rows for _, rows in found))


if __name__ == "__main__":
    print(main())
