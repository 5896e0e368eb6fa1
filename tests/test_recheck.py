"""The first checker: hand-written certificates, their corruptions, false statements, and its own walls."""

import ast
import copy
import hashlib
import json
import math
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from lmlaws.checks.recheck import Accepted, Rejected, check
from lmlaws.checks.recheck.standard.expansion import Expansion
from lmlaws.checks.recheck.standard.identity import infinities
from lmlaws.checks.recheck.standard.reading import Refusal
from lmlaws.checks.recheck.standard.statement import Reader

PACKAGE = Path(__file__).parent.parent / "checks" / "recheck"
Data = list[Any]


# ---------------------------------------------------------------- building statements and certificates


def canonical(data: object) -> str:
    return json.dumps(data, separators=(",", ":"))


def certificate(kind: str, statement: Data, steps: object) -> dict[str, Any]:
    rests = {"diagram": ["axioms of Markov categories"], "shannon": ["Shannon's inequalities"]}
    rests_on = rests.get(kind, ["sums over finite alphabets"])
    if kind == "identity" and '["Head",' in canonical(statement):
        rests_on = [*rests_on, "normalisation of softmax"]
    digest = hashlib.sha256(canonical(statement).encode()).hexdigest()
    return {"kind": kind, "statement": statement, "hash": digest, "rests_on": rests_on, "steps": steps}


def claim(holds: Data, about: Data | None = None, given: list[Data] | None = None) -> Data:
    return ["Statement", holds, about, given or []]


def box(name: str, ins: str, outs: str, det: bool = False) -> Data:
    return ["Box", name, ins.split(), outs.split(), det, ""]


def ident(objects: str) -> Data:
    return ["Id", objects.split()]


def copying(objects: str) -> Data:
    return ["Copy", objects.split()]


def discard(objects: str) -> Data:
    return ["Discard", objects.split()]


def seq(*parts: Data) -> Data:
    return ["Seq", list(parts)]


def par(*parts: Data) -> Data:
    return ["Par", list(parts)]


def const(value: object) -> Data:
    return ["Const", str(value)]


def add(*parts: Data) -> Data:
    return ["Add", list(parts)]


def mul(*parts: Data) -> Data:
    return ["Mul", list(parts)]


def neg(part: Data) -> Data:
    return mul(const(-1), part)


def power(base: Data, exponent: object) -> Data:
    return ["Pow", base, str(exponent)]


def letter(name: str, over: str = "X") -> Data:
    return ["Letter", name, over]


def total(over: Data, body: Data) -> Data:
    return ["Sum", over, body]


def entry(term: Data, ins: list[Data], outs: list[Data]) -> Data:
    return ["Entry", term, ins, outs]


def entropy(first: str, given: str = "") -> Data:
    return ["Entropy", first.split(), given.split()]


def information(groups: str, given: str = "") -> Data:
    return ["Information", [group.split() for group in groups.split(";")], given.split()]


def divergence(name: str, left: Data, right: Data, over: Data | None = None) -> Data:
    return ["DivergenceOf", name, left, right, over]


def identity(left: Data, right: Data, about: Data | None = None, given: list[Data] | None = None, **steps: Any) -> Any:
    """A certificate of an identity whose normal form is, if nothing else is said, the right side."""
    return certificate("identity", claim(["Equal", left, right], about, given), {"normal": right, "uses": [], **steps})


def text(data: object) -> str:
    return json.dumps(data)


X, Y = letter("x"), letter("y")
P, Q, F = box("p", "", "X"), box("q", "", "X"), box("f", "X", "Y")
PX, QX = entry(P, [], [X]), entry(Q, [], [X])
COPIED, PRODUCT = seq(P, copying("X")), par(P, P)
HEAD = ["Head", "W", "V"]
POINT, U, V = ["Point", "h", HEAD], ["Direction", "u", HEAD], ["Direction", "v", HEAD]
W1, W2 = letter("w", "V"), letter("w'", "V")


def soft(at: Data) -> Data:
    return ["Softmax", POINT, at]


def logit(vector: Data, at: Data) -> Data:
    return ["Logit", vector, at]


def mean(*factors: Data) -> Data:
    return total(W2, mul(soft(W2), *factors))


def along(body: Data, direction: Data) -> Data:
    return ["Derivative", body, POINT, direction]


PARTITION = ["LogPartition", POINT]
COVARIANCE = add(mean(logit(U, W2), logit(V, W2)), neg(mul(mean(logit(U, W2)), mean(logit(V, W2)))))
JOINT = box("p", "", "X Y Z")
CHAIN_GIVEN = [["Equal", information("X;Z", "Y"), const(0)]]
PROCESSING = ["LessEq", information("X;Z"), information("X;Y")]
DRAWN = seq(
    box("p", "", "X"), copying("X"), par(ident("X"), seq(box("f", "X", "Y"), copying("Y"))),
    par(ident("X"), ident("Y"), box("g", "Y", "Z")),
)  # fmt: skip


