"""S. Information surplus, and speculative decoding as exact kernels.

A source is a joint law of H_t (letter 0), W_t (letter 1) and the tokens after it.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, NamedTuple

from hypothesis import strategies as st
from tests.laws.law import law

from lmlaws import Kernel, State, categorical_entropy, divergence, entropy, mutual_information
from lmlaws.checks.exact.divergences import pointwise_entropy
from lmlaws.checks.exact.numbers import Exact, log, sqrt
from lmlaws.strategies import chains, joints, kernels, objects, states

FEW, DYADIC = objects(3), 16
sources = joints(st.tuples(FEW, FEW, FEW), DYADIC)
longer = joints(st.tuples(objects(2), objects(2), objects(2), objects(2)), DYADIC)


def information(joint: Kernel, b: list[int], given: tuple[int, ...] = (), name: str = "KL") -> Exact:
    return mutual_information(joint, [0], b, given, name=name)


def surplus(joint: Kernel, tokens: int = 2) -> Exact:
    """I(H; W_t .. W_{t+K-1}) - I(H; W_t)."""
    return information(joint, [*range(1, tokens + 1)]) - information(joint, [1])


@law(
    "S1.a",
    sources,
    twin=lambda j: (
        information(j, [1, 2], name="TV") - information(j, [1], name="TV") == information(j, [2], (1,), name="TV")
    ),
)
def the_difference_is_the_conditional_term(joint: State) -> bool:
    return surplus(joint) == information(joint, [2], (1,))


@law("S1.b", sources, twin=lambda j: information(j, [1, 2], name="TV") <= information(j, [2], name="TV"))
def in_tv_the_difference_lies_between_zero_and_the_conditional_term(joint: State) -> bool:
    difference = information(joint, [1, 2], name="TV") - information(joint, [1], name="TV")
    return 0 <= difference <= information(joint, [2], (1,), name="TV")


@law("S2.a", sources, twin=lambda j: surplus(j) <= Fraction(99, 100) * entropy(j, [2], given=[1]))
def the_surplus_is_bounded_by_what_is_left_to_say(joint: State) -> bool:
    left = entropy(joint, [2], given=[1])
    return 0 <= surplus(joint) <= left <= log(joint.cod[2])


@law("S2.b", longer, twin=lambda j: surplus(j, 3) == information(j, [2], (1,)) + information(j, [3], (2,)))
def the_surplus_telescopes_and_grows(joint: State) -> bool:
    steps = information(joint, [2], (1,)), information(joint, [3], (1, 2))
    return surplus(joint, 3) == steps[0] + steps[1] and surplus(joint, 3) >= surplus(joint, 2)


@law("S3", chains(st.one_of(st.tuples(FEW, FEW, FEW), st.just((2, 2, 2, 2)))).map(lambda c: c.joint), over_twin=sources)
def a_first_order_source_has_no_surplus(joint: State) -> bool:
    return information(joint, list(range(2, len(joint.cod))), (1,)) == 0


@st.composite
def drafted(draw: st.DrawFn) -> tuple[State, Kernel]:
    """A source and a drafter of W_{t+1} that sees (H_t, W_t)."""
    joint = draw(sources)
    return joint, draw(kernels(joint.cod[:2], joint.cod[2], DYADIC, zeros=False))


def nll(joint: Kernel, drafter: Kernel) -> Exact:
    """The expected loss of a drafter of the last object from those before it."""
    before = joint.marginal(range(len(joint.cod) - 1))
    data = joint.conditional(range(len(joint.cod) - 1))
    return divergence("KL", data, drafter, over=before) + categorical_entropy(data, over=before)


@law("S4.a", drafted(), twin=lambda j, d: nll(j, d) >= entropy(j, [2], given=[1]))
def the_surplus_is_what_the_best_drafter_gains(joint: State, drafter: Kernel) -> bool:
    """No drafter that sees (H, W_t) beats the conditional, nor does one that sees W_t; their gap is the surplus."""
    with_h, without = joint, joint.marginal([1, 2])
    best = nll(with_h, with_h.conditional([0, 1])), nll(without, without.conditional([0]))
    return nll(joint, drafter) >= best[0] and best[1] - best[0] == surplus(joint)


@st.composite
def factored(draw: st.DrawFn) -> tuple[Any, ...]:
    """A source of two later tokens, and a drafter of each on its own."""
    joint = draw(joints((2, 2, 2, 2), DYADIC))
    return (joint, *(draw(kernels(joint.cod[:2], 2, DYADIC, zeros=False)) for _ in range(2)))


def gains(joint: State) -> Exact:
    """What the best drafters of each later token on its own gain from seeing H."""
    return information(joint, [2], (1,)) + information(joint, [3], (1,))


@law("S4.b", factored(), twin=lambda joint, *_: gains(joint) == surplus(joint, 3))
def drafters_of_single_tokens_gain_what_each_tells_alone(joint: State, first: Kernel, second: Kernel) -> bool:
    alone = joint.marginal([0, 1, 2]), joint.marginal([0, 1, 3])
    loss = nll(alone[0], first) + nll(alone[1], second)
    return loss >= entropy(joint, [2], given=[1]) + entropy(joint, [3], given=[1]) - gains(joint)


class Drafting(NamedTuple):
    """The joint law of (W_{t-1}, W_t, W_{t+1}); H is W_{t-1} where the drafter sees it beside W_t, else nothing."""

    joint: State
    sees: bool

    @property
    def view(self) -> Kernel:
        """From (W_{t-1}, W_t) to what the drafter sees, (H, W_t)."""
        past, token = self.joint.cod[:1], self.joint.cod[1:2]
        return (
            Kernel.identity(past + token) if self.sees else Kernel.discard(past) @ State([1]) @ Kernel.identity(token)
        )

    @property
    def law(self) -> Kernel:
        """The joint law of (H, W_t, W_{t+1})."""
        return self.joint >> self.view @ Kernel.identity(self.joint.cod[2:])

    @property
    def rate(self) -> Fraction:
        """The mean acceptance of the drafter with the least loss, where the target is the law given both tokens."""
        drafter = self.view >> self.law.conditional([0, 1])
        return accepted(self.joint.marginal([0, 1]), self.joint.conditional([0, 1]), drafter)


def accepted(mu: Kernel, target: Kernel, draft: Kernel) -> Fraction:
    """The mean over contexts of sum min(p, q)."""
    rows = zip(mu.rows()[0], target.rows(), draft.rows())
    return sum((w * min(x, y) for w, p, q in rows for x, y in zip(p, q)), Fraction(0))


draftings = st.builds(Drafting, joints((2, 2, 2), 4), st.booleans()).map(lambda case: (case,))


@law(
    "S5",
    draftings,
    twin=lambda one, other: surplus(one.law) != surplus(other.law) or one.rate == other.rate,
    over_twin=st.tuples(draftings, draftings).map(lambda pair: (*pair[0], *pair[1])),
)
def a_drafter_that_sees_everything_is_always_accepted(case: Drafting) -> bool:
    return not case.sees or case.rate == 1


@st.composite
def speculations(draw: st.DrawFn) -> tuple[State, Kernel, Kernel]:
    """A law of contexts, a target and a draft kernel of one type."""
    mu = draw(states(FEW, DYADIC))
    tokens = draw(FEW)
    return mu, draw(kernels(mu.cod, tokens, DYADIC)), draw(kernels(mu.cod, tokens, DYADIC))


def speculative(p: list[Fraction], q: list[Fraction], *, wrong_way: bool = False) -> list[Fraction]:
    """The law of one token: drawn from q, kept with probability min(1, p/q), else drawn from the part of p above q."""
    keep = [q[i] * min(Fraction(1), q[i] / p[i]) if wrong_way and p[i] else min(p[i], q[i]) for i in range(len(p))]
    above = [max(x - y, Fraction(0)) for x, y in zip(p, q)]
    missing, total = 1 - sum(keep), sum(above)
    return [k + (missing * a / total if total else 0) for k, a in zip(keep, above)]


@law(
    "S6.a",
    speculations(),
    twin=lambda _, p, q: all(speculative(x, y, wrong_way=True) == x for x, y in zip(p.rows(), q.rows())),
)
def speculative_sampling_is_the_target(_: State, target: Kernel, draft: Kernel) -> bool:
    return all(speculative(p, q) == p for p, q in zip(target.rows(), draft.rows()))


@law("S6.b", speculations(), twin=lambda mu, p, q: accepted(mu, p, q) == sum_of_products(mu, p, q))
def it_accepts_with_one_minus_tv(mu: State, target: Kernel, draft: Kernel) -> bool:
    return accepted(mu, target, draft) == 1 - divergence("TV", target, draft, over=mu)


def sum_of_products(mu: Kernel, target: Kernel, draft: Kernel) -> Fraction:
    """How often two heads that do not see each other agree."""
    rows = zip(mu.rows()[0], target.rows(), draft.rows())
    return sum((w * x * y for w, p, q in rows for x, y in zip(p, q)), Fraction(0))


@law(
    "S6.c",
    joints(st.integers(1, 3).map(lambda n: (n, n)), DYADIC),
    twin=lambda j: agreement(j) <= sum((min(x, y) ** 2 for x, y in marginals(j)), Fraction(0)),
)
def no_coupling_agrees_more_often(coupling: State) -> bool:
    return agreement(coupling) <= sum((min(x, y) for x, y in marginals(coupling)), Fraction(0))


def agreement(coupling: State) -> Fraction:
    """The mass of the diagonal."""
    n = coupling.cod[0]
    return sum((coupling.weights[i * (n + 1)] for i in range(n)), Fraction(0))


def marginals(coupling: State) -> list[tuple[Fraction, Fraction]]:
    left, right = (coupling.marginal([i]).rows()[0] for i in (0, 1))
    return list(zip(left, right))


@law(
    "S7.a",
    speculations(),
    twin=lambda mu, p, q: (
        accepted(mu, p, q) >= 1 - (Fraction(99, 200) * divergence("KL", p, q, over=mu)) ** Fraction(1, 2)
    ),
)
def acceptance_is_bounded_by_the_mean_divergence(mu: State, target: Kernel, draft: Kernel) -> bool:
    mean = divergence("KL", target, draft, over=mu)
    rate = accepted(mu, target, draft)
    return rate >= 1 - sqrt(mean / 2) and (rate > 0 or not mean.is_finite())


def tokens_a_round(a: Fraction, drafted: int) -> Fraction:
    """Expected tokens of a round: the accepted run of the draft, and one token of the target's own."""
    run = sum((k * a**k * (1 - a) for k in range(drafted)), drafted * a**drafted)
    return run + 1


