"""The kind `sum`: hand-written certificates, their corruptions, attempts to prove what is false, and facts at the edge.

Every attempt is a certificate written to deceive: a false statement, with steps that would prove it if one of the
checker's conditions were missing.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import product
from typing import Any

import pytest
from tests.test_recheck import (
    PX,
    QX,
    Data,
    P,
    Q,
    X,
    add,
    box,
    canonical,
    certificate,
    claim,
    const,
    corruptions,
    divergence,
    entry,
    letter,
    mul,
    neg,
    par,
    power,
    seq,
    total,
)

from lmlaws.checks.recheck import Accepted, Rejected
from lmlaws.checks.recheck.standard import sums
from lmlaws.checks.recheck.standard.checker import check
from lmlaws.checks.recheck.standard.reading import Refusal
from lmlaws.checks.recheck.standard.statement import Reader

RESTS_ON = ["Jensen's inequality on finite alphabets"]
ONE, ZERO = const(1), const(0)
Y, Y2, W = letter("y", "Y"), letter("y"), letter("w")
R = box("r", "", "X")
RX = entry(R, [], [X])
C, K, K2 = box("c", "", "Y"), box("k", "X", "Y"), box("k", "X", "X")
KXY, KXX = entry(K, [X], [Y]), entry(K2, [W], [X])
KL, CHI2, TV = (divergence(name, P, Q) for name in ("KL", "chi2", "TV"))
BC = total(X, mul(power(PX, "1/2"), power(QX, "1/2")))


def rows(text: str) -> list[Data]:
    """Rows from a text such as `Linear 1 0 1, Power -1 1/2`."""
    return [row.split() for row in text.split(",")] if text else []


def compare(text: str, a: Data = PX, b: Data = QX, first: str = "0 0", second: str = "0 0") -> Data:
    return ["Compare", first.split(), second.split(), a, b, rows(text)]


def merge(letters: list[Data], a: Data, b: Data, text: str) -> Data:
    return ["Merge", letters, a, b, rows(text)]


def schwarz(a: Data, b: Data, text: str, letters: list[Data] | None = None) -> Data:
    return ["Schwarz", [X] if letters is None else letters, a, b, rows(text)]


def part(letters: list[Data], fact: Data, times: Data = ONE) -> Data:
    return ["Part", letters, times, fact]


def link(*parts: Data, shared: Data = ZERO) -> Data:
    return ["Link", shared, list(parts)]


def proof(left: Data, right: Data, *links: Data) -> dict[str, Any]:
    data = certificate("sum", claim(["LessEq", left, right]), {"links": list(links)})
    return {**data, "rests_on": RESTS_ON}


def accepted(data: dict[str, Any]) -> bool:
    return isinstance(check(json.dumps(data), data["statement"]), Accepted)


GIBBS = "Ratio 1 1 0 0 1, Linear 1 -1 1"
PINSKER = "Gap {} 2/3 4/3 0"
ROOTS = "Linear 1 1 1, Power -2 1/2, Gap -1 1 1 2"
PROCESSING = {
    "KL": "Ratio 1 1 0 0 1",
    "reverse_KL": "Ratio 1 0 1 1 0",
    "TV": "Apart 1/2",
    "hellinger2": "Linear 1 1/2 1/2, Power -1 1/2",
    "triangular": "Gap 1/2 1 1 0",
    "JS": "Ratio 1/2 1 0 1/2 1/2, Ratio 1/2 0 1 1/2 1/2",
    "chi2": "Power 1 2, Linear -1 1 0",
}


def good() -> dict[str, dict[str, Any]]:
    """Certificates that must be accepted."""
    quarter, half = const("1/4"), const("1/2")
    distances = link(part([], schwarz(PX, QX, PINSKER.format(1)), quarter))
    to_roots = mul(half, add(ONE, BC))
    found = {
        "Gibbs": proof(ZERO, KL, link(part([X], compare(GIBBS)))),
        "Hellinger": proof(
            mul(const(2), add(ONE, neg(BC))), KL,
            link(
                part([X], compare("Ratio 1 1 0 0 1, Linear 1 -2 0, Power 2 1/2", second="0")),
                shared=add(const(2), mul(const(-2), BC)),
            ),
        ),
        "Pinsker": proof(
            power(TV, 2), mul(half, KL), distances,
            link(part([X], compare(f"{GIBBS}, {PINSKER.format(-1)}"), half)),
        ),
        "Pinsker under a root": proof(
            TV, power(mul(half, KL), "1/2"), distances,
            link(part([X], compare(f"{GIBBS}, {PINSKER.format(-1)}"), half)),
        ),
        "log of chi2": proof(
            KL, ["Log", add(ONE, CHI2)],
            link(
                part([], merge([X], PX, mul(power(PX, 2), power(QX, -1)), "Ratio 1 1 0 0 1")),
                shared=add(KL, ["Log", add(ONE, CHI2)]),
            ),
        ),
        "total variation and BC": proof(
            TV, power(add(ONE, neg(power(BC, 2))), "1/2"),
            link(part([], schwarz(PX, QX, "Gap 1 1 1 2"), quarter)),
            link(part([X], compare(ROOTS, first="", second=""), to_roots), shared=neg(mul(add(ONE, BC), BC))),
        ),
        "a square of a law": proof(
            total(X, power(PX, 2)), ONE,
            link(
                part([X], ["Compare", [], [], mul(PX, add(ONE, neg(PX))), ONE, rows("Linear 1 1 0")]),
                shared=total(X, power(PX, 2)),
            ),
        ),
        "a free letter": proof(
            PX, ONE,
            link(
                part([Y], ["Compare", [], [], mul(entry(C, [], [Y]), add(ONE, neg(PX))), ZERO, rows("Linear 1 1 0")]),
                shared=PX,
            ),
        ),
    }  # fmt: skip
    for name, text in PROCESSING.items():
        found[f"data processing of {name}"] = proof(
            divergence(name, seq(P, K), seq(Q, K)), divergence(name, P, Q),
            link(part([Y], merge([X], mul(KXY, PX), mul(KXY, QX), text))),
        )  # fmt: skip
    return found


GOOD = json.loads(json.dumps(good()))  # no list in two places: a corruption is one change
PROCESSED = [name for name in GOOD if name.startswith("data processing")]


@pytest.mark.parametrize("name", GOOD)
def test_good_certificates_are_accepted(name: str) -> None:
    result = check(json.dumps(GOOD[name]), GOOD[name]["statement"])
    assert isinstance(result, Accepted), result
    assert (result.kind, list(result.rests_on)) == ("sum", RESTS_ON)


# ---------------------------------------------------------------- hypotheses, mixtures, chords, squares, exponentials

JENSEN = "Logarithm 1/2 1 1 1, Logarithm -1/2 2 1 0, Logarithm 1/2 2 1 1"
S = box("s", "X", "X")
MIXED: Data = ["Equal", seq(P, S), Q]
COLUMN: Data = ["Equal", total(W, entry(S, [W], [X])), ONE]
U: Data = ["Direction", "u", ["Head", "head", "X"]]
UX, LOW, HIGH = ["Logit", U, X], ["Symbol", "low"], ["Symbol", "high"]
BETWEEN: list[Data] = [["LessEq", LOW, UX], ["LessEq", UX, HIGH]]


def jensen(w: Data, r: Data, text: str, first: str = "", second: str = "", letters: list[Data] | None = None) -> Data:
    return ["Jensen", first.split(), second.split(), [X] if letters is None else letters, w, r, rows(text)]


def chord(text: str, a: Data = PX, b: Data = QX) -> Data:
    return ["Chord", a, b, rows(text)]


def under(given: list[Data], left: Data, right: Data, *links: Data, uses: list[int] | None = None) -> dict[str, Any]:
    """A proof under hypotheses."""
    steps = {"links": list(links)} if uses is None else {"links": list(links), "uses": uses}
    softmax = ["normalisation of softmax"] if "Head" in json.dumps([given, left, right]) else []
    data = certificate("sum", claim(["LessEq", left, right], None, given), steps)
    return {**data, "rests_on": RESTS_ON + softmax}


def mixing(
    times: str = "1",
    given: Sequence[Data] = (MIXED, COLUMN),
    uses: Sequence[int] = (0, 1),
    text: str = "Power 1 2",
) -> dict[str, Any]:
    """sum q^2 <= times sum p^2, for q = p >> s."""
    squares = [total(X, power(law, 2)) for law in (PX, QX)]
    fact = jensen(entry(S, [W], [X]), entry(P, [], [W]), text, letters=[W])
    return under(list(given), squares[1], mul(const(times), squares[0]), link(part([X], fact)), uses=list(uses))


def bretagnolle_huber(rate: str = "1", inner: str = "2") -> dict[str, Any]:
    """BC^2 >= exp(-KL), turned over: 1 - BC^2 <= 1 - exp(-rate KL)."""
    minus = ["Exp", mul(const(-1), mul(const(rate), KL))]
    roots = mul(power(PX, "1/2"), power(QX, "1/2"))
    links = [link(part([], merge([X], PX, roots, "Ratio 1 1 0 0 1"), const(inner)))]
    fact = ["Exponential", mul(const(rate), KL), power(BC, 2), links]
    shared = add(ONE, neg(power(BC, 2)), neg(minus))
    return proof(add(ONE, neg(power(BC, 2))), add(ONE, neg(minus)), link(part([], fact), shared=shared))


def renyi(low: str, high: str, law: str, by: str, exponent: str) -> dict[str, Any]:
    fact = merge([X], mul(power(PX, law), power(QX, by)), PX, f"Power 1 {exponent}")
    return proof(divergence(f"renyi:{low}", P, Q), divergence(f"renyi:{high}", P, Q), link(part([], fact)))


def product_of(*numbers: int, given: list[Data] = BETWEEN) -> dict[str, Any]:
    """0 <= (u - low)(high - u)."""
    above = mul(add(UX, neg(LOW)), add(HIGH, neg(UX)))
    return under(given, ZERO, above, link(part([], ["Product", list(numbers)])))


SHORTER = "Ratio 1/2 1 0 1/2 1/2, Ratio 1/2 0 1 1/2 1/2"
ROOM = mul(["Log", const(2)], TV)
NEWER = {
    "a mixture": mixing(),
    "a chord": proof(divergence("JS", P, Q), ROOM, link(part([X], chord(SHORTER)))),
    "an exponential": bretagnolle_huber(),
    "orders of Renyi": renyi("2", "3", "2", "-1", "2"),
    "orders below one": renyi("1/4", "1/2", "1/2", "1/2", "3/2"),
    "a square": proof(ZERO, power(["Symbol", "s"], 2), link(part([], ["Square", ["Symbol", "s"]]))),
    "a product": product_of(0, 1),
    "alpha-divergences": proof(
        divergence("alpha:3", seq(P, K), seq(Q, K)), divergence("alpha:3", P, Q),
        link(part([Y], merge([X], mul(KXY, PX), mul(KXY, QX), "Power 1/6 3, Linear -1/6 3 -2"))),
    ),
}  # fmt: skip
FALSE = {
    "a mixture with more": mixing("99/100"),
    "a mixture whose columns are free": mixing(given=(MIXED,), uses=(0,)),
    "a mixture, its columns not used": mixing(uses=(0,)),
    "a mixture of rows": mixing(given=(MIXED, ["Equal", total(X, entry(S, [W], [X])), ONE])),
    "a mixture that is not the one": mixing(given=(["Equal", seq(Q, S), P], COLUMN)),
    "a column that sums to two": mixing(given=(MIXED, ["Equal", COLUMN[1], const(2)])),
    "a diagonal that sums to one": mixing(given=(MIXED, ["Equal", total(W, entry(S, [W], [W])), ONE])),
    "a concave mixture": mixing(text="Power -1 2"),
    "weights that are no law": proof(
        power(total(X, PX), 2), ZERO, link(part([], jensen(["Size", "X"], PX, "Power 1 2")))
    ),
    "a mixture of what is infinite at 0": proof(
        power(total(X, mul(PX, QX)), -1), total(X, mul(PX, power(QX, -1))),
        link(part([], jensen(PX, QX, "Power 1 -1"))),
    ),
    "rows of mixtures elsewhere": proof(
        ZERO, total(X, power(PX, 2)), link(part([X], compare("Over 1 2 0 1", PX, ONE, "", "")))
    ),
    "a chord too short": proof(
        divergence("JS", P, Q), mul(const("99/100"), ROOM), link(part([X], chord(SHORTER), const("99/100")))
    ),
    "a chord to infinity": proof(KL, ROOM, link(part([X], chord("Ratio 1 1 0 0 1")))),
    "a concave chord": proof(
        mul(const(-1), divergence("JS", P, Q)), mul(const(-1), ROOM),
        link(part([X], chord("Ratio -1/2 1 0 1/2 1/2, Ratio -1/2 0 1 1/2 1/2"))),
    ),
    "an exponential that falls faster": bretagnolle_huber("1/2"),
    "an exponential with a weak link": bretagnolle_huber("1", "1"),
    "an exponential of what is plus infinite": proof(
        ZERO, ["Exp", mul(const(-1), KL)], link(shared=["Exp", KL])
    ),
    "the inverse of an exponential that is 0": proof(
        ONE, mul(power(["Exp", mul(const(-1), KL)], -1), ["Exp", mul(const(-1), KL)]), link(shared=ONE)
    ),
    "orders of Renyi exchanged": renyi("3", "2", "3", "-2", "1/2"),
    "orders on both sides of one": renyi("1/2", "3", "1/2", "1/2", "-4"),
    "Renyi of order 0": renyi("0", "1/2", "1/2", "1/2", "2"),
    "another name": proof(ZERO, divergence("renyi:inf", P, Q), link(shared=ZERO)),
    "a square turned over": proof(power(["Symbol", "s"], 2), ZERO, link(part([], ["Square", ["Symbol", "s"]]))),
    "a product that is not given": product_of(0, 2),
    "a product of nothing": product_of(),
    "a product of an equation": product_of(0, 1, given=[BETWEEN[0], ["Equal", UX, HIGH]]),
}  # fmt: skip


@pytest.mark.parametrize("name", NEWER)
def test_newer_facts_are_accepted(name: str) -> None:
    result = check(json.dumps(NEWER[name]), NEWER[name]["statement"])
    assert isinstance(result, Accepted), result


@pytest.mark.parametrize("name", FALSE)
def test_newer_facts_prove_nothing_false(name: str) -> None:
    assert not accepted(FALSE[name])


def test_an_exponential_does_not_stand_in_another() -> None:
    deep = json.loads(json.dumps(NEWER["an exponential"]))
    inner = deep["steps"]["links"][0][2][0][3]
    inner[3] = [link(shared=ZERO), link(part([], json.loads(json.dumps(inner))))]
    reason = check(json.dumps(deep), deep["statement"])
    assert isinstance(reason, Rejected)


def test_many_parts_are_refused_by_their_work() -> None:
    """Each handles few letters; all together are more than a checker's means."""
    many = [part([Y], merge([X], mul(KXY, PX), mul(KXY, QX), PROCESSING["JS"])) for _ in range(300)]
    result = check(json.dumps(proof(ZERO, KL, link(*many))))
    assert isinstance(result, Rejected)
    assert "too large to check" in result.reason


