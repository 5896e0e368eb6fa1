"""The second checker: each rule with a near-miss, hostile certificates, random expressions, and its own walls."""

from __future__ import annotations

import ast
import hashlib
import json
import math
import random
import resource
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from lmlaws.checks.recheck import answers
from lmlaws.checks.recheck.__main__ import main
from lmlaws.checks.recheck.flint import Accepted, Rejected, check
from lmlaws.checks.recheck.flint.expansion import Expansion
from lmlaws.checks.recheck.flint.infinities import forced, infinities
from lmlaws.checks.recheck.flint.links import Links
from lmlaws.checks.recheck.flint.reading import Reader, RefusalError
from lmlaws.commands.recheck import recheck

PACKAGE = Path(__file__).parent.parent / "checks" / "recheck" / "flint"
Data = Any

# ---------------------------------------------------------------- statements, written short


def box(name: str, ins: str = "", outs: str = "X", *, det: bool = False, role: str = "") -> Data:
    return ["Box", name, ins.split(), outs.split(), det, role]


def seq(*parts: Data) -> Data:
    return ["Seq", list(parts)]


def par(*parts: Data) -> Data:
    return ["Par", list(parts)]


def plus(*parts: Data) -> Data:
    return ["Add", list(parts)]


def times(*parts: Data) -> Data:
    return ["Mul", list(parts)]


def num(value: object) -> Data:
    return ["Const", str(value)]


def less(first: Data, second: Data) -> Data:
    return plus(first, times(num(-1), second))


def to(base: Data, exponent: object) -> Data:
    return ["Pow", base, str(exponent)]


def log(part: Data) -> Data:
    return ["Log", part]


def at(name: str, over: str = "X") -> Data:
    return ["Letter", name, over]


def over(name: str, body: Data, object_: str = "X") -> Data:
    return ["Sum", at(name, object_), body]


def prob(term: Data, outs: str, ins: str = "") -> Data:
    """An entry at letters; those of Y are written with a capital."""
    sides = ([at(x, "Y" if x.isupper() else "X") for x in names.split()] for names in (ins, outs))
    return ["Entry", term, *sides]


def H(first: str, given: str = "") -> Data:
    return ["Entropy", first.split(), given.split()]


def info(groups: str, given: str = "") -> Data:
    return ["Information", [group.split() for group in groups.split(";")], given.split()]


def divergence(name: str, left: Data, right: Data, mean: Data = None) -> Data:
    return ["DivergenceOf", name, left, right, mean]


RESTS = {
    "diagram": "axioms of Markov categories",
    "shannon": "Shannon's inequalities",
    "sum": "Jensen's inequality on finite alphabets",
}


def certificate(kind: str, holds: Data, steps: Data, about: Data = None, given: Data = ()) -> dict[str, Any]:
    statement = ["Statement", holds, about, list(given)]
    written = json.dumps(statement, separators=(",", ":"))
    rests_on = [RESTS.get(kind, "sums over finite alphabets")]
    rests_on += ["normalisation of softmax"] * (kind in ("identity", "sum") and '["Head",' in written)
    rests_on += ["copy lemma"] * (kind == "shannon" and "copies" in steps)
    digest = hashlib.sha256(written.encode()).hexdigest()
    return {"kind": kind, "statement": statement, "hash": digest, "rests_on": rests_on, "steps": steps}


def identity(left: Data, right: Data, about: Data = None, given: Data = (), **steps: Data) -> dict[str, Any]:
    normal = None if right and right[0] in ("Seq", "Par", "Box", "Copy", "Id") else right
    return certificate("identity", ["Equal", left, right], {"normal": normal, "uses": [], **steps}, about, given)


def outcome(data: object) -> Accepted | Rejected:
    return check(data if isinstance(data, str) else json.dumps(data))


def reason(data: object) -> str:
    found = outcome(data)
    assert isinstance(found, Rejected), found
    return found.reason


YS, ZS = box("y", "", "Y"), box("z", "", "Y")
P, Q, F, G, D = box("p"), box("q"), box("f", "X", "Y"), box("g", "Y", "X"), box("d", "X", "Y", det=True)
J, E = box("j", outs="X Y"), box("e", outs="X", det=True)
PX, QX, PY = prob(P, "x"), prob(Q, "x"), prob(P, "y")
HEAD = ["Head", "W", "V"]
POINT, U, V = ["Point", "h", HEAD], ["Direction", "u", HEAD], ["Direction", "v", HEAD]


def soft(x: str) -> Data:
    return ["Softmax", POINT, at(x, "V")]


def logit(vector: Data, x: str) -> Data:
    return ["Logit", vector, at(x, "V")]


def mean(*factors: Data) -> Data:
    return over("m", times(soft("m"), *factors), "V")


def along(body: Data, direction: Data = U) -> Data:
    return ["Derivative", body, POINT, direction]


PARTITION = ["LogPartition", POINT]
ID, COPY, DROP = ["Id", ["X"]], ["Copy", ["X"]], ["Discard", ["X"]]
COPIED, TWICE = seq(P, COPY), par(P, P)

# ---------------------------------------------------------------- identities: equal, and not

EQUAL: dict[str, tuple[Data, Data]] = {
    "delta sums out": (over("y", times(prob(ID, "y", "x"), prob(P, "y"))), PX),
    "delta is symmetric": (prob(ID, "y", "x"), prob(ID, "x", "y")),
    "delta squared": (to(prob(ID, "y", "x"), 2), prob(ID, "y", "x")),
    "delta exchanges letters": (times(prob(ID, "y", "x"), PX), times(prob(ID, "y", "x"), PY)),
    "delta of one letter": (prob(ID, "x", "x"), num(1)),
    "rows sum to one": (over("x", times(PX, over("Y", prob(F, "Y", "x"), "Y"))), num(1)),
    "joint sums to one": (over("x", over("Y", prob(J, "x Y"), "Y")), num(1)),
    "box without outputs": (prob(box("n", "X", ""), "", "x"), num(1)),
    "unused letter": (over("x", num(3)), times(num(3), ["Size", "X"])),
    "softmax sums to one": (mean(), num(1)),
    "deterministic squared": (to(prob(D, "Y", "x"), 2), prob(D, "Y", "x")),
    "deterministic root": (to(prob(D, "Y", "x"), "1/2"), prob(D, "Y", "x")),
    "deterministic twice": (
        times(prob(D, "Y", "x"), prob(D, "Z", "x")),
        times(prob(D, "Y", "x"), prob(["Id", ["Y"]], "Z", "Y")),
    ),
    "deterministic across sums": (
        to(over("Y", times(prob(D, "Y", "x"), prob(box("r", "", "Y"), "Y")), "Y"), 2),
        over("Y", times(prob(D, "Y", "x"), to(prob(box("r", "", "Y"), "Y"), 2)), "Y"),
    ),
    "log of a product": (times(PX, log(times(num(12), PX))), times(PX, plus(log(num(12)), log(PX)))),
    "log of a rational": (log(num("8/9")), plus(times(num(3), log(num(2))), times(num(-2), log(num(3))))),
    "log of softmax": (log(soft("w")), less(logit(POINT, "w"), PARTITION)),
    "log of a power": (log(to(soft("w"), "1/2")), times(num("1/2"), log(soft("w")))),
    "log of exp": (log(["Exp", ["Symbol", "s"]]), ["Symbol", "s"]),
    "log of one": (log(prob(ID, "x", "x")), num(0)),
    "roots multiply": (times(to(PX, "1/2"), to(PX, "1/2")), PX),
    "power of a product": (to(times(PX, QX), "1/2"), times(to(PX, "1/2"), to(QX, "1/2"))),
    "root of a number": (to(num(8), "1/2"), times(num(2), to(num(2), "1/2"))),
    "inverse root of a number": (to(num(2), "-1/2"), times(num("1/2"), to(num(2), "1/2"))),
    "root of a sum squared": (to(to(plus(PX, QX), "1/2"), 2), plus(PX, QX)),
    "square of a sum": (to(less(PX, QX), 2), plus(to(PX, 2), to(QX, 2), times(num(-2), PX, QX))),
    "a smaller inverse": (times(to(PX, 2), to(PX, -1)), PX),
    "a larger inverse stays zero": (times(PX, to(PX, -1), to(PX, -1)), times(PX, to(PX, -2))),
    "a larger inverse, in any order": (times(to(PX, -2), QX, to(PX, 1)), times(QX, PX, to(PX, -1), to(PX, -1))),
    "a larger inverse taken back": (times(PX, to(PX, -2), to(PX, 3)), to(PX, 2)),
    "a larger inverse leaves a support": (times(PX, to(PX, -2), PX), times(PX, to(PX, -1))),
    "a root of a larger inverse": (to(times(PX, to(PX, -1), to(PX, -1)), "1/2"), times(PX, to(PX, "-3/2"))),
    "a larger inverse of a certain box": (times(prob(D, "Y", "x"), to(prob(D, "Y", "x"), -2)), prob(D, "Y", "x")),
    "a larger inverse under a sum": (
        over("x", times(PX, to(PX, -2), less(QX, PX))),
        over("y", plus(times(prob(Q, "y"), PY, to(PY, -2)), times(num(-1), PY, to(PY, -1)))),
    ),
    "a larger inverse of a sum": (
        times(to(plus(PX, QX), "1/2"), to(plus(PX, QX), "-3/2")),
        times(to(plus(PX, QX), -1), to(plus(PX, QX), "1/2"), to(plus(PX, QX), "-1/2")),
    ),
    "a whole inverse of softmax": (times(soft("w"), to(soft("w"), -1)), num(1)),
    "abs of weights": (["Abs", plus(PX, QX)], plus(PX, QX)),
    "abs of one minus a weight": (["Abs", less(PX, num(1))], less(num(1), PX)),
    "abs of an opposite": (["Abs", less(PX, QX)], ["Abs", less(QX, PX)]),
    "abs of a multiple": (["Abs", times(num(-2), PX, less(PX, QX))], times(num(2), PX, ["Abs", less(PX, QX)])),
    "abs of a product": (
        ["Abs", times(["Symbol", "s"], ["Symbol", "t"])],
        times(["Abs", ["Symbol", "s"]], ["Abs", ["Symbol", "t"]]),
    ),
    "letters are renamed": (
        over("x", over("y", times(PX, PY, prob(box("k", "X", "X"), "y", "x")))),
        over("b", over("a", times(prob(P, "a"), prob(P, "b"), prob(box("k", "X", "X"), "a", "b")))),
    ),
    "sums are factors": (to(over("x", to(PX, 2)), 2), over("x", over("y", times(to(PX, 2), to(PY, 2))))),
    "names are lexical": (
        over("x", plus(PX, over("x", to(PX, 2)))),
        plus(num(1), times(["Size", "X"], over("y", to(PY, 2)))),
    ),
    "gradient": (along(PARTITION), mean(logit(U, "m"))),
    "gradient of softmax": (along(soft("w")), times(soft("w"), less(logit(U, "w"), mean(logit(U, "m"))))),
    "hessian": (
        along(along(PARTITION, V)),
        less(mean(logit(U, "m"), logit(V, "m")), times(mean(logit(U, "m")), mean(logit(V, "m")))),
    ),
    "derivative of a root": (
        along(to(soft("w"), "1/2")),
        times(num("1/2"), to(soft("w"), "1/2"), less(logit(U, "w"), mean(logit(U, "m")))),
    ),
    "derivative of exp": (along(["Exp", logit(POINT, "w")]), times(["Exp", logit(POINT, "w")], logit(U, "w"))),
    "derivative of what stays": (along(times(PX, ["Size", "X"])), num(0)),
    "copied KL": (divergence("KL", COPIED, TWICE), over("x", times(num(-1), PX, log(PX)))),
    "copied TV": (divergence("TV", COPIED, TWICE), less(num(1), over("x", to(PX, 2)))),
    "copied JS": (
        divergence("JS", COPIED, TWICE),
        plus(
            times(num("1/2"), log(num(2))), times(num("1/2"), over("x", times(PX, log(num(2))))),
            times(num("1/2"), over("x", times(PX, PX, log(PX)))),
            times(num("-1/2"), over("x", times(PX, log(plus(num(1), PX))))),
            times(num("-1/2"), over("x", times(PX, PX, log(plus(num(1), PX))))),
        ),
    ),
    "averaged TV": (divergence("TV", F, F, P), num(0)),
    "reverse KL": (divergence("reverse_KL", P, Q), divergence("KL", Q, P)),
    "a log of what never vanishes": (less(log(plus(num(1), QX)), log(plus(num(1), QX))), num(0)),
}  # fmt: skip