def good() -> dict[str, dict[str, Any]]:
    """Certificates that must be accepted."""
    det = box("d", "X", "Y", True)
    right = seq(F, seq(box("g", "Y", "Z"), box("k", "Z", "V")))
    left = seq(seq(F, box("g", "Y", "Z")), box("k", "Z", "V"))
    joint = box("j", "", "X Y")
    margins = par(seq(joint, par(ident("X"), discard("Y"))), seq(joint, par(discard("X"), ident("Y"))))
    return {
        "data processing, given": certificate(
            "shannon", claim(PROCESSING, JOINT, CHAIN_GIVEN),
            {"<=": [["1", ["I", [0], [1], [2]]], ["1", ["given", 0]]]},
        ),
        "data processing, drawn": certificate(
            "shannon", claim(PROCESSING, DRAWN),
            {"<=": [["1", ["I", [0], [1], [2]]], ["-1", ["box", 2, [2], [0]]]]},
        ),
        "chain rule": certificate(
            "shannon",
            claim(["Equal", entropy("X Y"), add(entropy("X"), entropy("Y", "X"))], JOINT),
            {"<=": [], ">=": []},
        ),
        "a function loses": certificate(
            "shannon",
            claim(["LessEq", entropy("Y"), entropy("X")], seq(P, copying("X"), par(ident("X"), det))),
            {"<=": [["1", ["H", [0], [1]]], ["-1", ["function", 1, [1]]]]},
        ),
        "at most log of the size": certificate(
            "shannon", claim(["LessEq", entropy("X"), ["Log", ["Size", "X"]]], P), {"<=": [["1", ["size", 0]]]}
        ),
        "given inequality": certificate(
            "shannon",
            claim(["LessEq", mul(const(2), entropy("X")), const(6)], P, [["LessEq", entropy("X"), const(3)]]),
            {"<=": [["2", ["given", 0]]]},
        ),
        "discard is natural": certificate(
            "diagram", claim(["Equal", seq(F, discard("Y")), discard("X")]), {"boxes": [], "outputs": []}
        ),
        "copy is coassociative": certificate(
            "diagram",
            claim(["Equal", seq(copying("X"), par(copying("X"), ident("X"))),
                   seq(copying("X"), par(ident("X"), copying("X")))]),
            {"boxes": [], "outputs": [[-1, 0], [-1, 0], [-1, 0]]},
        ),
        "deterministic boxes copy": certificate(
            "diagram", claim(["Equal", seq(det, copying("Y")), seq(copying("X"), par(det, det))]),
            {"boxes": [[det, [[-1, 0]]]], "outputs": [[0, 0], [0, 0]]},
        ),
        "two boxes in order": certificate(
            "diagram", claim(["Equal", seq(par(P, Q), ["Swap", ["X"], ["X"]]), par(Q, P)]),
            {"boxes": [[Q, []], [P, []]], "outputs": [[0, 0], [1, 0]]},
        ),
        "E1": identity(divergence("KL", COPIED, PRODUCT), entropy("X"), P),
        "categorical TV entropy": identity(
            divergence("TV", COPIED, PRODUCT), add(const(1), neg(total(X, power(PX, 2))))
        ),
        "cross entropy": identity(
            neg(total(X, mul(PX, ["Log", QX]))), add(divergence("KL", P, Q), entropy("X")), P
        ),
        "information is a divergence": identity(divergence("KL", joint, margins), information("X;Y"), joint),
        "hessian": identity(along(along(PARTITION, V), U), COVARIANCE),
        "gradient": identity(along(neg(["Log", soft(W1)]), U), add(mean(logit(U, W2)), neg(logit(U, W1)))),
        "constant direction": identity(
            along(PARTITION, U), ["Symbol", "c"], None, [["Equal", logit(U, W1), ["Symbol", "c"]]], uses=[0]
        ),
        "associativity": identity(left, right, normal=entry(seq(F, box("g", "Y", "Z"), box("k", "Z", "V")),
                                                            [letter("a")], [letter("b", "V")])),
        "copy is commutative": identity(
            seq(copying("X"), ["Swap", ["X"], ["X"]]), copying("X"),
            normal=entry(copying("X"), [letter("a")], [letter("b"), letter("c")]),
        ),
        "averaged divergence": identity(
            divergence("TV", F, box("g", "X", "Y"), P),
            mul(const("1/2"), total(X, mul(PX, total(letter("z", "Y"), ["Abs", add(
                entry(F, [X], [letter("z", "Y")]), neg(entry(box("g", "X", "Y"), [X], [letter("z", "Y")])))])))),
        ),
        "hellinger": identity(
            divergence("hellinger2", P, Q),
            add(const(1), neg(total(X, mul(power(PX, "1/2"), power(QX, "1/2"))))),
        ),
        "copied hellinger": identity(
            divergence("hellinger2", COPIED, PRODUCT), add(const(1), neg(total(X, power(PX, "3/2"))))
        ),
        "chi2": identity(divergence("chi2", P, Q), add(total(X, mul(power(PX, 2), power(QX, -1))), const(-1))),
        "JS is symmetric": identity(divergence("JS", P, Q), divergence("JS", Q, P)),
        "triangular is symmetric": identity(divergence("triangular", P, Q), divergence("triangular", Q, P)),
    }  # fmt: skip