# ---------------------------------------------------------------- corruptions


def moved(data: Any) -> Iterator[Any]:
    """The data with one number in them moved, a little or a lot, or with its sign changed."""
    if isinstance(data, list):
        for at, item in enumerate(data):
            for new in moved(item):
                yield [*data[:at], new, *data[at + 1 :]]
    elif isinstance(data, str) and data.lstrip("-").replace("/", "").isdigit():
        value = Fraction(data)
        for new in (value + Fraction(1, 10**30), value - Fraction(1, 10), -value):
            if new != value:
                yield str(new)


def accepted_for(data: dict[str, Any], name: str) -> bool:
    return isinstance(check(json.dumps(data), GOOD[name]["statement"]), Accepted)


def test_corruptions_are_rejected() -> None:
    """Field by field, leaf by leaf. What is accepted all the same proves the same statement: another chain, say."""
    names = source_of(random.Random(3))
    wrong = [(name, bad) for name in names for bad in corruptions(GOOD[name])]
    assert len(wrong) > 2000
    survivors = [(name, bad) for name, bad in wrong if accepted_for(bad, name)]
    assert all(bad == {**GOOD[name], "steps": bad["steps"]} for name, bad in survivors)
    kept = [(name, bad) for name, bad in survivors if sorted(canonical(bad)) != sorted(canonical(GOOD[name]))]
    assert len(kept) < len(wrong) / 500


