"""C. Kernels compose and copy; joints disintegrate; kernels are inverted and derandomised; one generation step."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import strategies as st
from tests.laws.law import law

from lmlaws import Kernel, State
from lmlaws.checks.exact.independence import is_independent
from lmlaws.strategies import deterministic, joints, kernels, objects, states

FEW, DYADIC = objects(3), 16
identity, copy, discard, swap = Kernel.identity, Kernel.copy, Kernel.discard, Kernel.swap


@st.composite
def composable(
    draw: st.DrawFn, length: int, *, functions: bool = False, one_object: bool = False
) -> tuple[Kernel, ...]:
    """Kernels of which each fits the next."""
    sizes = [draw(FEW) for _ in range(length + 1)]
    if one_object:
        sizes = sizes[:1] * len(sizes)
    return tuple(draw(deterministic(a, b) if functions else kernels(a, b, DYADIC)) for a, b in pairwise(sizes))


@st.composite
def law_and_kernels(draw: st.DrawFn, count: int = 1) -> tuple[Kernel, ...]:
    """A law, and kernels out of its object."""
    p = draw(states(FEW, DYADIC))
    return (p, *(draw(kernels(p.cod, FEW, DYADIC)) for _ in range(count)))


@st.composite
def generation(draw: st.DrawFn, *, noisy_encoder: bool = False, head_sees_context: bool = False) -> State:
    """The joint law of context, hidden state and token of one generation step, under the model."""
    contexts, hidden = draw(objects(4)), draw(FEW)
    encoder = draw(kernels(contexts, hidden, DYADIC) if noisy_encoder else deterministic(contexts, hidden))
    pair = draw(states(contexts, DYADIC)).joint(encoder)
    if head_sees_context:
        return pair.joint(draw(kernels((contexts, hidden), FEW, DYADIC)))
    return pair.joint(discard(contexts) @ draw(kernels(hidden, FEW, DYADIC)))


@law(
    "C1.a",
    composable(3),
    twin=lambda f, g: f >> g == g >> f,
    over_twin=composable(2, one_object=True),
)
def composition_is_associative(f: Kernel, g: Kernel, h: Kernel) -> bool:
    return (f >> g) >> h == f >> (g >> h)


@law("C1.b", composable(1), twin=lambda f: f >> f == f, over_twin=composable(1, one_object=True))
def identities_are_units(f: Kernel) -> bool:
    return identity(f.dom) >> f == f == f >> identity(f.cod) and f @ identity(()) == f


@law(
    "C1.c",
    st.tuples(composable(2), composable(2)),
    twin=lambda f, g: (f[0] >> f[1]) @ (g[0] >> g[1]) == g[0] @ f[0] >> g[1] @ f[1],
)
def side_by_side_and_in_sequence_interchange(f: tuple[Kernel, Kernel], g: tuple[Kernel, Kernel]) -> bool:
    return (f[0] >> f[1]) @ (g[0] >> g[1]) == f[0] @ g[0] >> f[1] @ g[1]


@law(
    "C1.d",
    st.tuples(composable(1), composable(1)).map(lambda pair: (*pair[0], *pair[1])),
    twin=lambda f, g: f @ g >> swap(f.cod, g.cod) == f @ g,
)
def the_swap_is_natural(f: Kernel, g: Kernel) -> bool:
    return f @ g >> swap(f.cod, g.cod) == swap(f.dom, g.dom) >> g @ f


@law("C1.e", st.tuples(FEW, FEW, FEW), twin=lambda n, _, __: swap(n, (n, n)) == swap(n, n) @ identity(n))
def swapping_past_a_pair_is_swapping_past_each(x: int, y: int, z: int) -> bool:
    return swap(x, (y, z)) == swap(x, y) @ identity(z) >> identity(y) @ swap(x, z)


@law("C2.a", FEW, twin=lambda n: copy(n) @ identity(n) == identity(n) @ copy(n))
def copying_is_coassociative(n: int) -> bool:
    return copy(n) >> copy(n) @ identity(n) == copy(n) >> identity(n) @ copy(n)


@law("C2.b", FEW, twin=lambda n: discard(n) >> Kernel.uniform(n) == identity(n))
def copying_and_discarding_changes_nothing(n: int) -> bool:
    return copy(n) >> discard(n) @ identity(n) == identity(n) == copy(n) >> identity(n) @ discard(n)


@law("C2.c", FEW, twin=lambda n: swap(n, n) == identity((n, n)))
def the_copies_can_be_exchanged(n: int) -> bool:
    return copy(n) >> swap(n, n) == copy(n)


@law("C2.d", st.tuples(FEW, FEW), twin=lambda n, _: copy((n, n)) == copy(n) @ copy(n))
def copying_a_pair_is_copying_each_shuffled(x: int, y: int) -> bool:
    return copy((x, y)) == copy(x) @ copy(y) >> identity(x) @ swap(x, y) @ identity(y)


@law(
    "C3",
    composable(1),
    twin=lambda f: copy(f.dom) >> f @ discard(f.dom) == identity(f.dom),
    over_twin=composable(1, one_object=True),
)
def discarding_is_natural(f: Kernel) -> bool:
    return f >> discard(f.cod) == discard(f.dom)


@law("C4", composable(1, functions=True), over_twin=composable(1))
def copying_is_natural_for_functions(f: Kernel) -> bool:
    return f >> copy(f.cod) == copy(f.dom) >> f @ f


@law(
    "C5",
    composable(2, functions=True),
    twin=lambda f, g: not (f >> g).is_deterministic() or f.is_deterministic(),
    over_twin=composable(2),
)
def functions_are_closed(f: Kernel, g: Kernel) -> bool:
    structure = (identity(f.dom), copy(f.dom), discard(f.dom), swap(f.dom, g.dom))
    return all(k.is_deterministic() for k in (f >> g, f @ g, *structure))


@law("C6.a", generation(), over_twin=generation(noisy_encoder=True))
def the_hidden_state_is_a_function_of_the_context(joint: State) -> bool:
    encoder = joint.marginal([0, 1]).conditional([0])
    pairs = encoder >> copy(encoder.cod), copy(encoder.dom) >> encoder @ encoder
    return pairs[0].equals_almost_surely(pairs[1], on=joint.marginal([0]))


@law("C6.b", generation(noisy_encoder=True), over_twin=generation(head_sees_context=True))
def the_hidden_state_screens_the_token_from_the_context(joint: State) -> bool:
    return is_independent(joint, [0], [2], given=[1])


@law(
    "C7.a",
    joints(st.tuples(FEW, FEW), DYADIC),
    twin=lambda joint: joint == joint.marginal([0]) @ joint.marginal([1]),
)
def joints_disintegrate(joint: State) -> bool:
    marginal, conditional = joint.disintegrate()
    return joint == marginal >> copy(marginal.cod) >> identity(marginal.cod) @ conditional


@law("C7.b", law_and_kernels(), twin=lambda p, k: p.joint(k).disintegrate()[1] == k)
def conditionals_are_unique_almost_surely(p: State, k: Kernel) -> bool:
    return p.joint(k).disintegrate()[1].equals_almost_surely(k, on=p)


@law(
    "C8.a",
    law_and_kernels(),
    twin=lambda p, k: (p >> k).joint(k.invert(Kernel.uniform(k.dom))) >> swap(k.cod, k.dom) == p.joint(k),
)
def the_inverse_gives_the_joint_from_the_other_side(p: State, k: Kernel) -> bool:
    return (p >> k).joint(k.invert(p)) >> swap(k.cod, k.dom) == p.joint(k)


@law("C8.b", law_and_kernels(), twin=lambda p, k: k.invert(p).invert(p >> k) == k)
def inverting_twice_gives_the_kernel_back_almost_surely(p: State, k: Kernel) -> bool:
    return k.invert(p).invert(p >> k).equals_almost_surely(k, on=p)


@law("C9", composable(1), twin=lambda k: k.pushback()[0].is_deterministic())
def kernels_are_functions_of_their_input_and_noise(k: Kernel) -> bool:
    noise, function = k.pushback()
    return function.is_deterministic() and k == identity(k.dom) @ noise >> function


@law(
    "C10",
    law_and_kernels(2),
    twin=lambda p, k, h: p.joint(copy(p.cod) >> k @ h).marginal([1, 2]) == (p >> k) @ (p >> h),
)
def two_heads_are_independent_given_the_hidden_state(p: State, verify: Kernel, draft: Kernel) -> bool:
    joint = p.joint(copy(p.cod) >> verify @ draft)
    marginals = joint.marginal([0, 1]) == p.joint(verify) and joint.marginal([0, 2]) == p.joint(draft)
    return marginals and is_independent(joint, [1], [2], given=[0])
