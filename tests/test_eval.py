"""`lmlaws eval`: the language of queries, law files and all that can be wrong with one, exact values, the command."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from lmlaws.checks.exact.kernels import State
from lmlaws.checks.exact.lawfile import (
    MOST_BYTES,
    JointLaw,
    LawFileError,
    NamedLaws,
    parse_laws,
    read_laws,
)
from lmlaws.checks.exact.numbers import INF, Exact, log
from lmlaws.cli import main
from lmlaws.commands.evaluate import MOST_LINES, value_of
from lmlaws.theory.expressions import Expr, Log, Size
from lmlaws.theory.language import LanguageError, parse, parse_query
from lmlaws.theory.quantities import H, I
from lmlaws.theory.queries import Unlike
from lmlaws.theory.terms import Object

FEW = settings(deadline=None, max_examples=60)
SEARCH = settings(deadline=None, max_examples=500, derandomize=True, database=None, phases=[Phase.generate])
JOINT = {"kind": "law", "vars": ["X", "Y", "Z"], "sizes": [2, 2, 2], "law": ["1/3", 0, 0, "1/3", "0", "1/3", "0", "0"]}
NAMED = {"laws": {"p": ["1/2", "1/3", "1/6"], "q": ["0.5", "0.5", "0"], "r": [1]}}


# --- the language of queries


def half(of: Expr) -> tuple[Fraction, Expr]:
    return Fraction(1, 2), of


def once(of: Expr) -> tuple[Fraction, Expr]:
    return Fraction(1), of


QUERIES: list[tuple[str, list[tuple[Fraction, Expr]]]] = [
    ("H(X,Y|Z)", [once(H("X", "Y", given="Z"))]),
    ("I(A;B;C|D)", [once(I("A", "B", "C", given="D"))]),
    ("1/2 I(X;(Y,Z))", [half(I("X", ("Y", "Z")))]),
    ("(H(X) + I(X;Y))/2", [half(H("X")), half(I("X", "Y"))]),
    ("log|X|-H(X)", [once(Log(Size(Object("X")))), (Fraction(-1), H("X"))]),
    ("-(2*(H(X) - 1.5 H(Y)))", [(Fraction(-2), H("X")), (Fraction(3), H("Y"))]),
    ("0", []),
    ("H(X) + 0", [once(H("X"))]),
    ("D(KL; p, q)", [once(Unlike("KL", "p", "q"))]),
    ("D ( renyi : 0.50 ; p , q )", [once(Unlike("renyi:1/2", "p", "q"))]),
    ("D(renyi:inf;p,q)/2", [half(Unlike("renyi:inf", "p", "q"))]),
    ("HD(alpha:-3/2; p)", [once(Unlike("alpha:-3/2", "p"))]),
    ("D(TV; KL, TV)", [once(Unlike("TV", "KL", "TV"))]),
    ("I(D;HD) - H(D)", [once(I("D", "HD")), (Fraction(-1), H("D"))]),
]


@pytest.mark.parametrize(("text", "terms"), QUERIES)
def test_queries(text: str, terms: list[tuple[Fraction, Expr]]) -> None:
    assert [(summand.number, summand.of) for summand in parse_query(text).summands] == terms


def test_a_query_knows_where_it_names_and_asks() -> None:
    query = parse_query("H(Y) + D(KL; Y, q) - log|W|")
    assert query.names == {"Y": 2, "q": 16, "W": 25}
    assert [summand.at for summand in query.summands] == [0, 7, 21]


NO_QUERIES = [
    ("", 1, "expected a quantity such as 2*H(X), I(X;Y|Z), log|X|, D(KL; p, q) or HD(KL; p), or 0"),
    ("H(X", 4, "opened in column 2"),
    ("H(X) <= 0", 6, "operator"),
    ("H(X) given X -> Y -> Z", 6, "operator"),
    ("k: X -> Y |- k = k", 1, "a quantity"),
    ("H(X) + 1", 8, "unit"),
    ("H(X)*H(Y)", 6, "product of two"),
    ("H(X)^2", 5, "exponents"),
    ("H(log)", 3, "reserved"),
    ("D", 1, "a quantity"),
    ("D(p, q)", 4, "expected ';' or ':'"),
    ("D(; p, q)", 3, "the name of a divergence"),
    ("D(KL; p)", 8, "','"),
    ("D(KL; p q)", 9, "','"),
    ("D(KL; , q)", 7, "the name of a variable or law"),
    ("D(KL; p, q, r)", 11, "')'"),
    ("HD(KL; p, q)", 9, "')'"),
    ("D(XX; p, q)", 3, "unknown divergence 'XX'; known are KL, reverse_KL"),
    ("D(kl; p, q)", 3, "unknown divergence 'kl'"),
    ("D(KL:2; p, q)", 3, "unknown divergence 'KL:2'"),
    ("D(renyi; p, q)", 3, "renyi:ALPHA"),
    ("D(renyi:; p, q)", 9, "the order, a number such as 3/2, or inf"),
    ("D(renyi:-1; p, q)", 3, "at least 0"),
    ("D(renyi:-inf; p, q)", 10, "a number"),
    ("D(alpha:1/0; p, q)", 3, "not a rational number"),
    ("H(X) + D(renyi:\x1b; p, q)", 16, "control character"),
    ("+".join(["H(X)"] * 10_001), 50_000, "10,000 terms"),
    ("(" * 300, 201, "deeper than 200"),
]


@pytest.mark.parametrize(("text", "column", "words"), NO_QUERIES, ids=range(len(NO_QUERIES)))
def test_what_is_no_query_is_refused_with_its_place(text: str, column: int, words: str) -> None:
    with pytest.raises(LanguageError) as caught:
        parse_query(text)
    assert (caught.value.line, caught.value.column) == (1, column)
    assert words in caught.value.problem


PIECES = ["D(", "HD(", "H(", "I(", "KL", "renyi", ":", "inf", "log", "given", "X", "p", "(", ")", ";", ",", "|", "-"]
PIECES += ["+", "*", "/", "0", "2", "1.5", "=", "->", "^", "[", "\n", " "]


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["D(KL; p, q)", "HD(renyi:3/2; p) - 2*I(X;Y|Z)", ""]),
    st.integers(0, 30),
    st.lists(st.sampled_from(PIECES), max_size=8).map("".join),
)
def test_any_text_is_a_query_or_an_error_within_it(sound: str, at: int, piece: str) -> None:
    text = sound[:at] + piece + sound[at:]
    names: dict[str, int] = {}
    refused: LanguageError | None = None
    try:
        names = parse_query(text).names
    except LanguageError as error:
        refused = error
    assert all(text.startswith(name, place) for name, place in names.items())
    if refused is not None:
        assert 1 <= refused.line <= text.count("\n") + 1
        assert 1 <= refused.column <= len(text) + 1


@pytest.mark.parametrize("text", ["D(KL; p, q) >= 0", "HD(KL; p) <= log|p|", "H(X) = 0 given D(KL; X, Y) = 0"])
def test_statements_have_no_divergences_of_laws(text: str) -> None:
    with pytest.raises(LanguageError):
        parse(text)


def test_in_statements_d_and_hd_are_names_like_others() -> None:
    assert parse("H(D) = 0 given D = HD(X)").hash == parse("H(D) = 0 given D = f(X)").hash
    assert parse("D: X -> Y |- D = D >> id[Y]").is_diagram
    assert parse("I(D;HD) >= 0").hash != parse("I(D;HD) <= 0").hash


# --- law files


def test_a_joint_law_is_row_major_and_its_variables_have_names() -> None:
    laws = parse_laws('{"vars": ["X", "Y"], "sizes": [2, 3], "law": ["1/2", 0, ".25", "0.125", "0", "1/4 * 1/2"]}')
    assert isinstance(laws, JointLaw)
    assert laws.law.weights == tuple(Fraction(n, 8) for n in (4, 0, 2, 1, 0, 1))
    assert laws.law.marginal(("Y",)).rows() == [[Fraction(5, 8), 0, Fraction(3, 8)]]


def test_other_fields_are_passed_over_and_a_refutation_is_a_law_file() -> None:
    more = {**JOINT, "left": "log(2)", "relation": "<=", "score": 1.5, "nothing": None}
    assert parse_laws(json.dumps(more)) == parse_laws(json.dumps(JOINT))
    answer = {"verdict": "refuted", "counterexample": more, "seconds": 0.25}
    assert parse_laws(json.dumps(answer)) == parse_laws(json.dumps(JOINT))
    assert parse_laws(json.dumps(JOINT)) != parse_laws(json.dumps({**JOINT, "vars": ["Y", "X", "Z"]}))


def test_named_laws_and_the_law_of_nothing() -> None:
    laws = parse_laws(json.dumps({**NAMED, "kind": "laws", "sizes": {"X": 3}}))
    assert isinstance(laws, NamedLaws)
    assert laws.laws["q"].weights == tuple(Fraction(n, 2) for n in (1, 1, 0))
    assert parse_laws('{"vars": [], "sizes": [], "law": [1]}') == parse_laws('{"vars": [], "sizes": [], "law": ["1"]}')


def joint(**fields: Any) -> str:
    return json.dumps({"vars": ["X", "Y"], "sizes": [2, 2], "law": ["1/2", 0, 0, "1/2"], **fields})


def law(*entries: Any) -> str:
    return joint(law=list(entries))


NINES = "9" * 1001
DEFECTS = [
    ("", "not JSON: line 1, column 1: "),
    ('{"vars": ["X"],\n "law" 1}', "not JSON: line 2, column 8: "),
    (joint() + "x", "Extra data"),
    ("[" * 100_000, "nested too deep"),
    ('{"vars": [], "vars": []}', 'the key "vars" is there twice'),
    ('{"laws": {"p": [1], "p": [1]}}', 'the key "p" is there twice'),
    ("[]", "not an empty list"),
    ("null", "a law file is a JSON object, not null"),
    ("{}", 'a field "law" (with "vars" and "sizes") or "laws", and this has neither'),
    (joint(laws={"p": [1]}), "not both"),
    ('{"vars": ["X"], "law": [1]}', 'the field "sizes" is missing'),
    ('{"sizes": [1], "law": [1]}', 'the field "vars" is missing'),
    (joint(vars="XY"), '"vars" is "XY", not a list'),
    (joint(law={"0": 1}), '"law" is an object, not a list'),
    (joint(kind="kernels"), '"kind" is "kernels"'),
    (joint(vars=["X", "X"]), 'the name "X" twice'),
    (joint(vars=["X", "1Y"]), 'the name "1Y"'),
    (joint(vars=["X", "log"]), 'the name "log"'),
    (joint(vars=["X", "é"]), 'the name "\\u00e9"'),
    (joint(vars=["X", "\ud800"]), 'the name "\\ud800"'),
    (joint(vars=["X", 3]), "the name 3"),
    (joint(vars=["X", "Y" * 10**6 + "!"]), '"YYY'),
    (joint(sizes=[2, 0]), "sizes[1] is 0, not an integer of at least 1"),
    (joint(sizes=[2, True]), "sizes[1] is true"),
    (joint(sizes=[2, "2"]), 'sizes[1] is "2"'),
    (joint(sizes=[2, 2.0]), "sizes[1] is 2.0"),
    (joint(sizes=[4]), '"vars" has 2 names, but "sizes" has 1 numbers'),
    (joint(sizes=[2, 3]), '"law" has 4 entries, but "sizes" [2, 3] make 6 letters'),
    (joint(sizes=[10**900, 10**900]), "make more than 1,000,000,000,000 letters"),
    (law(1, 0, 0), '"law" has 3 entries, but "sizes" [2, 2] make 4 letters'),
    (law(0.5, 0, 0, 0.5), 'law[0] is the JSON number 0.5, which most programs round; write it as text, such as "0.5"'),
    (law(0, 1.0, 0, 0), "law[1] is the JSON number 1.0"),
    (law(0, 0, 1e-3, 0), "law[2] is the JSON number 0.001"),
    (law(float("nan"), 0, 0, 0), "law[0] is NaN, which is no probability"),
    (law(0, float("inf"), 0, 0), "law[1] is Infinity, which is no probability"),
    (law("-1/4", "5/4", 0, 0), "law[0] is -1/4; a probability is at least 0"),
    (law(2, 0, 0, -1), "law[3] is -1; a probability is at least 0"),
    (law("1/2", "1/2", "1/4", 0), "the entries of law sum to 5/4, not to 1 (1 - sum is -1/4)"),
    (law("0.3333", "0.3333", "0.3333", 0), "sum to 9999/10000, not to 1 (1 - sum is 1/10000)"),
    (law("1/" + "9" * 600, 0, 0, 1), "(1 - sum is about -1.0"),
    (law("half", 1, 0, 0), 'law[0] is "half": column 1'),
    (law("", 1, 0, 0), 'law[0] is ""'),
    (law("1e-3", 1, 0, 0), 'law[0] is "1e-3"'),
    (law("1/0", 1, 0, 0), 'law[0] is "1/0"'),
    (law("nan", 1, 0, 0), 'law[0] is "nan"'),
    (law("inf", 1, 0, 0), 'law[0] is "inf"'),
    (law("sqrt(2)", 1, 0, 0), "not a rational number"),
    (law(True, 0, 0, 0), "law[0] is true"),
    (law(None, 0, 0, 0), "law[0] is null"),
    (law([1], 0, 0, 0), "law[0] is a list"),
    (law("1/2", "\x1b[31m", 0, 0), '"\\u001b[31m"'),
    (law(NINES, 0, 0, 0), "1001 digits"),
    (law("1/" + NINES, 0, 0, 0), "1001 digits"),
    (f'{{"vars": ["X"], "sizes": [1], "law": [{NINES}]}}', "a number of 1,001 digits; the limit is 1,000"),
    ('{"laws": {}}', "an empty object"),
    ('{"laws": ["1"]}', '"laws" is a list'),
    ('{"laws": {"p": []}}', "laws.p is an empty list"),
    ('{"laws": {"p": 1}}', "laws.p is 1"),
    ('{"laws": {"p q": [1]}}', 'the name "p q"'),
    ('{"laws": {"p": [1], "q": ["1/2", "1/3"]}}', "the entries of laws.q sum to 5/6"),
    ('{"laws": {"p": [1], "q": [0.5, 0.5]}}', "laws.q[0] is the JSON number 0.5"),
]


@pytest.mark.parametrize(("text", "defect"), DEFECTS, ids=range(len(DEFECTS)))
def test_the_exact_defect_of_a_law_file_is_said(text: str, defect: str) -> None:
    with pytest.raises(LawFileError) as caught:
        parse_laws(text)
    assert defect in str(caught.value)
    assert len(str(caught.value)) < 500
    assert str(caught.value).isprintable()


VALUES = st.recursive(
    st.sampled_from([0, 1, 2, -1, True, None, 0.5, "1/2", "1/3", "0.5", "X", "p", "law", "1/0", "", "-1"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["p", "law", "X"]), inner, max_size=3),
    max_leaves=12,
)
FIELDS = st.fixed_dictionaries({}, optional=dict.fromkeys(["kind", "vars", "sizes", "law", "laws"], VALUES))


@FEW
@given(FIELDS, st.sampled_from([JOINT, NAMED, {}]))
def test_any_json_is_a_law_file_or_has_a_defect(fields: dict[str, Any], sound: dict[str, Any]) -> None:
    given: list[State] = []
    defect = ""
    try:
        laws = parse_laws(json.dumps({**sound, **fields}))
        given = [laws.law] if isinstance(laws, JointLaw) else list(laws.laws.values())
    except LawFileError as problem:
        defect = str(problem)
    assert bool(given) != bool(defect)
    assert defect.isprintable()
    assert all(sum(law.weights) == 1 and min(law.weights) >= 0 for law in given)


def test_a_file_is_named_with_its_defect(tmp_path: Path) -> None:
    path = tmp_path / "laws.json"
    for data, defect in ((b"{}", "neither"), (b"\xff", "not text in UTF-8: invalid start byte at byte 0")):
        path.write_bytes(data)
        with pytest.raises(LawFileError, match=rf"laws\.json: .*{defect}"):
            read_laws(path)
    with pytest.raises(LawFileError, match=r"none\.json: No such file"):
        read_laws(tmp_path / "none.json")
    with pytest.raises(LawFileError, match="Is a directory"):
        read_laws(tmp_path)
    with path.open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(LawFileError, match="at most 64 MiB"):
        read_laws(path)


# --- values

Definition = Callable[..., Exact]
Weights = list[int]
NAMES = ("X", "Y", "Z")


@st.composite
def weighted_joints(draw: st.DrawFn) -> tuple[tuple[int, ...], Weights]:
    """Sizes of three variables, and integer weights of which one at least is positive."""
    sizes = tuple(draw(st.lists(st.integers(1, 3), min_size=3, max_size=3)))
    size = prod(sizes)
    return sizes, draw(st.lists(st.integers(0, 6), min_size=size, max_size=size).filter(any))


@st.composite
def weighted_pairs(draw: st.DrawFn) -> tuple[Weights, Weights]:
    size = draw(st.integers(1, 4))
    weights = st.lists(st.integers(0, 4), min_size=size, max_size=size).filter(any)
    return draw(weights), draw(weights)


def shares(weights: Weights) -> list[Fraction]:
    return [Fraction(weight, sum(weights)) for weight in weights]


def evaluated(text: str, laws: dict[str, Any]) -> Exact:
    return value_of(parse_query(text), parse_laws(json.dumps(laws)))


def on_joint(text: str, sizes: tuple[int, ...], weights: Weights) -> Exact:
    entries = [str(share) for share in shares(weights)]
    return evaluated(text, {"vars": NAMES, "sizes": sizes, "law": entries})


def expectation(sizes: tuple[int, ...], weights: Weights, above: list[str], below: list[str]) -> Exact:
    """The expectation of log of a product of marginal probabilities over another product, by definition."""
    cells = dict(zip(product(*map(range, sizes)), shares(weights)))

    def mass(names: str, cell: tuple[int, ...]) -> Fraction:
        kept = [NAMES.index(name) for name in names]
        return sum((p for other, p in cells.items() if all(other[i] == cell[i] for i in kept)), Fraction(0))

    return Exact.sum(
        p * log(prod((mass(names, cell) for names in above), start=Fraction(1)) / prod(mass(n, cell) for n in below))
        for cell, p in cells.items()
        if p
    )


DEFINITIONS = {
    "H(X,Z|Y)": (["Y"], ["XYZ"]),
    "I(X;Y|Z)": (["XYZ", "Z"], ["XZ", "YZ"]),
    "I(X;(Y,Z))": (["XYZ"], ["X", "YZ"]),
    "I(X;Y;Z)": (["XY", "XZ", "YZ"], ["X", "Y", "Z", "XYZ"]),
}


@FEW
@given(weighted_joints())
def test_information_is_what_its_definition_says(law: tuple[tuple[int, ...], Weights]) -> None:
    for text, (above, below) in DEFINITIONS.items():
        assert on_joint(text, *law) == expectation(*law, above, below)
    total = on_joint("2*(I(X;Y|Z) - H(X)/3) + log|Y|", *law)
    assert total == 2 * on_joint("I(X;Y|Z)", *law) - Fraction(2, 3) * on_joint("H(X)", *law) + log(law[0][1])


@pytest.mark.parametrize("text", DEFINITIONS)
def test_a_near_miss_of_the_definition_is_found(text: str) -> None:
    """Twins: the letters numbered with the first variable fastest, and a marginal left out."""

    def column_major(law: tuple[tuple[int, ...], Weights]) -> bool:
        sizes, weights = law
        columns = [cell[::-1] for cell in product(*map(range, sizes[::-1]))]
        turned = dict(zip(columns, weights))
        other = [turned[cell] for cell in product(*map(range, sizes))]
        return on_joint(text, *law) != expectation(sizes, other, *DEFINITIONS[text])

    def incomplete(law: tuple[tuple[int, ...], Weights]) -> bool:
        above, below = DEFINITIONS[text]
        return on_joint(text, *law) != expectation(*law, above[:-1], below)

    if text != "I(X;Y;Z)":  # symmetric, but sizes differ
        assert find(weighted_joints(), column_major, settings=SEARCH)
    assert find(weighted_joints(), incomplete, settings=SEARCH)


def kl(p: list[Fraction], q: list[Fraction]) -> Exact:
    return INF if any(x and not y for x, y in zip(p, q)) else Exact.sum(x * log(x / y) for x, y in zip(p, q) if x)


def tv(p: list[Fraction], q: list[Fraction]) -> Exact:
    return Exact.of(sum(abs(x - y) for x, y in zip(p, q)) / 2)


def hellinger2(p: list[Fraction], q: list[Fraction]) -> Exact:
    return 1 - Exact.sum(Exact.of(x * y) ** Fraction(1, 2) for x, y in zip(p, q))


def renyi_2(p: list[Fraction], q: list[Fraction]) -> Exact:
    return INF if kl(p, q) == INF else log(sum(x * x / y for x, y in zip(p, q) if x))


OF_LAWS: list[tuple[str, Definition]] = [
    ("D(KL; p, q)", kl),
    ("D(TV; p, q)", tv),
    ("D(hellinger2; p, q)", hellinger2),
    ("D(renyi:2; p, q)", renyi_2),
    ("H(p)", lambda p, q: -kl(p, [Fraction(1)] * len(p))),
    ("HD(KL; p)", lambda p, q: -kl(p, [Fraction(1)] * len(p))),
    ("HD(TV; p)", lambda p, q: Exact.of(1 - sum(x * x for x in p))),
    ("log|q| - H(q)", lambda p, q: kl(q, [Fraction(1, len(q))] * len(q))),
]


def on_laws(text: str, p: list[Fraction], q: list[Fraction]) -> Exact:
    return evaluated(text, {"laws": {"p": [str(x) for x in p], "q": [str(x) for x in q]}})


@FEW
@given(weighted_pairs())
def test_divergences_of_laws_are_what_their_definitions_say(pair: tuple[Weights, Weights]) -> None:
    p, q = map(shares, pair)
    for text, definition in OF_LAWS:
        assert on_laws(text, p, q) == definition(p, q)


@pytest.mark.parametrize(("text", "definition"), OF_LAWS, ids=[text for text, _ in OF_LAWS])
def test_a_near_miss_of_a_divergence_is_found(text: str, definition: Definition) -> None:
    """Twins: the other definitions of the table are other quantities, on some pair of laws."""
    for other, _ in OF_LAWS:
        if {text, other} != {"H(p)", "HD(KL; p)"} and text != other:

            def differs(pair: tuple[Weights, Weights], other: str = other) -> bool:
                p, q = map(shares, pair)
                return on_laws(other, p, q) != definition(p, q)

            assert find(weighted_pairs(), differs, settings=SEARCH)


def test_infinities_add_up_unless_they_are_of_both_signs() -> None:
    assert evaluated("D(KL; p, q) + H(p)", NAMED) == INF
    assert evaluated("H(p) - 2*D(KL; p, q)", NAMED) == -INF
    assert evaluated("0*D(KL; p, q) - D(chi2; p, q)", NAMED) == -INF
    for text in ("D(KL; p, q) - D(KL; p, q)", "D(chi2; p, q) + H(p) - 1/2*D(renyi:inf; p, q)"):
        with pytest.raises(ArithmeticError, match=r"inf - inf, where D\("):
            evaluated(text, NAMED)


# --- the command


class Eval:
    """Runs `lmlaws eval` on a law file in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
        self.capsys, self.path = capsys, folder / "law.json"

    def __call__(self, expression: str, laws: Any, *more: str) -> tuple[int, str, str]:
        """Exit code, standard output, standard error."""
        self.path.write_text(laws if isinstance(laws, str) else json.dumps(laws))
        with pytest.raises(SystemExit) as ended:
            main(["eval", expression, "--law", str(self.path), *more])
        out, err = self.capsys.readouterr()
        assert "Traceback" not in out + err
        assert isinstance(ended.value.code, int)
        return ended.value.code, out, err


