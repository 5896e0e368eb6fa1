"""E. Categorical entropy: the divergence of copying an output from drawing it twice; informations from divergences."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import strategies as st
from tests.laws.law import law

from lmlaws import Kernel, State, categorical_entropy, entropy, mutual_information
from lmlaws.checks.exact.divergences import pointwise_entropy
from lmlaws.checks.exact.independence import is_independent
from lmlaws.checks.exact.numbers import INF, Exact, log
from lmlaws.strategies import deterministic, joints, kernels, majorized, objects, states

FEW, DYADIC = objects(3), 16
NAMES = ("KL", "TV", "chi2", "hellinger2", "JS", "triangular", "renyi:1/2", "renyi:3/2", "renyi:2", "renyi:3")
CONCAVE = ("KL", "TV", "hellinger2", "JS", "triangular", "renyi:1/2", "renyi:3/2")
INFORMATIVE = ("KL", "TV", "chi2", "hellinger2", "JS", "triangular", "renyi:1/2", "renyi:2")
named = st.sampled_from(NAMES)
laws = states(objects(4), DYADIC)


@st.composite
def law_and_kernel(draw: st.DrawFn) -> tuple[State, Kernel]:
    """A law and a kernel out of it."""
    p = draw(states(FEW, DYADIC))
    return p, draw(kernels(p.cod, FEW, DYADIC))


@st.composite
def post_processed(draw: st.DrawFn, *, noisy: bool = False) -> tuple[str, Kernel, Kernel]:
    """A divergence, a kernel, and what its output is sent through."""
    k = draw(kernels(FEW, FEW, DYADIC))
    return draw(named), k, draw(kernels(k.cod, FEW, DYADIC) if noisy else deterministic(k.cod, FEW))


def with_name(names: tuple[str, ...], instances: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    """Instances, each with one of the divergences before it."""
    return st.tuples(st.sampled_from(names), instances).map(
        lambda x: (x[0], *(x[1] if isinstance(x[1], tuple) else (x[1],)))
    )


@law("E1.a", law_and_kernel(), twin=lambda _, k: pointwise_entropy(k, "TV") == shannon_rows(k))
def kl_entropy_is_shannon_at_each_input(_: State, k: Kernel) -> bool:
    return pointwise_entropy(k, "KL") == shannon_rows(k)


def shannon_rows(k: Kernel) -> tuple[Exact, ...]:
    return tuple(entropy(State(row)) for row in k.rows())


@law("E1.b", law_and_kernel(), twin=lambda p, k: categorical_entropy(k, "KL", over=p) == entropy(p >> k))
def its_mean_is_conditional_entropy(p: State, k: Kernel) -> bool:
    return categorical_entropy(k, "KL", over=p) == entropy(p.joint(k), [1], given=[0])


def closed_forms(p: State) -> dict[str, Exact]:
    """The categorical entropies of a law, each by its closed form."""
    x = [weight for weight in p.weights if weight]
    collision = sum((w**2 for w in x), Fraction(0))

    def power_sum(order: Fraction) -> Exact:
        return Exact.sum(Exact.of(w) ** order for w in x)

    def generic(f: Exact | Fraction, at: list[Exact]) -> Exact:
        return Exact.sum(w * w * v for w, v in zip(x, at)) + (1 - collision) * f

    shared = [log(2 / (1 + w)) / (2 * w) + log(2 * w / (1 + w)) / 2 for w in x]
    return {
        "TV": Exact.of(1 - collision),
        "chi2": Exact.of(len(x) - 1),
        "hellinger2": 1 - power_sum(Fraction(3, 2)),
        "JS": generic(log(2) / 2, shared),
        "triangular": generic(Fraction(1, 2), [Exact.of((1 / w - 1) ** 2 / (1 / w + 1) / 2) for w in x]),
        "reverse_KL": Exact.of(0) if len(x) == 1 else INF,
        "renyi:1/2": 2 * -log(power_sum(Fraction(3, 2))),
        "renyi:3/2": 2 * log(power_sum(Fraction(1, 2))),
        "renyi:2": log(len(x)),
        "renyi:3": log(power_sum(Fraction(-1))) / 2,
        "renyi:1/3": log(power_sum(Fraction(5, 3))) / Fraction(-2, 3),
    }


@law("E2", laws, twin=lambda p: categorical_entropy(p, "TV") == 1 - sum((w**3 for w in p.weights), Fraction(0)))
def closed_forms_of_the_entropy_of_a_law(p: State) -> bool:
    return all(categorical_entropy(p, name) == value for name, value in closed_forms(p).items())


def hockey_stick(p: State) -> Exact:
    """H_D for D = the sum of the positive part of p - 2 q: a divergence with data processing that is not strict."""
    return Exact.of(sum((max(w - 2 * w**2, Fraction(0)) for w in p.weights), Fraction(0)))


@law(
    "E3",
    with_name(("KL", "reverse_KL", *NAMES, "renyi:0"), laws),
    twin=lambda _, p: (hockey_stick(p) == 0) == p.is_deterministic(),
)
def zero_entropy_is_determinism(name: str, p: State) -> bool:
    return (categorical_entropy(p, name) == 0) == p.is_deterministic()


@law("E4", post_processed(), over_twin=post_processed(noisy=True))
def no_function_of_the_output_raises_entropy(name: str, k: Kernel, f: Kernel) -> bool:
    return all(after <= before for after, before in zip(pointwise_entropy(k >> f, name), pointwise_entropy(k, name)))


@law("E5", with_name(CONCAVE, majorized(FEW)), over_twin=with_name(("renyi:3",), majorized(FEW)))
def what_is_more_spread_has_more_entropy(name: str, sharp: State, spread: State) -> bool:
    return categorical_entropy(sharp, name) <= categorical_entropy(spread, name)


pairs_of_variables = joints(st.tuples(FEW, FEW), DYADIC)


@law("E6.a", pairs_of_variables, twin=lambda j: mutual_information(j, name="TV") == shannon_information(j))
def kl_information_is_shannons(joint: State) -> bool:
    return mutual_information(joint) == shannon_information(joint)


def shannon_information(joint: State) -> Exact:
    return entropy(joint, [0]) + entropy(joint, [1]) - entropy(joint)


@law(
    "E6.b",
    with_name(INFORMATIVE, pairs_of_variables),
    over_twin=with_name(("renyi:0",), pairs_of_variables),
)
def information_is_symmetric_and_zero_exactly_on_products(name: str, joint: State) -> bool:
    value = mutual_information(joint, name=name)
    symmetric = value == mutual_information(joint, [1], [0], name=name)
    return symmetric and (value == 0) == is_independent(joint, [0], [1])


@st.composite
def information_chains(draw: st.DrawFn) -> tuple[str, State, Kernel]:
    """A divergence, a joint law of two variables, and a kernel out of the second."""
    joint = draw(pairs_of_variables)
    return (
        draw(st.sampled_from((*INFORMATIVE, "renyi:0", "renyi:inf"))),
        joint,
        draw(kernels(joint.cod[1:], FEW, DYADIC)),
    )


def after(joint: State, k: Kernel) -> State:
    processed = joint >> Kernel.identity(joint.cod[:1]) @ k
    assert isinstance(processed, State)
    return processed


@law(
    "E6.c",
    information_chains(),
    twin=lambda name, j, k: mutual_information(j, name=name) <= mutual_information(after(j, k), name=name),
)
def processing_one_variable_never_adds_information(name: str, joint: State, k: Kernel) -> bool:
    return mutual_information(after(joint, k), name=name) <= mutual_information(joint, name=name)


@law("E7", law_and_kernel(), twin=lambda p, k: categorical_entropy(k, "KL") == entropy(p.joint(k), [1], given=[0]))
def the_supremum_over_inputs_is_at_least_conditional_entropy(p: State, k: Kernel) -> bool:
    supremum = categorical_entropy(k, "KL")
    return supremum == max(shannon_rows(k)) and supremum >= entropy(p.joint(k), [1], given=[0])


@st.composite
def encoded(draw: st.DrawFn, *, noisy: bool = False) -> tuple[State, Kernel, Kernel]:
    """A law of contexts, the data's kernel, and an encoder."""
    mu = draw(states(FEW, DYADIC))
    encoders = kernels(mu.cod, FEW, DYADIC) if noisy else deterministic(mu.cod, FEW)
    return mu, draw(kernels(mu.cod, FEW, DYADIC)), draw(encoders)