def source_of(source: random.Random) -> list[str]:
    """Some of the good certificates, those with special facts among them."""
    return [
        *source.sample(sorted(PROCESSED), 2),
        "Hellinger",
        "Pinsker under a root",
        "log of chi2",
        "a square of a law",
    ]


def test_a_moved_number_in_a_statement_is_not_covered_by_its_proof() -> None:
    tried = 0
    for data in GOOD.values():
        for holds in moved(data["statement"][1]):
            tried += 1
            changed = certificate("sum", claim(holds), data["steps"])
            assert not accepted({**changed, "rests_on": RESTS_ON}), holds
    assert tried > 20


# ---------------------------------------------------------------- attempts to prove what is false


def attempts() -> dict[str, dict[str, Any]]:
    half, two, s = const("1/2"), const(2), ["Symbol", "s"]
    less = add(PX, neg(QX))
    log_p = ["Log", PX]
    inverse = power(QX, -1)
    free = letter("x")
    return {
        # signs
        "a negative multiplier": proof(KL, ZERO, link(part([X], compare(GIBBS), const(-1)))),
        "a negative number among the factors": proof(
            KL, ZERO, link(part([X], compare(GIBBS), mul(const(-1), PX, const(1))))
        ),
        "a symbol as multiplier": proof(ZERO, mul(s, KL), link(part([X], compare(GIBBS), s))),
        "a difference as multiplier": proof(
            ZERO, total(X, mul(less, PX)),
            link(part([X], ["Compare", [], [], PX, QX, rows("Linear 1 1 0")], less)),
        ),
        "one minus an entry as multiplier of what may be infinite": proof(
            ZERO, mul(add(ONE, neg(PX)), KL), link(part([Y], compare(GIBBS), add(ONE, neg(PX))))
        ),
        "an argument that may be negative": proof(
            ZERO, less, link(part([], ["Compare", [], [], less, ONE, rows("Linear 1 1 0")]))
        ),
        "a negative square": proof(power(s, 2), ZERO, link(part([], ["Compare", [], [], power(s, 2), ONE,
                                                                     rows("Linear -1 1 0")]))),
        "the sum of a difference": proof(
            ZERO, total(X, mul(less, less, less)),
            link(part([X], ["Compare", [], [], mul(less, less, less), ONE, rows("Linear 1 1 0")])),
        ),
        "abs of a negative number": proof(ONE, neg(["Abs", const(-1)]), link(shared=ONE)),
        # rows and chains
        "a combination that is negative": proof(KL, ZERO, link(part([X], compare("Ratio -1 1 0 0 1, Linear 1 1 -1")))),
        "below one only": proof(
            total(X, QX), total(X, PX), link(part([X], compare("Linear 1 1 -1", first="", second="0 0 0")))
        ),
        "an empty chain for a logarithm": proof(ZERO, KL, link(part([X], compare(GIBBS, first="", second="")))),
        "Pinsker with a constant too small": proof(
            power(TV, 2), mul(const("49/100"), KL),
            link(part([], schwarz(PX, QX, PINSKER.format(1)), const("1/4"))),
            link(part([X], compare(f"Ratio 49/50 1 0 0 1, Linear 49/50 -1 1, {PINSKER.format(-1)}"), half)),
        ),
        "a concave row merged": proof(
            mul(const(-1), divergence("KL", seq(P, K), seq(Q, K))), mul(const(-1), KL),
            link(part([Y], merge([X], mul(KXY, PX), mul(KXY, QX), "Ratio -1 1 0 0 1"))),
        ),
        "a root merged the wrong way": proof(
            total(Y, mul(power(entry(seq(P, K), [], [Y]), "1/2"), power(entry(seq(Q, K), [], [Y]), "1/2"))), BC,
            link(part([Y], merge([X], mul(KXY, PX), mul(KXY, QX), "Power 1 1/2"))),
        ),
        "weights of a ratio that are negative": proof(
            ZERO, total(X, mul(PX, ["Log", const(2)])),
            link(part([X], compare("Ratio 1 1 0 -1/2 0", first="", second=""))),
        ),
        "a gap over a difference": proof(
            ZERO, total(X, mul(less, less, power(less, -1))),
            link(part([X], compare("Gap 1 1 -1 0", first="", second=""))),
        ),
        "a gap over nothing": proof(ONE, ZERO, link(part([X], compare("Gap 1 0 0 0", first="", second="")))),
        "the power 0": proof(ONE, total(X, QX), link(part([X], compare("Power 1 0", first="", second="")))),
        # Schwarz
        "Schwarz without its weights": proof(
            power(mul(two, TV), 2), total(X, mul(power(less, 2), power(add(PX, QX), -1))),
            link(part([], schwarz(PX, QX, "Gap 1 1 1 0"))),
        ),
        "Schwarz with a factor": proof(
            power(mul(two, TV), 2), mul(const("1/2"), total(X, mul(power(less, 2), power(add(PX, QX), -1)))),
            link(part([], schwarz(PX, QX, "Gap 1/4 1 1 0"))),
        ),
        # infinities
        "an infinite shared part": proof(KL, add(KL, const(-1)), link(shared=add(mul(PX, ["Log", QX]), KL))),
        "an infinite multiplier": proof(
            ZERO, total(X, mul(inverse, PX)),
            link(part([X], ["Compare", [], [], PX, QX, rows("Linear 1 1 0")], inverse)),
        ),
        "an infinite argument": proof(
            total(X, mul(PX, ["Log", mul(QX, power(PX, -1))])), ["Log", total(X, mul(QX))],
            link(part([], merge([X], PX, mul(PX, inverse), "Ratio 1 1 0 0 1"))),
        ),
        "p << q where the right side does not force it": proof(
            KL, add(["Log", add(ONE, divergence("chi2", P, R))], KL, neg(KL)),
            link(
                part([], merge([X], PX, mul(power(PX, 2), power(QX, -1)), "Ratio 1 1 0 0 1")),
                shared=add(KL, ["Log", add(ONE, CHI2)]),
            ),
        ),
        "p << q forced by the left side": proof(
            ["Log", add(ONE, CHI2)], add(ONE, ["Log", add(ONE, CHI2)], const(-2)),
            link(shared=["Log", add(ONE, CHI2)]),
        ),
        "q << p forced by p << q": proof(
            divergence("KL", Q, P), ["Log", add(ONE, CHI2)],
            link(
                part([], merge([X], QX, mul(power(QX, 2), power(PX, -1)), "Ratio 1 1 0 0 1")),
                shared=add(divergence("KL", Q, P), ["Log", add(ONE, CHI2)]),
            ),
        ),
        "one minus a KL that may be infinite": proof(
            power(mul(const(-1), KL), 2), ONE, link(shared=power(KL, 2)), link(shared=ONE)
        ),
        "the support counted as one": proof(
            ONE, total(X, mul(PX, QX, inverse)), link(part([X], compare("Linear 1 1 0", first="", second="")))
        ),
        "log 0 against log 0": proof(add(log_p, neg(log_p)), ZERO, link(shared=ZERO)),
        # letters
        "a free letter captured": proof(
            total(X, PX), PX, link(part([X], ["Compare", [], [], PX, ONE, rows("Linear 1 1 0")], ZERO), shared=PX)
        ),
        "a bound letter left open": proof(
            ZERO, total(X, mul(PX, less)), link(part([], compare("Linear 1 1 -1", first="", second="0 0")))
        ),
        "a letter of the part in what is shared": proof(
            ZERO, ONE, link(part([X], compare("Linear 0 1 1", first="", second="")), shared=PX)
        ),
        "a letter of two alphabets": proof(
            ZERO, KL, link(part([letter("x", "Y")], compare(GIBBS))),
        ),
        "a letter merged twice": proof(
            divergence("KL", seq(P, K), seq(Q, K)), mul(half, KL),
            link(part([Y], merge([X, X], mul(KXY, PX), mul(KXY, QX), "Ratio 1/2 1 0 0 1"))),
        ),
        # the links and the statement
        "no links": proof(KL, mul(half, KL)),
        "a gap between links": proof(ONE, ZERO, link(shared=ONE), link(shared=ZERO)),
        "a square root of a negative number": proof(TV, power(add(TV, const(-1)), "1/2"), link(shared=TV)),
        "a root on the left": proof(
            power(mul(half, KL), "1/2"), TV, link(part([], schwarz(PX, QX, PINSKER.format(1))))
        ),
        "another definition of TV": proof(
            power(mul(two, TV), 2), mul(half, KL),
            link(part([], schwarz(PX, QX, PINSKER.format(1)))),
            link(part([X], compare(f"{GIBBS}, {PINSKER.format(-1)}"), half)),
        ),
        "a kernel that is not one": proof(
            ONE, total(free, mul(PX, PX)), link(part([X], ["Compare", [], [], mul(PX, add(ONE, neg(PX))), ONE,
                                                           rows("Linear -1 1 0")]), shared=ONE)
        ),
        "independence assumed": proof(
            divergence("KL", par(P, P), par(Q, Q)), KL, link(part([X], compare(GIBBS)))
        ),
    }  # fmt: skip


