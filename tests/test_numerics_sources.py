"""Known sources, against textbook computations with fractions and 60 digits."""

import itertools
from collections.abc import Callable
from fractions import Fraction

import mpmath
import numpy as np
import pytest

from lmlaws.numerics.machines import FiniteStateSource, Interval
from lmlaws.numerics.sources import (
    ENTROPY_RELATIVE_ERROR,
    GrammarSource,
    HiddenMarkovSource,
    MarkovSource,
    Source,
    describe,
    from_description,
)

SOURCES = [MarkovSource(), MarkovSource(order=1, letters=2, seed=5), MarkovSource(order=3, letters=3, seed=1)]


def block_laws(source: MarkovSource, length: int) -> dict[tuple[int, ...], Fraction]:
    """The exact law of `length` >= order consecutive letters, by multiplying along the chain."""
    laws = dict(zip(source.contexts, source.stationary, strict=True))
    for _ in range(length - source.order):
        laws = {
            (*block, letter): weight * probability
            for block, weight in laws.items()
            for letter, probability in enumerate(source.law(block))
        }
    return laws


def block_entropy(source: MarkovSource, length: int) -> mpmath.mpf:
    with mpmath.workdps(60):
        return -mpmath.fsum(
            mpmath.mpf(p.numerator) / p.denominator * mpmath.log(mpmath.mpf(p.numerator) / p.denominator)
            for p in block_laws(source, length).values()
        )


@pytest.mark.parametrize("source", SOURCES)
def test_laws_are_dyadic_positive_and_exact_in_float64(source: MarkovSource) -> None:
    for context, row in zip(source.contexts, source.table, strict=True):
        law = source.law(context)
        assert sum(law) == 1
        assert min(law) > 0
        assert all(source.denominator % p.denominator == 0 for p in law)
        assert [Fraction(x) for x in row.tolist()] == list(law)
    assert source.table.shape == (source.letters**source.order, source.letters)


@pytest.mark.parametrize("source", SOURCES)
def test_the_stationary_law_is_exactly_stationary(source: MarkovSource) -> None:
    stationary = dict(zip(source.contexts, source.stationary, strict=True))
    assert sum(stationary.values()) == 1
    after: dict[tuple[int, ...], Fraction] = dict.fromkeys(stationary, Fraction(0))
    for context, weight in stationary.items():
        for letter, probability in enumerate(source.law(context)):
            after[(*context, letter)[1:]] += weight * probability
    assert after == stationary


def test_two_states_by_hand() -> None:
    source = MarkovSource(order=1, letters=2, seed=5)
    leave, come = source.law([0])[1], source.law([1])[0]
    assert source.stationary == (come / (leave + come), leave / (leave + come))


@pytest.mark.parametrize("source", SOURCES)
def test_the_entropy_rate_is_the_difference_of_block_entropies(source: MarkovSource) -> None:
    with mpmath.workdps(60):
        exact = block_entropy(source, source.order + 1) - block_entropy(source, source.order)
        assert abs(mpmath.mpf(source.entropy_rate()) - exact) <= exact * ENTROPY_RELATIVE_ERROR


def test_another_table_has_another_entropy_rate() -> None:
    assert abs(MarkovSource(seed=0).entropy_rate() - MarkovSource(seed=1).entropy_rate()) > 1e-3


def test_samples_follow_the_laws() -> None:
    source = MarkovSource()
    text = source.sample(60_000, seed=3)
    assert text.shape == (60_000,)
    counts = np.zeros((16, 4))
    np.add.at(counts, (text[:-2] * 4 + text[1:-1], text[2:]), 1)
    totals = counts.sum(axis=1, keepdims=True)
    deviations = np.sqrt(source.table * (1 - source.table) / totals)
    assert np.all(np.abs(counts / totals - source.table) < 5 * deviations)
    assert not np.all(np.abs(counts / totals - MarkovSource(seed=1).table) < 5 * deviations)
    stationary = np.array([float(p) for p in source.stationary])
    assert np.abs(totals[:, 0] / totals.sum() - stationary).max() < 0.02