GOOD = good()


@pytest.mark.parametrize("name", GOOD)
def test_good_certificates_are_accepted(name: str) -> None:
    data = GOOD[name]
    result = check(text(data), data["statement"])
    assert isinstance(result, Accepted), result
    assert (result.kind, list(result.rests_on), result.hash) == (data["kind"], data["rests_on"], data["hash"])
    assert result.statement_text.isascii()
    assert "\n" not in result.statement_text


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        ("data processing, given", "I(X;Z) <= I(X;Y) given I(X;Z|Y) = 0 in p where p: 1 -> X*Y*Z"),
        ("discard is natural", "f >> discard[Y] = discard[X] where f: X -> Y"),
        ("deterministic boxes copy", "d >> copy[Y] = copy[X] >> (d @ d) where det d: X -> Y"),
        ("categorical TV entropy", "D_TV(p >> copy[X], p @ p) = 1 - (sum_{x:X} p(x)^2) where p: 1 -> X"),
        ("constant direction", "derivative(logpartition(h), h, u) = c given for all w: logit(u, w) = c"),
    ],
)
def test_statements_are_printed(name: str, printed: str) -> None:
    result = check(text(GOOD[name]))
    assert isinstance(result, Accepted)
    assert result.statement_text == printed


def test_a_name_cannot_imitate_mathematics() -> None:
    name = "p + -q"
    result = check(text(identity(const(0), mul(const(0), entry(box(name, "", "X"), [], [X])))))
    assert isinstance(result, Accepted)
    assert '"p + -q"(x)' in result.statement_text


# ---------------------------------------------------------------- corruptions


def leaves(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if isinstance(data, (list, dict)):
        for key, value in data.items() if isinstance(data, dict) else enumerate(data):
            yield from leaves(value, (*path, key))
    else:
        yield path, data


def inner_lists(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Data]]:
    if isinstance(data, list):
        yield path, data
    if isinstance(data, (list, dict)):
        for key, value in data.items() if isinstance(data, dict) else enumerate(data):
            yield from inner_lists(value, (*path, key))


def replaced(data: Any, path: tuple[Any, ...], new: Any) -> Any:
    changed_data = copy.deepcopy(data)
    at = changed_data
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = new
    return changed_data


def changed(value: Any) -> list[Any]:
    """What one leaf may be corrupted to."""
    if isinstance(value, bool) or value is None:
        return [not value, 0, "x"]
    if isinstance(value, int):
        return [value + 1, -value - 1, str(value), True, 10**6]
    numeral = value.lstrip("-").replace("/", "").isdigit()
    return [
        value + "1",
        value[:-1],
        None,
        *(["-" + value, value + "/7", int(float(value.split("/")[0]))] if numeral else []),
    ]


def rehashed(data: dict[str, Any]) -> dict[str, Any]:
    return {**data, "hash": hashlib.sha256(canonical(data["statement"]).encode()).hexdigest()}