ATTEMPTS = attempts()


@pytest.mark.parametrize("name", ATTEMPTS)
def test_false_statements_are_rejected(name: str) -> None:
    assert isinstance(check(json.dumps(ATTEMPTS[name])), Rejected)


def test_reasons_are_precise() -> None:
    def reason(name: str) -> str:
        result = check(json.dumps(ATTEMPTS[name]))
        assert isinstance(result, Rejected)
        return result.reason

    assert "not seen to be nonnegative" in reason("a negative multiplier")
    assert "does not end in powers of u" in reason("an empty chain for a logarithm")
    assert "not seen to be nonnegative at 1" in reason("Pinsker with a constant too small") or "ends in what" in reason(
        "Pinsker with a constant too small"
    )
    assert "not convex" in reason("a concave row merged")
    assert "positive sum" in refused(schwarz(PX, mul(QX, RX), "Gap 1 0 1 0"))  # 1 <= 0 * infinity where q r = 0
    assert "one Gap" in refused(schwarz(PX, QX, "Gap 1/4 1 1 0"))
    assert "negative weight" in refused(schwarz(PX, QX, "Gap 1 2 -1 0"))
    assert "may be infinite" in reason("an infinite shared part")
    assert "does not start" in reason("another definition of TV")
    assert "two different things" in reason("a letter of two alphabets")


