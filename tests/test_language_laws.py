"""The text language's third form: laws on one alphabet. What it reads, what it prints, what it refuses and where."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmlaws.theory.expressions import (
    ZERO,
    Const,
    Equal,
    Expr,
    LessEq,
    Log,
    Pow,
    Relation,
    Size,
    Sum,
    add,
    as_expr,
    log,
    mul,
)
from lmlaws.theory.language import LanguageError, parse
from lmlaws.theory.lawforms import LETTER, say
from lmlaws.theory.quantities import D, bhattacharyya, categorical_entropy, entry
from lmlaws.theory.statements import Statement
from lmlaws.theory.terms import Box, objects, state

X, Y = objects("X Y")
p, q, r = state("p", X), state("q", X), state("r", X)
P, Q = entry(p, (), (LETTER,)), entry(q, (), (LETTER,))
HALF = Fraction(1, 2)
TWO_LETTERS = (Equal(Size(X), as_expr(2)),)
ENTROPY = Sum(LETTER, -P * log(P))

READ: list[tuple[str, Statement]] = [
    (
        "p, q: law |- sum(-p*log(q)) = KL(p,q) + H(p)",
        Statement(Equal(Sum(LETTER, -P * log(Q)), D("KL", p, q) + ENTROPY)),
    ),
    ("p, q: law |- TV(p,q)^2 <= 1/2*KL(p,q)", Statement(LessEq(D("TV", p, q) ** 2, HALF * D("KL", p, q)))),
    ("p, q: law |- KL(p,q) >= 2*(1 - BC(p,q))", Statement(LessEq(2 * (1 - bhattacharyya(p, q)), D("KL", p, q)))),
    ("p, q: law |- KL(p,q) <= log(1 + chi2(p,q))", Statement(LessEq(D("KL", p, q), log(1 + D("chi2", p, q))))),
    ("p: law |- HD[TV](p) = 1 - sum(p^2)", Statement(Equal(categorical_entropy("TV", p), 1 - Sum(LETTER, P**2)))),
    ("p: law |- H(p) = sum(-p*log(p))", Statement(Equal(ENTROPY, ENTROPY))),
    (
        "p, q: law |- BC(p,q) = sum(sqrt(p)*q^(1/2))",
        Statement(Equal(bhattacharyya(p, q), bhattacharyya(p, q))),
    ),
    (
        "p, q: law |- renyi[1.50](p,q) <= renyi[inf](p,q)",
        Statement(LessEq(D("renyi:3/2", p, q), D("renyi:inf", p, q))),
    ),
    (
        "p, q: law |- alpha[-1](p,q) = HD[alpha[1/2]](q)",
        Statement(Equal(D("alpha:-1", p, q), categorical_entropy("alpha:1/2", q))),
    ),
    ("p: law on 2 |- H(p) <= log(2)", Statement(LessEq(ENTROPY, log(2)), given=TWO_LETTERS)),
    ("p: law |- H(p) <= log(size)", Statement(LessEq(ENTROPY, Log(Size(X))))),
    ("p: law |- sum(p/p) <= size", Statement(LessEq(Sum(LETTER, P / P), Size(X)))),
    ("p: law; q: law |- sum(p*q) = 1", Statement(Equal(Sum(LETTER, P * Q), as_expr(1)))),
    ("p: law, q: law |- sum(p*q) = 1", Statement(Equal(Sum(LETTER, P * Q), as_expr(1)))),
    ("p: law on 2, q: law on 2 |- sum(p*q) = 1", Statement(Equal(Sum(LETTER, P * Q), as_expr(1)), given=TWO_LETTERS)),
    ("p: law |- 1 = 1", Statement(Equal(as_expr(1), as_expr(1)))),
    ("p: law |- sum(p*sum(p^2)) = 1", Statement(Equal(Sum(LETTER, P * Sum(LETTER, P**2)), as_expr(1)))),
    ("p: law |- -sum(p)^2 = 2 - -3", Statement(Equal(-(Sum(LETTER, P) ** 2), add(as_expr(2), as_expr(3))))),
    ("p: law |- sum(p)^-1 = 1/sum(p)", Statement(Equal(Sum(LETTER, P) ** -1, 1 / Sum(LETTER, P)))),
    (
        "p: law |- sum(p^(-3/2)) = sum(2/3/p)",
        Statement(Equal(Sum(LETTER, P ** Fraction(-3, 2)), Sum(LETTER, Fraction(2, 3) / P))),
    ),
    ("sum: law |- sum(sum) = 1", Statement(Equal(Sum(LETTER, entry(state("sum", X), (), (LETTER,))), as_expr(1)))),
    (
        "law, on, H: law |- KL(law,on) = TV(H,H)",
        Statement(Equal(D("KL", state("law", X), state("on", X)), D("TV", state("H", X), state("H", X)))),
    ),
]


@pytest.mark.parametrize(("text", "statement"), READ)
def test_reads_as_the_constructors_build(text: str, statement: Statement) -> None:
    assert parse(text).canonical == statement.canonical


@pytest.mark.parametrize("text", [text for text, _ in READ])
def test_prints_in_this_form_and_reads_back(text: str) -> None:
    statement = parse(text)
    assert " |- " in str(statement)
    assert parse(str(statement)).hash == statement.hash


@pytest.mark.parametrize(
    "text",
    [
        "p, q: law |- TV(p,q)^2 <= 1/2*KL(p,q)",
        "p: law |- HD[renyi[3/2]](p) = 2*log(sum(sqrt(p)))",
        "p, q: law on 2 |- JS(p,q) <= log(2)*TV(p,q)",
        "p, q: law |- sum(-p*log(q)) = KL(p,q) + H(p)",
        "p, q: law |- 1 - BC(p,q) <= sum((p - q)^2/(p + q)) - 1/4",
    ],
)
def test_what_is_printed_is_what_was_written(text: str) -> None:
    assert str(parse(text)) == text


def test_one_changed_node_is_another_statement() -> None:
    texts = [
        "p, q: law |- TV(p,q)^2 <= 1/2*KL(p,q)",
        "p, q: law |- TV(p,q)^2 >= 1/2*KL(p,q)",
        "p, q: law |- TV(p,q)^2 = 1/2*KL(p,q)",
        "p, q: law |- TV(p,q)^2 <= 1/2*KL(q,p)",
        "p, q: law |- TV(p,q)^3 <= 1/2*KL(p,q)",
        "p, q: law |- TV(p,q)^2 <= 51/100*KL(p,q)",
        "p, q: law |- HD[TV](p)^2 <= 1/2*KL(p,q)",
        "p, q: law on 2 |- TV(p,q)^2 <= 1/2*KL(p,q)",
        "p, q: law on 3 |- TV(p,q)^2 <= 1/2*KL(p,q)",
    ]
    assert len({parse(text).hash for text in texts}) == len(texts)


def test_an_object_called_law_is_no_law() -> None:
    assert parse("k: law -> X |- k = k").is_diagram
    assert parse("k: law * Y -> X |- k = k").is_diagram
    assert not parse("k: law |- KL(k,k) = 0").is_diagram


ERRORS = [
    ("p: law |- p = 1", 11, "outside a sum"),
    ("p, q: law |- sum(p) = q^2", 23, "'q' is a law"),
    ("p, p: law |- 1 = 1", 4, "declared twice"),
    ("p: law on 2; q: law on 3 |- 1 = 1", 24, "3 letters for the one alphabet of all laws; expected 2"),
    ("p: law on 0 |- 1 = 1", 11, "0 letters"),
    ("p: law on 1.5 |- 1 = 1", 11, "a whole number"),
    ("p: law on |- 1 = 1", 11, "a number"),
    ("size: law |- 1 = 1", 1, "reserved"),
    ("log: law |- 1 = 1", 1, "reserved"),
    ("p: law", 7, "'|-'"),
    ("p, q: X |- 1 = 1", 2, "':'"),
    ("p: law |-", 10, "KL(p,q)"),
    ("p: law |- sum(p)", 17, "comparison"),
    ("p: law |- sum(p) = 1 given X", 22, "'given'"),
    ("p: law |- foo(p) = 1", 11, "unknown function 'foo'; expected log, sqrt, sum, H, BC, HD[TV], KL"),
    ("p: law |- I(p) = 1", 11, "unknown function 'I'"),
    ("p: law |- renyi(p,p) = 1", 11, "renyi[3/2]"),
    ("p: law |- HD(p) = 1", 11, "HD[TV]"),
    ("p: law |- HD[foo](p) = 1", 14, "unknown divergence 'foo'"),
    ("p: law |- HD[TV[2]](p) = 1", 14, "unknown divergence 'TV[2]'"),
    ("p: law |- renyi[-1](p,p) = 1", 11, "at least 0"),
    ("p: law |- renyi[1/0](p,p) = 1", 11, "rational number"),
    ("p: law |- renyi[x](p,p) = 1", 11, "rational number"),
    ("p: law |- KL(p,r) = 1", 16, "unknown law 'r' (declared: p)"),
    ("p: law |- KL(p) = 1", 15, "','"),
    ("p: law |- KL(p,p+p) = 1", 17, "')'"),
    ("p: law |- sum(r) = 1", 15, "unknown law 'r'"),
    ("p: law |- sum(p^p) = 1", 17, "an exponent"),
    ("p: law |- sum(p^2^2) = 1", 18, "unexpected '^'"),
    ("p: law |- sum(p^(1/0)) = 1", 20, "divides by zero"),
    ("p: law |- sum(p)/0 = 1", 18, "divides by zero"),
    ("p: law |- 0^-1 = 1", 11, "divides by zero"),
    ("p: law |- 2 KL(p,p) = 1", 13, "unexpected 'KL'; expected an operator"),
    ("p: law |- log|X| = 1", 14, "'('"),
    ("p: law |- H(X|Y) = 1", 14, "')'"),
    ("p: law |- sum(p", 16, "opened in column 14"),
    ("p: law |- sum(p) < 1", 18, "<= or >="),
    ("p: law |- (p = 1", 14, "')'"),
]


@pytest.mark.parametrize(("text", "column", "words"), ERRORS)
def test_errors_point_at_their_place(text: str, column: int, words: str) -> None:
    with pytest.raises(LanguageError) as caught:
        parse(text)
    assert (caught.value.line, caught.value.column) == (1, column)
    assert words in caught.value.problem


DEEP = "log(1 + " * 150 + "1" + ")" * 150
LIMITS = [
    ("p: law |- " + "(" * 60_000, 211, "deeper than 200"),
    ("p: law |- " + "p + " * 17_000 + "1 = 1", 65_537, "64 KiB"),
    ("p: law |- " + "1+" * 10_001 + "1 = 1", 20_010, "10,000 terms"),
    ("p: law |- " + "9" * 1_001 + " = 1", 11, "1,000 digits"),
    ("p: law |- " + "*".join(["9" * 900] * 70) + " = 1", 912, "1,000 digits"),
    ("p: law |- 1/" + "9" * 900 + "/" + "8" * 900 + " = 1", 914, "1,000 digits"),
    ("p: law |- sum(p^1001) = 1", 17, "above 1,000"),
    ("p: law |- sum((p^500)^3) = 1", 23, "above 1,000"),
    ("p: law |- sum(p^(1/1001)) = 1", 18, "above 1,000"),
    (f"p: law |- {DEEP} = 1", 1051, "deeper than 40"),
    ("p: law |- " + "-(1+" * 199 + "1" + ")" * 199 + " = 1", 727, "deeper than 40"),
    ("p: law |- " + "-" * 60_000, 10_010, "10,000 terms"),
]


@pytest.mark.parametrize(("text", "column", "words"), LIMITS, ids=[f"{n} {x[2]}" for n, x in enumerate(LIMITS)])
def test_limits_are_refused_with_their_place(text: str, column: int, words: str) -> None:
    with pytest.raises(LanguageError) as caught:
        parse(text)
    assert words in caught.value.problem
    assert caught.value.column == column


@pytest.mark.parametrize(
    "text",
    [
        "p: law |- " + "(" * 199 + "sum(p)" + ")" * 199 + " = 1",
        "p: law |- sum(" + "*".join(["p"] * 8_000) + ") = 1",
        "p: law |- " + "+".join(["sum(p)"] * 4_000) + " = 1",
        "p: law |- " + "log(1 + " * 18 + "1" + ")" * 18 + " = 1",
        "p: law |- sum(p^1000) = " + "9" * 1_000,
    ],
)
def test_what_is_just_within_the_limits_is_read(text: str) -> None:
    statement = parse(text)
    assert parse(str(statement)).hash == statement.hash


SAY_NOTHING = [
    Statement(Equal(P, P)),  # a free letter
    Statement(Equal(Sum(LETTER, entry(state("size", X), (), (LETTER,))), as_expr(1))),
    Statement(Equal(Sum(LETTER, entry(state("log", X), (), (LETTER,))), as_expr(1))),
    Statement(Equal(D("KL", state("p", Y), state("q", Y)), ZERO)),
    Statement(Equal(D("KL", Box("p", (), (X,), role="data"), q), ZERO)),
    Statement(Equal(Pow(as_expr(2), Fraction(-1)), as_expr(1))),  # a text makes a number of this
    Statement(Equal(Sum(LETTER, P), as_expr(1)), given=(Equal(Size(X), as_expr(HALF)),)),
    Statement(Equal(Sum(LETTER, P), as_expr(1)), given=(LessEq(Size(X), as_expr(2)),)),
    Statement(Equal(D("KL", p >> (Box("k", (X,), (X,))), q), ZERO)),
    Statement(Equal(Sum(LETTER, P ** Fraction(2000)), ZERO)),
]


@pytest.mark.parametrize("statement", SAY_NOTHING)
def test_what_this_form_has_no_words_for_it_does_not_say(statement: Statement) -> None:
    assert say(statement) is None
    assert str(statement)


NUMBERS = st.fractions(max_denominator=50).map(Const)
LAWS = st.sampled_from([p, q, r])
NAMES = st.sampled_from(["KL", "reverse_KL", "TV", "chi2", "hellinger2", "JS", "triangular", "renyi:3/2", "alpha:-1/2"])
ENTROPIES = LAWS.map(lambda law: Sum(LETTER, -entry(law, (), (LETTER,)) * log(entry(law, (), (LETTER,)))))
CLOSED: st.SearchStrategy[Expr] = st.one_of(
    NUMBERS,
    st.just(Size(X)),
    st.builds(D, NAMES, LAWS, LAWS),
    st.builds(categorical_entropy, NAMES, LAWS),
    st.builds(bhattacharyya, LAWS, LAWS),
    ENTROPIES,
)
EXPONENTS = st.sampled_from([Fraction(n, d) for n in (-3, -2, -1, 0, 1, 2, 3) for d in (1, 2)])


def built(inner: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    few = st.lists(inner, min_size=2, max_size=3)
    powers = st.tuples(inner, EXPONENTS).filter(lambda pair: pair[0] != ZERO)
    return st.one_of(
        few.map(lambda parts: add(*parts)),
        few.map(lambda parts: mul(*parts)),
        st.tuples(inner, inner.filter(lambda e: e != ZERO)).map(lambda pair: pair[0] / pair[1]),
        powers.map(lambda pair: pair[0] ** pair[1]),
        inner.map(Log),
        inner.map(lambda e: -e),
    )


LETTERWISE = st.recursive(st.one_of(CLOSED, LAWS.map(lambda law: entry(law, (), (LETTER,)))), built, max_leaves=6)
SCALARS = st.recursive(st.one_of(CLOSED, LETTERWISE.map(lambda e: Sum(LETTER, e))), built, max_leaves=6)
RELATIONS = st.one_of(st.builds(Equal, SCALARS, SCALARS), st.builds(LessEq, SCALARS, SCALARS))


@settings(max_examples=400, deadline=None)
@given(RELATIONS, st.sampled_from([(), TWO_LETTERS]))
def test_every_statement_about_laws_is_said_and_read_back(holds: Relation, hypotheses: tuple[Relation, ...]) -> None:
    statement = Statement(holds, given=hypotheses)
    text = str(statement)
    assert "law" in text or (holds.left == holds.right == ZERO and not hypotheses)
    assert parse(text).canonical == statement.canonical


PIECES = ["p", "q", "(", ")", "[", "]", ",", ";", ":", "law", "on", "|-", "=", "<=", ">=", "+", "-", "*", "/", "^", "1"]
PIECES += ["0", "2.5", "log(", "sqrt(", "sum(", "sum(p", "size", "KL(p,q)", "TV", "HD[", "TV](p)", "renyi[3/2](p,q)"]
PIECES += ["H(p)", "BC(q,p)", "alpha[", "inf", " ", "given", "|", "(1/2)", "^2", "@"]
BEGINNINGS = [
    "",
    "p, q: law |- ",
    "p, q: law on 2 |- sum(p) = ",
    "p, q: law |- sum(",
    "p: law",
    "q: law, p: law |- 1 <= ",
]


@settings(max_examples=1_500, deadline=None)
@given(
    st.sampled_from(BEGINNINGS),
    st.one_of(st.lists(st.sampled_from(PIECES), max_size=14).map("".join), st.text(max_size=20)),
)
def test_any_text_is_a_statement_or_an_error_within_it(begin: str, rest: str) -> None:
    text = begin + rest
    refused: LanguageError | None = None
    try:
        statement = parse(text)
    except LanguageError as error:
        refused = error
    if refused is None:
        assert parse(str(statement)).hash == statement.hash
    else:
        assert 1 <= refused.line <= text.count("\n") + 1
        assert 1 <= refused.column <= len(text) + 1
        assert str(refused).isascii()