def corruptions(data: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """One change at a time: each field and leaf, each list shortened or with neighbours swapped."""
    for field in data:
        yield {key: value for key, value in data.items() if key != field}
        yield {**data, field: None}
    yield {**data, "extra": 1}
    for kind in sorted({"diagram", "shannon", "identity", "sums"} - {data["kind"]}):
        yield {**data, "kind": kind}
        yield certificate(kind, data["statement"], data["steps"])
    yield {**data, "hash": data["hash"].upper()}
    yield {**data, "rests_on": [*data["rests_on"], "faith"]}
    for path, value in leaves(data):
        for new in changed(value) if not harmless(data, path) else []:
            wrong = replaced(data, path, new)
            yield wrong
            if path[0] == "statement":
                yield rehashed(wrong)
    for path, items in inner_lists(data):
        if not path or (path[0] == "steps" and "normal" in path):
            continue  # sums and products commute: these may stay right
        for at in range(len(items)):
            yield replaced(data, path, items[:at] + items[at + 1 :])
        for at, (one, two) in enumerate(pairwise(items)):
            if one != two and path[-1] not in ("<=", ">=") and (items[0], at) != ("I", 1):
                # order of facts, and of the two sides of I, means nothing
                yield replaced(data, path, [*items[:at], two, one, *items[at + 2 :]])


def harmless(data: dict[str, Any], path: tuple[Any, ...]) -> bool:
    """`normal` may name the letters of two terms as it likes."""
    terms = data["statement"][1][1][0] in ("Seq", "Par")
    return terms and path[:2] == ("steps", "normal") and path[2] in (2, 3) and path[-1] == 1


CORRUPTED = [
    (name, wrong) for name, data in GOOD.items() for wrong in corruptions(data) if canonical(wrong) != canonical(data)
]


def accepted_corruptions(checker: Callable[[str, object], object]) -> list[str]:
    """Corruptions that a checker accepts as proofs of the original statement."""
    return [
        f"{name}: {text(wrong)}"
        for name, wrong in CORRUPTED
        if not isinstance(checker(text(wrong), GOOD[name]["statement"]), Rejected)
    ]


def test_every_corruption_is_rejected() -> None:
    assert len(CORRUPTED) > 2000
    assert accepted_corruptions(check) == []


def test_a_checker_that_accepts_everything_fails_the_corpus() -> None:
    assert len(accepted_corruptions(lambda *_: True)) == len(CORRUPTED)


def test_a_certificate_proves_no_other_statement() -> None:
    for name, data in GOOD.items():
        for other, wanted in GOOD.items():
            if wanted["statement"] != data["statement"]:
                assert isinstance(check(text(data), wanted["statement"]), Rejected), (name, other)
                assert isinstance(
                    check(text({**data, "statement": wanted["statement"], "hash": wanted["hash"]})), Rejected
                )


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ("", "not JSON"),
        ("nonsense", "not JSON"),
        ('{"a": "\\ud800', "not JSON"),
        ('{"kind": 1, "kind": 1}', "duplicate key among ['kind', 'kind']"),
        ('{"steps": {"a": [], "a": []}}', "duplicate key among ['a', 'a']"),
        ("[1.5]", "not an integer"),
        ("[1e9]", "not an integer"),
        ("[-0]", "-0"),
        ("[NaN]", "NaN"),
        ("[-Infinity]", "-Infinity"),
        ("[1" + "0" * 1000 + "]", "1000 digits"),
        ("[-1" + "0" * 5_000 + "]", "1000 digits"),
        ("[" * 401 + "]" * 401, "nesting deeper than 400"),
        ("[" * 4_000_000, "nesting deeper than 400"),
        ("[" * 101 + "]" * 101, "too large to check: nesting"),
        ("[" + "[]," * 1_000_001 + "[]]", "too large to check: nesting"),
        (" " * (4 * 1024 * 1024 + 1), "bytes"),
        ("\u00e9" * (2 * 1024 * 1024 + 1), "bytes"),
        ("{}", "exactly the fields"),
        ("[]", "exactly the fields"),
        ("null", "exactly the fields"),
        ("\ufeff{}", "not JSON"),
    ],
)
def test_malformed_text_is_rejected(wrong: str, reason: str) -> None:
    result = check(wrong)
    assert isinstance(result, Rejected)
    assert reason in result.reason


def reason_of(data: dict[str, Any]) -> str:
    result = check(text(data))
    assert isinstance(result, Rejected), result
    return result.reason


def shannon(holds: Data, steps: object, about: Data | None = JOINT, given: list[Data] | None = None) -> str:
    return reason_of(certificate("shannon", claim(holds, about, given), steps))


def test_reasons_are_precise() -> None:
    half = [["-1/2", ["I", [0], [1], [2]]]]
    assert shannon(PROCESSING, {"<=": half}) == "step 0 of '<=': multiplier -1/2 of an inequality is negative"
    below = [["LessEq", entropy("X"), const(3)]]
    assert "negative" in shannon(PROCESSING, {"<=": [["-1", ["given", 0]]]}, JOINT, below)
    assert "can't be cited" in shannon(
        ["LessEq", const(0), const(0)], {"<=": [["1", ["box", 1, [], []]]]}, seq(P, box("n", "X", ""))
    )
    assert "not deterministic" in shannon(PROCESSING, {"<=": [["1", ["function", 1, [1]]]]}, DRAWN)
    assert "before box" in shannon(PROCESSING, {"<=": [["1", ["box", 1, [1], [0]]]]}, DRAWN)
    assert "before box" in shannon(PROCESSING, {"<=": [["1", ["box", 1, [1], [2]]]]}, DRAWN)
    assert "not an increasing list" in shannon(PROCESSING, {"<=": [["1", ["H", [1, 0], []]]]})
    assert "no wire ['Q']" in shannon(["LessEq", entropy("Q"), const(1)], {"<=": []})
    assert "without about" in shannon(PROCESSING, {"<=": []}, None)
    assert "product of two" in shannon(["LessEq", mul(entropy("X"), entropy("X")), const(1)], {"<=": []})
    assert "does not read Abs" in shannon(["LessEq", ["Abs", entropy("X")], const(1)], {"<=": []})
    assert "joins outputs" in reason_of(
        certificate("diagram", claim(["Equal", seq(F, F), F]), {"boxes": [], "outputs": []})
    )
    clash = claim(["Equal", seq(F, discard("Y")), seq(box("f", "X", "Z"), discard("Z"))])
    assert "two different things" in reason_of(certificate("diagram", clash, {"boxes": [], "outputs": []}))
    assert "lowest terms" in reason_of(identity(const("2/4"), const("1/2")))
    assert "different normal forms" in reason_of(identity(const("1/4"), const("1/2")))
    assert "another head" in reason_of(
        identity(["Derivative", const(1), POINT, ["Direction", "u", ["Head", "W2", "V"]]], const(0))
    )
    assert "two different things" in reason_of(
        identity(total(X, entry(F, [letter("a")], [letter("x", "Y")])), const(1))
    )


