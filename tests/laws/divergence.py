"""D. Divergences: data processing, convexity, chain rules, and the constants that tie them to each other.

TV is half the L1 norm, hellinger2 is 1 - BC; the paper's squared Hellinger distance is twice that.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from hypothesis import strategies as st
from tests.laws.law import law

from lmlaws import Kernel, State, divergence
from lmlaws.checks.exact.numbers import INF, Exact, exp, log, sqrt
from lmlaws.strategies import kernels, objects, states

FEW, DYADIC, SHARP = objects(3), 16, 64
F_DIVERGENCES = ("KL", "reverse_KL", "TV", "chi2", "hellinger2", "JS", "triangular", "alpha:3", "alpha:-1/2")
RENYI = ("renyi:0", "renyi:1/3", "renyi:1/2", "renyi:1", "renyi:3/2", "renyi:2", "renyi:3", "renyi:inf")


@st.composite
def pairs(draw: st.DrawFn, denominator: int = DYADIC, *, zeros: bool = True, kernel: bool = False) -> tuple[Any, ...]:
    """Two laws on one object, and a kernel out of it where one is wanted."""
    n = draw(FEW)
    laws = [draw(states(n, denominator, zeros=zeros)) for _ in range(2)]
    return (*laws, *((draw(kernels(n, FEW, denominator)),) if kernel else ()))


named = st.sampled_from(F_DIVERGENCES)
any_name = st.sampled_from(F_DIVERGENCES + RENYI)
processed = st.tuples(any_name, pairs(kernel=True)).map(lambda x: (x[0], *x[1]))
near = pairs(SHARP)


def bc(p: State, q: State) -> Exact:
    """The Bhattacharyya coefficient."""
    return 1 - divergence("hellinger2", p, q)


def squared_l2(p: State, q: State) -> Fraction:
    return sum(((x - y) ** 2 for x, y in zip(p.weights, q.weights)), Fraction(0))


def mixed(p: State, q: State, t: Fraction) -> State:
    """(1 - t) p + t q."""
    return State([(1 - t) * x + t * y for x, y in zip(p.weights, q.weights)])


def moved(p: State, r: State) -> State:
    """p moved towards r, so little that no weight of p changes by more than an eighth of itself."""
    return mixed(p, r, min(p.weights) / 8)


def kl(p: State, q: State) -> Exact:
    return divergence("KL", p, q)


def tv(p: State, q: State) -> Exact:
    return divergence("TV", p, q)


@law("D1", processed, twin=lambda name, p, q, k: divergence(name, p, q) <= divergence(name, p >> k, q >> k))
def no_kernel_raises_a_divergence(name: str, p: State, q: State, k: Kernel) -> bool:
    return divergence(name, p >> k, q >> k) <= divergence(name, p, q)


@law(
    "D2",
    pairs(kernel=True),
    twin=lambda p, q, k: squared_l2(State((p >> k).rows()[0]), State((q >> k).rows()[0])) <= squared_l2(p, q),
)
def merging_letters_never_raises_the_sum_of_absolute_differences(p: State, q: State, k: Kernel) -> bool:
    return tv(p >> k, q >> k) <= tv(p, q)


@st.composite
def mixtures(draw: st.DrawFn) -> tuple[Any, ...]:
    """A divergence, a weight, and two pairs of laws on one object."""
    n = draw(FEW)
    return (draw(named), Fraction(draw(st.integers(0, 4)), 4), *(draw(states(n, DYADIC)) for _ in range(4)))


def convex(name: str, t: Fraction, *laws: State) -> tuple[Exact, Exact]:
    """The divergence of the mixtures, and the mixture of the divergences."""
    p, q, r, s = laws
    parts = ((1 - t, divergence(name, p, q)), (t, divergence(name, r, s)))
    return divergence(name, mixed(p, r, t), mixed(q, s, t)), Exact.sum(w * d for w, d in parts if w)


@law("D3", mixtures(), twin=lambda *case: convex(*case)[1] <= convex(*case)[0])
def f_divergences_are_jointly_convex(*case: Any) -> bool:
    of_mixtures, mixture = convex(*case)
    return of_mixtures <= mixture


@law("D4.a", processed, twin=lambda name, p, q, k: divergence(name, p >> k, q >> k) == divergence(name, p, q))
def a_shared_kernel_adds_nothing_when_its_input_is_kept(name: str, p: State, q: State, k: Kernel) -> bool:
    return divergence(name, p.joint(k), q.joint(k)) == divergence(name, p, q)


@st.composite
def two_steps(draw: st.DrawFn) -> tuple[Any, ...]:
    """Two laws on one object and two kernels of one type out of it."""
    n, m = draw(FEW), draw(FEW)
    return (*(draw(states(n, DYADIC)) for _ in range(2)), *(draw(kernels(n, m, DYADIC)) for _ in range(2)))


def chained(p: State, q: State, k: Kernel, h: Kernel, over: State) -> bool:
    return divergence("KL", p.joint(k), q.joint(h)) == kl(p, q) + divergence("KL", k, h, over=over)


@law("D4.b", two_steps(), twin=lambda p, q, k, h: chained(p, q, k, h, q))
def kl_has_a_chain_rule(p: State, q: State, k: Kernel, h: Kernel) -> bool:
    return chained(p, q, k, h, p)


def additive(name: str, p: State, q: State, r: State, s: State) -> bool:
    return divergence(name, p @ r, q @ s) == divergence(name, p, q) + divergence(name, r, s)


@law(
    "D5",
    st.tuples(st.sampled_from(("KL", *RENYI)), near, near).map(lambda x: (x[0], *x[1], *x[2])),
    over_twin=st.tuples(st.just("TV"), pairs(), pairs()).map(lambda x: (x[0], *x[1], *x[2])),
)
def kl_and_renyi_add_over_products(name: str, p: State, q: State, r: State, s: State) -> bool:
    return additive(name, p, q, r, s)


@law("D6.a", near, twin=lambda p, q: tv(p, q) ** 2 <= Fraction(99, 200) * kl(p, q))
def pinsker(p: State, q: State) -> bool:
    return tv(p, q) ** 2 <= kl(p, q) / 2


@law("D6.b", near, twin=lambda p, q: (2 * tv(p, q)) ** 2 <= kl(p, q))
def pinsker_for_the_plain_l1_norm(p: State, q: State) -> bool:
    return (2 * tv(p, q)) ** 2 <= 2 * kl(p, q)


@law("D7.a", near, twin=lambda p, q: 2 * (1 - bc(p, q)) <= kl(p, q) / 2)
def squared_hellinger_is_at_most_kl(p: State, q: State) -> bool:
    return 2 * (1 - bc(p, q)) <= kl(p, q)


@law("D7.b", near, twin=lambda p, q: 1 - bc(p, q) <= Fraction(99, 200) * kl(p, q))
def one_minus_bc_is_at_most_half_of_kl(p: State, q: State) -> bool:
    return 1 - bc(p, q) <= kl(p, q) / 2


@law("D8.a", near, twin=lambda p, q: tv(p, q) <= 1 - bc(p, q))
def tv_lies_between_bounds_by_bc(p: State, q: State) -> bool:
    return 1 - bc(p, q) <= tv(p, q) <= sqrt(1 - bc(p, q) ** 2)


@law("D8.b", near, twin=lambda p, q: kl(p, q) <= Fraction(99, 100) * log(1 + divergence("chi2", p, q)))
def kl_is_at_most_log_of_one_plus_chi2(p: State, q: State) -> bool:
    return kl(p, q) <= log(1 + divergence("chi2", p, q))


@law("D8.c", near, twin=lambda p, q: tv(p, q) ** 2 <= Fraction(99, 100) - exp(-kl(p, q)))
def bretagnolle_huber(p: State, q: State) -> bool:
    return tv(p, q) <= sqrt(1 - exp(-kl(p, q)))


orders = st.lists(st.sampled_from(range(len(RENYI))), min_size=2, max_size=2, unique=True).map(sorted)
ordered = st.tuples(orders, pairs()).map(lambda x: (*(RENYI[i] for i in x[0]), *x[1]))


@law("D8.d", ordered, twin=lambda low, high, p, q: divergence(high, p, q) <= divergence(low, p, q))
def renyi_grows_with_its_order(low: str, high: str, p: State, q: State) -> bool:
    return divergence(low, p, q) <= divergence(high, p, q)


@law(
    "D9",
    pairs(zeros=False).map(lambda x: (x[0], moved(*x))),
    over_twin=pairs().map(lambda x: (x[0], mixed(x[0], x[1], Fraction(1, 64)))),
)
def near_a_law_of_full_support_squared_hellinger_is_about_half_of_kl(p: State, q: State) -> bool:
    return Fraction(9, 20) * kl(p, q) <= 2 * (1 - bc(p, q)) <= Fraction(11, 20) * kl(p, q)


def quotients(p: State, q: State) -> list[Fraction | Exact]:
    return [x / y if y else INF for x, y in zip(p.weights, q.weights) if x]


@law("D10.a", near, twin=lambda p, q: divergence("renyi:1/2", p, q) == -log(bc(p, q)))
def special_orders_of_renyi(p: State, q: State) -> bool:
    covered = sum((y for x, y in zip(p.weights, q.weights) if x), Fraction(0))
    values = {
        "renyi:0": -log(covered),
        "renyi:1/2": -2 * log(bc(p, q)),
        "renyi:1": kl(p, q),
        "renyi:2": log(1 + divergence("chi2", p, q)),
        "renyi:inf": log(max(quotients(p, q))),
    }
    return all(divergence(name, p, q) == value for name, value in values.items())


def brackets(p: State, q: State, slack: Fraction) -> bool:
    """Whether orders 15/16 and 17/16 lie on the two sides of KL, no further apart than this share of the spread."""
    ratios = [log(x) for x in quotients(p, q)]
    below, above = (divergence(f"renyi:{order}", p, q) for order in ("15/16", "17/16"))
    return below <= kl(p, q) <= above and above - below <= slack * (max(ratios) - min(ratios)) ** 2


@law("D10.b", pairs(zeros=False), twin=lambda p, q: brackets(p, q, Fraction(1, 80)))
def renyi_tends_to_kl_at_order_one(p: State, q: State) -> bool:
    """The slope in the order is at most an eighth of the squared range of log(p/q) (Hoeffding's lemma)."""
    return brackets(p, q, Fraction(1, 64))