NEARLY: dict[str, tuple[Data, Data]] = {
    "delta of two letters": (prob(ID, "y", "x"), num(1)),
    "delta leaves the letter": (over("y", times(prob(ID, "y", "x"), PY)), PY),
    "delta exchanges in one factor only": (times(prob(ID, "y", "x"), PX), times(PX, PY)),
    "a row at one letter twice": (over("x", prob(box("k", "", "X X"), "x x")), num(1)),
    "a row with its letter elsewhere": (over("x", times(PX, QX)), QX),
    "a row summed over its input": (over("x", prob(F, "Y", "x")), num(1)),
    "a row at its own input": (over("x", prob(box("k", "X", "X"), "x", "x")), num(1)),
    "half of a joint": (over("x", prob(J, "x Y")), num(1)),
    "a square does not sum to one": (over("x", to(PX, 2)), num(1)),
    "the size of another alphabet": (over("x", num(3)), times(num(3), ["Size", "Y"])),
    "not deterministic": (to(prob(F, "Y", "x"), 2), prob(F, "Y", "x")),
    "deterministic at two inputs": (
        times(prob(D, "Y", "x"), prob(D, "Y", "y")),
        times(prob(D, "Y", "x"), prob(ID, "x", "y")),
    ),
    "two deterministic boxes": (
        times(prob(D, "Y", "x"), prob(box("c", "X", "Y", det=True), "Z", "x")),
        times(prob(D, "Y", "x"), prob(["Id", ["Y"]], "Z", "Y")),
    ),
    "not deterministic, across sums": (
        to(over("Y", times(prob(F, "Y", "x"), prob(box("r", "", "Y"), "Y")), "Y"), 2),
        over("Y", times(prob(F, "Y", "x"), to(prob(box("r", "", "Y"), "Y"), 2)), "Y"),
    ),
    "log of a sum": (log(plus(soft("w"), soft("z"))), plus(log(soft("w")), log(soft("z")))),
    "log of another rational": (log(num("8/9")), plus(times(num(3), log(num(2))), times(num(-3), log(num(3))))),
    "log of a sign": (log(times(["Symbol", "s"], ["Symbol", "t"])), plus(log(["Symbol", "s"]), log(["Symbol", "t"]))),
    "root of a square": (to(to(["Symbol", "s"], 2), "1/2"), ["Symbol", "s"]),
    "root of a sum": (to(plus(PX, QX), "1/2"), plus(to(PX, "1/2"), to(QX, "1/2"))),
    "a whole inverse": (times(PX, to(PX, -1)), num(1)),
    "a larger inverse": (times(PX, to(PX, -2)), to(PX, -1)),
    "a larger inverse is no other": (times(PX, to(PX, -2)), times(PX, to(PX, -3))),
    "the inverse of a larger inverse": (times(num(1), to(times(PX, to(PX, -2)), -1)), PX),
    "a log of a support": (times(PX, log(times(PX, to(PX, -2)))), times(PX, log(times(PX, to(PX, -2))))),
    "a log of a larger inverse": (log(times(PX, to(PX, -1), to(PX, -1))), times(num(-1), log(PX))),
    "a larger inverse of another": (times(PX, to(PX, -2)), times(QX, to(QX, -2))),
    "a larger inverse of a symbol": (times(["Symbol", "s"], to(["Symbol", "s"], -2)), to(["Symbol", "s"], -1)),
    "an inverse of an opposite": (to(times(num(-1), PX), -1), times(num(-1), to(PX, -1))),
    "an inverse of a product of signs": (
        to(times(["Symbol", "s"], ["Symbol", "t"]), -1),
        times(to(["Symbol", "s"], -1), to(["Symbol", "t"], -1)),
    ),
    "an inverse of a quotient": (to(times(PX, to(QX, -1)), -1), times(to(PX, -1), QX)),
    "abs of a difference": (["Abs", less(PX, QX)], less(PX, QX)),
    "abs of half minus a weight": (["Abs", less(num("1/2"), PX)], less(num("1/2"), PX)),
    "abs of one minus a sum": (["Abs", less(num(1), over("x", over("y", PX)))], less(num(1), over("x", over("y", PX)))),
    "abs of another": (["Abs", less(PX, QX)], ["Abs", less(PX, PY)]),
    "letters are not exchanged": (over("x", prob(F, "Y", "x")), over("y", prob(G, "y", "Y"))),
    "free letters have names": (prob(ID, "y", "x"), prob(ID, "z", "x")),
    "gradient along another": (along(PARTITION), mean(logit(V, "m"))),
    "gradient elsewhere": (["Derivative", ["LogPartition", ["Point", "k", HEAD]], POINT, U], mean(logit(U, "m"))),
    "no product rule": (along(times(soft("w"), soft("z"))), times(along(soft("w")), along(soft("z")))),
    "uncentred hessian": (along(along(PARTITION, V)), mean(logit(U, "m"), logit(V, "m"))),
    "exponent 0": (to(soft("w"), 0), num(1)),
    "copied TV without what is off the diagonal": (
        divergence("TV", COPIED, TWICE), times(num("1/2"), over("x", less(PX, to(PX, 2)))),
    ),
    "minus infinity meets plus": (plus(log(PX), times(num(-1), log(PX))), num(0)),
    "an unsplit ratio": (log(times(PX, to(QX, -1))), less(log(PX), log(QX))),
    "a ratio of one": (log(times(QX, PX, to(PX, -1))), log(QX)),
    "infinity times a sign": (times(["Symbol", "s"], log(PX)), times(log(PX), ["Symbol", "s"])),
    "infinity squared": (to(log(PX), 2), times(log(PX), log(PX))),
    "a log of a log": (log(times(num(-1), log(PX))), log(times(num(-1), log(PX)))),
    "derivative of an infinite value": (along(log(PX)), num(0)),
    "derivative of a vanishing log": (along(times(PX, log(PX))), num(0)),
    "a rank": (["Rank", soft("w"), U, V], num(1)),
    "a dimension": (["Dimension", HEAD], ["Dimension", HEAD]),
    "an unknown divergence": (divergence("renyi:inf", P, Q), divergence("renyi:inf", P, Q)),
    "reverse KL off the diagonal": (divergence("reverse_KL", COPIED, TWICE), divergence("reverse_KL", COPIED, TWICE)),
    "a log of what vanishes at once": (less(log(plus(PX, QX)), log(plus(PX, QX))), num(0)),
    "a number too hard": (log(num(10007 * 10009)), plus(log(num(10007)), log(num(10009)))),
}  # fmt: skip


@pytest.mark.parametrize("name", EQUAL)
def test_equal_expressions_are_accepted_either_way_round(name: str) -> None:
    left, right = EQUAL[name]
    for data in (identity(left, right), identity(right, left), identity(left, right, normal=left)):
        assert isinstance(outcome(data), Accepted), outcome(data)


@pytest.mark.parametrize("name", NEARLY)
def test_near_misses_are_rejected(name: str) -> None:
    left, right = NEARLY[name]
    assert reason(identity(left, right))
    assert reason(identity(right, left))


def test_the_normal_form_counts() -> None:
    left, right = EQUAL["square of a sum"]
    assert reason(identity(left, right, normal=plus(right, PX))) == "the normal form is not that of the sides"
    assert reason(identity(left, right, uses=[0])) == "a number is out of its range"
    assert reason(certificate("identity", ["LessEq", left, right], {"normal": right, "uses": []}))


def test_a_constant_direction_is_used_where_it_is_given() -> None:
    """And only where: a relation on a point's logit, or one whose right side moves with the token, is no rewrite."""
    given = [["Equal", logit(U, "w"), plus(["Symbol", "c"], num(1))]]
    assert isinstance(outcome(identity(along(PARTITION), given[0][2], given=given, uses=[0])), Accepted)
    assert reason(identity(along(PARTITION), given[0][2], given=given))
    assert reason(identity(along(PARTITION, V), given[0][2], given=given, uses=[0]))
    for bad in (
        ["Equal", logit(POINT, "w"), num(0)],
        ["LessEq", logit(U, "w"), num(0)],
        ["Equal", num(0), logit(U, "w")],
    ):
        assert reason(identity(mean(bad[1]), num(0), given=[bad], uses=[0]))
    moving = ["Equal", logit(U, "w"), soft("w")]
    assert reason(identity(along(PARTITION), mean(soft("m")), given=[moving], uses=[0]))


TERMS: dict[str, tuple[Data, Data, bool]] = {
    "copying is coassociative": (seq(COPY, par(COPY, ID)), seq(COPY, par(ID, COPY)), True),
    "copying has a unit": (seq(COPY, par(ID, DROP)), ID, True),
    "copying commutes": (seq(COPY, ["Swap", ["X"], ["X"]]), COPY, True),
    "discarding is natural": (seq(F, ["Discard", ["Y"]]), DROP, True),
    "deterministic boxes copy": (seq(D, ["Copy", ["Y"]]), seq(COPY, par(D, D)), True),
    "no other boxes do": (seq(F, ["Copy", ["Y"]]), seq(COPY, par(F, F)), False),
    "swapping is not nothing": (["Swap", ["X"], ["X"]], ["Id", ["X", "X"]], False),
    "two draws are not one": (seq(P, COPY), par(P, P), False),
    "one certain draw is": (seq(E, COPY), par(E, E), True),
}


def entry_of(term: Data, ins: int, outs: Data) -> Data:
    return ["Entry", term, [at(f"@i{k + 1}") for k in range(ins)], [at(f"@o{k}", x) for k, x in enumerate(outs, 1)]]


@pytest.mark.parametrize("name", TERMS)
def test_terms_as_kernels_and_as_diagrams(name: str) -> None:
    left, right, equal = TERMS[name]
    reader = Reader()
    from lmlaws.checks.recheck.flint.programs import normal_form
    from lmlaws.checks.recheck.flint.reading import ends

    ins, outs = ends(reader.node(left, "term"))
    as_kernels = identity(left, right, normal=entry_of(right, len(ins), outs))
    assert isinstance(outcome(as_kernels), Accepted) is equal
    steps = json.loads(json.dumps(normal_form(reader.node(right, "term"))))
    as_diagram = certificate("diagram", ["Equal", left, right], steps)
    assert isinstance(outcome(as_diagram), Accepted) is equal
    steps["outputs"] = [[0, 1], *steps["outputs"]]
    assert reason(certificate("diagram", ["Equal", left, right], steps))


def test_entropies_and_their_definitions() -> None:
    chain = seq(P, COPY, par(ID, F))
    law = times(prob(P, "x"), prob(F, "Y", "x"))
    rest = over("x", over("Y", times(num(-1), law, log(prob(F, "Y", "x"))), "Y"))
    assert isinstance(outcome(identity(H("Y", "X"), rest, chain)), Accepted)
    assert reason(identity(H("Y"), rest, chain))
    assert isinstance(outcome(identity(H("X"), H("X", ""), chain)), Accepted)
    assert isinstance(outcome(identity(info("X;Y"), less(H("Y"), H("Y", "X")), chain)), Accepted)
    assert isinstance(outcome(identity(H("X X_2"), H("X"), seq(P, COPY))), Accepted)
    assert reason(identity(H("X X_2"), H("X"), par(P, P)))
    assert reason(identity(H("Z"), H("Z"), chain)) == "'Z' is no wire of the state"


def test_wires_are_named_past_names_that_are_taken() -> None:
    from lmlaws.checks.recheck.flint.programs import wire_names

    assert wire_names(("A", "B", "A", "A")) == ["A", "B", "A_2", "A_3"]
    assert wire_names(("A", "A", "A_2", "A", "A_2")) == ["A", "A_3", "A_2", "A_4", "A_2_2"]


# ---------------------------------------------------------------- rewriting under hypotheses

K, M = box("k", "X", "X"), box("m", "X", "X")
KEEPS, SWAPS = ["Equal", seq(P, K), P], ["Equal", seq(M, K), seq(K, M)]


def rewriting(left: Data, right: Data, given: Data, *rewrites: Data) -> dict[str, Any]:
    return certificate("diagram", ["Equal", left, right], {"rewrites": list(rewrites)}, None, given)


def test_rewrites() -> None:
    step = [0, True, ["Id", []], [], K]
    assert isinstance(outcome(rewriting(seq(P, K, K), seq(P, K), [KEEPS], step)), Accepted)
    second = [0, True, ["Id", []], [], ID]
    assert isinstance(outcome(rewriting(seq(P, K, K), P, [KEEPS], step, second)), Accepted)
    back = [0, False, ["Id", []], [], ID]
    assert isinstance(outcome(rewriting(P, seq(P, K), [KEEPS], back)), Accepted)
    beside = [0, True, P, ["X"], ["Id", ["X", "X"]]]
    assert isinstance(outcome(rewriting(par(P, seq(P, K)), par(P, P), [KEEPS], beside)), Accepted)
    for bad in (
        rewriting(seq(P, K, K), P, [KEEPS], step),
        rewriting(seq(P, K, K), seq(P, K), [KEEPS]),
        rewriting(seq(P, K, K), seq(P, K), [KEEPS], second),
        rewriting(seq(P, K, K), seq(P, K), [KEEPS], [1, *step[1:]]),
        rewriting(seq(P, K, K), seq(P, K), [KEEPS], [0, 1, *step[2:]]),
        rewriting(seq(P, K, K), seq(P, K), [KEEPS], [0, True, ["Id", []], ["X"], K]),
        rewriting(seq(P, K, K), seq(P, K), [["LessEq", H("X"), num(1)]], step),
        rewriting(P, seq(P, K), [["Equal", seq(Q, K), Q]], back),
        rewriting(P, P, [KEEPS], [0, False, ["Id", []], [], M], [0, True, ["Id", []], [], M]),
    ):
        assert reason(bad)


# ---------------------------------------------------------------- shannon

DRAWN = seq(P, COPY, par(ID, seq(F, ["Copy", ["Y"]])), par(ID, ["Id", ["Y"]], box("g", "Y", "Z")))
XYZ = box("j", outs="X Y Z")
PROCESSING = ["LessEq", info("X;Z"), info("X;Y")]
MARKOV = ["Equal", info("X;Z", "Y"), num(0)]


def shannon(holds: Data, steps: Data, about: Data = XYZ, given: Data = ()) -> dict[str, Any]:
    return certificate("shannon", holds, {"<=": steps} if isinstance(steps, list) else steps, about, given)