@pytest.fixture(name="run")
def evaluate_in_process(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Eval:
    return Eval(capsys, tmp_path)


ANSWERS = [
    ("I(X;Y|Z)", JOINT, "2/3*log(2)", "0.46209812037329687", "nats"),
    ("-H(X)", JOINT, "2/3*log(2) - log(3)", "-0.63651416829481282", "nats"),
    ("0", JOINT, "0", "0", "nats"),
    ("D(KL; p, q)", NAMED, "inf", "inf", "nats"),
    ("-D(renyi:inf; p, q)", NAMED, "-inf", "-inf", "nats"),
    ("D(TV; p, q)", NAMED, "1/6", "0.16666666666666667", None),
    ("D(hellinger2; p, q)", NAMED, "1/2 - 1/6*sqrt(6)", "0.091751709536136984", None),
    ("HD(alpha:1; p) - HD(TV; p)", NAMED, "-11/18 + 2/3*log(2) + 1/2*log(3)", "0.40029315359624061", "nats"),
]


@pytest.mark.parametrize(("expression", "laws", "value", "decimal", "unit"), ANSWERS)
def test_json_has_the_contracts_fields(
    run: Eval, expression: str, laws: Any, value: str, decimal: str, unit: str | None
) -> None:
    code, out, err = run(expression, laws, "--json")
    answer = json.loads(out)
    assert (code, err) == (0, "")
    assert list(answer) == ["statement", "value", "decimal", "unit", "seconds", "version"]
    assert (answer["statement"], answer["value"], answer["decimal"], answer["unit"]) == (
        expression,
        value,
        decimal,
        unit,
    )


def test_people_get_the_exact_value_and_a_decimal(run: Eval) -> None:
    assert run("I(X;Y|Z)\n - I(X;Y)", JOINT) == (
        0,
        "I(X;Y|Z) - I(X;Y) = 2*log(2) - log(3)\n  = 0.2876820725 nats\n",
        "",
    )
    assert run("D(TV;p,q)", NAMED)[1] == "D(TV;p,q) = 1/6\n  = 0.1666666667\n"
    assert run("D(KL;p,q)", NAMED)[1] == "D(KL;p,q) = inf nats\n"
    assert run("H(X) - H(X)", JOINT)[1] == "H(X) - H(X) = 0 nats\n"


def test_a_long_value_is_cut_for_people_and_whole_in_json(run: Eval) -> None:
    total = sum(range(1, 1001))
    laws = {"vars": ["X"], "sizes": [1000], "law": [f"{i}/{total}" for i in range(1, 1001)]}
    code, out, _ = run("H(X)", laws)
    lines = out.splitlines()
    assert code == 0
    assert max(map(len, lines)) <= 80
    assert MOST_LINES - 2 <= len(lines) <= MOST_LINES + 2
    whole = json.loads(run("H(X)", laws, "--json")[1])["value"]
    shown = " ".join(line.strip() for line in lines[:-2]).removeprefix("H(X) = ")
    assert whole.startswith(shown)
    terms = (text.count(" + ") + text.count(" - ") + 1 for text in (whole, shown))
    assert lines[-2] == f"  ... and {next(terms) - next(terms)} terms more; --json prints the whole value"
    assert lines[-1].startswith("  = 6.7")


def test_a_term_of_thousands_of_digits_is_no_flood(run: Eval) -> None:
    laws = {"laws": {"p": [f"1/{'7' * 1000}", f"{'7' * 999}6/{'7' * 1000}"]}}
    code, out, _ = run("H(p) + 1/3*H(p)", laws)
    lines = out.splitlines()
    assert code == 0
    assert max(map(len, lines)) <= 80
    assert len(lines) <= MOST_LINES + 2
    assert "terms more" in lines[-2]
    assert lines[-1].endswith("E-997 nats")
    code, out, _ = run("+".join(["H(p)"] * 5_000), laws)
    assert (code, len(out.splitlines()) <= MOST_LINES + 2) == (0, True)


def test_terms_within_brackets_are_not_taken_apart(run: Eval) -> None:
    out = run("HD(renyi:3/2; p)", NAMED)[1]
    assert "log(3*sqrt(2) + 2*sqrt(3) + sqrt(6))" in " ".join(out.split())
    assert "1.052656085 nats" in out


MISFITS = [
    ("H(X", JOINT, 4, "opened"),
    ("H(X) >= 0", JOINT, 6, "operator"),
    ("H(X|W)", JOINT, 5, "the law file has no variable 'W'; its variables: X, Y, Z"),
    ("log|W|", JOINT, 5, "no variable 'W'"),
    ("0*H(W)", JOINT, 5, "no variable 'W'"),
    ("H(X) + D(KL; X, Y)", JOINT, 8, "one joint law, and no laws by name"),
    ("HD(KL; X)", JOINT, 1, "one joint law"),
    ("D(KL; p, s)", NAMED, 10, "the law file has no law 's'; its laws: p, q, r"),
    ("H(s)", NAMED, 3, "no law 's'"),
    ("H(p) + D(KL; p, r)", NAMED, 8, "p has 3 letters and r has 1"),
    ("I(p;q)", NAMED, 1, "laws by name, and no joint law"),
    ("H(p) - H(p,q)", NAMED, 8, "no joint law"),
    ("H(p|q)", NAMED, 1, "no joint law"),
    ("D(Kl; p, q)", NAMED, 3, "unknown divergence"),
]


@pytest.mark.parametrize(("expression", "laws", "column", "words"), MISFITS)
def test_what_does_not_fit_is_usage_with_its_place(
    run: Eval, expression: str, laws: Any, column: int, words: str
) -> None:
    code, out, err = run(expression, laws)
    assert (code, out) == (64, "")
    assert err.startswith(f"lmlaws: line 1, column {column}: ")
    assert words in err


@pytest.mark.parametrize(("text", "defect"), DEFECTS[1:8] + DEFECTS[-4:], ids=range(11))
def test_a_bad_law_file_is_malformed_data(run: Eval, text: str, defect: str) -> None:
    code, out, err = run("0", text)
    assert (code, out) == (65, "")
    assert err.startswith(f"lmlaws: {run.path}: ")
    assert defect in err


def test_infinity_minus_infinity_is_malformed_data(run: Eval) -> None:
    code, out, err = run("D(KL; p, q) - D(chi2; p, q)", NAMED)
    assert (code, out) == (65, "")
    assert "law.json: no exact value: inf - inf, where D(KL; p, q) and D(chi2; p, q) are both inf" in err


def test_bad_usage(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for arguments, code in (
        (["eval"], 64),
        (["eval", "H(X)"], 64),
        (["eval", "--law", "x.json"], 64),
        (["eval", "H(X)", "H(Y)", "--law", "x.json"], 64),
        (["eval", "H(X)", "--law", str(tmp_path)], 65),
        (["eval", "H(X)", "--law", str(tmp_path / "none.json")], 65),
        (["eval", "H(X", "--law", str(tmp_path / "none.json")], 64),
    ):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        out, err = capsys.readouterr()
        assert (ended.value.code, out) == (code, "")
        assert (str(tmp_path) in err) == (code == 65)


def test_the_counterexample_of_a_proof_that_failed_has_the_sides_it_says(
    run: Eval, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["prove", "I(X;Y|Z) <= I(X;Y)", "--json"])
    printed = capsys.readouterr().out
    example = json.loads(printed)["counterexample"]
    for laws in (printed, example):
        assert json.loads(run("I(X;Y|Z)", laws, "--json")[1])["value"] == example["left"]
        assert json.loads(run("I(X;Y)", laws, "--json")[1])["value"] == example["right"]
    assert example["left"] != example["right"]


def test_eval_loads_nothing_heavy_and_knows_a_large_law(tmp_path: Path) -> None:
    """10,000 outcomes, in a process of its own: what is imported, and that the time is that of one pass or two."""
    weights = [1 + i * i % 9973 for i in range(10_000)]
    path = tmp_path / "law.json"
    entries = [f"{weight}/{sum(weights)}" for weight in weights]
    path.write_text(json.dumps({"vars": NAMES, "sizes": [10, 10, 100], "law": entries}))
    code = (
        "import atexit, sys\n"
        "atexit.register(lambda: print('LOADED', *sorted({m.split('.')[0] for m in sys.modules})))\n"
        "from lmlaws.cli import main\n"
        "main()"
    )
    command = [sys.executable, "-c", code, "eval", "I(X;Y|Z)", "--law", str(path), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    answer, loaded = done.stdout.split("LOADED")
    assert json.loads(answer)["seconds"] < 5
    heavy = {"torch", "sympy", "scipy", "numpy", "highspy", "matplotlib", "rich", "jinja2", "hypothesis", "z3"}
    assert "lmlaws" in loaded.split()
    assert not heavy & set(loaded.split())