# ---------------------------------------------------------------- false statements, with their best certificates


def test_a_box_that_is_not_deterministic_does_not_copy() -> None:
    left, right = seq(F, copying("Y")), seq(copying("X"), par(F, F))
    for boxes, outputs in (
        ([[F, [[-1, 0]]]], [[0, 0], [0, 0]]),
        ([[F, [[-1, 0]]], [F, [[-1, 0]]]], [[0, 0], [1, 0]]),
    ):
        steps = {"boxes": boxes, "outputs": outputs}
        assert "normal form" in reason_of(certificate("diagram", claim(["Equal", left, right]), steps))
    for term in (left, right):
        normal = entry(term, [letter("a")], [letter("b", "Y"), letter("c", "Y")])
        assert "different normal forms" in reason_of(identity(left, right, normal=normal))


def test_false_information_statements() -> None:
    equal = ["Equal", entropy("X"), entropy("Y")]
    up, down = [["1", ["H", [1], [0]]]], [["1", ["H", [0], [1]]]]
    assert "do not add up" in shannon(equal, {"<=": up, ">=": down})
    assert "do not add up" in shannon(PROCESSING, {"<=": [["1", ["I", [0], [1], [2]]]]})
    assert "do not add up" in shannon(["LessEq", information("X;Y", "Z"), information("X;Y")], {"<=": []})
    more = ["LessEq", mul(const("100000001/100000000"), information("X;Z")), information("X;Y")]
    steps = {"<=": [["1", ["I", [0], [1], [2]]], ["1", ["given", 0]]]}
    assert "do not add up" in shannon(more, steps, JOINT, CHAIN_GIVEN)


LOGP, LOGQ = ["Log", PX], ["Log", QX]
FALSE = {
    "expectation of a product": (total(X, mul(PX, QX)), mul(total(X, power(PX, 2)), total(Y, entry(Q, [], [Y])))),
    "product of expectations": (
        total(X, mul(PX, ["Symbol", "s"], ["Symbol", "t"], PX)),
        mul(total(X, mul(PX, ["Symbol", "s"])), total(X, mul(PX, ["Symbol", "t"]))),
    ),
    "support": (total(X, mul(PX, power(PX, -1))), ["Size", "X"]),
    "cancelled quotient": (mul(PX, power(PX, -1)), const(1)),
    "infinity against infinity": (add(LOGP, neg(LOGP)), const(0)),
    "log of 0/0": (["Log", mul(PX, power(PX, -1))], const(0)),
    "split over the wrong support": (mul(QX, ["Log", mul(PX, power(PX, -1))]), const(0)),
    "divergence minus itself": (add(divergence("KL", P, Q), neg(divergence("KL", P, Q))), const(0)),
    "divergence is symmetric": (divergence("KL", P, Q), divergence("KL", Q, P)),
    "infinity under exp": (["Exp", neg(LOGP)], power(PX, -1)),
    "the power 0": (power(PX, 0), const(1)),
    "0 to the power -1": (power(const(0), -1), const(0)),
    "log of a negative number": (["Log", const(-1)], const(0)),
    "root of a square": (power(power(["Symbol", "s"], 2), "1/2"), ["Symbol", "s"]),
    "abs of a symbol": (["Abs", ["Symbol", "s"]], ["Symbol", "s"]),
    "abs of a difference": (["Abs", add(PX, neg(QX))], add(PX, neg(QX))),
    "abs below zero": (["Abs", add(const("1/2"), neg(PX))], add(const("1/2"), neg(PX))),
    "inputs are not outputs": (total(X, entry(F, [X], [letter("b", "Y")])), const(1)),
    "shared letter": (total(X, entry(box("c", "", "X X"), [], [X, X])), const(1)),
    "not deterministic": (power(PX, 2), PX),
    "covered log of 0/0": (mul(PX, ["Log", mul(QX, mul(PX, power(PX, -1)))]), mul(PX, LOGQ)),
    "log of 0/0 in a product": (["Log", mul(QX, mul(PX, power(PX, -1)))], LOGQ),
    "log of a sum of 0/0": (["Log", total(Y, mul(PX, power(PX, -1)))], ["Log", ["Size", "X"]]),
    "a great prime factor": (["Log", const(2 * 10007)], ["Log", const(2)]),
    "log of a sum": (["Log", add(const(1), PX)], LOGP),
    "other point": (["Derivative", ["LogPartition", ["Point", "k", HEAD]], POINT, U], mean(logit(U, W2))),
    "derivative of abs": (along(["Abs", PARTITION], U), mean(logit(U, W2))),
    "derivative of a log that may vanish": (along(["Log", add(const(1), neg(soft(W1)))], U), const(0)),
    "uncentred covariance": (along(along(PARTITION, V), U), mean(logit(U, W2), logit(V, W2))),
    "sign beside an infinity": (mul(add(PX, neg(QX)), LOGP), add(mul(PX, LOGP), neg(mul(QX, LOGP)))),
    "two infinities": (mul(LOGP, LOGQ), mul(LOGQ, LOGP)),
    "captured letter": (
        total(X, mul(PX, ["Log", total(X, power(PX, 2))])),
        total(X, mul(PX, ["Log", total(Y, mul(PX, entry(P, [], [Y])))])),
    ),
    "rank": (["Rank", const(1), U, V], const(1)),
    "unknown divergence": (divergence("renyi", P, Q), divergence("renyi", P, Q)),
}