def test_shannon_certificates_and_their_near_misses() -> None:
    drawn: list[Data] = [["1", ["I", [0], [1], [2]]], ["-1", ["box", 2, [2], [0]]]]
    assumed = [["1", ["I", [0], [1], [2]]], ["1", ["given", 0]]]
    function = seq(P, COPY, par(ID, D))
    alone: dict[str, list[Data]] = {"<=": [], ">=": []}
    good = [
        shannon(PROCESSING, drawn, DRAWN),
        shannon(PROCESSING, assumed, XYZ, [MARKOV]),
        shannon(["LessEq", H("Y"), H("X")], [["1", ["H", [0], [1]]], ["-1", ["function", 1, [1]]]], function),
        shannon(["LessEq", H("X"), log(["Size", "X"])], [["1", ["size", 0]]]),
        shannon(["LessEq", num(0), log(["Size", "Q"])], [["1", ["log", "Q"]]], None),
        shannon(["LessEq", num(1), num(3)], [["2", ["one"]]], None),
        shannon(["LessEq", times(num(2), H("X")), num(6)], [["2", ["given", 0]]], XYZ, [["LessEq", H("X"), num(3)]]),
        shannon(["Equal", H("X Y"), plus(H("X"), H("Y", "X"))], alone),
        shannon(["Equal", info("X;Y;Z"), less(info("X;Y"), info("X;Y", "Z"))], alone),
        shannon(["Equal", times(to(num(2), -1), H("X")), times(num("1/2"), H("X"))], alone),
    ]
    for data in good:
        assert isinstance(outcome(data), Accepted), outcome(data)
    bad: list[Data] = [
        shannon(PROCESSING, drawn, seq(P, COPY, par(F, ID), par(["Copy", ["Y"]], ID), par(["Id", ["Y"]], G, ID))),
        shannon(PROCESSING, drawn),
        shannon(PROCESSING, [["1", ["I", [0], [1], [2]]], ["-1", ["box", 1, [2], [0]]]], DRAWN),
        shannon(PROCESSING, [["1", ["I", [0], [1], [2]]], ["-1", ["box", 2, [2], [0, 1]]]], DRAWN),
        shannon(["LessEq", info("X;Y"), info("X;Z")], [["-1", drawn[0][1]], ["1", drawn[1][1]]], DRAWN),
        shannon(PROCESSING, assumed),
        shannon(PROCESSING, [["1", ["I", [0], [1], [2]]], ["-1", ["given", 0]]], XYZ, [["LessEq", *MARKOV[1:]]]),
        shannon(
            ["LessEq", H("Y"), H("X")], [["1", ["H", [0], [1]]], ["-1", ["function", 1, [1]]]], seq(P, COPY, par(ID, F))
        ),
        shannon(["LessEq", H("X"), log(["Size", "Y"])], [["1", ["size", 0]]]),
        shannon(["LessEq", log(["Size", "X"]), H("X")], [["-1", ["size", 0]]]),
        shannon(["LessEq", num(3), num(1)], [["-2", ["one"]]], None),
        shannon(["Equal", H("X Y"), plus(H("X"), H("Y"))], alone),
        shannon(["LessEq", H("X Y"), plus(H("X"), H("Y"))], alone),
        shannon(["LessEq", times(H("X"), H("X")), num(1)], []),
        shannon(["LessEq", to(H("X"), -1), num(1)], []),
        shannon(["LessEq", to(num(0), -1), num(1)], []),
        shannon(["LessEq", H("X"), H("X Y")], [["1", ["H", [1], [0]], 1]]),
        shannon(["LessEq", H("X"), H("X Y")], [["1", ["H", [1, 1], [0]]]]),
        shannon(["LessEq", H("X"), H("X Y")], [["1", ["H", [True], [0]]]]),
        shannon(["LessEq", H("X"), H("X Y")], [[1, ["H", [1], [0]]]]),
        shannon(["LessEq", H("X"), H("X Y")], [["2/2", ["H", [1], [0]]]]),
        shannon(["LessEq", H("X"), H("X Y")], [["1", ["h", [1], [0]]]]),
        shannon(["Equal", P, Q], alone, None),
    ]
    for wrong in bad:
        assert reason(wrong)
    assert isinstance(outcome(shannon(["LessEq", H("X"), H("X Y")], [["1", ["H", [1], [0]]]])), Accepted)


def test_copies() -> None:
    """H(Y|X) + H(X) = H(XY) through a copy of Y over X: same law, and independent given X."""
    about, goal = box("j", outs="X Y"), ["LessEq", num(0), num(0)]
    same, apart = ["same", 0, [0, 2]], ["copy", 0, [2], [1]]
    combined = {
        "<=": [["1", ["I", [1], [2], [0]]], ["-1", apart]], "copies": [[[1], [0]]],
    }  # fmt: skip
    assert isinstance(outcome(shannon(goal, combined, about)), Accepted)
    law = ["LessEq", H("X Y"), H("X Y")]
    zero = {"<=": [["1", same], ["-1", ["H", [0, 2], []]], ["1", ["H", [0, 1], []]]], "copies": [[[1], [0]]]}
    assert reason(shannon(law, zero, about)) == "an inequality has a negative multiplier"
    known = {"<=": [["-1", same], ["1", ["H", [2], [0]]]], "copies": [[[1], [0]]]}
    assert isinstance(outcome(shannon(["LessEq", H("X"), H("X Y")], known, about)), Accepted)
    bare = shannon(["LessEq", num(1), num(3)], {"<=": [["2", ["one"]]], "copies": []}, about)
    assert outcome(bare) == Accepted("shannon", ("Shannon's inequalities", "copy lemma"), bare["hash"])
    assert reason({**bare, "rests_on": bare["rests_on"][:1]}).startswith("rests_on is not")
    plain = shannon(["LessEq", num(1), num(3)], [["2", ["one"]]], about)
    assert reason({**plain, "rests_on": bare["rests_on"]}).startswith("rests_on is not")
    for steps in (
        {**known, "copies": []},
        {**known, "copies": [[[0], [1]]]},
        {**known, "copies": [[[], [0]]]},
        {**known, "copies": [[[1], [2]]]},
        {**combined, "<=": [["1", ["I", [1], [2], [0]]], ["-1", ["copy", 0, [2], [0, 1]]]]},
        {**combined, "<=": [["1", ["I", [1], [2], [0]]], ["-1", ["copy", 0, [2], [2]]]]},
        {**combined, "<=": [["1", ["I", [1], [2], [0]]], ["-1", ["copy", 0, [1], [2]]]]},
        {**combined, "<=": [["1", ["size", 2]]]},
    ):
        assert reason(shannon(["LessEq", H("X"), H("X Y")] if "same" in str(steps) else goal, steps, about))
    twice = {
        "<=": [["-1", ["same", 1, [0, 3]]], ["-1", same], ["1", ["H", [3], [0]]]],
        "copies": [[[1], [0]], [[2], [0]]],
    }
    assert isinstance(outcome(shannon(["LessEq", H("X"), H("X Y")], twice, about)), Accepted)


# ---------------------------------------------------------------- what is no certificate, and what is too much

FINE = identity(*EQUAL["square of a sum"])


def test_the_frame_is_strict() -> None:
    assert isinstance(outcome(FINE), Accepted)
    written = json.dumps(FINE)
    assert isinstance(check(written, FINE["statement"]), Accepted)
    assert isinstance(check(written, identity(PX, PX)["statement"]), Rejected)
    changes: tuple[dict[str, Any], ...] = (
        {"kind": "identities"}, {"kind": ["identity"]}, {"kind": None}, {"hash": "0" * 64},
        {"hash": FINE["hash"].upper()},
        {"rests_on": []}, {"rests_on": ["sums over finite alphabets", "normalisation of softmax"]}, {"more": 1},
        {"steps": {**FINE["steps"], "more": 1}}, {"steps": []}, {"statement": None}, {"kind": "shannon"},
    )  # fmt: skip
    for change in changes:
        assert reason({**FINE, **change})
    for field in FINE:
        assert reason({key: value for key, value in FINE.items() if key != field})
    for text in (
        "", "{", "null", "[]", '"x"', written + "x", written.replace('"kind"', '"kind": "identity", "kind"', 1),
        written[:-1] + ', "x": NaN}', written[:-1] + ', "x": 1.0}', written[:-1] + ', "x": 1e5}', "\ufeff" + written,
        written[:-1] + ', "x": ' + "9" * 1001 + "}", "\ud800",
    ):  # fmt: skip
        assert isinstance(check(text), Rejected)


NODES: list[Data] = [
    ["Add", PX], ["Add", [PX], [PX]], ["add", [PX]], [], ["Const", 1], ["Const", "1.0"], ["Const", "-0"],
    ["Const", "4/2"],
    ["Const", "1/-2"], ["Const", "1/0"], ["Const", "01"], ["Const", "+1"], ["Const", "\u0661"], ["Const", "1\n"],
    ["Const", "9" * 1001], ["Symbol", None], ["Pow", PX, 2], ["Entry", P, [], [at("x", "Y")]], ["Entry", P, [], []],
    ["Entry", P, [at("x")], []], ["Sum", PX, PX], ["Logit", POINT, at("x")], ["Softmax", U, at("x", "V")],
    ["Derivative", PARTITION, POINT, ["Direction", "u", ["Head", "Z", "V"]]], ["Information", [["X"]], []],
    ["Entropy", "X", []], divergence("KL", P, J), divergence("KL", F, F), divergence("KL", P, Q, P),
    divergence("KL", F, F, box("r", "", "Y")), prob(["Seq", []], ""), prob(seq(P, G), "x"), P,
    over("x", prob(J, "x x")),
    plus(PX, prob(box("p", "", "X", det=True), "x")), plus(PX, prob(box("p", "", "X", role="data"), "x")),
    plus(prob(F, "Y", "x"), prob(box("f", "X", "X"), "y", "x")),
    ["Entry", ["Box", "p", [], ["X"], 0, ""], [], [at("x")]],
    over("x", prob(box("y", "", "Y"), "x")), over("x", prob(box("", "", "X"), "x")),
    over("", prob(P, "x")), ["Symbol", ""],
]  # fmt: skip


@pytest.mark.parametrize("node", NODES, ids=range(len(NODES)))
def test_ill_formed_expressions_are_rejected(node: Data) -> None:
    assert reason(identity(node, node))


def nested(depth: int, wrap: Callable[[Data], Data], core: Data) -> Data:
    for _ in range(depth):
        core = wrap(core)
    return core


S, T = ["Symbol", "s"], ["Symbol", "t"]
MANY = [over(f"x{i}", prob(box(f"k{i}", "X", "X"), f"x{i}", f"x{i}")) for i in range(40)]
HOSTILE: dict[str, Data] = {
    "tower of exp": nested(80, lambda e: ["Exp", e], S),
    "tower of abs": nested(40, lambda e: ["Abs", plus(e, S)], S),
    "tower of powers": nested(80, lambda e: to(e, 2), num(3)),
    "great power": to(num(3), "9" * 900),
    "great negative power": to(num(3), "-" + "9" * 900),
    "great root": to(num("7" * 999), "1/3"),
    "many great roots": times(*[to(num(10**999 + k), "1/3") for k in range(300)]),
    "power of a sum": to(plus(S, num(1)), "9" * 900),
    "tower of squares": nested(40, lambda e: to(e, 2), plus(S, T)),
    "tower of products": nested(40, lambda e: times(e, plus(S, T, PX)), num(1)),
    "product of numbers": times(*[num("9" * 999)] * 400),
    "symmetric letters": over("a", times(prob(P, "a"), to(over("b", prob(box("k", "X", "X"), "a", "b")), 11))),
    "a clique": nested(12, lambda e: over(f"v{len(str(e)) % 997}", times(e, e)), prob(box("k", "X", "X"), "x", "y")),
    "a ring": nested(
        9, lambda e: over("c", e), times(*[over(f"a{i}", prob(box("k", "X", "X"), f"a{i}", f"a{i}")) for i in range(9)])
    ),
    "a symmetric knot": [
        "Sum", at("a"), ["Sum", at("b"), ["Sum", at("c"), ["Sum", at("d"), ["Sum", at("e"), ["Sum", at("f"), times(
            *[prob(box("k", "X", "X"), x, y) for x in "abcdef" for y in "abcdef"])]]]]],
    ],
    "sums over one letter": nested(60, lambda e: over("x", times(e, PX)), PX),
    "derivatives": nested(30, lambda e: along(e), PARTITION),
    "logs of sums": nested(40, lambda e: log(plus(num(1), ["Exp", e])), S),
    "many terms": times(*[plus(*[["Symbol", f"s{i}{j}"] for j in range(9)]) for i in range(9)]),
    "wide sum": plus(*[to(["Symbol", f"s{i}"], 2) for i in range(20000)]),
    "wide product": times(*[["Symbol", f"s{i}"] for i in range(20000)]),
    "long chain": ["Entry", seq(*[box("k", "X", "X")] * 3000), [at("x")], [at("y")]],
    "wide copies": prob(seq(P, *[["Copy", ["X"] * 2**i] for i in range(14)]), " ".join(["x"] * 2**14)),
    "many sums": times(*MANY),
    "many groups": ["Information", [["X"]] * 30, []],
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("deep", [0, 450])
def test_hostile_expressions_are_refused(name: str, deep: int) -> None:
    def call(depth: int) -> Accepted | Rejected:
        return call(depth - 1) if depth else check(json.dumps(identity(HOSTILE[name], num(0), P)))

    assert isinstance(call(deep), Rejected)


def test_hostile_texts_are_refused() -> None:
    for text in (
        "[" * 2_000_000, "[" * 1_000_000 + "]" * 1_000_000, "[[],[]," * 500_000, '{"a":' * 500_000, "9" * 4_000_000,
        '"' + "\\" * 4_000_000, " " * 5_000_000, "[" + "[]," * 1_300_000 + "[]]", "[" + "{}," * 1_300_000 + "{}]",
        "[" * 401 + "]" * 401,
    ):  # fmt: skip
        assert isinstance(check(text), Rejected)


def test_great_shannon_and_diagram_certificates_are_refused() -> None:
    wide = seq(P, *[["Copy", ["X"] * 2**i] for i in range(12)])
    facts = [["1/" + str(10**900 + k), ["H", [0], []]] for k in range(2000)]
    assert isinstance(check(json.dumps(shannon(["LessEq", H("X"), num(0)], facts, P))), Rejected)
    copies = {"<=": [], "copies": [[list(range(2**k)), []] for k in range(12)]}
    assert isinstance(check(json.dumps(shannon(["LessEq", H("X"), num(0)], copies, P))), Rejected)
    groups = ["LessEq", ["Information", [["X"]] * 40, []], num(0)]
    assert reason(shannon(groups, [], P)).startswith("too large to check")
    assert isinstance(check(json.dumps(certificate("diagram", ["Equal", wide, wide], {}))), Rejected)


def test_hostile_certificates_stay_within_512_megabytes(tmp_path: Path) -> None:
    """In a process of its own, whose memory is bounded."""
    names = ["tower of products", "a clique", "many terms", "wide sum", "symmetric letters"]
    texts = [json.dumps(identity(HOSTILE[name], num(0), P)) for name in names] + ["[" + "[]," * 1_300_000 + "[]]"]
    path = tmp_path / "texts.json"
    path.write_text(json.dumps(texts), encoding="utf-8")
    code = (
        "import json, sys; from lmlaws.checks.recheck.flint import check, Rejected\n"
        "assert all(isinstance(check(text), Rejected) for text in json.load(open(sys.argv[1])))"
    )

    def bounded() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (512 * 2**20, 512 * 2**20))

    subprocess.run([sys.executable, "-c", code, str(path)], check=True, preexec_fn=bounded)


