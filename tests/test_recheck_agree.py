"""Both checkers on what the provers make, and on corruptions of it: one answer."""

from __future__ import annotations

import copy
import hashlib
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from tests.test_provers_laws import LAWS
from tests.test_recheck_flint import FALSE_SUMS, FAMILIES, NAMED, STRANGERS, identity
from tests.test_recheck_sums import ATTEMPTS, GOOD

from lmlaws.checks.engine import Budget
from lmlaws.checks.judge import provers
from lmlaws.checks.provers.copies import CopyProver
from lmlaws.checks.recheck import answers
from lmlaws.checks.verdicts import Proved
from lmlaws.theory.collect import catalogue
from lmlaws.theory.language import parse
from lmlaws.theory.statements import Statement

TEXTS = """
I(X;Z) <= I(X;Y) given X -> Y -> Z
I(X;W) <= I(Y;Z) given X -> Y -> Z -> W
H(X,Y) <= H(X) + H(Y)
H(X,Y) = H(X) + H(Y|X)
H(Y|X) = 0 given Y = f(X)
H(Z) <= H(X,Y) given Z = f(X,Y)
I(X;Y) = 0 given X _||_ Y
H(X,Y) = H(X) + H(Y) given X _||_ Y
H(X) <= log|X|
I(X;Y|Z) <= log|X|
I(X;Y;Z) = I(X;Y) - I(X;Y|Z)
2 H(X,Y,Z) <= H(X,Y) + H(Y,Z) + H(X,Z)
7 I(X;Y) <= 3 H(Z) given 7 H(X) <= 3 H(Z)
H(X|Z) <= H(X|Y) + H(Y|Z)
H(A,B,C) + H(C) <= H(A,C) + H(B,C)
|- copy[X] >> copy[X] @ id[X] = copy[X] >> id[X] @ copy[X]
f: X -> Y |- f >> discard[Y] = discard[X]
det f: X -> Y |- f >> copy[Y] = copy[X] >> f @ f
p: 1 -> X; f: X -> Y; g: Y -> Z |- p >> f >> g = p >> (f >> g)
p: 1 -> X; q: 1 -> Y |- p @ q >> swap[X,Y] = q @ p
det s: 1 -> X |- s >> copy[X] = s @ s
f: X -> Y * Z |- f >> discard[Y] @ discard[Z] = discard[X]
H(A,B,C,D) <= 1/3 H(A,B,C) + 1/3 H(A,B,D) + 1/3 H(A,C,D) + 1/3 H(B,C,D)
p, q: law |- sum(-p*log(q)) = KL(p,q) + H(p)
p: law |- HD[TV](p) = 1 - sum(p^2)
p, q: law |- JS(p,q) = JS(q,p)
p, q: law |- hellinger2(p,q) = 1 - BC(p,q)
p: law |- sum(p*log(p*size)) = log(size) - H(p)
p: law |- HD[chi2](p) = sum(p/p) - 1
p: law |- log(sum(p/p)) = log(sum(p^2/p/p))
p, q: law |- sum(p*q/p*p) = sum(p*q)
""".strip().splitlines()

COPIED = """
2 I(C;D) <= I(A;B) + I(A;C,D) + 3 I(C;D|A) + I(C;D|B)
2 I(A;B) <= 5 I(A;B|C) + 3 I(A;C|B) + I(B;C|A) + 2 I(A;B|D) + 2 I(C;D)
""".strip().splitlines()
"""Inequalities of Zhang and Yeung, and of Dougherty, Freiling and Zeger, which need copies of variables."""

SUMS = """
p, q: law |- KL(p,q) >= 0
p, q: law |- TV(p,q)^2 <= 1/2*KL(p,q)
p, q: law |- TV(p,q) <= sqrt(1/2*KL(p,q))
p, q: law |- KL(p,q) >= 2*(1 - BC(p,q))
p, q: law |- KL(p,q) <= log(1 + chi2(p,q))
p, q: law |- hellinger2(p,q) <= TV(p,q)
""".strip().splitlines()
SUM_CLAIMS = {"D1.KL", "D1.TV", "D7.b", "S6.c"}