@law(
    "S7.b",
    st.tuples(st.fractions(0, 1, max_denominator=12), st.integers(1, 6)),
    twin=lambda a, n: a == 1 or tokens_a_round(a, n) == (1 - a**n) / (1 - a),
)
def a_round_yields_a_geometric_sum_of_tokens(a: Fraction, drafted: int) -> bool:
    return tokens_a_round(a, drafted) == (drafted + 1 if a == 1 else (1 - a ** (drafted + 1)) / (1 - a))


NAMES = ("KL", "TV", "chi2", "hellinger2", "JS", "triangular", "renyi:1/2", "renyi:3")


@st.composite
def drafters(draw: st.DrawFn) -> tuple[str, Kernel, Kernel]:
    """A divergence, a verifier's head, and a drafter of two tokens whose first token has the verifier's law."""
    drafter = draw(kernels(FEW, st.tuples(FEW, FEW), DYADIC))
    return draw(st.sampled_from(NAMES)), drafter.marginal([0]), drafter


@st.composite
def any_drafters(draw: st.DrawFn) -> tuple[str, Kernel, Kernel]:
    """A divergence and two unrelated heads on one object."""
    n = draw(FEW)
    verifier, drafter = draw(kernels(n, FEW, DYADIC)), draw(kernels(n, st.tuples(FEW, FEW), DYADIC))
    return draw(st.sampled_from(NAMES)), verifier, drafter


@law("S8", drafters(), over_twin=any_drafters())
def a_drafter_with_the_verifiers_first_token_is_never_less_random(name: str, verifier: Kernel, drafter: Kernel) -> bool:
    return all(v <= d for v, d in zip(pointwise_entropy(verifier, name), pointwise_entropy(drafter, name)))