@pytest.mark.parametrize("name", FALSE)
def test_false_or_undefined_identities_are_rejected(name: str) -> None:
    left, right = FALSE[name]
    for normal in (left, right):
        reason_of(identity(left, right, normal=normal))


PY, QY = entry(P, [], [Y]), entry(Q, [], [Y])
DET = entry(box("d", "X", "Y", True), [X], [letter("b", "Y")])
TRUE = {
    "covered quotient": (mul(power(PX, 2), power(PX, -1)), PX),
    "renamed": (total(X, total(Y, mul(PX, LOGP, QY))), total(Y, mul(PY, ["Log", PY]))),
    "deterministic": (power(DET, 2), DET),
    "nested letters": (
        total(X, mul(PX, ["Log", total(Y, mul(PX, entry(P, [], [Y])))])),
        total(Y, mul(entry(P, [], [Y]), ["Log", entry(P, [], [Y])])),
    ),
    "log of an exponential": (["Log", ["Exp", ["Symbol", "s"]]], ["Symbol", "s"]),
    "great prime factors": (["Log", const(2 * 10007)], add(["Log", const(2)], ["Log", const(10007)])),
    "logs of rationals": (["Log", const(12)], add(mul(const(2), ["Log", const(2)]), ["Log", const(3)])),
    "roots": (mul(power(const(12), "1/2"), power(const(3), "1/2")), const(6)),
    "abs of a product": (["Abs", mul(["Symbol", "s"], PX, const(-2))], mul(PX, const(2), ["Abs", ["Symbol", "s"]])),
    "abs of a negative": (["Abs", add(PX, neg(QX))], ["Abs", add(QX, neg(PX))]),
    "derivative of exp": (along(["Exp", PARTITION], U), mul(["Exp", PARTITION], mean(logit(U, W2)))),
    "derivative of a power": (
        along(power(soft(W1), "1/2"), U),
        mul(const("1/2"), power(soft(W1), "1/2"), add(logit(U, W1), neg(mean(logit(U, W2))))),
    ),
    "symmetric letters": (
        total(X, total(Y, total(letter("z"), power(add(PX, entry(P, [], [Y]), entry(P, [], [letter("z")])), 3)))),
        total(letter("z"), total(Y, total(X, power(add(PX, entry(P, [], [Y]), entry(P, [], [letter("z")])), 3)))),
    ),
    "expectations of independent letters": (
        mul(total(X, power(PX, 2)), total(X, power(PX, 2))),
        total(X, total(Y, power(mul(PX, PY), 2))),
    ),
}


@pytest.mark.parametrize("name", TRUE)
def test_true_identities_are_accepted(name: str) -> None:
    left, right = TRUE[name]
    for normal in (left, right):
        result = check(text(identity(left, right, normal=normal)))
        assert isinstance(result, Accepted), result
    wrong = identity(left, right, normal=add(left, const("1/1000000")))
    assert "'normal' is not" in reason_of(wrong)
    assert "different normal forms" in reason_of(identity(left, add(right, const("1/1000000"))))