def statements() -> Iterator[tuple[str, Statement]]:
    for claim in catalogue():
        yield claim.id, claim.statement
        if claim.mended is not None:
            yield f"{claim.id}, mended", claim.mended
    yield from ((text, parse(text)) for text in [*TEXTS, *SUMS])


@pytest.fixture(scope="module")
def proofs() -> list[tuple[str, Statement, dict[str, Any]]]:
    """What every prover by itself proves of the catalogue and the texts."""
    found = []
    engines = provers()
    tried = [(name, statement, engines) for name, statement in statements()]
    tried += [(text, parse(text), (CopyProver(1), CopyProver(2))) for text in COPIED]
    for name, statement, able in tried:
        for prover in able:
            if prover.accepts(statement) is None:
                verdict = prover.decide(statement, Budget(seconds=20), ())
                if isinstance(verdict, Proved):
                    found.append((f"{name} ({prover.name})", statement, verdict.certificate))
    return found


def reasons(data: object, wanted: object = None) -> tuple[str | None, ...]:
    """Why each checker does not accept."""
    said = answers(data if isinstance(data, str) else json.dumps(data), wanted)
    return tuple(answer.reason for answer in said)


def test_both_accept_every_proof(proofs: list[tuple[str, Statement, dict[str, Any]]]) -> None:
    assert len(proofs) >= 70
    assert {proof["kind"] for _, _, proof in proofs} == {"diagram", "shannon", "identity", "sum", "processing"}
    names = {name.rpartition(" (")[0] for name, _, _ in proofs}
    assert not [text for text in [*TEXTS, *SUMS, *COPIED] if text not in names]
    wrong = [(name, said) for name, statement, proof in proofs if any(said := reasons(proof, statement.canonical))]
    assert wrong == []


def test_sums_are_among_them(proofs: list[tuple[str, Statement, dict[str, Any]]]) -> None:
    """Every text of SUMS by the kind `sum`, and these claims."""
    names = {name.rpartition(" (")[0] for name, _, proof in proofs if proof["kind"] == "sum"}
    assert names >= {*SUMS, *SUM_CLAIMS}


def test_a_proof_is_of_its_statement_alone(proofs: list[tuple[str, Statement, dict[str, Any]]]) -> None:
    for (_, statement, proof), (_, other, _) in zip(proofs, proofs[1:] + proofs[:1], strict=True):
        if other.hash != statement.hash:
            assert all(reasons(proof, other.canonical))


def test_both_agree_on_sums_written_by_hand() -> None:
    assert [name for name, data in GOOD.items() if any(reasons(data, data["statement"]))] == []
    assert [name for name, data in ATTEMPTS.items() if not all(reasons(data))] == []


def test_both_agree_on_families_and_coordinates() -> None:
    """True ones with either side as `normal`, near-misses, and nodes whose parts do not fit."""
    true = [identity(*sides, normal=normal) for sides in FAMILIES.values() for normal in sides]
    assert [data for data in true if any(reasons(data))] == []
    false = [*STRANGERS.values(), *((node, node) for node in NAMED)]
    assert [sides for sides in false if not all(reasons(identity(*sides)))] == []


def test_the_proof_of_a_law_proves_none_of_its_near_misses(
    proofs: list[tuple[str, Statement, dict[str, Any]]],
) -> None:
    """Nor does its opposite side: with either side as `normal` both checkers reject, supports among them."""
    known, tried = {name.rpartition(" (")[0]: proof for name, _, proof in proofs}, 0
    for true, *near in LAWS:
        for text in near if true in known else ():
            statement, proof = parse(text), known[true]
            for normal in (proof["steps"]["normal"], *statement.canonical[1][1:]):
                steps = {**proof["steps"], "normal": normal}
                changed = {**proof, "statement": statement.canonical, "hash": statement.hash, "steps": steps}
                tried += 1
                assert all(reasons(changed)), text
    assert tried > 20


# ---------------------------------------------------------------- corruptions


