"""The text language and its printer: what reads as what, where errors point, and that limits come first."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmlaws.checks.verdicts import Proved, Refuted
from lmlaws.face import prove
from lmlaws.theory.expressions import ZERO, Equal, Expr, LessEq, Relation, add
from lmlaws.theory.language import LanguageError, parse
from lmlaws.theory.printing import show, show_expr
from lmlaws.theory.programs import normal_form
from lmlaws.theory.quantities import D, H, I, determined, independent, log_size, markov
from lmlaws.theory.statements import Statement
from lmlaws.theory.terms import Box, Object, Term, copy, discard, function, id, kernel, objects, par, state, swap


def about(names: str) -> Term:
    return state("p", names.split())


X, Y, Z = objects("X Y Z")
K, F, G = kernel("k", X, Y), function("f", X, Y), kernel("g", Y, (X, Z))
C = kernel("copy", X, X)  # no reserved word: only `copy[` opens the comonoid

INFORMATION: list[tuple[str, Statement]] = [
    (
        "I(X;Z) <= I(X;Y) given X -> Y -> Z",
        Statement(LessEq(I("X", "Z"), I("X", "Y")), about("X Z Y"), markov("X", "Y", "Z")),
    ),
    ("H(A,B|C) >= 0", Statement(LessEq(ZERO, H("A", "B", given="C")), about("A B C"))),
    ("I(A;B|C) = 0", Statement(Equal(I("A", "B", given="C"), ZERO), about("A B C"))),
    ("I(A;B;C|D)=0", Statement(Equal(I("A", "B", "C", given="D"), ZERO), about("A B C D"))),
    ("H(A)<=log|A|", Statement(LessEq(H("A"), log_size(Object("A"))), about("A"))),
    ("log|A|-H(A) >= 0", Statement(LessEq(ZERO, log_size(Object("A")) - H("A")), about("A"))),
    ("2 H(A) = 2*H(A)", Statement(Equal(2 * H("A"), 2 * H("A")), about("A"))),
    ("H(A)/3 <= 1.5 H(A)", Statement(LessEq(H("A") / 3, Fraction(3, 2) * H("A")), about("A"))),
    ("-H(A) <= 1000001/1000000*H(A)", Statement(LessEq(-H("A"), Fraction(1000001, 1000000) * H("A")), about("A"))),
    (
        "2*(H(X)+H(Y)) - (H(X) - H(Y)) = 0",
        Statement(Equal(2 * (H("X") + H("Y")) - (H("X") - H("Y")), ZERO), about("X Y")),
    ),
    ("H(X) + -2*-H(Y) = 0", Statement(Equal(H("X") + 2 * H("Y"), ZERO), about("X Y"))),
    ("(1/2)*H(X) = H(X)*(1-1/2)", Statement(Equal(H("X") / 2, H("X") / 2), about("X"))),
    ("0.1 H(X) = 0", Statement(Equal(Fraction(1, 10) * H("X"), ZERO), about("X"))),
    ("0 = 0", Statement(Equal(ZERO, ZERO))),
    ("I(H;W) = H(I)", Statement(Equal(I("H", "W"), H("I")), about("H W I"))),
    ("H(A) = 0 given A = f(B,C)", Statement(Equal(H("A"), ZERO), about("A B C"), (determined("A", ("B", "C")),))),
    ("H(A) = 0 given A = H(B)", Statement(Equal(H("A"), ZERO), about("A B"), (determined("A", "B"),))),
    (
        "H(A) = 0 given H(A|B) <= 0; I(A;B) = 0",
        Statement(Equal(H("A"), ZERO), about("A B"), (LessEq(H("A", given="B"), ZERO), independent("A", "B"))),
    ),
]

CONDITIONS: list[tuple[str, tuple[Relation, ...]]] = [
    ("X _||_ Y", (independent("X", "Y"),)),
    ("X_||_Y|Z", (independent("X", "Y", given="Z"),)),
    ("X _||_ Y | Z, W", (independent("X", "Y", given=("Z", "W")),)),
    ("X _||_ Y, Z", (independent("X", ("Y", "Z")),)),
    ("X _||_ Y, (Z,W) _||_ V", (independent("X", "Y"), independent(("Z", "W"), "V"))),
    ("X _||_ Y, Z -> W -> V", (independent("X", "Y"), *markov("Z", "W", "V"))),
    ("X _||_ Y | Z, W = f(X), H(V) = 0", (independent("X", "Y", given="Z"), determined("W", "X"), Equal(H("V"), ZERO))),
    ("X _||_ Y, (H(X)+H(Y)) <= H(Z)", (independent("X", "Y"), LessEq(H("X") + H("Y"), H("Z")))),
    ("X _||_ Y, -H(Z) = 0, 2 H(W) = 0", (independent("X", "Y"), Equal(-H("Z"), ZERO), Equal(2 * H("W"), ZERO))),
    ("(X,Y) -> Z -> (W,V)", markov(("X", "Y"), "Z", ("W", "V"))),
    ("X,Y -> Z -> W", markov(("X", "Y"), "Z", "W")),
    ("X -> Y -> Z -> W; V = f(X, Y)", (*markov("X", "Y", "Z", "W"), determined("V", ("X", "Y")))),
    ("X -> Y -> Z, W; X = f(Y)", (*markov("X", "Y", ("Z", "W")), determined("X", "Y"))),
]

DIAGRAMS: list[tuple[str, Equal]] = [
    ("k: X -> Y |- k >> copy[Y] = copy[X] >> k @ k", Equal(K >> copy(Y), copy(X) >> K @ K)),
    ("det f: X -> Y |- f >> copy[Y] = copy[X] >> f @ f", Equal(F >> copy(Y), copy(X) >> F @ F)),
    ("k: X -> Y; g: Y -> X * Z |- k >> g = k >> g", Equal(K >> G, K >> G)),
    ("p: 1 -> X |- p >> discard[X] = id[1]", Equal(state("p", X) >> discard(X), id(()))),
    (
        "|- copy[X*Y] = copy[X] @ copy[Y] >> id[X] @ swap[X,Y] @ id[Y]",
        Equal(copy((X, Y)), copy(X) @ copy(Y) >> id(X) @ swap(X, Y) @ id(Y)),
    ),
    ("|- swap[X*Y,1*Z] = swap[X * Y, Z]", Equal(swap((X, Y), Z), swap((X, Y), Z))),
    ("k: X -> Y |- (k >> id[Y]) @ k = k @ (k >> id[Y])", Equal((K >> id(Y)) @ K, K @ (K >> id(Y)))),
    ("copy: X -> X |- copy >> copy[X] = copy[X]>>copy@copy", Equal(C >> copy(X), copy(X) >> C @ C)),
]


@pytest.mark.parametrize(("text", "statement"), INFORMATION)
def test_information(text: str, statement: Statement) -> None:
    assert parse(text).canonical == statement.canonical


@pytest.mark.parametrize(("text", "conditions"), CONDITIONS)
def test_conditions(text: str, conditions: tuple[Relation, ...]) -> None:
    assert parse(f"H(X,Y,Z,W,V) >= 0 given {text}").given == conditions


@pytest.mark.parametrize(("text", "equation"), DIAGRAMS)
def test_diagrams(text: str, equation: Equal) -> None:
    assert parse(text).canonical == Statement(equation).canonical


DIAGRAM_CONDITIONS: list[tuple[str, tuple[Equal, ...]]] = [
    ("k = f", (Equal(K, F),)),
    ("k >> discard[Y] = discard[X]", (Equal(K >> discard(Y), discard(X)),)),
    ("k = f, f >> copy[Y] = copy[X] >> f @ f", (Equal(K, F), Equal(F >> copy(Y), copy(X) >> F @ F))),
    ("k = f; swap[X,Y] = swap[X , Y]", (Equal(K, F), Equal(swap(X, Y), swap(X, Y)))),
    ("swap[X,Y] >> swap[Y,X] = id[X*Y], k = f", (Equal(swap(X, Y) >> swap(Y, X), id((X, Y))), Equal(K, F))),
    ("(k >> id[Y]) = f,\n(f) = k", (Equal(K >> id(Y), F), Equal(F, K))),
]


@pytest.mark.parametrize(("text", "conditions"), DIAGRAM_CONDITIONS)
def test_diagrams_under_equations(text: str, conditions: tuple[Equal, ...]) -> None:
    written = f"k: X -> Y; det f: X -> Y |- k >> discard[Y] = f >> discard[Y] given {text}"
    statement = parse(written)
    assert statement.canonical == Statement(Equal(K >> discard(Y), F >> discard(Y)), None, conditions).canonical
    assert parse(show(statement)).canonical == statement.canonical
    assert statement.hash != parse(written.split(" given ")[0]).hash


UNDER = "k: X -> Y; det f: Y -> Z; h: X -> Z |- k >> f >> copy[Z] = h >> copy[Z]"


def test_a_condition_is_used_and_needed() -> None:
    assert isinstance(prove(f"{UNDER} given k >> f = h"), Proved)
    assert isinstance(prove(f"{UNDER} given k >> f = h, f >> discard[Z] = discard[Y]"), Proved)
    assert isinstance(prove(UNDER), Refuted)
    assert isinstance(prove(f"{UNDER} given f >> discard[Z] = discard[Y]"), Refuted)


def test_one_changed_node_is_another_statement() -> None:
    """The twin of the tables above: a comparison of canonical forms that cannot fail would be worthless."""
    texts = [
        "I(X;Z) <= I(X;Y) given X -> Y -> Z",
        "I(X;Z) >= I(X;Y) given X -> Y -> Z",
        "I(X;Z) <= I(X;Y) given Y -> X -> Z",
        "I(X;Z) <= I(X;Y) given X _||_ Z",
        "I(X;Z) <= 1.00000001*I(X;Y) given X -> Y -> Z",
        "I(X;Z) = I(X;Y) given X -> Y -> Z",
        "I(X;Z) <= I(X;Y)",
    ]
    assert len({parse(text).hash for text in texts}) == len(texts)


def test_greater_is_less_with_sides_swapped() -> None:
    assert parse("H(X) >= H(Y)").holds == LessEq(H("Y"), H("X"))


def test_white_space_means_nothing() -> None:
    assert parse("I(X;Z)<=I(X;Y)given X->Y->Z") == parse(" I ( X ; Z )\n<=\tI(X;Y)\ngiven X -> Y -> Z\n")


ERRORS = [
    ("", 1, "empty"),
    ("I(X;) = 0", 5, "expected a variable name"),
    ("I(X) = 0", 4, "';'"),
    ("H(X;Y) = 0", 4, "')'"),
    ("H(X", 4, "opened in column 2"),
    ("H(X)) = 0", 5, "unexpected ')'"),
    ("(H(X) = 0", 7, "')'"),
    ("I(X;Y) =< 0", 9, "<= or >="),
    ("I(X;Y) == 0", 9, "quantity"),
    ("I(X;Y)", 7, "comparison"),
    ("X = 0", 1, "quantity"),
    ("H(given) = 0", 3, "reserved"),
    ("H(log) = 0", 3, "reserved"),
    ("H(X) = 0 given det -> Y -> Z", 16, "reserved"),
    ("log: X -> Y |- log = log", 1, "reserved"),
    ("I(X;Y) = 1", 10, "unit"),
    ("H(X) + 1/2 = 0", 8, "unit"),
    ("H(X)*H(Y) = 0", 6, "product of two"),
    ("1/H(X) = 0", 3, "divides"),
    ("H(X)/0 = 0", 6, "zero"),
    ("H(X)^2 = 0", 5, "exponents"),
    ("1e5*H(X) = 0", 2, "unexpected 'e5'"),
    ("H(X) = 0 given X -> Y", 18, "three groups"),
    ("H(X) = 0 given X", 17, "'->'"),
    ("H(X) = 0 given", 15, "condition"),
    ("H(X) = 0 given X _||_ Y, ", 25, "name"),
    ("H(X) = 0 given X = Y", 21, "'('"),
    ("H(X) = 0 given A -> B -> C given X = f(Y)", 28, "given"),
    ("k: X -> Y |- k >> g = k", 19, "unknown box 'g'"),
    ("k: X -> Y; p: 1 -> X |- p >> K = p", 30, "declared: k, p"),
    ("k: X -> Y |- k >> k = k", 16, "ends in Y, the second starts from X"),
    ("k: X -> Y |- k = id[X]", 16, "k : X -> Y and id : X -> X"),
    ("k: X -> Y |- k @ = k", 18, "a box"),
    ("k: X -> Y |- k <= k", 16, "'='"),
    ("k: X -> Y |- (k = k", 17, "')'"),
    ("k: X -> Y |- copy = k", 14, "copy[X]"),
    ("k: X -> Y |- swap[X] = k", 14, "takes 2 objects"),
    ("k: X -> Y |- id[X,Y] = k", 14, "takes 1 object,"),
    ("k: X -> 2 |- k = k", 9, "not an object"),
    ("k: X -> Y; k: X -> X |- k = k", 12, "declared twice"),
    ("k: X -> Y", 1, "unexpected 'k'"),
    ("k: X -> Y |- k = k given", 25, "ends too early; expected a box"),
    ("k: X -> Y |- k = k given k", 27, "'='"),
    ("k: X -> Y |- k = k given k = k,", 32, "ends too early; expected a box"),
    ("k: X -> Y |- k = k given k = discard[X]", 28, "k : X -> Y and discard : X -> 1"),
    ("k: X -> Y |- k = k given k = g", 30, "unknown box 'g' (declared: k)"),
    ("k: X -> Y |- k = k given k = k given k = k", 32, "unexpected 'given'"),
    ("k: X -> Y |- k = k given X _||_ Y", 28, "unexpected '_||_'"),
    ("k: X -> Y |- k = k given I(X;Y) = 0", 26, "unexpected 'I'; expected a box"),
    ("k: X -> Y |- k = k k", 20, "'given', '>>', '@' or the end"),
    ("k: X -> Y |- k = k, k = k", 19, "unexpected ','"),
    ("p: law |- sum(p) = 1 given p = p", 22, "unexpected 'given'"),
]


@pytest.mark.parametrize(("text", "column", "words"), ERRORS)
def test_errors_point_at_their_place(text: str, column: int, words: str) -> None:
    with pytest.raises(LanguageError) as caught:
        parse(text)
    error = caught.value
    assert (error.line, error.column) == (1, column)
    assert words in error.problem
    first, picture, caret = str(error).split("\n")
    assert first == f"line 1, column {column}: {error.problem}"
    assert picture.strip() == text.strip()
    assert caret.index("^") == column + 1


def test_errors_name_the_line() -> None:
    with pytest.raises(LanguageError) as caught:
        parse("I(X;Y)\n  <=\nI(X) + H(Y)")
    assert (caught.value.line, caught.value.column, caught.value.expected) == (3, 4, "',' or ';'")
    assert str(caught.value).split("\n") == [
        "line 3, column 4: unexpected ')'; expected ',' or ';'",
        "  I(X) + H(Y)",
        "     ^",
    ]


def test_long_lines_are_clipped_around_the_place() -> None:
    with pytest.raises(LanguageError) as caught:
        parse("H(A) + " * 50 + "H(!) = 0" + " + H(B)" * 50)
    _, picture, caret = str(caught.value).split("\n")
    assert len(picture) < 80
    assert picture[caret.index("^")] == "!"


HOSTILE = [
    ("H(X) \x1b[31m= 0", 6, "control character U+001B"),
    ("H(X)\x00 = 0", 5, "U+0000"),
    ("H(X\u202e) = 0", 4, "U+202E"),
    ("H(X) \u2264 0", 6, "write <="),
    ("H(\u0425) = 0", 3, "outside ASCII"),  # a Cyrillic letter that looks like an X
    ("H(X) = 0 # note", 10, "unexpected '#'"),
    ("__import__('os').system('true') = 0", 12, "unexpected"),
    ("H(X) = 0; H(Y) = 0", 9, "unexpected ';'"),
    ("H(X) = 0; <b>x</b>", 11, "<= or >="),
]


@pytest.mark.parametrize(("text", "column", "words"), HOSTILE)
def test_hostile_characters_are_refused_and_never_echoed(text: str, column: int, words: str) -> None:
    with pytest.raises(LanguageError) as caught:
        parse(text)
    assert caught.value.column == column
    assert words in str(caught.value)
    assert all(character.isprintable() or character == "\n" for character in str(caught.value))
    assert str(caught.value).isascii()


def nested(left: str, right: str, depth: int) -> str:
    return left * depth + "H(X)" + right * depth + " = 0"


WIDE = "*".join("X" * 5000)
LIMITS = [
    ("(" * 100_000, 65_537, "64 KiB"),
    ("(" * 60_000, 201, "deeper than 200"),
    (nested("(", ")", 200), 202, "deeper than 200"),
    ("k: X -> X |- " + "(" * 201 + "k", 214, "deeper than 200"),
    ("H(X) + " * 200_000 + "H(X) = 0", 65_537, "64 KiB"),
    ("+".join(["H(X)"] * 10_001) + " = 0", 50_000, "10,000 terms"),
    ("9" * 1_001 + " H(X) = 0", 1, "1,000 digits"),
    ("*".join(["9" * 900] * 70) + "*H(X) = 0", 902, "1,000 digits"),
    ("k: X -> X |- " + ">>".join(["k"] * 15_000) + " = k", 30_014, "10,000 terms"),
    (f"k: {WIDE} -> {WIDE} |- " + ">>".join(["k"] * 9_000) + " = k", 20_040, "100,000 wires"),
    ("I(" + ";".join("ABCDEFGHIJKLMNOPQRST") + ") = 0", 1, "10,000 terms"),
    ("H(A) = 0 given " + "->".join("A" * 20_000), 17, "too long"),
    ("-" * 60_000, 10_000, "10,000 terms"),
]


@pytest.mark.parametrize(("text", "column", "words"), LIMITS, ids=[words for _, _, words in LIMITS])
def test_limits_are_refused_with_their_place(text: str, column: int, words: str) -> None:
    with pytest.raises(LanguageError) as caught:
        parse(text)
    assert caught.value.column == column
    assert words in caught.value.problem


def test_what_is_just_within_the_limits_is_read() -> None:
    assert parse(nested("(", ")", 199)).holds == Equal(H("X"), ZERO)
    assert parse("+".join(["H(X)"] * 10_000) + " = 0").holds == Equal(add(*[H("X")] * 10_000), ZERO)
    assert parse("9" * 1_000 + " H(X) = 0").holds == Equal((10**1000 - 1) * H("X"), ZERO)


def test_deep_brackets_are_multiplied_out() -> None:
    deep = parse("-(H(X)+" * 199 + "H(Y)" + ")" * 199 + " = 0").holds.left
    signs = [(-1) ** i for i in range(1, 200)]
    assert deep == add(*(sign * H("X") for sign in signs), -H("Y"))
    assert deep != add(*(-sign * H("X") for sign in signs), -H("Y"))


def test_deep_diagrams_are_unfolded_and_mean_the_same() -> None:
    k = kernel("k", X, X)
    step = "k"
    flat: Term = k
    for _ in range(190):
        step = f"k >> id[1] @ ({step})"
        flat = k >> flat
    deep = parse(f"k: X -> X |- {step} = k").holds.left
    assert isinstance(deep, Term)
    assert normal_form(deep) == normal_form(flat)
    assert normal_form(deep) != normal_form(k >> flat)


NAMES = st.sampled_from(["X", "Y", "Z", "H", "I", "p", "copy", "x_1", "law", "f"])
GROUPS = st.lists(NAMES, min_size=1, max_size=3, unique=True).map(tuple)
NUMBERS = st.fractions(max_denominator=10**6).filter(bool)


@st.composite
def quantities(draw: st.DrawFn) -> Expr:
    kind = draw(st.integers(0, 2))
    behind = draw(st.one_of(st.just(()), GROUPS))
    if kind == 0:
        return H(*draw(GROUPS), given=behind)
    if kind == 1:
        return I(*draw(st.lists(GROUPS, min_size=2, max_size=4)), given=behind)
    return log_size(Object(draw(NAMES)))


def combinations(inner: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    multiples = st.tuples(NUMBERS, inner).map(lambda pair: pair[0] * pair[1])
    return st.one_of(multiples, st.lists(inner, max_size=4).map(lambda terms: add(*terms)))


EXPRESSIONS = st.recursive(quantities(), combinations, max_leaves=8)
RELATIONS = st.one_of(
    st.builds(Equal, EXPRESSIONS, EXPRESSIONS),
    st.builds(LessEq, EXPRESSIONS, EXPRESSIONS),
    st.builds(determined, GROUPS, GROUPS),
    st.builds(independent, GROUPS, GROUPS, given=st.one_of(st.just(()), GROUPS)),
)
CHAINS = st.lists(GROUPS, min_size=3, max_size=5).map(lambda groups: markov(*groups))
ASSUMPTIONS = st.lists(st.one_of(RELATIONS.map(lambda relation: (relation,)), CHAINS), max_size=3)


@settings(max_examples=200, deadline=None)
@given(RELATIONS, ASSUMPTIONS)
def test_information_statements_read_back(holds: Relation, assumed: list[tuple[Relation, ...]]) -> None:
    """A statement about all its variables, in the order in which its own text names them, survives the round trip."""
    conditions = tuple(relation for group in assumed for relation in group)
    everything = Statement(holds, state("p", ["X", "Y", "Z", "H", "I", "p", "copy", "x_1", "law", "f"]), conditions)
    text = show(everything).split(" |- ")[-1].split(" where ")[0]
    once = parse(text)
    assert (once.holds, once.given) == (holds, conditions)
    again = parse(show(once))
    assert again.hash == once.hash
    assert again.canonical == once.canonical


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_diagram_statements_read_back(data: st.DataObject) -> None:
    boxes = [kernel("k", X, Y), function("f", Y, X), kernel("g", (X, Y), Z), kernel("e", Z, ())]

    def layer(kind: tuple[Object, ...]) -> Term:
        parts: list[Term] = [state("p", X)] if data.draw(st.booleans()) else []
        while kind:
            fits: list[Term] = [box for box in boxes if box.dom == kind[: len(box.dom)]]
            fits += [id(kind[0]), copy(kind[0]), discard(kind[0])]
            fits += [swap(kind[0], kind[1:]), discard(kind)] if kind[1:] else []
            parts.append(data.draw(st.sampled_from(fits)))
            kind = kind[len(parts[-1].dom) :]
        first = par(*parts[:2])
        return par(first >> id(first.cod), *parts[2:])  # a sequence inside a product

    term: Term = id(data.draw(st.sampled_from([(X,), (X, Y), (Y, Z)])))
    for _ in range(data.draw(st.integers(1, 4))):
        term = term >> layer(term.cod)
    condition = boxes[data.draw(st.integers(0, 3))]
    given = data.draw(st.sampled_from([(), (Equal(term, term),), (Equal(condition, condition), Equal(term, term))]))
    statement = Statement(Equal(term, term), None, given)
    assert parse(show(statement)).canonical == statement.canonical


@pytest.mark.parametrize("text", [text for text, _ in [*INFORMATION, *DIAGRAMS]])
def test_examples_read_back(text: str) -> None:
    assert parse(show(parse(text))).hash == parse(text).hash


def test_what_the_text_language_cannot_say_prints_readably() -> None:
    chain = state("p", X) >> copy(X) >> id(X) @ K
    kl = D("KL", K >> copy(Y), copy(X) >> K @ K, over=state("p", X))
    assert show_expr(kl) == "D[KL](k >> copy[Y], copy[X] >> k @ k | over p)"
    shown = show(Statement(Equal(kl, H("Y", given="X")), chain))
    assert f"{show_expr(kl)} = H(Y|X) where X, Y = wires of p >> copy[X] >> id[X] @ k" in shown
    assert shown.startswith("k: X -> Y; p: 1 -> X |- ")


def test_a_law_of_more_variables_says_so() -> None:
    assert show(Statement(LessEq(ZERO, H("X")), about("X"))) == "0 <= H(X)"
    assert show(Statement(LessEq(ZERO, H("X")), about("X Y"))) == "p: 1 -> X * Y |- 0 <= H(X) where X, Y = wires of p"
    named_q = Statement(LessEq(ZERO, H("X")), Box("q", (), (X,)))
    assert show(named_q) == "q: 1 -> X |- 0 <= H(X) where X = wires of q"


PIECES = ["H", "I", "(", ")", "[", "]", "X", "Y", "k", "p", "|", "|-", ",", ";", ":", "->", "_||_", "=", "<=", ">="]
PIECES += [
    "+",
    "-",
    "*",
    "/",
    "@",
    ">>",
    "1",
    "0",
    "2.5",
    "log",
    "given",
    "det",
    "copy",
    "id",
    "swap",
    "law",
    " ",
    "H(X)",
    "I(X;Y)",
]
BEGINNINGS = ["", "H(X) = 0 given ", "k: X -> Y |- ", "k: X -> Y |- k = ", "k: X -> Y |- k = k given ", "H(X) <= "]


@settings(max_examples=500, deadline=None)
@given(
    st.sampled_from(BEGINNINGS),
    st.one_of(st.lists(st.sampled_from(PIECES), max_size=12).map("".join), st.text(max_size=20)),
)
def test_any_text_is_a_statement_or_an_error_within_it(begin: str, rest: str) -> None:
    text = begin + rest
    refused: LanguageError | None = None
    try:
        statement = parse(text)
    except LanguageError as error:
        refused = error
    if refused is None:
        assert parse(show(statement)).hash == statement.hash
    else:
        assert 1 <= refused.line <= text.count("\n") + 1
        assert 1 <= refused.column <= len(text) + 1
        assert str(refused).isascii()