def data_law(mu: State, data: Kernel, encoder: Kernel) -> State:
    """The joint law of context, hidden state and the data's token."""
    return mu.joint(encoder).joint(data @ Kernel.discard(encoder.cod))


def losses(mu: State, data: Kernel, encoder: Kernel) -> tuple[Exact, Exact]:
    joint = data_law(mu, data, encoder)
    return entropy(joint, [2], given=[1]), entropy(joint, [2], given=[0])


@law("E8.a", encoded(), twin=lambda *case: losses(*case)[0] == losses(*case)[1])
def the_hidden_state_knows_no_more_and_as_much_exactly_when_sufficient(
    mu: State, data: Kernel, encoder: Kernel
) -> bool:
    given_hidden, given_context = losses(mu, data, encoder)
    is_sufficient = is_independent(data_law(mu, data, encoder), [0], [2], given=[1])
    return given_hidden >= given_context and (given_hidden == given_context) == is_sufficient


@st.composite
def modelled(draw: st.DrawFn, *, noisy: bool = False) -> State:
    """The joint law of context, hidden state and the model's token."""
    mu, _, encoder = draw(encoded(noisy=noisy))
    return mu.joint(encoder).joint(Kernel.discard(mu.cod) @ draw(kernels(encoder.cod, FEW, DYADIC)))


@law("E8.b", modelled(), over_twin=modelled(noisy=True))
def under_the_models_own_law_the_hidden_state_is_sufficient(joint: State) -> bool:
    return entropy(joint, [2], given=[1]) == entropy(joint, [2], given=[0])
