"""Terms and their normal form: every law of a Markov category holds, and near-misses of each do not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmlaws.theory.programs import compile_term, normal_form
from lmlaws.theory.terms import (
    Box,
    CompositionError,
    Id,
    Term,
    Type,
    as_type,
    copy,
    discard,
    function,
    id,
    keep,
    kernel,
    objects,
    par,
    seq,
    state,
    swap,
    wire_names,
)

X, Y, Z = objects("X Y Z")
P = state("p", X)
K, L, M = kernel("k", X, Y), kernel("l", Y, Z), kernel("m", Z, X)
F, G = function("f", X, Y), function("g", Y, Z)
TWO, PAIR = kernel("two", X, (Y, Z)), kernel("pair", X, (Y, Y))


def same(left: Term, right: Term) -> bool:
    return normal_form(left) == normal_form(right)


LAWS: list[tuple[str, Term, Term]] = [
    ("sequence is associative", seq(seq(K, L), M), seq(K, seq(L, M))),
    ("product is associative", par(par(K, L), M), par(K, par(L, M))),
    ("identity before", id(X) >> K, K),
    ("identity after", K >> id(Y), K),
    ("identity on the unit beside", id(()) @ K, K),
    ("identity of a product", id((X, Y)), id(X) @ id(Y)),
    ("interchange", (K >> L) @ (L >> M), K @ L >> L @ M),
    ("sliding", K @ id(Y) >> id(Y) @ L, id(X) @ L >> K @ id(Z)),
    ("swap is natural", K @ L >> swap(Y, Z), swap(X, Y) >> L @ K),
    ("swap twice", swap(X, Y) >> swap(Y, X), id((X, Y))),
    ("hexagon", swap(X, (Y, Z)), swap(X, Y) @ id(Z) >> id(Y) @ swap(X, Z)),
    ("swap with the unit", swap(X, ()), id(X)),
    ("copy is coassociative", copy(X) >> copy(X) @ id(X), copy(X) >> id(X) @ copy(X)),
    ("copy is commutative", copy(X) >> swap(X, X), copy(X)),
    ("counit on the left", copy(X) >> discard(X) @ id(X), id(X)),
    ("counit on the right", copy(X) >> id(X) @ discard(X), id(X)),
    ("copy of a product", copy((X, Y)), copy(X) @ copy(Y) >> id(X) @ swap(X, Y) @ id(Y)),
    ("discard of a product", discard((X, Y)), discard(X) @ discard(Y)),
    ("copy of the unit", copy(()), id(())),
    ("discard is natural", K >> discard(Y), discard(X)),
    ("a state is discarded to nothing", P >> discard(X), id(())),
    ("dead code", copy(X) >> K @ (F >> G >> discard(Z)), K),
    ("a box with one dead output stays", TWO >> discard(Y) @ id(Z), TWO >> discard(Y) @ id(Z) >> id(Z)),
    ("deterministic boxes copy", F >> copy(Y), copy(X) >> F @ F),
    ("deterministic composites copy", F >> G >> copy(Z), copy(X) >> (F >> G) @ (F >> G)),
    ("a shared deterministic prefix", F >> copy(Y) >> L @ L, copy(X) >> (F >> L) @ (F >> L)),
]

TWINS: list[tuple[str, Term, Term]] = [
    ("sequence does not commute", kernel("a", X, X) >> kernel("b", X, X), kernel("b", X, X) >> kernel("a", X, X)),
    ("swap is not the identity", swap(X, X), id((X, X))),
    ("swap of boxes needs the swapped boxes", K @ kernel("n", X, Y) >> swap(Y, Y), K @ kernel("n", X, Y)),
    ("copy is not natural", K >> copy(Y), copy(X) >> K @ K),
    ("a state does not copy", P >> copy(X), P @ P),
    ("equal boxes without determinism stay two", copy(X) >> K @ K, K >> copy(Y)),
    ("deterministic boxes on unequal inputs stay two", F @ F, swap(X, X) >> F @ F),
    ("deterministic after random is random", K >> G >> copy(Z), copy(X) >> (K >> G) @ (K >> G)),
    ("boxes are known by name", K, kernel("n", X, Y)),
    ("which output is dropped matters", PAIR >> discard(Y) @ id(Y), PAIR >> id(Y) @ discard(Y)),
    ("a box that the outputs need is not dead", copy(X) >> K @ (F >> discard(Y)), F),
]


@pytest.mark.parametrize(("name", "left", "right"), LAWS, ids=[law[0] for law in LAWS])
def test_laws_of_markov_categories(name: str, left: Term, right: Term) -> None:
    assert (left.dom, left.cod) == (right.dom, right.cod), name
    assert same(left, right), name


@pytest.mark.parametrize(("name", "left", "right"), TWINS, ids=[twin[0] for twin in TWINS])
def test_near_misses_differ(name: str, left: Term, right: Term) -> None:
    assert (left.dom, left.cod) == (right.dom, right.cod), name
    assert not same(left, right), name


def chain(count: int) -> Term:
    return seq(P, *(kernel(f"k{i % 7}", X, X) for i in range(count)))


def test_long_chains() -> None:
    assert len(normal_form(chain(10_000)).boxes) == 10_001
    assert same(chain(10_000), chain(4_000) >> seq(*chain(10_000).parts[4_001:]))  # type: ignore[attr-defined]
    assert not same(chain(10_000), chain(9_999))


def test_a_wide_fan_of_one_function_is_one_box() -> None:
    fan: Term = copy(X)
    for _ in range(10):
        fan = fan >> par(*[copy(X)] * len(fan.cod))
    wide = fan >> par(*[F] * 2048)
    assert len(normal_form(wide).boxes) == 1
    assert len(normal_form(fan >> par(*[K] * 2048)).boxes) == 2048


def test_the_program_keeps_the_order_of_the_text() -> None:
    program = compile_term(P >> copy(X) >> K @ F >> id(Y) @ G)
    assert [call.box.name for call in program.calls] == ["p", "k", "f", "g"]
    assert [call.reads for call in program.calls] == [(), (0,), (0,), (2,)]
    assert program.outputs == (1, 3)


def test_the_normal_form_prints_as_a_program() -> None:
    text = normal_form(copy(X) >> K @ F >> swap(Y, Y)).text()
    assert text == "out = v0, v1\nv0 = f(in0)  deterministic\nv1 = k(in0)"


def test_composition_errors_name_both_types() -> None:
    with pytest.raises(CompositionError, match="ends in Y, the second starts from X"):
        K >> F
    with pytest.raises(CompositionError, match=r"ends in Y \* Z, the second starts from Z \* Y"):
        TWO >> id((Z, Y))
    with pytest.raises(CompositionError, match="ends in 1"):
        discard(X) >> K


def test_only_states_have_wires() -> None:
    assert [str(wire) for wire in (P >> copy(X) >> id(X) @ K).wires] == ["X", "Y"]
    with pytest.raises(CompositionError, match="k : X -> Y"):
        _ = K.wires


def test_wire_names_are_distinct() -> None:
    assert wire_names(as_type(["V", "V", "V"])) == ("V", "V_2", "V_3")
    assert wire_names(as_type(["V", "V_2", "V"])) == ("V", "V_2", "V_3")


def test_keep_is_the_marginal() -> None:
    assert same(keep(TWO, [1]), TWO >> discard(Y) @ id(Z))
    assert keep(TWO, [0, 1]) is TWO
    assert not same(keep(TWO, [1]) >> discard(Z) >> P >> K, keep(TWO, [0]))


def test_names_and_types() -> None:
    assert X * Y == (X, Y)
    assert X * Y * Z == (X, Y, Z)
    assert id(X * Y) == Id((X, Y))
    assert kernel("k", "X", ["Y", "Z"]) == Box("k", (X,), (Y, Z))


BOXES = [K, L, M, F, G, TWO, kernel("join", (Y, Z), X), P]


@st.composite
def terms(draw: st.DrawFn, dom: Type | None = None) -> Term:
    """A random term of a few layers."""
    term: Term = id(draw(st.lists(st.sampled_from([X, Y, Z]), max_size=3)) if dom is None else dom)
    for _ in range(draw(st.integers(0, 4))):
        parts: list[Term] = []
        kind = term.cod
        while kind:
            fits: list[Term] = [box for box in BOXES if box.dom and box.dom == kind[: len(box.dom)]]
            fits += [id(kind[0]), copy(kind[0]), discard(kind[0]), *([swap(kind[0], kind[1])] if kind[1:] else [])]
            parts.append(draw(st.sampled_from(fits)))
            kind = kind[len(parts[-1].dom) :]
        parts += [P] if draw(st.booleans()) else []
        term = term >> par(*parts)
    return term


@settings(max_examples=100, deadline=None)
@given(terms(), terms(), st.data())
def test_laws_hold_for_all_terms(a: Term, b: Term, data: st.DataObject) -> None:
    after = data.draw(terms(a.cod))
    beside = data.draw(terms(b.cod))
    assert same((a >> after) @ (b >> beside), a @ b >> after @ beside)
    assert same(a @ b >> swap(a.cod, b.cod), swap(a.dom, b.dom) >> b @ a)
    assert same(a >> discard(a.cod), discard(a.dom))
    assert same(a >> copy(a.cod) >> id(a.cod) @ discard(a.cod), a)


@settings(max_examples=100, deadline=None)
@given(terms())
def test_copying_is_natural_exactly_when_no_random_box_is_live(term: Term) -> None:
    live = [box for box, _ in normal_form(term).boxes]
    natural = same(term >> copy(term.cod), copy(term.dom) >> term @ term)
    assert natural == all(box.deterministic for box in live)