def places(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    for key, value in data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ():
        yield from places(value, (*path, key))


def corrupted(source: random.Random, data: dict[str, Any], others: list[dict[str, Any]]) -> dict[str, Any] | str:
    """One random change: of a leaf, of a list, of a character, or by a piece of another certificate."""
    wrong = copy.deepcopy(data)
    if source.random() < 0.1:
        text = json.dumps(wrong)
        at = source.randrange(len(text))
        return text[:at] + source.choice(["", chr(ord(text[at]) ^ 1), text[at] * 2, "9", "-"]) + text[at + 1 :]
    *start, key = source.choice([path for path in places(wrong) if path])
    owner = wrong
    for step in start:
        owner = owner[step]
    owner[key] = altered(source, owner[key])
    if source.random() < 0.1:
        field = source.choice(["steps", "statement", "rests_on", "kind", "hash"])
        wrong[field] = source.choice(others)[field]
    if source.random() < 0.7:
        text = json.dumps(wrong["statement"], separators=(",", ":"))
        wrong["hash"] = hashlib.sha256(text.encode()).hexdigest()
    return wrong


def altered(source: random.Random, value: Any) -> Any:
    if isinstance(value, list) and value:
        i, j = source.randrange(len(value)), source.randrange(len(value))
        rest = value[:i] + value[i + 1 :]
        swapped = list(value)
        swapped[i], swapped[j] = swapped[j], swapped[i]
        return source.choice([rest, swapped, [*value, value[i]], value[i]])
    if isinstance(value, dict) and value:
        key = source.choice(list(value))
        return source.choice([{k: v for k, v in value.items() if k != key}, {**value, "more": 1}, value[key]])
    if isinstance(value, bool) or value is None:
        return source.choice([not value, int(not value), "x"])
    if isinstance(value, int):
        return source.choice([value + 1, value - 1, str(value), True, float(value)])
    if isinstance(value, str) and value.lstrip("-").replace("/", "").isdigit():
        top, _, bottom = value.partition("/")
        below = int(bottom or 1)
        return source.choice(
            [f"-{value}", value.lstrip("-"), f"{int(top) + 1}", f"{top}/{below + 1}", f"{value}0", top]
        )
    return source.choice(["", "X", "Y", "p", f"{value}x", None, 1, []])


def letters_of_terms(text: str, said: tuple[str | None, ...]) -> bool:
    """Whether `normal` stands for two terms: to the first checker the names of its letters mean nothing."""
    proof = json.loads(text)
    terms = proof["kind"] == "identity" and proof["statement"][1][1][0] in ("Seq", "Par", "Box", "Copy", "Id", "Swap")
    return terms and said == (None, "the normal form is not that of the sides")


def test_both_reject_corruptions(proofs: list[tuple[str, Statement, dict[str, Any]]]) -> None:
    """2,000 of them. Few may still prove the statement: a fact's order, say; then both say so."""
    same = rejected_by_both(proofs, proofs, 2000, random.Random(12))
    assert same <= 20


@pytest.mark.parametrize("name", FALSE_SUMS)
def test_both_reject_sums_that_are_false(name: str) -> None:
    """Among them two that the page once allowed: quotients whose infinities a polynomial sets against each other."""
    assert all(answer.reason for answer in answers(json.dumps(FALSE_SUMS[name][0])))


def test_both_reject_corruptions_of_sums(proofs: list[tuple[str, Statement, dict[str, Any]]]) -> None:
    """1,000 of them. What still proves the statement has another chain, or a weight of a fact that is nothing."""
    sums = [proof for proof in proofs if proof[2]["kind"] == "sum"]
    same = rejected_by_both(sums, proofs, 1000, random.Random(13))
    assert same <= 40


def rejected_by_both(
    chosen: list[tuple[str, Statement, dict[str, Any]]],
    proofs: list[tuple[str, Statement, dict[str, Any]]],
    number: int,
    source: random.Random,
) -> int:
    """How many corruptions still prove their statement, to both; none must do to one alone."""
    same, apart, certificates = 0, [], [proof for _, _, proof in proofs]
    for k in range(number):
        name, statement, proof = chosen[k % len(chosen)]
        wrong = corrupted(source, proof, certificates)
        text = wrong if isinstance(wrong, str) else json.dumps(wrong)
        if text == json.dumps(proof):
            continue
        for wanted in (statement.canonical, None):
            said = reasons(text, wanted)
            same += wanted is not None and not any(said)
            if None in said and any(said) and not letters_of_terms(text, said):
                apart.append((name, said, text))
    assert apart == []
    return same