def refused(fact: Data) -> str:
    """Why a fact is refused."""
    with pytest.raises(Refusal) as caught:
        sums.Sums(None, set()).fact(Reader().node(fact, "fact"), {})
    return str(caught.value)


def test_only_inequalities_between_expressions() -> None:
    for holds in (["Equal", KL, KL], ["Equal", P, P]):
        data = {**certificate("sum", claim(holds), {"links": []}), "rests_on": RESTS_ON}
        assert "relation of this kind" in getattr(check(json.dumps(data)), "reason", "")


def test_rows_are_no_part_of_a_statement() -> None:
    for node in (["Linear", "1", "1", "1"], compare(GIBBS), link()):
        data = proof(ZERO, node, link())
        assert "is not a expr" in getattr(check(json.dumps(data)), "reason", "")


# ---------------------------------------------------------------- facts at the edge: their values, zeros included


class Values:
    """Values of polynomials of the checker on random laws with many zeros, by the page's conventions."""

    def __init__(self, source: random.Random) -> None:
        self.size = source.choice([1, 2, 3])
        self.rows = {name: [self.law(source) for _ in range(self.size)] for name in "pqrk"}

    def law(self, source: random.Random) -> list[float]:
        weights = [source.choice([0, 0, 0, 1, 1, 2, 7]) for _ in range(self.size)]
        weights[source.randrange(self.size)] += 1
        return [weight / sum(weights) for weight in weights]

    def atom(self, atom: Any, at: dict[Any, int]) -> float:
        kind, data, letters = atom
        if kind == "entry":
            *ins, out = (at[x] for x in letters)
            return self.rows[data[1]][ins[0] if ins else 0][out]
        if kind == "delta":
            return float(at[letters[0]] == at[letters[1]])
        if kind == "size":
            return float(self.size)
        inside = self.value(dict(data), at)
        inside = 0.0 if abs(inside) < 1e-14 else inside
        return {"log": lambda: math.log(inside) if inside else -math.inf, "abs": lambda: abs(inside)}.get(
            kind, lambda: inside
        )()

    def value(self, poly: Any, at: dict[Any, int]) -> float:
        parts = []
        for (bound, factors), number in poly.items():
            for chosen in product(range(self.size), repeat=len(bound)):
                here = {**at, **dict(zip(bound, chosen, strict=True))}
                values = [(self.atom(atom, here), to) for atom, to in factors]
                if any(v == 0 and (k > 0 or zero) for v, (k, zero) in values):
                    continue
                parts.append(float(number) * math.prod(raised(v, float(k)) for v, (k, _) in values))
        assert not (math.inf in parts and -math.inf in parts), "infinity against infinity"
        return math.fsum(parts) if all(map(math.isfinite, parts)) else sum(parts)