# ---------------------------------------------------------------- random expressions against finite kernels


Number = Any
"""A Fraction while exact, else a float."""


class UndefinedError(Exception):
    """An expression has no value: infinity less infinity, or a log or root of a negative number."""


BOXES = {name: box(name) for name in "pq"} | {"j": box("j", "", "X X"), "f": box("f", "X", "X")}
BOXES |= {"d": box("d", "X", "X", det=True), "e": box("e", "", "X", det=True)}


def prod(values: list[Number]) -> Number:
    result: Number = Fraction(1)
    for value in values:
        result *= value
    return result


class World:
    """Random kernels over one alphabet, many entries of them 0, and values by the page's definitions."""

    def __init__(self, source: random.Random) -> None:
        self.size = source.choice([1, 2, 2, 3])
        self.symbol = source.choice([Fraction(0), Fraction(2), Fraction(-1), Fraction(1, 2)])
        self.rows = {
            name: [self.row(source, self.size ** len(made[3]), made[4]) for _ in range(self.size if made[2] else 1)]
            for name, made in BOXES.items()
        }

    def row(self, source: random.Random, length: int, certain: bool) -> list[Fraction]:
        weights = [0 if certain else source.choice([0, 0, 1, 2, 3]) for _ in range(length)]
        weights[source.randrange(length)] += 1 if certain or not sum(weights) else 0
        return [Fraction(weight, sum(weights)) for weight in weights]

    def value(self, node: Data, letters: dict[str, int]) -> Number:
        kind, first = node[:2]
        if kind in ("Const", "Size", "Symbol"):
            return {"Const": lambda: Fraction(first), "Size": lambda: Fraction(self.size)}.get(
                kind, lambda: self.symbol
            )()
        if kind == "Entry":
            ins, outs = ([letters[x[1]] for x in side] for side in node[2:])
            if first[0] == "Id":
                return Fraction(ins == outs)
            place = 0
            for out in outs:
                place = place * self.size + out
            return self.rows[first[1]][(ins or [0])[0]][place]
        if kind in ("Add", "Sum"):
            scopes = [{**letters, first[1]: i} for i in range(self.size)] if kind == "Sum" else [letters] * len(first)
            parts = [node[2]] * self.size if kind == "Sum" else first
            values = [self.value(part, scope) for part, scope in zip(parts, scopes, strict=True)]
            if math.inf in values and -math.inf in values:
                raise UndefinedError
            total: Number = Fraction(0)
            for value in values:
                total += value
            return total if abs(total) >= 1e-13 else 0.0
        if kind == "Mul":
            values = [self.value(part, letters) for part in first]
            return 0.0 if 0 in values else prod(values)
        return self.function(kind, self.value(first, letters), Fraction(node[2]) if kind == "Pow" else Fraction(1))

    def function(self, kind: str, inside: Number, exponent: Fraction) -> Number:
        if kind == "Abs":
            return abs(inside)
        if kind == "Exp":
            return math.exp(inside)
        if inside < 0 and (kind == "Log" or exponent.denominator != 1 or math.isinf(inside)):
            raise UndefinedError
        if kind == "Log":
            return -math.inf if inside == 0 else math.log(inside)
        if inside == 0 or math.isinf(inside):
            return math.inf if (exponent > 0) == (inside != 0) else Fraction(0)
        whole = exponent.numerator
        if exponent.denominator != 1:
            return math.exp(float(exponent) * math.log(inside))
        return prod([inside] * whole) if whole > 0 else 1 / prod([inside] * -whole)


def random_expression(source: random.Random, depth: int, letters: list[str]) -> Data:
    """Small expressions in which logarithms and negative powers stand beside what makes them harmless, or not."""

    def atom() -> Data:
        one, two = at(source.choice(letters)), at(source.choice(letters))
        laws = [["Entry", BOXES[name], [], [one]] for name in "pqe"]
        kernels = [["Entry", term, [one], [two]] for term in (BOXES["f"], BOXES["d"], ID)]
        return source.choice([*laws, *kernels, ["Entry", BOXES["j"], [], [one, two]]])

    shapes = [
        "atom",
        "atom",
        "number",
        "Add",
        "Mul",
        "Mul",
        "Sum",
        "Sum",
        "Pow",
        "Log",
        "Abs",
        "logs",
        "logs",
        "rest",
        "Exp",
    ]
    shape = source.choice(shapes)
    if shape == "logs":
        parts = [atom(), atom()]
        powers = [to(x, source.choice(["1", "-1", "2", "1/2", "-2"])) for x in source.choices([*parts, atom()], k=2)]
        parts.append(source.choice([log(times(*powers)), powers[0], log(powers[1])]))
        return times(*source.sample(parts, len(parts)))
    if shape == "rest":
        return less(num(1), atom())
    if depth == 0 or shape in ("atom", "number"):
        numbers = [num(source.choice([1, -1, 2, "1/2"])), ["Size", "X"], S]
        return source.choice(numbers) if shape == "number" else atom()
    if shape == "Sum":
        name = source.choice("abx")
        return over(name, random_expression(source, depth - 1, [*letters, name]))
    if shape in ("Add", "Mul"):
        return [shape, [random_expression(source, depth - 1, letters) for _ in range(source.choice([2, 2, 3]))]]
    inside = random_expression(source, depth - 1, letters)
    return to(inside, source.choice(["2", "-1", "1/2", "3/2", "-1/2"])) if shape == "Pow" else [shape, inside]


def changed(source: random.Random, node: Data) -> Data:
    """The expression rewritten at one place, in a way that is often right and often not."""
    kind, first = node[:2]
    if kind in ("Add", "Mul") and not first:
        return node
    if source.random() < 0.5 and kind in ("Add", "Mul", "Sum", "Pow", "Log", "Abs", "Exp"):
        if kind in ("Add", "Mul"):
            i = source.randrange(len(first))
            return [kind, [*first[:i], changed(source, first[i]), *first[i + 1 :]]]
        return [kind, first, changed(source, node[2])] if kind == "Sum" else [kind, changed(source, first), *node[2:]]
    if kind == "Mul":
        return changed_product(source, list(first))
    inner = first[0] if kind in ("Log", "Pow", "Abs") else node[2][0] if kind == "Sum" else ""
    rules: dict[tuple[str, str], Callable[[], Data]] = {
        ("Log", "Mul"): lambda: plus(*(log(x) for x in first[1])),
        ("Log", "Pow"): lambda: times(num(first[2]), log(first[1])),
        ("Pow", "Mul"): lambda: times(*(to(x, node[2]) for x in first[1])),
        ("Pow", "Pow"): lambda: to(first[1], Fraction(node[2]) * Fraction(first[2])),
        ("Abs", "Mul"): lambda: times(*(["Abs", x] for x in first[1])),
        ("Sum", "Add"): lambda: plus(*(["Sum", first, x] for x in node[2][1])),
        ("Sum", "Sum"): lambda: ["Sum", node[2][1], ["Sum", first, node[2][2]]],
        ("Sum", "Mul"): lambda: pulled(first, node[2][1]),
    }
    if (kind, inner) in rules:
        return rules[kind, inner]()
    if kind == "Abs":
        return first
    return source.choice(
        [times(node, node, to(node, -1)), plus(node, node, times(num(-1), node)), to(to(node, "1/2"), 2)]
    )


def changed_product(source: random.Random, parts: list[Data]) -> Data:
    i = source.randrange(len(parts))
    part, before, after = parts[i], parts[:i], parts[i + 1 :]
    if part[0] == "Add":
        return plus(*(times(*before, x, *after) for x in part[1]))
    if part[0] == "Sum":
        return ["Sum", part[1], times(*before, part[2], *after)]
    return source.choice(
        [
            times(*source.sample(parts, len(parts))),
            times(*parts, part, to(part, -1)),
            times(*before, to(part, "1/2"), to(part, "1/2"), *after),
            times(*before, to(part, 2), to(part, -1), *after),
            times(*parts, part),
        ]
    )


def pulled(bound: Data, parts: list[Data]) -> Data:
    """A product under a sum, with the factors that do not name its letter taken out."""
    inside = [part for part in parts if json.dumps(bound) in json.dumps(part)]
    return times(*(part for part in parts if part not in inside), ["Sum", bound, times(*inside)])


def test_what_is_found_equal_is_equal_on_kernels_with_zeros() -> None:
    source, pairs = random.Random(5), 0
    for _ in range(2500):
        left = right = random_expression(source, source.choice([1, 2, 2, 3]), ["x", "y"])
        for _ in range(source.choice([1, 2, 3, 4])):
            right = changed(source, right)
        try:
            work, reader = Expansion(("Statement", None, None, ())), Reader()
            nodes = [reader.node(side, "expr") for side in (left, right)]
            assert all(len(infinities(node)) <= 1 for node in nodes)
            equal = work.expand(nodes[0], {}) == work.expand(nodes[1], {})
        except RefusalError:
            continue
        pairs += equal and left != right
        for _ in range(12 if equal else 0):
            world = World(source)
            letters = {name: source.randrange(world.size) for name in "xy"}
            try:
                values = [world.value(side, letters) for side in (left, right)]
            except (UndefinedError, OverflowError):
                continue
            assert values[0] == values[1] or values[0] == pytest.approx(values[1], rel=1e-8, abs=1e-8), (left, right)
    assert pairs > 1000


# ---------------------------------------------------------------- kind `sum`

R, NOISE = box("r"), box("m", "X", "Y")
RX, MXY = prob(R, "x"), prob(NOISE, "Y", "x")
ZERO, UNIT = num(0), num(1)
KL, LK, CHI2, TV = divergence("KL", P, Q), divergence("KL", Q, P), divergence("chi2", P, Q), divergence("TV", P, Q)
BC = over("x", times(to(PX, "1/2"), to(QX, "1/2")))
GIBBS = "Ratio 1 1 0 0 1, Linear 1 -1 1"
P_OVER_Q, Q_OVER_P = times(PX, to(QX, -1)), times(QX, to(PX, -1))


def minus(part: Data) -> Data:
    return times(num(-1), part)


def rows(text: str) -> Data:
    return [row.split() for row in text.split(", ")]


def compare(text: str, a: Data = PX, b: Data = QX, first: str = "0 0", second: str = "0 0") -> Data:
    return ["Compare", first.split(), second.split(), a, b, rows(text)]


def merge(letters: str, a: Data, b: Data, text: str, kind: str = "Merge") -> Data:
    return [kind, [at(x, "Y" if x.isupper() else "X") for x in letters.split()], a, b, rows(text)]


def part(letters: str, fact: Data, weight: Data = UNIT) -> Data:
    return ["Part", [at(x, "Y" if x.isupper() else "X") for x in letters.split()], weight, fact]


def link(*parts: Data, shared: Data = ZERO) -> Data:
    return ["Link", shared, list(parts)]


def chain(left: Data, right: Data, *links: Data) -> dict[str, Any]:
    return certificate("sum", ["LessEq", left, right], {"links": list(links)})


def pinsker(gap: str, gibbs: str = GIBBS, half: object = "1/2") -> tuple[Data, Data]:
    schwarz = part("", merge("x", PX, QX, f"Gap 1 {gap} 0", "Schwarz"), num("1/4"))
    return link(schwarz), link(part("x", compare(f"{gibbs}, Gap -1 {gap} 0"), num(half)))


def processed(name: str, text: str) -> dict[str, Any]:
    left = divergence(name, seq(P, NOISE), seq(Q, NOISE))
    return chain(left, divergence(name, P, Q), link(part("Y", merge("x", times(MXY, PX), times(MXY, QX), text))))


LOG_CHI2 = log(plus(UNIT, CHI2))
TRUE_SUMS = {
    "Gibbs": chain(ZERO, KL, link(part("x", compare(GIBBS)))),
    "Pinsker": chain(to(TV, 2), times(num("1/2"), KL), *pinsker("2/3 4/3")),
    "Pinsker under a root": chain(TV, to(times(num("1/2"), KL), "1/2"), *pinsker("2/3 4/3")),
    "log of chi2": chain(
        KL,
        LOG_CHI2,
        link(
            part("", merge("x", PX, times(to(PX, 2), to(QX, -1)), "Ratio 1 1 0 0 1")),
            shared=plus(KL, LOG_CHI2),
        ),
    ),
    "roots": chain(
        times(num(2), plus(UNIT, minus(BC))),
        KL,
        link(
            part("x", compare("Ratio 1 1 0 0 1, Linear 1 -2 0, Power 2 1/2", second="0")),
            shared=plus(num(2), times(num(-2), BC)),
        ),
    ),
    "TV is at most 1": chain(
        TV, UNIT, link(part("x", compare("Linear 1 1 1, Apart -1", first="", second=""), num("1/2")))
    ),
    "a law below 1": chain(
        over("x", to(PX, 2)),
        UNIT,
        link(part("x", compare("Linear 1 1 0", less(UNIT, PX), UNIT, "", ""), PX), shared=over("x", to(PX, 2))),
    ),
    "KL": processed("KL", "Ratio 1 1 0 0 1"),
    "reverse_KL": processed("reverse_KL", "Ratio 1 0 1 1 0"),
    "TV": processed("TV", "Apart 1/2"),
    "hellinger2": processed("hellinger2", "Linear 1 1/2 1/2, Power -1 1/2"),
    "triangular": processed("triangular", "Gap 1/2 1 1 0"),
    "chi2": processed("chi2", "Power 1 2, Linear -1 1 0"),
    "JS": processed("JS", "Ratio 1/2 1 0 1/2 1/2, Ratio 1/2 0 1 1/2 1/2"),
}