def test_given_logits_are_used_only_for_all_letters_and_away_from_points() -> None:
    symbol = ["Symbol", "c"]
    every_letter = identity(
        mul(logit(U, W1), along(PARTITION, U)), mul(symbol, symbol), None, [["Equal", logit(U, W1), symbol]], uses=[0]
    )
    assert isinstance(check(json.dumps(every_letter)), Accepted)
    at_point = identity(
        along(logit(U, W2), V), along(PARTITION, V), None, [["Equal", logit(U, W1), PARTITION]], uses=[0]
    )
    assert "neither Logit(direction, letter) = e nor" in reason_of(at_point)
    bound = identity(
        total(W2, along(logit(U, W2), V)), total(W2, along(PARTITION, V)), None,
        [["Equal", logit(U, W1), PARTITION]], uses=[0],
    )  # fmt: skip
    assert "neither Logit(direction, letter) = e nor" in reason_of(bound)
    of_letter = identity(along(PARTITION, U), const(0), None, [["Equal", logit(U, W1), logit(V, W1)]], uses=[0])
    assert "neither Logit(direction, letter) = e nor" in reason_of(of_letter)
    unused = identity(along(PARTITION, U), symbol, None, [["Equal", logit(U, W1), symbol]])
    assert "different normal forms" in reason_of(unused)


# ---------------------------------------------------------------- values: one normal form, one value, zeros included


class UndefinedError(Exception):
    """Infinity against infinity, or the logarithm or root of a negative number."""


class Kernels:
    """Random finite kernels over one alphabet, with zeros, and values of expressions by the page's definitions."""

    def __init__(self, source: random.Random) -> None:
        self.size = source.choice([1, 2, 3])
        self.symbol = source.choice([0.0, 1.7, -0.6])
        self.rows = {name: [self.row(source, name == "d") for _ in range(self.size)] for name in "pqfd"}

    def row(self, source: random.Random, certain: bool) -> list[float]:
        weights = [0 if certain else source.choice([0, 0, 1, 2, 3]) for _ in range(self.size)]
        weights[source.randrange(self.size)] += 1 if certain or not sum(weights) else 0
        return [weight / sum(weights) for weight in weights]

    def value(self, node: Data, at: dict[str, int]) -> float:
        kind, first = node[:2]
        if kind == "Const":
            return float(Fraction(first))
        if kind in ("Size", "Symbol"):
            return float(self.size) if kind == "Size" else self.symbol
        if kind == "Entry":
            ins, outs = ([at[x[1]] for x in letters] for letters in node[2:])
            return float(ins == outs) if first[0] == "Id" else self.rows[first[1]][(ins or [0])[0]][outs[0]]
        if kind in ("Add", "Sum"):
            parts = node[1] if kind == "Add" else [node[2]] * self.size
            scopes = [at] * len(parts) if kind == "Add" else [{**at, first[1]: i} for i in range(self.size)]
            values = [self.value(part, scope) for part, scope in zip(parts, scopes, strict=True)]
            if math.inf in values and -math.inf in values:
                raise UndefinedError
            return math.fsum(values)
        if kind == "Mul":
            values = [self.value(part, at) for part in first]
            return 0.0 if 0.0 in values else math.prod(values)
        inside = self.value(first, at)
        inside = 0.0 if abs(inside) < 1e-13 else inside
        if kind == "Abs":
            return abs(inside)
        if inside < 0 and (kind == "Log" or node[2] != "2"):
            raise UndefinedError
        if inside == 0:
            return -math.inf if kind == "Log" else 0.0 if node[2][0] != "-" else math.inf
        return math.log(inside) if kind == "Log" else inside ** float(Fraction(node[2]))


def random_expression(source: random.Random, depth: int, letters: list[str]) -> Data:
    """Small expressions in which logarithms and negative powers stand beside what makes them harmless, or not."""

    def atom() -> Data:
        one, two = letter(source.choice(letters)), letter(source.choice(letters))
        law, kernel = (
            box(source.choice("pq"), "", "X"),
            source.choice([box("f", "X", "X"), box("d", "X", "X", True), ident("X")]),
        )
        entries = [entry(law, [], [one]), entry(law, [], [one]), entry(kernel, [one], [two])]
        return source.choice([*entries, add(const(1), neg(entries[0]))])

    def deeper() -> Data:
        return random_expression(source, depth - 1, letters)

    shape = source.choice(["atom", "number", "logs", "logs", "add", "mul", "sum", "pow", "log", "abs"])
    if shape == "logs":
        parts = [atom() for _ in range(source.choice([1, 2]))]
        powers = [power(x, source.choice(["1", "-1", "2", "1/2"])) for x in source.choices([*parts, atom()], k=2)]
        parts.append(source.choice([["Log", mul(*powers)], powers[0], ["Log", powers[1]]]))
        return mul(*source.sample(parts, len(parts)))
    if depth == 0 or shape in ("atom", "number"):
        numbers = [const(source.choice([1, -1, 2, "1/2"])), ["Size", "X"], ["Symbol", "s"]]
        return source.choice(numbers) if shape == "number" else atom()
    if shape == "sum":
        name = source.choice("abx")
        return total(letter(name), random_expression(source, depth - 1, [*letters, name]))
    if shape in ("add", "mul"):
        return (add if shape == "add" else mul)(deeper(), deeper())
    return power(deeper(), source.choice(["2", "-1", "1/2"])) if shape == "pow" else [shape.title(), deeper()]