def raised(value: float, exponent: float) -> float:
    if value == 0 and exponent < 0:
        return math.inf
    return value**exponent if exponent != 1 else value


MORE_ROWS = (
    "Power 1 -1",
    "Power 1 3/2",
    "Power 1 3",
    "Gap 1 0 1 0",
    "Gap 1 1 0 2",
    "Ratio 1 1 1 0 1",
    "Ratio 2 1 1/2 1 0",
)


def random_fact(source: random.Random) -> Data:
    """A fact with arguments that vanish often, together or alone."""
    arguments = [
        PX, QX, RX, mul(PX, QX), mul(PX, RX), power(PX, 2), add(PX, QX), add(PX, mul(const(2), RX)), KXX,
        mul(power(PX, "1/2"), power(QX, "1/2")), total(Y2, mul(entry(P, [], [Y2]), entry(K2, [Y2], [X]))),
        total(Y2, mul(entry(Q, [], [Y2]), entry(K2, [Y2], [X]))), mul(PX, KXX), mul(QX, KXX), ONE, ZERO,
    ]  # fmt: skip
    a, b = source.choices(arguments, k=2)
    shape = source.choice(["Merge", "Merge", "Compare", "Schwarz", "Chord", "Jensen"])
    if shape == "Merge":
        table = source.choices([*PROCESSING.values(), *MORE_ROWS], k=source.choice([1, 2]))
        return merge([X], a, b, ", ".join(table))
    if shape == "Chord":
        return chord(", ".join(source.choices([*PROCESSING.values(), *MORE_ROWS, "Power -1 1/3"], k=2)), a, b)
    if shape == "Jensen":
        weights, text = source.choice([PX, QX, ONE, KXX]), source.choice([*PROCESSING.values(), *MORE_ROWS, JENSEN])
        return jensen(weights, a, text, source.choice(["", "0 0"]), source.choice(["", "3", "0 0"]))
    if shape == "Schwarz":
        return schwarz(a, b, source.choice(["Gap 1 1 1 0", "Gap 1 0 1 0", "Gap 1 2/3 4/3 0", "Gap 1 1 1 2"]))
    text = source.choice([
        GIBBS, f"{GIBBS}, {PINSKER.format(-1)}", ROOTS, "Apart 1/2, Linear 1 -1/2 -1/2, Power 1 1/2",
        "Ratio 1 1 0 0 1, Linear 1 -2 0, Power 2 1/2", "Power 1 2, Linear 1 -2 1, Gap -1 0 1 0",
        "Power 1 2, Ratio -1 1 0 0 1, Linear 1 -1 0", "Linear 1 1 1, Apart -1",
        "Ratio 1 0 1 1 0, Linear 1 1 -1, Gap -1 4/3 2/3 0",
    ])  # fmt: skip
    first, second = (source.choice(["", "0", "0 0", "0 0 0", "-1 0 0"]) for _ in range(2))
    return ["Compare", first.split(), second.split(), a, b, rows(text)]


def test_facts_hold_where_entries_vanish() -> None:
    """Below is at most above, neither sets infinity against infinity, on laws with zeros; many facts are infinite."""
    source, read, infinite = random.Random(7), 0, 0
    for _ in range(600):
        data = random_fact(source)
        work, reader = sums.Sums(None, set()), Reader()
        try:
            reader.scope = [tuple(X), tuple(W)]
            node = reader.node(data, "fact")
            bound, scope = work.opened((tuple(X), tuple(W)), {})
            below, above = work.fact(node, scope)
        except Refusal:
            continue
        read += 1
        for _ in range(8):
            values = Values(source)
            at = {x: source.randrange(values.size) for x in bound}
            low, high = values.value(below, at), values.value(above, at)
            assert low > -math.inf, data
            assert low <= high + 1e-9 * max(1, abs(low)), (data, values.rows, at)
            infinite += high == math.inf
    assert read > 150
    assert infinite > 100