def test_samples_repeat_and_begin_anywhere() -> None:
    source = MarkovSource()
    assert np.array_equal(source.sample(50, seed=1), source.sample(50, seed=1))
    assert not np.array_equal(source.sample(50, seed=1), source.sample(50, seed=2))
    assert len({tuple(source.sample(2, seed=i).tolist()) for i in range(60)}) > 8
    assert [len(source.sample(n, seed=0)) for n in range(4)] == [0, 1, 2, 3]


def test_only_the_last_letters_count() -> None:
    source = MarkovSource()
    assert source.law([3, 0, 1]) == source.law([2, 2, 0, 1]) == source.law([0, 1])
    assert len({source.law(context) for context in itertools.product(range(4), repeat=2)}) == 16


@pytest.mark.parametrize(("context", "message"), [([1], "has 1 letters"), ([1, 4], "id 4"), ([-1, 0], "id -1")])
def test_contexts_without_a_law_are_refused(context: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MarkovSource().law(context)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"order": 0}, "order is 0"),
        ({"letters": 1}, "letters is 1"),
        ({"denominator": 60}, "denominator is 60"),
        ({"denominator": 2}, "denominator is 2"),
        ({"order": 9}, "262144 contexts"),
    ],
)
def test_sources_that_cannot_be_built_are_refused(arguments: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MarkovSource(**arguments)


# --- hidden states ----------------------------------------------------------------------------------------------

HIDDEN = [HiddenMarkovSource(), HiddenMarkovSource(hidden=2, letters=2, seed=3), HiddenMarkovSource(hidden=1)]
GRAMMARS = [GrammarSource(), GrammarSource(kinds=1, depth=2, seed=4), GrammarSource(kinds=3, depth=2)]
EVERY = [*SOURCES, *HIDDEN, *GRAMMARS]


def words(source: FiniteStateSource, length: int) -> dict[tuple[int, ...], list[Fraction]]:
    """Exact P(word, state after it) of the stationary source, by following every path with fractions."""
    table: dict[tuple[int, ...], list[Fraction]] = {(): list(source.stationary)}
    for _ in range(length):
        longer: dict[tuple[int, ...], list[Fraction]] = {}
        for word, weights in table.items():
            for state in (state for state, weight in enumerate(weights) if weight):
                for letter, after, numerator in source.edges[state]:
                    row = longer.setdefault((*word, letter), [Fraction(0)] * source.states)
                    row[after] += weights[state] * numerator / source.total
        table = longer
    return table


def exact_entropy(probabilities: list[Fraction]) -> mpmath.mpf:
    with mpmath.workdps(50):
        logs = [(mpmath.mpf(p.numerator) / p.denominator) for p in probabilities if p]
        return -mpmath.fsum(p * mpmath.log(p) for p in logs)


def block(source: FiniteStateSource, length: int) -> mpmath.mpf:
    return exact_entropy([sum(row, Fraction(0)) for row in words(source, length).values()])


@pytest.mark.parametrize("source", EVERY, ids=str)
def test_every_source_is_a_source_with_probabilities_that_float64_holds(source: FiniteStateSource) -> None:
    assert isinstance(source, Source)
    assert len(source.alphabet) == len(set(source.alphabet)) == source.letters
    for edges in source.edges:
        assert sum(numerator for _, _, numerator in edges) == source.total
        assert min(numerator for _, _, numerator in edges) > 0
    after = [Fraction(0)] * source.states
    for weight, edges in zip(source.stationary, source.edges, strict=True):
        for _, state, numerator in edges:
            after[state] += weight * numerator / source.total
    assert tuple(after) == source.stationary
    assert min(source.stationary) > 0
    assert repr(from_description(describe(source))) == repr(source)


@pytest.mark.parametrize("source", [*HIDDEN, *GRAMMARS], ids=str)
def test_laws_are_those_of_all_paths(source: FiniteStateSource) -> None:
    length = 4 if source.letters < 5 else 3
    longer = words(source, length + 1)
    prefixes = list(words(source, length))
    laws = source.laws(prefixes)
    for prefix, law in zip(prefixes, laws, strict=True):
        joint = [sum(longer.get((*prefix, w), [Fraction(0)]), Fraction(0)) for w in range(source.letters)]
        exact = [p / sum(joint) for p in joint]
        assert all(abs(Fraction(p) - q) <= Fraction(source.law_error(length)) for p, q in zip(law.tolist(), exact))
        assert [p == 0 for p in law.tolist()] == [q == 0 for q in exact]
    assert source.law_error(length) < 1e-12
    # Prefixes of several lengths at once are as good as each alone.
    mixed = [prefixes[0], (), prefixes[-1][:2], prefixes[-1]]
    alone = np.concatenate([source.laws([prefix]) for prefix in mixed])
    assert np.abs(source.laws(mixed) - alone).max() <= 2 * source.law_error(length)


def test_the_whole_past_matters_to_a_hidden_state_and_not_to_a_chain() -> None:
    source, ends = HiddenMarkovSource(), [3, 0, 1]
    near, far = source.laws([[2, *ends], [3, *ends]]), source.laws([[2] * 6 + ends, [3] * 6 + ends])
    assert np.abs(near[0] - near[1]).max() > 1e-4
    assert np.abs(far[0] - near[0]).max() > 1e-4
    chain = MarkovSource().laws([[2, *ends], [3, *ends]])
    assert np.array_equal(chain[0], chain[1])
    memoryless = HiddenMarkovSource(hidden=1).laws([[2, *ends], [3]])
    assert np.allclose(memoryless[0], memoryless[1], rtol=0, atol=1e-13)


@pytest.mark.parametrize("source", EVERY, ids=str)
def test_blocks_have_the_entropy_of_all_words(source: FiniteStateSource) -> None:
    for length in (0, 1, 3):
        interval, exact = source.block_entropy(length), block(source, length)
        assert interval.low <= exact <= interval.high
        assert interval.high - interval.low < 1e-12
        assert not interval.low <= exact * 1.001 + 1e-3 <= interval.high


@pytest.mark.parametrize("source", HIDDEN, ids=str)
def test_the_entropy_rate_is_enclosed_ever_more_narrowly(source: FiniteStateSource) -> None:
    assert source.unifilar == (source.states == 1)
    if source.unifilar:
        return
    best = source.entropy_rate_bounds()
    for length in (2, 3, 5):
        bounds = source.entropy_rate_bounds(length)
        exact = block(source, length) - block(source, length - 1) if length < 5 else None
        assert bounds.low < best.low <= best.high < bounds.high
        assert exact is None or bounds.high >= exact > bounds.high - 1e-12
    assert 0 < best.high - best.low < 1e-3
    assert source.entropy_rate() in best  # type: ignore[attr-defined]
    # Against the text itself: the mean of -log of the law after long prefixes, over independent prefixes.
    texts = [source.sample(31, seed).tolist() for seed in range(4000)]
    laws = source.laws([text[:30] for text in texts])
    nll = -np.log(laws[np.arange(len(texts)), [text[30] for text in texts]])
    deviation = nll.std() / len(texts) ** 0.5
    assert abs(nll.mean() - best.middle) < 4 * deviation
    assert abs(nll.mean() - np.log(source.letters)) > 4 * deviation  # it is not any number


@pytest.mark.parametrize("source", EVERY, ids=str)
def test_the_surplus_is_the_limit_of_what_finite_pasts_say(source: FiniteStateSource) -> None:
    """I(W_1..W_m; W_{m+2}..W_{m+K} given W_{m+1}) grows with m to the surplus of K tokens."""
    surplus = source.surplus(2)
    with mpmath.workdps(50):
        blocks = [block(source, length) for length in range(5)]
        past = [blocks[m + 1] + blocks[2] - blocks[1] - blocks[m + 2] for m in range(3)]
        assert abs(past[0]) < 1e-45  # no past, nothing said
        assert all(a - b < 1e-45 for a, b in itertools.pairwise(past))
    assert past[-1] <= surplus.high
    if isinstance(source, MarkovSource) and source.order <= 3:
        assert surplus.low <= past[source.order - 1] <= surplus.high
    steps = [source.surplus(tokens) for tokens in (1, 2, 3)]
    assert steps[0].low == 0 <= steps[0].high < 1e-11
    assert all(a.low <= b.high for a, b in itertools.pairwise(steps))


def test_the_surplus_is_zero_exactly_on_first_order_chains() -> None:
    for seed in range(3):
        for tokens in (1, 2, 4):
            first = MarkovSource(order=1, seed=seed).surplus(tokens)
            assert 0.0 in first
            assert first.high < 1e-12
        assert MarkovSource(order=2, seed=seed).surplus(2).low > 0.02
    assert HiddenMarkovSource().surplus(2).low > 1e-3
    assert GrammarSource().surplus(2).low > 0.1
    assert 0.0 in HiddenMarkovSource(hidden=1).surplus(3)


def test_a_grammar_closes_what_it_opened() -> None:
    source = GrammarSource(kinds=2, depth=3)
    text = "".join(source.alphabet[i] for i in source.sample(3_000, seed=0))
    assert set(text) == set("([)]x")
    stack: list[str] = []
    deepest = 0
    for letter in text:
        if letter in "([":
            stack.append(letter)
        elif letter in ")]" and stack:  # with an empty stack, it was opened before the text began
            assert stack.pop() == {")": "(", "]": "["}[letter]
        deepest = max(deepest, len(stack))
    assert deepest == 3
    opened = source.laws([[0, 1, 1]])[0]  # "([[": at the greatest depth
    assert opened.tolist()[:3] == [0, 0, 0]
    assert opened[3] > 0
    with pytest.raises(ValueError, match="prefix 1: id 3 at position 1 cannot be the next letter"):
        source.laws([[0, 2], [0, 3]])


@pytest.mark.parametrize("source", [HIDDEN[0], GRAMMARS[0]], ids=str)
def test_texts_follow_the_laws_of_hidden_states(source: FiniteStateSource) -> None:
    text = source.sample(40_000, seed=3)
    assert np.array_equal(text, source.sample(40_000, seed=3))
    assert not np.array_equal(text, source.sample(40_000, seed=4))
    exact = {word: float(sum(row)) for word, row in words(source, 2).items()}
    pairs = text[::2] * source.letters + text[1::2]
    counts = np.bincount(pairs, minlength=source.letters**2) / len(pairs)
    expected = np.array([exact.get(word, 0.0) for word in itertools.product(range(source.letters), repeat=2)])
    deviation = np.sqrt(expected * (1 - expected) / len(pairs))
    assert np.all(np.abs(counts - expected) <= 6 * deviation)
    assert not np.all(np.abs(counts - expected[::-1]) <= 6 * deviation)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: HiddenMarkovSource(hidden=0), "hidden is 0"),
        (lambda: HiddenMarkovSource(letters=27), "letters is 27"),
        (lambda: HiddenMarkovSource(hidden=9, denominator=16), "denominator is 16"),
        (lambda: GrammarSource(kinds=5), "kinds is 5"),
        (lambda: GrammarSource(depth=0), "depth is 0"),
        (lambda: GrammarSource(kinds=4, depth=9), "depth is 9"),
        (lambda: GrammarSource(denominator=24), "denominator is 24"),
        (lambda: HiddenMarkovSource().laws([[0], [1, 4]]), "prefix 1: id 4 at position 1 is no letter"),
        (lambda: HiddenMarkovSource().sample(-1, 0), "n is -1"),
        (lambda: HiddenMarkovSource().surplus(0), "surplus of 0 tokens"),
        (lambda: HiddenMarkovSource().block_entropy(30), "words of 30 letters"),
        (lambda: from_description({"kind": "Unknown"}), "kind 'Unknown'"),
        (lambda: from_description({"kind": "GrammarSource", "order": 2}), "GrammarSource.*order"),
    ],
)
def test_what_has_no_answer_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_intervals_round_outwards() -> None:
    third = Interval(1 / 3, 1 / 3)
    total = third + third + third
    assert total.low < 1 < total.high
    assert (third - third).low < 0 < (third - third).high
    assert 1.0 not in third * 2
    assert (third * -3).low < -1 < (third * -3).high