def test_expressions_of_one_normal_form_have_one_value() -> None:
    """What the checker could identify is equal on kernels with zeros: it never sets infinity against infinity."""
    source, classes = random.Random(2), dict[object, list[Data]]()
    for _ in range(8000):
        data = random_expression(source, source.choice([1, 2, 2, 3]), ["x", "y"])
        try:
            node, work = Reader().node(data, "expr"), Expansion(None)
            assert len(infinities(node)) <= 1
            classes.setdefault(work.frozen(work.expand(node, {})), []).append(data)
        except Refusal:
            continue
    pairs = [(same[0], other) for same in classes.values() for other in same[1:20] if other != same[0]]
    assert len(pairs) > 300
    for left, right in pairs:
        for _ in range(12):
            kernels = Kernels(source)
            at = {name: source.randrange(kernels.size) for name in "xy"}
            assert kernels.value(left, at) == pytest.approx(kernels.value(right, at), rel=1e-9, abs=1e-9), (left, right)


# ---------------------------------------------------------------- hostile certificates


def nested(depth: int, wrap: Callable[[Data], Data], core: Data) -> Data:
    for _ in range(depth):
        core = wrap(core)
    return core


PXS = [entry(P, [], [letter(f"x{i}")]) for i in range(12)]
HOSTILE = {
    "tower of exp": nested(80, lambda e: ["Exp", e], ["Symbol", "s"]),
    "tower of abs": nested(40, lambda e: ["Abs", add(e, ["Symbol", "s"])], ["Symbol", "s"]),
    "tower of powers": nested(80, lambda e: power(e, 2), const(3)),
    "great power": power(const(3), "9" * 900),
    "power of a sum": power(add(["Symbol", "s"], const(1)), "9" * 900),
    "tower of squares": nested(40, lambda e: power(e, 2), add(["Symbol", "s"], ["Symbol", "t"])),
    "tower of sums": nested(40, lambda e: mul(e, add(["Symbol", "s"], ["Symbol", "t"], PX)), const(1)),
    "product of many numbers": mul(*[const("9" * 900)] * 100),
    "many symmetric letters": power(total(X, power(PX, 2)), 12),
    "great root": power(const("7" * 999), "1/3"),
    "great log": ["Log", const("7" * 999)],
    "tower of sums over letters": nested(45, lambda e: total(X, e), PX),
    "tower of derivatives": nested(30, lambda e: along(e, U), PARTITION),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("deep", [0, 450])
def test_hostile_expressions_never_raise(name: str, deep: int) -> None:
    def call(depth: int) -> object:
        return call(depth - 1) if depth else check(text(identity(HOSTILE[name], const(0))))

    assert isinstance(call(deep), Rejected)


def test_limits_say_so() -> None:
    for name in ("great power", "tower of squares", "many symmetric letters", "tower of exp"):
        assert reason_of(identity(HOSTILE[name], const(0))).startswith("too large to check: ")
    wide = ["LessEq", information(";".join("XYZXYZXYZ")), const(1)]
    assert shannon(wide, {"<=": []}).startswith("too large to check: ")


def test_deep_terms_never_raise() -> None:
    for wrap in (seq, par):
        term = nested(40, lambda t, wrap=wrap: wrap(t), ident("X"))  # type: ignore[misc]
        data = certificate("diagram", claim(["Equal", term, ident("X")]), {"boxes": [], "outputs": [[-1, 0]]})
        assert isinstance(check(text(data)), Accepted)


# ---------------------------------------------------------------- the command and the walls


def test_the_command(tmp_path: Path) -> None:
    fine, wrong = tmp_path / "fine.json", tmp_path / "wrong.json"
    fine.write_text(text(GOOD["E1"]), encoding="utf-8")
    wrong.write_bytes(b"\xff")

    def run(*paths: Path) -> tuple[int, str]:
        command = [sys.executable, "-m", "lmlaws.checks.recheck", *map(str, paths)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout

    code, out = run(fine)
    assert code == 0
    assert "accepted identity: D_KL(p >> copy[X], p @ p) = H(X) in p" in out
    code, out = run(fine, wrong, tmp_path / "none.json")
    assert code == 1
    assert "rejected: can't be read: 'utf-8'" in out
    assert "rejected: can't be read" in out
    assert run()[0] == 64


MODULES = sorted((PACKAGE / "standard").glob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """Where a module's imports lead: top-level names, or '.' for its own package."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level <= 1
            yield "." if node.level else str(node.module).split(".")[0]


def test_the_checker_imports_only_the_standard_library_and_itself() -> None:
    assert len(MODULES) > 5
    for path in MODULES:
        for name in imports(path):
            assert name == "." or name in sys.stdlib_module_names, f"{path} imports {name}"