@pytest.mark.parametrize("name", TRUE_SUMS)
def test_sum_certificates_are_accepted_and_their_converses_not(name: str) -> None:
    data = TRUE_SUMS[name]
    said = outcome(data)
    assert said == Accepted("sum", tuple(data["rests_on"]), data["hash"])
    _, left, right = data["statement"][1]
    assert reason(certificate("sum", ["LessEq", right, left], data["steps"]))
    assert reason(certificate("sum", ["Equal", left, right], data["steps"])) == (
        "a sum certificate is for LessEq, with at least one link"
    )
    assert reason({**data, "steps": {"links": []}})


SHARED_LOGS = plus(
    KL, LK, num(2), minus(over("x", P_OVER_Q)), minus(over("x", Q_OVER_P)), minus(over("x", times(num(2), RX, log(RX))))
)
SHARED_POWERS = plus(KL, LK, num(2), minus(over("x", times(to(RX, 2), Q_OVER_P))), minus(over("x", P_OVER_Q)))
SUPPORT = times(PX, to(PX, -1))
FALSE_SUMS = {
    "logs of two quotients that cancel": (
        chain(
            SHARED_LOGS,
            plus(KL, LK),
            link(part("x", compare(GIBBS, RX, P_OVER_Q)), part("x", compare(GIBBS, RX, Q_OVER_P)), shared=SHARED_LOGS),
        ),
        "may be infinite",
    ),
    "an inverse of a quotient": (
        chain(
            SHARED_POWERS,
            plus(KL, LK),
            link(part("x", compare("Power 1 2, Linear 1 -2 1", RX, P_OVER_Q)), shared=SHARED_POWERS),
        ),
        "may be infinite",
    ),
    "a log of a quotient that is dressed as a sum": (
        chain(
            plus(
                KL,
                LK,
                minus(over("x", times(RX, log(plus(P_OVER_Q))))),
                minus(over("x", times(RX, log(plus(Q_OVER_P))))),
            ),
            plus(KL, LK),
            link(shared=plus(KL, LK)),
        ),
        "under Log",
    ),
    "a log of a support": (
        chain(
            plus(UNIT, minus(over("x", SUPPORT))),
            over("x", times(RX, log(RX))),
            link(part("x", compare(GIBBS, RX, SUPPORT))),
        ),
        "log of a negative number, or of a support",
    ),
    "an inverse of a support": (
        chain(UNIT, over("x", times(RX, RX)), link(part("x", compare("Power 1 2, Linear 1 -2 1", RX, SUPPORT)))),
        "the inverse of a support",
    ),
    "a quotient of divergences": (
        chain(times(KL, to(divergence("chi2", Q, R), -1)), plus(KL, divergence("chi2", Q, R)), link()),
        "does not start",
    ),
    "Pinsker with 49/100": (
        chain(to(TV, 2), times(num("49/100"), KL), *pinsker("2/3 4/3", "Ratio 49/50 1 0 0 1, Linear 49/50 -1 1")),
        "not seen to be nonnegative",
    ),
    "an inverse row without its row": (
        chain(ZERO, ZERO, link(part("x", compare("Ratio -1 1 0 0 1, Linear 1 1 -1"), ZERO))),
        "not seen to be nonnegative",
    ),
    "a chain too short": (chain(ZERO, KL, link(part("x", compare(GIBBS, first="0")))), "has a logarithm"),
    "a concave power": (chain(UNIT, BC, link(part("", merge("x", PX, QX, "Power 1 1/2")))), "not convex"),
    "a negative root": (
        chain(minus(BC), num(-1), link(part("", merge("x", PX, QX, "Power -1 2")))),
        "not convex",
    ),
    "a negative weight of a ratio": (chain(ZERO, KL, link(part("x", compare("Ratio 1 1 -1 0 1")))), "out of its range"),
    "a ratio over nothing": (chain(ZERO, KL, link(part("x", compare("Ratio 1 1 0 0 0")))), "out of its range"),
    "the power 1": (chain(UNIT, UNIT, link(part("x", compare("Power 1 1")))), "out of its range"),
    "a gap over nothing": (chain(ZERO, KL, link(part("x", compare("Gap 1 0 0 0")))), "out of its range"),
    "Schwarz with a mass that may be 0": (
        chain(UNIT, KL, link(part("", merge("x", PX, times(QX, RX), "Gap 1 0 1 0", "Schwarz")))),
        "positive sum",
    ),
    "Schwarz with a factor": (
        chain(UNIT, KL, link(part("", merge("x", PX, QX, "Gap 1/2 1 1 0", "Schwarz")))),
        "the row of a Schwarz",
    ),
    "a multiplier seen by its shape": (
        chain(ZERO, ZERO, link(part("x", compare("Linear 1 1 0", first="", second=""), less(UNIT, PX)))),
        "is not seen to be nonnegative",
    ),
    "an argument that is negative": (
        chain(ZERO, KL, link(part("x", compare(GIBBS, less(PX, QX))))),
        "is not seen to be nonnegative",
    ),
    "one minus an entry beside a row that is no straight line": (
        chain(ZERO, KL, link(part("x", compare(GIBBS, less(UNIT, PX))))),
        "is not seen to be nonnegative",
    ),
    "a letter twice": (chain(ZERO, KL, link(part("x x", compare(GIBBS)))), "bound twice"),
    "a row in a statement": (chain(ZERO, rows(GIBBS)[0], link()), "does not stand here"),
    "a divergence that is not forced": (
        chain(KL, plus(times(num("1/2"), CHI2), CHI2), link(part("x", compare(GIBBS)), shared=KL)),
        "may be infinite",
    ),
}


@pytest.mark.parametrize("name", FALSE_SUMS)
def test_sum_certificates_of_what_is_false_or_not_shown_are_rejected(name: str) -> None:
    data, why = FALSE_SUMS[name]
    assert why in reason(data)


ROWS = (
    """
Linear 1 1 0 | Linear 1 0 2 | Apart 1/2 | Power 1 2 | Power 1 -1 | Power 1 3/2 | Power -1 1/2 | Power 1 3 | Gap 1 1 1 0
Gap 1 0 1 0 | Gap 1 1 0 2 | Gap 1 0 0 1 | Ratio 1 1 0 0 1 | Ratio 1 0 1 1 0 | Ratio 1 1 1 0 1
Ratio 2 1 1/2 1 0 | Ratio 1 0 1 1 1
""".replace("\n", "|")
    .strip("|")
    .split("|")
)
COMPARED = (GIBBS, "Power 1 2, Linear 1 -2 1", "Linear 1 1 1, Power -2 1/2, Gap -1 1 1 2", "Linear 1 1 1, Apart -1",
            f"{GIBBS}, Gap -1 2/3 4/3 0", "Power 1 2, Ratio -1 1 0 0 1, Linear 1 -1 0",
            "Power 1 2, Linear 1 -2 1, Gap -1 0 1 0",
            "Ratio 1 0 1 1 0, Linear 1 1 -1, Gap -1 4/3 2/3 0", "Power 1 -1, Linear 1 1 -2, Gap -1 1 0 0")  # fmt: skip


def test_which_expressions_vanish() -> None:
    """An Add of nonnegative terms, one of which cannot vanish, cannot; reverse_KL is infinite above only."""
    found = {
        "cannot": log(plus(PX, num("1/2"))),
        "can": log(plus(PX, QX)),
        "no sign": log(plus(UNIT, ["Symbol", "s"])),
        "reverse": divergence("reverse_KL", P, Q),
    }
    assert {name: infinities(Reader().node(node, "expr")) for name, node in found.items()} == {
        "cannot": set(),
        "can": {-1},
        "no sign": {-1},
        "reverse": {1},
    }


def random_fact(source: random.Random) -> Data:
    """A fact about numbers that vanish often, together or alone, and about quotients of them."""
    q, r, k = BOXES["q"], ["Entry", BOXES["e"], [], [at("x")]], ["Entry", BOXES["f"], [at("y")], [at("x")]]
    qx = prob(q, "x")
    marginal = over("z", times(prob(P, "z"), ["Entry", BOXES["f"], [at("z")], [at("x")]]))
    arguments = [
        PX, PX, qx, r, k, times(PX, qx), times(PX, k), to(PX, 2), plus(PX, qx), plus(PX, times(num(2), r)), UNIT,
        ZERO, marginal,
        times(PX, to(PX, -1)), times(PX, to(PX, -2)), times(PX, to(qx, -1)), times(to(PX, 2), to(qx, -1)),
        times(PX, k, to(qx, -1)), plus(times(to(PX, 2), to(qx, -1)), times(PX, k)), times(to(PX, "1/2"), to(qx, "1/2")),
        times(plus(PX, qx), to(plus(PX, qx), -1)),
    ]  # fmt: skip
    a, b = source.choices(arguments, k=2)
    shape = source.choice(["Merge", "Merge", "Compare", "Schwarz", "Jensen", "Jensen", "Chord", "Square"])
    if shape == "Jensen":
        text = source.choice([*ROWS, "Over 1 2 1 1", "Over 1 3/2 1 2", "Logarithm 1 1 1 0", "Logarithm 1 2 1 1"])
        return [shape, [], source.choice([[], ["0"]]), [at("x")], source.choice([PX, qx, r, k]), b, rows(text.strip())]
    if shape == "Chord":
        return [shape, a, b, rows(source.choice(ROWS).strip())]
    if shape == "Square":
        return [shape, source.choice([a, less(a, b), less(b, times(num(2), a))])]
    if shape == "Merge":
        text = ", ".join(row.strip() for row in source.choices(ROWS, k=source.choice([1, 2])))
        return merge(source.choice(["x", "x y", ""]), a, b, text)
    if shape == "Schwarz":
        return merge("x", a, b, source.choice(["Gap 1 1 1 0", "Gap 1 0 1 0", "Gap 1 2/3 4/3 0", "Gap 1 1 1 2"]), shape)
    chains = (source.choice(["", "0", "0 0", "0 0 0", "-1 0 0"]) for _ in range(2))
    return compare(source.choice(COMPARED), a, b, *chains)


class Worlds(World):
    """Values of polynomials of the checker. Infinity less infinity is no number, unless beside a factor 0."""

    def mono(self, mono: Any, letters: dict[Any, int]) -> Number:
        values = [(self.gen(gen, letters), Fraction(int(e.p), int(e.q))) for gen, e in mono]
        assert all(e != 0 or value != math.inf for value, e in values)
        powers = [
            value if e == 1 else self.function("Pow", value, e) if e else Fraction(value != 0) for value, e in values
        ]
        return Fraction(0) if 0 in powers else prod(powers)

    def poly(self, poly: Any, letters: dict[Any, int]) -> Number:
        values = [self.mono(mono, letters) * Fraction(int(c.p), int(c.q)) for mono, c in poly.items()]
        total = sum(values, Fraction(0))
        return 0.0 if abs(total) < 1e-13 else total

    def gen(self, gen: Any, letters: dict[Any, int]) -> Number:
        tag, first = gen.tag, gen.parts[0]
        if tag == "sum":
            scopes = product(range(self.size), repeat=len(first))
            values = [self.mono(gen.parts[1], letters | dict(zip(first, scope, strict=True))) for scope in scopes]
            return sum(values, Fraction(0))
        if tag == "entry":
            ins, outs = ([["Letter", x, "X"] for x in side] for side in gen.parts[1:])
            return self.value(["Entry", first, ins, outs], letters)
        if tag == "size":
            return Fraction(self.size)
        inside = self.poly(dict(first), letters)
        if tag == "inverse":
            return self.function("Pow", inside, Fraction(-1)) if inside else inside
        return inside if tag == "root" else self.function(tag.capitalize(), inside, Fraction(1))


def test_facts_hold_where_entries_vanish() -> None:
    """Below is at most above, and no infinity meets another, on laws with zeros; also where p << q is used."""
    source, read, infinite, divided, shapes = random.Random(11), 0, 0, 0, Counter[str]()
    for _ in range(1500):
        data, bounded = random_fact(source), source.random() < 0.7
        try:
            reader = Reader()
            work = Links(("Statement", None, None, ()))
            work.laws = forced(reader.node(KL if bounded else UNIT, "expr"))
            scope, _ = work.bind(tuple(reader.node(at(x), "letter") for x in "xy"), {})
            lower, upper = work.fact(reader.node(data, "fact"), scope)
        except RefusalError:
            continue
        read += 1
        divided += '"-1"]' in json.dumps(data[-3:-1])
        shapes[data[0]] += 1
        for _ in range(8):
            world = Worlds(source)
            if bounded and any(x and not y for x, y in zip(world.rows["p"][0], world.rows["q"][0], strict=True)):
                continue
            letters = {x: source.randrange(world.size) for x in scope.values()}
            low, high = world.poly(lower, letters), world.poly(upper, letters)
            assert low > -math.inf, data
            assert low <= high + 1e-9 * max(1, abs(low)), (data, world.rows, letters)
            infinite += high == math.inf
    assert (read > 250, infinite > 80, divided > 40) == (True, True, True), (read, infinite, divided)
    assert all(shapes[shape] > 10 for shape in ("Merge", "Compare", "Jensen", "Chord", "Square")), shapes


# ---------------------------------------------------------------- kind `sum`: averages, chords, squares, products


def jensen(text: str, w: Data = PX, r: Data = PX, first: str = "", second: str = "") -> Data:
    return ["Jensen", first.split(), second.split(), [at("x")], w, r, rows(text)]


def of_x(*factors: Data) -> Data:
    return over("x", times(*factors))


def more(left: Data, right: Data, *links: Data, given: Data = (), **steps: Any) -> dict[str, Any]:
    return certificate("sum", ["LessEq", left, right], {"links": list(links), **steps}, None, given)


