"""Equality of string diagrams: DisCoPy's `==` on 40 boxes, lmlaws on the same 40 and on 100 to 100,000.

Two terms of one morphism, which both sides find equal. *Chain*: blocks copy >> (f @ g) >> m >> h, against the same with
both branches crossed. *Row*: equal boxes side by side, against one half after the other. DisCoPy compares hypergraphs
by a search for an isomorphism.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench.harness import Side, Timed, Work, alternate, peer, section
from lmlaws.theory import programs, terms

BOXES = 40
SERIES = (100, 1_000, 10_000, 100_000)
Pair = tuple[Any, Any]


def chain(boxes: int) -> Pair:
    """The chain and its crossed form, as terms; four boxes a block."""
    f, g, h = (terms.kernel(name, "X", "X") for name in "fgh")
    m, copy, cross = terms.kernel("m", ("X", "X"), "X"), terms.copy("X"), terms.swap("X", "X")
    plain, crossed = (copy, f @ g, m, h), (copy, cross, g @ f, cross, m, h)
    return terms.seq(*plain * (boxes // 4)), terms.seq(*crossed * (boxes // 4))


def row(boxes: int) -> Pair:
    """Equal boxes side by side, at once and one half after the other, as terms."""
    f, half = terms.kernel("f", "X", "X"), boxes // 2
    wires = terms.id(["X"] * half)
    boxed = terms.par(*[f] * half)
    return terms.par(*[f] * boxes), terms.seq(terms.par(boxed, wires), terms.par(wires, boxed))


def discopy_chain(boxes: int) -> Pair:
    """The same chain in DisCoPy."""
    from discopy import markov

    x = markov.Ty("x")
    f, g, h = (markov.Box(name, x, x) for name in "fgh")
    m, copy, cross = markov.Box("m", x @ x, x), markov.Copy(x), markov.Swap(x, x)
    plain, crossed = (copy, f @ g, m, h), (copy, cross, g @ f, cross, m, h)
    return markov.Id(x).then(*plain * (boxes // 4)), markov.Id(x).then(*crossed * (boxes // 4))


def discopy_row(boxes: int) -> Pair:
    """The same row in DisCoPy."""
    from discopy import markov

    x, half = markov.Ty("x"), boxes // 2
    f, wires = markov.Box("f", x, x), markov.Id(x**half)
    boxed = markov.Id().tensor(*[f] * half)
    return markov.Id().tensor(*[f] * boxes), boxed @ wires >> wires @ boxed


def ours(boxes: int, make: Callable[[int], Pair], what: str, rounds: int = 15) -> Side:
    """lmlaws: two normal forms and their comparison; the terms are made beforehand."""

    def prepare() -> Work:
        left, right = make(boxes)
        return lambda: programs.normal_form(left) == programs.normal_form(right)

    return Side(peer("lmlaws"), f"{what} of {boxes:,} boxes", prepare, rounds)


def theirs(boxes: int, make: Callable[[int], Pair], what: str, rounds: int) -> Side:
    """DisCoPy with its hypergraph equality switched on."""

    def prepare() -> Work:
        from discopy import markov

        markov.Diagram.use_hypergraph_equality = True
        left, right = make(boxes)
        return lambda: left == right

    return Side(peer("discopy"), f"{what} of {boxes:,} boxes", prepare, rounds)


def discard_is_natural() -> tuple[bool, bool | None]:
    """Whether lmlaws and DisCoPy find k >> discard equal to discard, an axiom of every Markov category."""
    k = terms.kernel("k", "X", "Y")
    found = programs.normal_form(k >> terms.discard("Y")) == programs.normal_form(terms.discard("X"))
    try:
        from discopy import markov
    except ModuleNotFoundError:
        return found, None
    markov.Diagram.use_hypergraph_equality = True
    x, y = markov.Ty("x"), markov.Ty("y")
    return found, (markov.Box("k", x, y) >> markov.Discard(y)) == markov.Discard(x)


def main() -> str:
    """Run the row; ArithmeticError if a side does not find the two terms equal."""
    tables: list[list[Timed]] = [
        alternate(ours(BOXES, chain, "chain"), theirs(BOXES, discopy_chain, "chain", rounds=1)),
        alternate(ours(BOXES, row, "row"), theirs(BOXES, discopy_row, "row", rounds=1)),
        alternate(*(ours(boxes, chain, "chain", rounds=5) for boxes in SERIES)),
        alternate(*(ours(boxes, row, "row", rounds=5) for boxes in SERIES)),
    ]
    for timed in (timed for rows in tables for timed in rows):
        if timed.seconds and timed.result is not True:
            raise ArithmeticError(f"{timed.side.name} does not find the two forms of the {timed.side.does} equal")
    said = ["equal" if answer else "different" for answer in discard_is_natural()]
    about = f"All equalities timed are true. On k >> discard = discard lmlaws says {said[0]}, DisCoPy {said[1]}."
    return section("Equality of two diagrams", about, *tables)


if __name__ == "__main__":
    print(main())
