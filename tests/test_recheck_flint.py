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
from lmlaws.checks.recheck.flint.facts import Facts
from lmlaws.checks.recheck.flint.infinities import infinities
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
    "an unknown divergence": (divergence("renyi:2", P, Q), divergence("renyi:2", P, Q)),
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
    from lmlaws.checks.recheck.flint.programs import Program
    from lmlaws.checks.recheck.flint.reading import ends

    ins, outs = ends(reader.node(left, "term"))
    as_kernels = identity(left, right, normal=entry_of(right, len(ins), outs))
    assert isinstance(outcome(as_kernels), Accepted) is equal
    steps = json.loads(json.dumps(Program(reader.node(right, "term")).normal_form()))
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
        "log of a support",
    ),
    "an inverse of a support": (
        chain(UNIT, over("x", times(RX, RX)), link(part("x", compare("Power 1 2, Linear 1 -2 1", RX, SUPPORT)))),
        "a support has a negative power",
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
        "a multiplier is not seen",
    ),
    "an argument that is negative": (
        chain(ZERO, KL, link(part("x", compare(GIBBS, less(PX, QX))))),
        "an argument is not seen",
    ),
    "one minus an entry beside a row that is no straight line": (
        chain(ZERO, KL, link(part("x", compare(GIBBS, less(UNIT, PX))))),
        "an argument is not seen",
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
    shape = source.choice(["Merge", "Merge", "Compare", "Schwarz"])
    if shape == "Merge":
        text = ", ".join(row.strip() for row in source.choices(ROWS, k=source.choice([1, 2])))
        return merge(source.choice(["x", "x y", ""]), a, b, text)
    if shape == "Schwarz":
        return merge("x", a, b, source.choice(["Gap 1 1 1 0", "Gap 1 0 1 0", "Gap 1 2/3 4/3 0", "Gap 1 1 1 2"]), shape)
    chains = (source.choice(["", "0", "0 0", "0 0 0", "-1 0 0"]) for _ in range(2))
    return compare(source.choice(COMPARED), a, b, *chains)


class Worlds(World):
    """Values of polynomials of the checker."""

    def mono(self, mono: Any, letters: dict[Any, int]) -> Number:
        values = [(self.gen(gen, letters), Fraction(int(e.p), int(e.q))) for gen, e in mono]
        powers = [value if e == 1 else self.function("Pow", value, e) for value, e in values]
        return Fraction(0) if 0 in powers else prod(powers)

    def poly(self, poly: Any, letters: dict[Any, int]) -> Number:
        values = [self.mono(mono, letters) * Fraction(int(c.p), int(c.q)) for mono, c in poly.items()]
        assert not (math.inf in values and -math.inf in values), "infinity against infinity"
        total = sum(values, Fraction(0))
        return total if abs(total) >= 1e-13 else 0.0

    def gen(self, gen: Any, letters: dict[Any, int]) -> Number:
        tag, first = gen.tag, gen.parts[0]
        if tag == "sum":
            scopes = product(range(self.size), repeat=len(first))
            values = [self.mono(gen.parts[1], letters | dict(zip(first, scope, strict=True))) for scope in scopes]
            assert not (math.inf in values and -math.inf in values), "infinity against infinity"
            return sum(values, Fraction(0))
        if tag == "entry":
            ins, outs = ([["Letter", x, "X"] for x in side] for side in gen.parts[1:])
            return self.value(["Entry", first, ins, outs], letters)
        if tag == "supp":
            return Fraction(self.gen(first, letters) > 0)
        if tag == "size":
            return Fraction(self.size)
        inside = self.poly(dict(first), letters)
        return inside if tag == "root" else self.function(tag.capitalize(), inside, Fraction(1))


def test_facts_hold_where_entries_vanish() -> None:
    """Below is at most above, and no infinity meets another, on laws with zeros; also where p << q is used."""
    source, read, infinite, divided = random.Random(11), 0, 0, 0
    for _ in range(1500):
        data, bounded = random_fact(source), source.random() < 0.7
        try:
            reader = Reader()
            work = Facts(("Statement", ("LessEq", None, reader.node(KL if bounded else UNIT, "expr")), None, ()))
            scope, _ = work.bind(tuple(reader.node(at(x), "letter") for x in "xy"), {})
            lower, upper = work.fact(reader.node(data, "fact"), scope)
        except RefusalError:
            continue
        read += 1
        divided += '"-1"]' in json.dumps(data[-3:-1])
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
    assert 0 < sum(sizes.values()) <= 1080, sizes


def test_the_command_shows_both_answers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 0 when both accept, else 1; a kind that one does not read is refused by name, which is no rejection."""
    path = tmp_path / "proof.json"
    path.write_text(json.dumps(FINE), encoding="utf-8")
    table = "  standard   accepted\n  flint      "
    assert recheck([path], ()) == 0
    assert capsys.readouterr().out.endswith(table + "accepted\n")
    for unread, word in ((True, "refused"), (False, "rejected")):
        monkeypatch.setattr("lmlaws.checks.recheck.flint.check", lambda *_, unread=unread: Rejected("why", unread))
        assert recheck([path], ()) == 1
        out = capsys.readouterr().out
        assert out.startswith(f"{word}  ")
        assert out.endswith(f"{table}{word}: why\n")
        assert main([str(path)]) == 1
        assert capsys.readouterr().out.endswith(f"proof.json: {word} by flint: why\n")


def test_both_answer_and_python_flint_is_loaded_only_when_asked() -> None:
    said = answers(json.dumps(FINE), FINE["statement"])
    assert [(answer.checker, answer.reason) for answer in said] == [("standard", None), ("flint", None)]
    assert all(answer.reason for answer in answers(json.dumps({**FINE, "hash": ""})))
    code = "import sys, lmlaws.checks.recheck; assert 'flint' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