PP = over("x", to(PX, 2))
HALVED = times(to(PX, "1/2"), to(QX, "1/2"))
HALF_KL = times(num("1/2"), KL)
COVERED = merge("x", PX, HALVED, "Ratio 1 1 0 0 1")
LATER = times(PX, less(UNIT, PX))
AT_MOST = [["LessEq", S, UNIT], ["LessEq", T, UNIT], ["LessEq", PX, QX], ["Equal", S, T], ["LessEq", S, to(PX, -1)]]
BELOW_LOG = over("x", plus(PX, QX, times(QX, log(times(QX, to(plus(PX, QX), -1))))))
TRIANGULAR = divergence("triangular", P, Q)


def exponential(e: Data, b: Data, *links: Data) -> Data:
    return ["Exponential", e, b, list(links)]


def exp_of(e: Data) -> Data:
    return ["Exp", minus(e)]


MORE: dict[str, dict[str, Any]] = {
    "a square of a mean": more(to(PP, 2), over("x", to(PX, 3)), link(part("", jensen("Power 1 2")))),
    "above 1 as well": more(
        to(over("x", times(PX, plus(PX, UNIT))), 2), over("x", times(PX, to(plus(PX, UNIT), 2))),
        link(part("", jensen("Power 1 2", r=plus(PX, UNIT)))),
    ),
    "a mean of logs": more(
        times(PP, log(PP)), over("x", times(to(PX, 2), log(PX))), link(part("", jensen("Logarithm 1 1 1 0")))),
    "a mean of quotients": more(
        times(to(PP, 2), to(plus(PP, UNIT), -1)), over("x", times(to(PX, 3), to(plus(PX, UNIT), -1))),
        link(part("", jensen("Over 1 2 1 1"))),
    ),
    "a mean of distances": more(
        ["Abs", less(PP, UNIT)], over("x", times(PX, ["Abs", less(PX, UNIT)])), link(part("", jensen("Apart 1")))),
    "a chord": more(TRIANGULAR, TV, link(part("x", ["Chord", PX, QX, rows("Gap 1/2 1 1 0")]))),
    "a chord through (1, 1)": more(
        over("x", minus(HALVED)), less(TV, UNIT), link(part("x", ["Chord", PX, QX, rows("Power -1 1/2")]))),
    "a square": more(
        times(num(2), of_x(PX, QX)), plus(PP, over("x", to(QX, 2))),
        link(part("x", ["Square", less(PX, QX)]), shared=times(num(2), of_x(PX, QX))),
    ),
    "a square times one minus an entry": more(
        ZERO, over("x", times(less(UNIT, PX), S, S)), link(part("x", ["Square", S], less(UNIT, PX)))),
    "an exponential": more(exp_of(HALF_KL), BC, link(part("", exponential(HALF_KL, BC, link(part("", COVERED)))))),
    "Bretagnolle and Huber, under a root": more(
        TV, to(less(UNIT, exp_of(KL)), "1/2"),
        link(part("", merge("x", PX, QX, "Gap 1 1 1 2", "Schwarz"), num("1/4"))),
        link(part("x", compare("Linear 1 1 1, Power -2 1/2, Gap -1 1 1 2", first="", second=""),
                  times(num("1/2"), plus(UNIT, BC))), shared=minus(times(plus(UNIT, BC), BC))),
        link(part("", exponential(KL, to(BC, 2), link(part("", COVERED, num(2))))),
             shared=plus(UNIT, minus(to(BC, 2)), minus(exp_of(KL)))),
    ),
    "an exponential beside a number": more(
        plus(ONE := num(1), times(num(2), exp_of(HALF_KL))), plus(ONE, times(num(2), BC)),
        link(part("", exponential(HALF_KL, BC, link(part("", COVERED))), num(2)), shared=ONE),
    ),
    "a product": more(
        plus(S, T), plus(UNIT, times(S, T)), link(part("", ["Product", [1, 0]]), shared=plus(S, T)), given=AT_MOST),
    "a product at letters": more(
        of_x(PX, RX), of_x(QX, RX), link(part("x", ["Product", [2]], RX), shared=of_x(PX, RX)), given=AT_MOST),
    "a value at 1 with a logarithm": more(
        ZERO, BELOW_LOG, link(part("x", compare("Linear 1 1 1, Ratio 1 0 1 1 1", first="0", second="0 0")))),
    "Renyi above 1": more(
        divergence("renyi:2", P, Q), divergence("renyi:3", P, Q),
        link(part("", merge("x", times(to(PX, 2), to(QX, -1)), PX, "Power 1 2"))),
    ),
    "Renyi below 1": more(
        divergence("renyi:1/3", P, Q), divergence("renyi:1/2", P, Q),
        link(part("", merge("x", HALVED, PX, "Power 1 4/3"))),
    ),
    "Renyi processed": processed("renyi:2", "Power 1 2"),
    "Renyi processed below 1": processed("alpha:1/2", "Power -4 1/2, Linear 4 1/2 1/2"),
    "alpha": processed("alpha:3", "Power 1/6 3, Linear 1/6 -3 2"),
    "alpha below 0": processed("alpha:-1", "Power 1/2 -1, Linear 1/2 1 -2"),
    "a column": more(
        over("x", prob(F, "Y", "x")), num(1), link(shared=num(1)), uses=[0],
        given=[["Equal", over("x", prob(F, "Y", "x")), num(1)]],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MORE)
def test_more_sum_certificates_are_accepted_and_their_converses_not(name: str) -> None:
    data = MORE[name]
    assert outcome(data) == Accepted("sum", tuple(data["rests_on"]), data["hash"])
    _, holds, _, given = data["statement"]
    converse = certificate("sum", ["LessEq", holds[2], holds[1]], data["steps"], None, given)
    assert name == "a column" or reason(converse)
    if "links" in data["steps"] and data["steps"]["links"][0][2]:
        again = json.loads(json.dumps(data))
        again["steps"]["links"][0][2][0][2] = num("1/3")
        assert reason(again)


FALSE_MORE: dict[str, tuple[dict[str, Any], str]] = {
    "weights that do not add up": (
        more(to(PP, 2), over("x", to(PX, 3)), link(part("", jensen("Power 1 2", w=times(num(2), PX))))), "add up to 1"),
    "a concave mean": (more(minus(to(PP, 2)), ZERO, link(part("", jensen("Power -1 2")))), "last function"),
    "concave above 1": (
        more(ZERO, ZERO, link(part("", jensen("Power 1 1/2", r=plus(PX, UNIT))))), "last function"),
    "a chain about what is not there": (
        more(to(PP, 2), over("x", to(PX, 3)), link(part("", jensen("Power 1 2", first="0")))), "there are none"),
    "a mean of inverses": (more(ZERO, ZERO, link(part("", jensen("Power 1 -1")))), "out of its range"),
    "a mean of Gaps": (more(ZERO, ZERO, link(part("", jensen("Gap 1 1 0 0")))), "out of its range"),
    "a mean of Ratios": (more(ZERO, ZERO, link(part("", jensen("Ratio 1 1 1 1 0")))), "out of its range"),
    "a mean of distances below": (more(ZERO, ZERO, link(part("", jensen("Apart -1")))), "out of its range"),
    "a log of nothing": (more(ZERO, ZERO, link(part("", jensen("Logarithm 1 1 0 0")))), "out of its range"),
    "over what vanishes": (more(ZERO, ZERO, link(part("", jensen("Over 1 2 1 0")))), "out of its range"),
    "Over compared": (more(ZERO, ZERO, link(part("x", compare("Over 1 2 1 1")))), "out of its range"),
    "Logarithm merged": (more(ZERO, ZERO, link(part("", merge("x", PX, QX, "Logarithm 1 1 1 1")))), "out of its range"),
    "a mean of what is finite on a support": (
        more(ZERO, KL, link(part("", jensen("Power 1 2", r=times(to(PX, 2), to(QX, -1)))))), "may be infinite"),
    "a chord to infinity": (more(KL, TV, link(part("x", ["Chord", PX, QX, rows("Ratio 1 1 0 0 1")]))), "log of 0"),
    "a chord to another infinity": (
        more(KL, TV, link(part("x", ["Chord", PX, QX, rows("Gap 1 1 0 0")]))), "negative exponent"),
    "a concave chord": (more(KL, TV, link(part("x", ["Chord", PX, QX, rows("Power 1 1/2")]))), "not convex"),
    "an infinite square": (more(ZERO, CHI2, link(part("x", ["Square", to(RX, -1)]))), "may be infinite"),
    "a square times what is negative": (
        more(ZERO, ZERO, link(part("x", ["Square", S], less(PX, UNIT)))), "is not seen to be nonnegative"),
    "an argument by its shape beside a square": (
        more(ZERO, ZERO, link(part("x", jensen("Power 1 2"), less(UNIT, PX)))), "is not seen to be nonnegative"),
    "an exponential of another": (
        more(exp_of(HALF_KL), PP, link(part("", exponential(HALF_KL, PP, link(part("", COVERED)))))), "does not start"),
    "an exponential without links": (more(exp_of(KL), BC, link(part("", exponential(KL, BC)))), "does not end"),
    "an exponential in one": (
        more(exp_of(HALF_KL), BC, link(part("", exponential(
            HALF_KL, BC, link(part("", exponential(HALF_KL, BC, link(part("", COVERED)))))))),),
        "an Exponential within one"),
    "an exponential of a loss": (
        more(ZERO, ZERO, link(part("", exponential(minus(KL), BC, link(shared=ZERO))))), "minus infinity"),
    "an exponential under a sum": (more(over("x", exp_of(KL)), LK, link(shared=LK)), "an infinite value under Exp"),
    "an exponential times a law": (more(times(PX, exp_of(KL)), LK, link(shared=LK)), "an infinite value under Exp"),
    "a growing exponential": (more(["Exp", KL], LK, link(shared=LK)), "an infinite value under Exp"),
    "a product with an equation": (more(ZERO, ZERO, link(part("", ["Product", [3]])), given=AT_MOST), "LessEq"),
    "a product of what is not given": (more(ZERO, ZERO, link(part("", ["Product", [5]])), given=AT_MOST), "range"),
    "a product with an infinity": (
        more(ZERO, ZERO, link(part("", ["Product", [4]])), given=AT_MOST), "a relation may be infinite"),
    "a product at a letter of another object": (
        more(ZERO, ZERO, ["Link", ZERO, [["Part", [at("x", "Y")], UNIT, ["Product", [2]]]]], given=AT_MOST),
        "two alphabets"),
    "a value at 1 below 0": (
        more(ZERO, ZERO, link(part("x", compare("Linear 1/2 1 0, Ratio 1 0 1 1 1", first="0", second="0 0")))), "at 1"),
    "Renyi around 1": (
        more(divergence("renyi:1/2", P, Q), divergence("renyi:2", P, Q), link(part("", COVERED))), "does not start"),
    "Renyi of order 0": (
        more(divergence("renyi:0", P, Q), divergence("renyi:1/2", P, Q), link(part("", COVERED))), "is refused"),
    "a use twice": (
        more(over("x", prob(F, "Y", "x")), num(1), link(shared=num(1)), uses=[0, 0],
             given=[["Equal", over("x", prob(F, "Y", "x")), num(1)]]), "increasing"),
}  # fmt: skip


@pytest.mark.parametrize("name", FALSE_MORE)
def test_more_sum_certificates_of_what_is_not_shown_are_rejected(name: str) -> None:
    data, why = FALSE_MORE[name]
    assert why in reason(data)


COLUMN = ["Equal", over("x", prob(F, "Y", "x")), num(1)]
JOINED = ["Equal", seq(F, G), K]


def test_columns_and_composites_are_used_where_they_are_given() -> None:
    through = over("Y", times(prob(F, "Y", "x"), prob(G, "y", "Y")), "Y")
    column = over("x", times(num(2), prob(F, "Y", "x")))
    for left, right, given in ((column, num(2), COLUMN), (through, prob(K, "y", "x"), JOINED)):
        assert isinstance(outcome(identity(left, right, given=[given], uses=[0])), Accepted)
        assert reason(identity(left, right, given=[given]))
    other = box("k", "X", "X")
    loop = ["Equal", over("x", ["Entry", other, [at("x")], [at("x")]]), num(1)]
    two = box("t", "X X", "X")
    for left, right, given in (
        (over("x", times(PX, prob(F, "Y", "x"))), PX, COLUMN),
        (over("x", to(prob(F, "Y", "x"), 2)), num(1), COLUMN),
        (over("x", prob(box("v", "X", "Y"), "Y", "x")), num(1), COLUMN),
        (over("x", prob(other, "x", "x")), num(1), loop),
        (over("x", prob(two, "y", "x x")), num(1), ["Equal", over("x", prob(two, "y", "x z")), num(1)]),
        (over("x", prob(F, "Y", "x")), num(1), ["Equal", over("x", prob(F, "Y", "x")), num(2)]),
        (over("x", prob(F, "Y", "x")), num(1), ["LessEq", over("x", prob(F, "Y", "x")), num(1)]),
        (over("Y", times(prob(F, "Y", "x"), prob(G, "y", "Y"), prob(YS, "Y")), "Y"), prob(K, "y", "x"), JOINED),
        (over("Y", times(prob(F, "Y", "x"), to(prob(G, "y", "Y"), 2)), "Y"), prob(K, "y", "x"), JOINED),
        (through, prob(K, "x", "y"), JOINED),
        (through, prob(K, "y", "x"), ["Equal", seq(F, G, ID), K]),
    ):
        assert reason(identity(left, right, given=[given], uses=[0]))


# ---------------------------------------------------------------- families of points, coordinates, arrays


ALONE = ["Element", ["Array", "o", []], []]
FAMILY, TOKENS, ARRAY = ["Points", "H", HEAD, "C"], ["Head", "T", "X"], ["Array", "c", ["X", "X"]]
LAW, CONTEXT = box("m", "", "C V"), box("n", "", "C")
SPACE = "axes(W)"


def hidden(x: str) -> Data:
    return ["At", FAMILY, at(x, "C")]


def everywhere(letters: str, body: Data) -> Data:
    """The sum over letters: a, b contexts, v, w tokens, i, j, k axes."""
    objects = dict.fromkeys("ab", "C") | dict.fromkeys("vw", "V") | dict.fromkeys("ijk", SPACE)
    for x in reversed(letters.split()):
        body = over(x, body, objects[x])
    return body


def coordinate(vector: Data, i: str) -> Data:
    return ["Coordinate", vector, at(i, SPACE)]


def embedding(w: str, i: str) -> Data:
    return ["Embedding", HEAD, at(w, "V"), at(i, SPACE)]


def element(first: str, second: str, array: Data = ARRAY) -> Data:
    return ["Element", array, [at(first), at(second)]]


def inner(a: str, b: str, i: str) -> Data:
    return everywhere(i, times(coordinate(hidden(a), i), coordinate(hidden(b), i)))


def output(a: str, i: str) -> Data:
    """A coordinate of the mean embedding under the law of a context."""
    return everywhere("w", times(["Softmax", hidden(a), at("w", "V")], embedding("w", i)))


def own(w: str = "x", over_: str = "X") -> Data:
    """The vector of a family over the tokens themselves."""
    return ["At", ["Points", "K", TOKENS, "X"], at(w, over_)]


AW = ["Entry", LAW, [], [at("a", "C"), at("w", "V")]]
NA, NB = (["Entry", CONTEXT, [], [at(x, "C")]] for x in "ab")
BIAS = ["Bias", HEAD, at("w", "V")]
LOSS = everywhere("a w", times(num(-1), AW, log(["Softmax", hidden("a"), at("w", "V")])))
MEANS = everywhere("a w i", times(AW, coordinate(hidden("a"), "i"), embedding("w", "i")))
BIASES = everywhere("a w", times(AW, BIAS))
PARTITIONS = everywhere("a w", times(AW, ["LogPartition", hidden("a")]))
LINEAR = times(everywhere("i", times(embedding("w", "i"), coordinate(POINT, "i"))), num(1))
SQUARED = everywhere("i j", to(everywhere("a", times(NA, coordinate(hidden("a"), "i"), output("a", "j"))), 2))
KERNELS = everywhere(
    "a b", times(NA, NB, inner("a", "b", "i"), everywhere("j", times(output("a", "j"), output("b", "j"))))
)

FAMILIES: dict[str, tuple[Data, Data]] = {
    "the loss of a model": (LOSS, plus(times(num(-1), MEANS), PARTITIONS, times(num(-1), BIASES))),
    "kernels of hidden states and of outputs": (KERNELS, SQUARED),
    "a logit of a point": (logit(POINT, "w"), plus(LINEAR, BIAS)),
    "a logit of a direction": (logit(U, "w"), everywhere("j", times(embedding("w", "j"), coordinate(U, "j")))),
    "a logit at a letter": (
        ["Logit", hidden("a"), at("w", "V")],
        plus(BIAS, everywhere("i", times(embedding("w", "i"), coordinate(hidden("a"), "i")))),
    ),
    "a logit that a log makes": (log(soft("w")), plus(LINEAR, BIAS, times(num(-1), PARTITION))),
    "a logit that a derivative makes": (
        along(PARTITION), everywhere("i", times(coordinate(U, "i"), mean(embedding("m", "i")))),
    ),
    "a derivative by coordinates": (
        along(plus(LINEAR, BIAS, element("x", "y"))), everywhere("i", times(embedding("w", "i"), coordinate(U, "i"))),
    ),
    "a derivative of a square": (
        along(to(coordinate(POINT, "i"), 2)), times(num(2), coordinate(POINT, "i"), coordinate(U, "i")),
    ),
    "a derivative along which others stay": (along(times(coordinate(V, "i"), coordinate(hidden("a"), "i"))), num(0)),
    "a softmax over the contexts sums to one": (everywhere("w", ["Softmax", hidden("a"), at("w", "V")]), num(1)),
    "a softmax at another letter sums to one": (
        over("x", over("y", times(PY, ["Softmax", own("y"), at("x")]))), num(1),
    ),
    "letters of a family are renamed": (
        over("x", ["Softmax", own("x"), at("x")]), over("y", ["Softmax", own("y"), at("y")]),
    ),
    "a delta moves the letter of a family": (
        over("y", times(prob(ID, "x", "y"), ["LogPartition", own("y")])), ["LogPartition", own("x")],
    ),
    "elements": (
        over("x", over("y", times(element("x", "y"), element("y", "x")))),
        over("a", over("b", times(element("b", "a"), element("a", "b")))),
    ),
    "an element without letters": (plus(ALONE, ALONE), times(num(2), ALONE)),
    "a square of sums of elements": (
        to(over("x", times(PX, element("x", "x"))), 2),
        over("x", over("y", times(PX, PY, element("x", "x"), element("y", "y")))),
    ),
}  # fmt: skip

STRANGERS: dict[str, tuple[Data, Data]] = {
    "a softmax at its own letter": (over("x", ["Softmax", own("x"), at("x")]), num(1)),
    "the loss without its sign": (LOSS, plus(MEANS, PARTITIONS, times(num(-1), BIASES))),
    "the loss without the bias": (LOSS, plus(times(num(-1), MEANS), PARTITIONS)),
    "kernels of hidden states alone": (everywhere("a b", times(NA, NB, inner("a", "b", "i"))), SQUARED),
    "kernels on the diagonal": (
        KERNELS, everywhere("i", to(everywhere("a", times(NA, coordinate(hidden("a"), "i"), output("a", "i"))), 2)),
    ),
    "a logit of a point without its bias": (logit(POINT, "w"), LINEAR),
    "a logit of a direction with a bias": (
        logit(U, "w"), plus(BIAS, everywhere("j", times(embedding("w", "j"), coordinate(U, "j")))),
    ),
    "a logit at another letter": (
        ["Logit", hidden("a"), at("w", "V")],
        plus(BIAS, everywhere("i", times(embedding("w", "i"), coordinate(hidden("b"), "i")))),
    ),
    "a logit of another head": (
        plus(["Logit", ["Point", "h", ["Head", "Z", "V"]], at("w", "V")], BIAS), plus(LINEAR, BIAS, BIAS),
    ),
    "a derivative of coordinates of a direction": (along(coordinate(V, "i")), coordinate(U, "i")),
    "a derivative of coordinates at another point": (along(coordinate(hidden("a"), "i")), coordinate(U, "i")),
    "a derivative of an embedding": (along(embedding("w", "i")), embedding("w", "i")),
    "elements in another order": (element("x", "y"), element("y", "x")),
    "elements of another array": (element("x", "y"), element("x", "y", ["Array", "e", ["X", "X"]])),
    "an array has signs": (["Abs", element("x", "y")], element("x", "y")),
    "an array does not sum to one": (over("x", over("y", element("x", "y"))), num(1)),
    "two letters of a family": (
        times(["LogPartition", own("x")], ["LogPartition", own("y")]), to(["LogPartition", own("x")], 2),
    ),
    "infinity times an element": (times(element("x", "y"), log(PX)), times(log(PX), element("x", "y"))),
    "infinity times a coordinate": (times(BIAS, log(PX)), times(log(PX), BIAS)),
}  # fmt: skip


@pytest.mark.parametrize("name", FAMILIES)
def test_families_and_coordinates(name: str) -> None:
    left, right = FAMILIES[name]
    for data in (identity(left, right), identity(right, left), identity(left, right, normal=left)):
        assert isinstance(outcome(data), Accepted), outcome(data)


@pytest.mark.parametrize("name", STRANGERS)
def test_near_misses_of_families_and_coordinates_are_rejected(name: str) -> None:
    left, right = STRANGERS[name]
    assert reason(identity(left, right)) == reason(identity(right, left))


def test_logits_are_unfolded_for_the_statement_alone() -> None:
    """A bias among what is given does it, one in the steps does not."""
    left, written, given = logit(POINT, "w"), plus(LINEAR, BIAS), [["LessEq", BIAS, num(0)]]
    assert isinstance(outcome(identity(left, left, given=given, normal=written)), Accepted)
    assert reason(identity(left, left, normal=written)) == "the normal form is not that of the sides"
    steps = {"links": [link(part("", ["Square", less(left, written)]), shared=UNIT)]}
    assert isinstance(outcome(certificate("sum", ["LessEq", UNIT, UNIT], steps, given=given)), Accepted)
    assert reason(certificate("sum", ["LessEq", UNIT, UNIT], steps)).startswith("the last link does not end")


def test_a_constant_direction_is_not_unfolded() -> None:
    given = [["Equal", logit(U, "w"), ["Symbol", "s"]], ["LessEq", BIAS, num(0)]]
    assert isinstance(outcome(identity(logit(U, "w"), ["Symbol", "s"], given=given, uses=[0])), Accepted)
    assert reason(identity(logit(U, "w"), ["Symbol", "s"], given=given))
    assert reason(identity(logit(V, "w"), ["Symbol", "s"], given=given, uses=[0]))


def test_no_type_is_taken_for_a_letter() -> None:
    """A box and an array over objects that are called as the checker calls its letters and their objects."""
    for k in range(40):
        names = [f"~{k}", "X"]
        letters = [at("a", names[0]), at("b")]
        odd = times(
            ["Element", ["Array", "c", names], letters], ["Entry", ["Box", "t", names, [], False, ""], letters, []]
        )
        both = ["Sum", letters[0], ["Sum", letters[1], times(odd, ["Element", ["Array", "e", ["X"]], [at("b")]])]]
        assert isinstance(outcome(identity(both, json.loads(json.dumps(both).replace('"b"', '"z"')))), Accepted)


NAMED: list[Data] = [
    ["Logit", ["At", FAMILY, at("a", "X")], at("w", "V")], ["Softmax", hidden("a"), at("w", "C")],
    ["LogPartition", U], ["LogPartition", FAMILY], ["Derivative", PARTITION, hidden("a"), U],
    ["Element", ARRAY, [at("x")]], ["Element", ARRAY, [at("x"), at("a", "C")]], ["Element", FAMILY, [at("a", "C")]],
    ["Coordinate", POINT, at("i", "axes(V)")], ["Coordinate", HEAD, at("i", SPACE)],
    ["Coordinate", POINT, at("w", "V")],
    ["Embedding", HEAD, at("i", SPACE), at("w", "V")], ["Embedding", HEAD, at("a", "C"), at("i", SPACE)],
    ["Embedding", POINT, at("w", "V"), at("i", SPACE)], ["Bias", HEAD, at("a", "C")], ["Bias", POINT, at("w", "V")],
    plus(element("x", "x"), ["Element", ["Array", "c", ["X"]], [at("x")]]),
    plus(["LogPartition", hidden("a")], ["LogPartition", ["At", ["Points", "H", HEAD, "X"], at("x")]]),
    plus(BIAS, ["Bias", ["Head", "W", "X"], at("x")]),
    over("a", ["LogPartition", hidden("a")]), plus(PX, ["LogPartition", hidden("x")]),
]  # fmt: skip


@pytest.mark.parametrize("node", NAMED, ids=range(len(NAMED)))
def test_ill_formed_families_and_coordinates_are_rejected(node: Data) -> None:
    assert reason(identity(node, node)) != "the two sides have different normal forms"


# ---------------------------------------------------------------- kind `processing`

W, C = box("w", "Y", "Z"), box("c", "X", "Y", det=True)
AT, BT, KY, LY = box("a", "", "X Y"), box("b", "", "X Y"), box("k", "X", "Y"), box("l", "X", "Y")
IDY, COPYX = ["Id", ["Y"]], ["Copy", ["X"]]
DP, CR, ADD = ("data processing of divergences", "chain rule of divergences", "additivity of divergences")


def graph(before: Data, after: Data) -> Data:
    return seq(before, COPYX, par(ID, after))


def processing(left: Data, right: Data, *links: Data, rests: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    """Of a LessEq; of an Equal where the links back are given as well."""
    back, given = more.get("back"), more.get("given", ())
    steps = {"<=": list(links)} | ({} if back is None else {">=": back})
    data = certificate("processing", ["LessEq" if back is None else "Equal", left, right], steps, None, given)
    return {**data, "rests_on": ["definitions of divergences", *rests]}


def both_ways(left: Data, right: Data, fact: Data, rests: tuple[str, ...] = (), given: Data = ()) -> dict[str, Any]:
    return processing(left, right, ["1", True, fact], back=[["1", False, fact]], rests=rests, given=given)


def div(name: str, left: Data, right: Data, mean: Data = None) -> Data:
    return divergence(name, left, right, mean)


ALL = ["KL", "reverse_KL", "TV", "chi2", "hellinger2", "triangular", "JS"]
ALL += ["alpha:3", "alpha:1/2", "alpha:-1", "alpha:1", "renyi:0", "renyi:1/2", "renyi:2", "renyi:inf"]
TENSOR = ["tensor", "KL", P, Q, YS, ZS, None]
AVERAGED = ["tensor", "renyi:2", F, G_ := box("g", "X", "Y"), KY, LY, box("r", "", "X X")]
R2 = AVERAGED[-1]
RIGHTS = (seq(R2, par(ID, DROP)), seq(R2, par(DROP, ID)))
PROCESSED: dict[str, dict[str, Any]] = {
    "process": processing(
        div("KL", seq(AT, par(DROP, W)), seq(BT, par(DROP, W))), div("KL", AT, BT),
        ["1", True, ["process", "KL", AT, BT, par(DROP, W), None]], rests=(DP,),
    ),
    "relabel": both_ways(
        div("renyi:2", seq(C, W), seq(C, box("v", "Y", "Z")), P), div("renyi:2", W, box("v", "Y", "Z"), seq(P, C)),
        ["relabel", "renyi:2", C, W, box("v", "Y", "Z"), P],
    ),
    "average": both_ways(
        div("TV", graph(P, KY), graph(P, LY)), div("TV", KY, LY, P), ["average", "TV", P, KY, LY, None], (CR,)
    ),
    "chain": both_ways(
        div("KL", graph(P, KY), graph(Q, LY)), plus(div("KL", P, Q), div("KL", KY, LY, P)),
        ["chain", P, Q, KY, LY, None], (CR,),
    ),
    "tensor": both_ways(div("KL", par(P, YS), par(Q, ZS)), plus(div("KL", P, Q), div("KL", YS, ZS)), TENSOR, (ADD,)),
    "tensor of averages": both_ways(
        div("renyi:2", par(F, KY), par(G_, LY), R2),
        plus(div("renyi:2", F, G_, RIGHTS[0]), div("renyi:2", KY, LY, RIGHTS[1])), AVERAGED, (ADD,),
    ),
    "swap": both_ways(div("KL", P, Q), div("reverse_KL", Q, P), ["swap", "KL", P, Q, None]),
    "swap of alpha": both_ways(div("alpha:3", P, Q), div("alpha:-2", Q, P), ["swap", "alpha:3", P, Q, None]),
    "swap of Renyi": both_ways(div("renyi:1/2", P, Q), div("renyi:1/2", Q, P), ["swap", "renyi:1/2", P, Q, None]),
    "same": both_ways(div("chi2", F, F, P), num(0), ["same", "chi2", F, P]),
    "nonneg": processing(num(0), div("chi2", F, KY, P), ["1", True, ["nonneg", "chi2", F, KY, P]]),
    "one": processing(div("KL", P, Q), plus(num("1/2"), div("KL", P, Q)), ["1/2", True, ["one"]]),
    "given": both_ways(
        div("TV", seq(P, K), Q), div("TV", P, Q), ["given", "TV", seq(P, K), Q, None, 0, 0, ["Id", []], [], ID],
        given=[KEEPS],
    ),
    "given in the state": both_ways(
        div("TV", F, G_, seq(P, K)), div("TV", F, G_, P), ["given", "TV", F, G_, seq(P, K), 2, 0, ["Id", []], [], ID],
        given=[KEEPS],
    ),
    "bounded ones are subtracted": processing(
        less(num(1), plus(TV, times(num(2), less(num(0), TV)))), plus(num(1), times(num(2), num("1/2"), TV)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PROCESSED)
def test_processing_certificates_are_accepted_and_their_converses_not(name: str) -> None:
    data = PROCESSED[name]
    assert outcome(data) == Accepted("processing", tuple(data["rests_on"]), data["hash"])
    relation, left, right = data["statement"][1]
    turned = certificate("processing", [relation, right, left], data["steps"], None, data["statement"][3])
    assert name == "bounded ones are subtracted" or reason({**turned, "rests_on": data["rests_on"]})
    assert reason({**data, "rests_on": [*data["rests_on"], ADD if ADD not in data["rests_on"] else DP]})
    for links in data["steps"].values():
        for link in links:
            link[0] = f"-{link[0]}"
            assert reason(data)
            link[0] = "2"
            assert reason(data)
            link[0] = "1" if name != "one" else "1/2"
    assert isinstance(outcome(data), Accepted)


@pytest.mark.parametrize("name", ALL)
def test_which_divergences_obey_which_laws(name: str) -> None:
    """Every one is processed; the average is none of Renyi's; only Renyi's and Kullback and Leibler's add up."""
    renyi = name.startswith("renyi")
    fact = ["process", name, AT, BT, par(DROP, IDY), None]
    data = processing(
        div(name, seq(AT, fact[4]), seq(BT, fact[4])), div(name, AT, BT), ["1", True, fact], rests=(DP,)
    )  # fmt: skip
    assert isinstance(outcome(data), Accepted)
    average = both_ways(
        div(name, graph(P, KY), graph(P, LY)), div(name, KY, LY, P), ["average", name, P, KY, LY, None], (CR,)
    )
    assert isinstance(outcome(average), Accepted) is not renyi
    sums = plus(div(name, P, Q), div(name, YS, ZS))
    tensor = both_ways(div(name, par(P, YS), par(Q, ZS)), sums, ["tensor", name, P, Q, YS, ZS, None], (ADD,))
    assert isinstance(outcome(tensor), Accepted) is (renyi or "KL" in name)
    swap = both_ways(div(name, P, Q), div(name, Q, P), ["swap", name, P, Q, None])
    symmetric = name in ("TV", "hellinger2", "triangular", "JS", "alpha:1/2", "renyi:1/2")
    assert isinstance(outcome(swap), Accepted) is symmetric
    finite = name in ("TV", "hellinger2", "triangular", "JS", "alpha:1/2")
    zero = processing(less(div(name, P, Q), div(name, P, Q)), num(0))
    assert isinstance(outcome(zero), Accepted) is finite


@pytest.mark.parametrize(
    "name", ["kl", "renyi", "renyi:", "renyi:-1", "renyi:2/1", "alpha:inf", "alpha:x", "KL:2", ":1"]
)
def test_other_names_are_refused(name: str) -> None:
    said = reason(processing(num(0), div(name, P, Q), ["1", True, ["nonneg", name, P, Q, None]]))
    assert "no divergence" in said or "expected a rational" in said


CITED = ["process", "KL", P, Q, F, None]
PAIR = (div("KL", seq(P, F), seq(Q, F)), div("KL", P, Q))
SEEN = ["process", "KL", P, Q, C, None]
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "data processing by itself": (processing(*PAIR, ["1", True, CITED], rests=(DP,)), "by itself"),
    "a fact that goes one way": (processing(PAIR[1], PAIR[0], ["1", False, CITED], rests=(DP,)), "against its fact"),
    "no constant is nothing": (processing(num(1), num(0), ["1", False, ["one"]]), "against its fact"),
    "a divergence is not nothing": (
        processing(KL, num(0), ["1", False, ["nonneg", "KL", P, Q, None]]), "against its fact"),
    "a factor 0": (processing(KL, KL, ["0", True, ["one"]]), "not positive"),
    "more than there is": (
        both_ways(KL, KL, ["swap", "KL", Q, P, None]), "more than there is"),
    "what may be infinite": (processing(less(KL, KL), num(0)), "may be infinite"),
    "a product": (processing(times(TV, TV), TV), "a product of divergences"),
    "an entropy": (processing(times(num(2), H("X")), TV), "no linear form"),
    "a power": (processing(to(to(num(-2), 2), "1/2"), num(2)), "no linear form"),
    "two terms": (both_ways(P, P, ["one"]), "no linear form"),
    "another relation": (processing(KL, plus(KL, num(1))), "do not lead"),
    "a box of its own": (
        processing(*PAIR, ["1", True, ["nonneg", "KL", P, box("new"), None]]), "a box that the statement has not"),
    "relabelled by chance": (
        both_ways(div("KL", seq(F, W), seq(F, W), P), div("KL", W, W, seq(P, F)), ["relabel", "KL", F, W, W, P]),
        "not deterministic"),
    "a chain without its state": (
        both_ways(div("KL", graph(P, KY), graph(Q, LY)), plus(div("KL", P, Q), div("KL", KY, LY, Q)),
                  ["chain", P, Q, KY, LY, None], (CR,)), "do not lead"),
    "a chain of another name": (
        both_ways(div("KL", P, Q), div("KL", P, Q), ["chain", "KL", P, Q, KY, LY, None], (CR,)), "does not stand here"),
    "a state where there are no inputs": (
        processing(num(0), TV, ["1", True, ["nonneg", "TV", P, Q, P]]), "do not fit"),
    "no state where there are inputs": (
        processing(num(0), div("TV", F, KY, P), ["1", True, ["nonneg", "TV", F, KY, None]]), "do not fit"),
    "types": (processing(TV, plus(TV, div("TV", YS, ZS)), ["1", True, ["nonneg", "TV", P, YS, None]]), "do not fit"),
    "a rewrite of another term": (
        both_ways(div("TV", seq(Q, K), Q), div("TV", Q, Q),
                  ["given", "TV", seq(Q, K), Q, None, 0, 0, ["Id", []], [], ID], given=[["Equal", seq(P, K), P]]),
        "is another term"),
    "a rewrite of no state": (
        both_ways(TV, TV, ["given", "TV", P, Q, None, 2, 0, ["Id", []], [], ID], given=[KEEPS]), "no such term"),
    "a rewrite of a fourth": (
        both_ways(TV, TV, ["given", "TV", P, Q, None, 3, 0, ["Id", []], [], ID], given=[KEEPS]), "no such term"),
    "a rewrite by an inequality": (
        both_ways(TV, TV, ["given", "TV", P, Q, None, 0, 0, ["Id", []], [], ID], given=[["LessEq", TV, TV]]),
        "not of two terms"),
    "an unread input of another type": (
        both_ways(div("TV", seq(DROP, YS), seq(DROP, ZS), P), div("TV", seq(DROP, ZS), seq(DROP, ZS), P),
                  ["given", "TV", seq(DROP, YS), seq(DROP, ZS), P, 0, 0, ["Discard", ["Y"]], [], IDY],
                  given=[["Equal", YS, ZS]]), "no such term"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_processing_certificates_that_show_nothing_are_rejected(name: str) -> None:
    data, why = WRONG[name]
    assert why in reason(data)


def test_data_processing_by_a_function_is_no_circle() -> None:
    left, right = div("KL", seq(P, C), seq(Q, C)), div("KL", P, Q)
    assert isinstance(outcome(processing(left, right, ["1", True, SEEN], rests=(DP,))), Accepted)


# ---------------------------------------------------------------- steps that are too many

HUGE = ["Equal", seq(P, COPY, par(ID, seq(*[K] * 12_000, DROP))), P]
"""A relation of `given` of which a short step can cite a small normal form."""
REWRITE = [0, True, ["Id", []], [], ID]
GAPS = ", ".join(f"Gap 1 {k} 1 1" for k in range(1, 600))
TOO_MANY: dict[str, Callable[[], dict[str, Any]]] = {
    "parts": lambda: chain(ZERO, KL, link(*[part("x", compare(f"{GIBBS}, Gap -1 2/3 4/3 0"))] * 500)),
    "rows": lambda: chain(ZERO, KL, link(part("x", compare(GAPS)))),
    "derivatives": lambda: chain(ZERO, KL, link(part("x", compare("Power 1 2", first="1 " * 20_000)))),
    "means": lambda: more(ZERO, KL, link(*[part("", jensen("Over 1 2 1 1, Power 1 2"))] * 500)),
    "exponentials": lambda: more(
        ZERO, KL, link(*[part("", exponential(HALF_KL, BC, link(part("", COVERED))))] * 300)),
    "products": lambda: more(ZERO, KL, link(part("", ["Product", [0] * 200])), given=[["LessEq", PP, plus(ONE, S)]]),
    "squares": lambda: more(
        ZERO, KL, link(*[part("", ["Square", plus(*[["Symbol", f"s{k}"] for k in range(60)])])] * 100)),
    "uses": lambda: identity(PX, PX, P, given=[JOINED] * 8000, uses=list(range(8000))),
    "rewrites": lambda: rewriting(P, P, [HUGE], *[[0, False, *REWRITE[2:]], REWRITE] * 100),
    "rewrites of atoms": lambda: processing(
        TV, TV, *[["1", True, ["given", "TV", P, Q, None, 0, 0, *REWRITE[2:]]]] * 100, given=[["Equal", P, HUGE[1]]]),
    "links": lambda: processing(TV, plus(TV, num(1)), *[["1/2", True, ["one"]]] * 10_000),
    "factors": lambda: processing(times(*[num("9" * 999)] * 300), TV),
    "facts": lambda: shannon(["LessEq", H("X"), H("X Y")], [["1", ["I", [0], [1], [2]]]] * 10_000),
    "wires": lambda: processing(TV, TV, ["1", True, ["process", "TV", P, Q, ["Copy", ["X"] * 100_000], None]]),
}  # fmt: skip


@pytest.mark.parametrize("name", TOO_MANY)
def test_too_many_steps_are_refused(name: str) -> None:
    assert reason(TOO_MANY[name]()).startswith("too large to check")


# ---------------------------------------------------------------- the walls


def test_it_imports_only_the_standard_library_flint_and_itself() -> None:
    files = sorted(PACKAGE.glob("*.py"))
    assert len(files) > 5
    for file in files:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                assert node.level <= 1
                names = [] if node.level else [str(node.module)]
            for name in names:
                assert name.split(".")[0] in {*sys.stdlib_module_names, "flint"}, f"{file} imports {name}"


def code_lines(file: Path) -> int:
    """Lines that are neither blank, nor comment, nor part of a docstring."""
    text, quiet = file.read_text("utf-8"), set[int]()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            quiet |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    lines = enumerate(map(str.strip, text.splitlines()), 1)
    return sum(bool(line) and not line.startswith("#") and i not in quiet for i, line in lines)


def test_it_is_small() -> None:
    sizes = {file.name: code_lines(file) for file in PACKAGE.glob("*.py")}
    assert max(sizes.values()) <= 200, sizes
    assert 0 < sum(sizes.values()) <= 1345, sizes


def test_the_command_shows_both_answers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 0 when both accept, else 1."""
    path = tmp_path / "proof.json"
    path.write_text(json.dumps(FINE), encoding="utf-8")
    table = "  standard   accepted\n  flint      "
    assert recheck([path], ()) == 0
    assert capsys.readouterr().out.endswith(table + "accepted\n")
    monkeypatch.setattr("lmlaws.checks.recheck.flint.check", lambda *_: Rejected("why"))
    assert recheck([path], ()) == 1
    out = capsys.readouterr().out
    assert out.startswith("rejected  ")
    assert out.endswith(f"{table}rejected: why\n")
    assert main([str(path)]) == 1
    assert capsys.readouterr().out.endswith("proof.json: rejected by flint: why\n")


def test_both_answer_and_python_flint_is_loaded_only_when_asked() -> None:
    said = answers(json.dumps(FINE), FINE["statement"])
    assert [(answer.checker, answer.reason) for answer in said] == [("standard", None), ("flint", None)]
    assert all(answer.reason for answer in answers(json.dumps({**FINE, "hash": ""})))
    code = "import sys, lmlaws.checks.recheck; assert 'flint' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
