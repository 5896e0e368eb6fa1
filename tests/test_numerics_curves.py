"""Curves across training on known sources: identities exact, limits reached where they must be and not elsewhere."""

import dataclasses
import math
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from torch import Tensor

from lmlaws.checks.exact.divergences import categorical_entropy
from lmlaws.checks.exact.kernels import State
from lmlaws.numerics import curves, training
from lmlaws.numerics.curves import Snapshot
from lmlaws.numerics.flow import first_phase, interaction
from lmlaws.numerics.loop import Recipe
from lmlaws.numerics.sources import GrammarSource, MarkovSource, Source

STEPS = (0, 20, 150, 400)
RECIPE = Recipe(
    "curves", vocabulary=3, dim=32, layers=1, heads=2, context=16, steps=400, batch=8, learning_rate=8e-3,
    source=MarkovSource(order=2, letters=3, seed=1), warmup=10, every=200,
)  # fmt: skip
GRAMMAR = dataclasses.replace(RECIPE, vocabulary=5, source=GrammarSource())


def snapshots(recipe: Recipe, folder: Path) -> list[Snapshot]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "SOURCE_TRAIN_LETTERS", 60_000)
        patch.setattr(training, "VALIDATION_TOKENS", 500)
        return curves.along(recipe, STEPS, count=600, text=4_000, cache=folder)


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> list[Snapshot]:
    return snapshots(RECIPE, tmp_path_factory.mktemp("chain"))


@pytest.fixture(scope="module")
def grammar(tmp_path_factory: pytest.TempPathFactory) -> list[Snapshot]:
    return snapshots(GRAMMAR, tmp_path_factory.mktemp("grammar"))


def perfect(snapshot: Snapshot) -> Snapshot:
    """The same with the data's laws for the output laws."""
    return dataclasses.replace(snapshot, log_p=snapshot.data.log())


def uniform(snapshot: Snapshot) -> Tensor:
    return torch.full_like(snapshot.data, -math.log(snapshot.data.shape[1]))


LAWS = [
    ["1/2", "1/3", "1/6"],
    ["1", "0", "0"],
    ["5/8", "3/8", "0"],
    ["1/3", "1/3", "1/3"],
    ["1/100", "98/100", "1/100"],
]


@pytest.mark.parametrize("name", curves.CONVERGES)
def test_categorical_entropies_are_the_exact_ones(name: str) -> None:
    p = torch.tensor([[float(Fraction(x)) for x in law] for law in LAWS], dtype=torch.float64)
    values = curves.categorical_entropies(p.log(), name)
    for law, value in zip(LAWS, values.tolist(), strict=True):
        exact = float(categorical_entropy(State(law), name))
        assert value == pytest.approx(exact, rel=1e-13, abs=1e-14)
    others = [curves.categorical_entropies(p.log(), other) for other in curves.CONVERGES if other != name]
    assert not any(torch.allclose(values, other, rtol=1e-3) for other in others)


def test_an_unknown_entropy_is_refused() -> None:
    with pytest.raises(ValueError, match="no categorical entropy 'alpha:2'"):
        curves.categorical_entropies(torch.zeros(1, 1), "alpha:2")


# --- what training reaches ----------------------------------------------------------------------------------------


def test_cross_entropy_is_average_kl_plus_entropy_at_every_step(chain: list[Snapshot]) -> None:
    kl, nll = curves.fit(chain)
    assert kl.steps == STEPS
    assert nll.limit is not None
    for divergence, cross in zip(kl.values, nll.values, strict=True):
        assert cross == pytest.approx(divergence + nll.limit, abs=1e-12)
    assert kl.values[0] > kl.values[1] > kl.values[-1] > 0
    assert kl.values[-1] < 0.2 * kl.values[0]
    assert isinstance(RECIPE.source, MarkovSource)
    assert abs(nll.limit - RECIPE.source.entropy_rate()) < 0.1
    for value, ends in zip(nll.values, nll.intervals, strict=True):
        assert ends is not None
        assert ends[0] < value < ends[1] < ends[0] + 0.2


def test_every_limit_is_the_value_at_a_perfect_fit(chain: list[Snapshot], grammar: list[Snapshot]) -> None:
    for last in (chain[-1], grammar[-1]):
        fitted = [perfect(last)]
        measured = [*curves.fit(fitted), *curves.entropies(fitted), curves.entropy_gap(fitted)]
        measured.append(curves.power_iteration(fitted))
        for curve in measured:
            if curve.limit is not None:
                assert curve.values[0] == pytest.approx(curve.limit, abs=1e-12), curve.name
        flat = [dataclasses.replace(last, log_p=uniform(last))]
        assert curves.fit(flat)[0].values[0] > 0.1
        assert abs(curves.entropies(flat, ["TV"])[0].values[0] - curves.entropies(fitted, ["TV"])[0].values[0]) > 0.05


def test_mean_entropies_converge_where_the_condition_holds(grammar: list[Snapshot]) -> None:
    for curve in curves.entropies(grammar):
        assert curve.limit is not None
        gaps = [abs(value - curve.limit) for value in curve.values]
        name = curve.name.removeprefix("H_")
        if curves.CONVERGES[name]:
            assert gaps[-1] < 0.35 * gaps[0], name
        elif name != "renyi:3":  # unbounded: what it does depends on how fast forbidden letters fade
            assert gaps[-1] == pytest.approx(gaps[0], abs=1e-12), name


def test_chi2_counts_the_support_and_never_moves(grammar: list[Snapshot]) -> None:
    chi2, renyi = curves.entropies(grammar, ["chi2", "renyi:2"])
    assert set(chi2.values) == {4.0}  # five letters, and a softmax leaves none out
    assert chi2.limit is not None
    assert chi2.limit < 3.5
    assert all(value == pytest.approx(math.log(5), abs=1e-12) for value in renyi.values)
    # The witness: laws (1 - 1/n, 1/n) tend to (1, 0), where every entropy is 0; chi2's are 1 all along.
    n = torch.tensor([1e2, 1e4, 1e8], dtype=torch.float64)
    laws = torch.stack([1 - 1 / n, 1 / n], dim=1).log()
    assert curves.categorical_entropies(laws, "chi2").tolist() == [1, 1, 1]
    assert curves.categorical_entropies(laws, "TV")[-1] < 1e-7
    assert curves.categorical_entropies(laws, "renyi:3").diff().min() > 1
    certain = torch.tensor([[1.0, 0.0]], dtype=torch.float64).log()
    assert [float(curves.categorical_entropies(certain, name)) for name in curves.CONVERGES] == [0.0] * 10


def test_the_rate_bounds_the_gap_of_entropies(chain: list[Snapshot], grammar: list[Snapshot]) -> None:
    for run in (chain, grammar):
        curve = curves.entropy_gap(run)
        assert curve.bound is not None
        assert all(gap <= bound for gap, bound in zip(curve.values, curve.bound, strict=True))
        assert curve.bound[-1] < curve.bound[0]
    # Nearly tight on (1 - t, t/(V-1), ...) against a point mass, where KL = -log(1 - t) exceeds Pinsker's 2 t^2 little.
    t, size = 0.5, 40
    data = torch.eye(size, dtype=torch.float64)[:1]
    law = torch.full((1, size), t / (size - 1), dtype=torch.float64)
    law[0, 0] = 1 - t
    last = dataclasses.replace(chain[-1], data=data, log_p=law.log())
    curve = curves.entropy_gap([last])
    assert curve.bound is not None
    assert curve.values[0] <= curve.bound[0]
    assert curve.values[0] > 0.8 * curve.bound[0]  # a bound a fifth smaller is false


def test_the_split_adds_up(chain: list[Snapshot]) -> None:
    for snapshot in chain:
        for count in (1, 8, 64):
            total, intrinsic, lost, misfit = curves.split(snapshot, count)
            assert total == pytest.approx(intrinsic + lost + misfit, abs=1e-12)
            assert min(lost, misfit) >= 0
    last = chain[-1]
    entropy = curves.categorical_entropies(last.data.log(), "KL").mean()
    mixed = curves.categorical_entropies(last.data.mean(dim=0, keepdim=True).log(), "KL")
    # One cell: the backbone lost all that the past says. A cell each: nothing, and the model is what it was.
    assert curves.split(last, 1)[2] == pytest.approx(float(mixed - entropy), abs=1e-12)
    own = curves.split(last, 10**6)
    assert own[2] == pytest.approx(0, abs=1e-12)
    assert own[0] == pytest.approx(curves.fit([last])[1].values[0], abs=1e-9)
    # The twin: heads at each hidden vector in place of the cell's mean do not add up.
    total, intrinsic, lost, misfit = curves.split(last, 8)
    assert abs(own[0] - (intrinsic + lost + misfit)) > 1e-3
    parts = curves.splits(chain, 32)
    assert parts[2].values[-1] < 0.5 * parts[2].values[0]  # what the backbone loses, it learns to keep
    assert parts[3].values[-1] < 0.5 * parts[3].values[0]


def test_the_surplus_kept_is_zero_on_first_order_chains_for_every_encoder(chain: list[Snapshot]) -> None:
    curve = curves.surpluses(chain)
    assert curve.limit is not None
    source = RECIPE.source
    assert isinstance(source, MarkovSource)
    assert abs(curve.limit - source.surplus(2).middle) < 0.02  # at sampled contexts, so not to the last digit
    assert all(-1e-12 < value < curve.limit + 1e-12 for value in curve.values)
    assert curve.values[0] < 0.9 * curve.limit
    assert curve.values[-1] > 0.9 * curve.limit > 0.05
    assert curves.surplus(chain[-1], 1) == pytest.approx(0, abs=1e-12)
    # The same contexts and vectors with first-order laws: nothing is left for any encoder, trained or not.
    first = torch.tensor(MarkovSource(order=1, letters=3).table.tolist(), dtype=torch.float64)
    for snapshot in chain:
        again = dataclasses.replace(snapshot, after=first.expand(len(snapshot.data), -1, -1))
        for count in (4, 32, None):
            assert curves.surplus(again, count) == pytest.approx(0, abs=1e-12)


def test_the_law_after_next_is_that_of_longer_contexts(grammar: list[Snapshot]) -> None:
    first = grammar[0]
    torch.testing.assert_close(first.after.sum(dim=2), (first.data > 0).double(), rtol=0, atol=1e-13)
    closing = first.after[:, 2, 3]  # "]" right after ")": forbidden unless a "[" was open below
    assert bool((closing == 0).any())
    assert bool((closing > 0.05).any())


def test_cells_are_the_clusters_there_are() -> None:
    points = torch.randn(90, 3, generator=torch.Generator().manual_seed(0)).double() * 0.01
    points += 10 * torch.eye(3).double().repeat(30, 1)
    cell = curves.cells(points, 3)
    assert sorted(cell[:3].tolist()) == [0, 1, 2]
    assert torch.equal(cell, cell[:3].repeat(30))
    assert int(curves.cells(points, 2).max()) == 1


# --- similarity ---------------------------------------------------------------------------------------------------


def test_alignment_grows_with_training_and_not_with_shuffled_contexts(
    chain: list[Snapshot], grammar: list[Snapshot]
) -> None:
    for curve in curves.alignments(chain[::3], contexts=150):
        assert curve.control is not None
        assert curve.values[-1] > curve.values[0] + 0.2
        assert max(map(abs, curve.control)) < 0.05 < min(curve.values)
        last = curve.intervals[-1]
        assert last is not None
        assert last[0] > curve.values[0]
    aitchison = curves.alignments(grammar[:1], contexts=150)[-1]
    assert aitchison.values == ()
    assert aitchison.reason is not None
    assert "has a zero" in aitchison.reason


# --- power iteration ----------------------------------------------------------------------------------------------


def table(source: MarkovSource) -> tuple[Tensor, Tensor]:
    mu = torch.tensor([float(weight) for weight in source.stationary], dtype=torch.float64)
    return mu, torch.tensor(source.table.tolist(), dtype=torch.float64)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_first_phase_of_training_is_power_iteration(seed: int) -> None:
    mu, laws = table(MarkovSource(seed=seed))
    times = (0.0, 1.0, 2.0, 4.0)
    small = first_phase(mu, laws, times, size=1e-3, seed=seed)
    smaller = first_phase(mu, laws, times, size=1e-4, seed=seed)
    assert small.distance[0] == 0
    for coarse, fine in zip(small.distance[1:], smaller.distance[1:], strict=True):
        assert coarse / fine == pytest.approx(100, rel=0.1)  # the rest is of third order in the start
    assert smaller.distance[-1] < 1e-4
    assert smaller.share == pytest.approx(smaller.power_iteration, abs=1e-4)
    assert smaller.share[-1] > 0.5 > 0.05 > smaller.share[0]
    # The twin: with the head held fixed nothing grows as a power iteration does.
    frozen = first_phase(mu, laws, times, size=1e-4, seed=seed, frozen=True)
    assert frozen.distance[-1] > 0.5


def test_the_interaction_is_what_the_mean_law_leaves() -> None:
    mu, laws = table(MarkovSource())
    m = interaction(mu, laws)
    torch.testing.assert_close(m.sum(dim=0), torch.zeros(4).double(), rtol=0, atol=1e-15)
    torch.testing.assert_close(m.sum(dim=1), torch.zeros(16).double(), rtol=0, atol=1e-15)


def test_the_share_of_the_top_directions_is_beyond_chance(chain: list[Snapshot]) -> None:
    curve = curves.power_iteration(chain)
    assert curve.control is not None
    assert curve.limit is not None
    assert curve.values[-1] > 0.5 * curve.limit > 10 * max(curve.control)
    everything = curves.power_iteration(chain, top=2)
    assert everything.limit is not None
    assert curve.limit < everything.limit <= 1


# --- all of it ----------------------------------------------------------------------------------------------------


def test_a_study_is_plain_data(chain: list[Snapshot]) -> None:
    found = curves.study(chain, contexts=60)
    assert {curve.claim for curve in found} == {"N1", "N4", "N5", "N7", "S2", "L11", "L13"}
    assert len({curve.name for curve in found}) == len(found)
    for curve in found:
        plain = dataclasses.asdict(curve)
        assert len(plain["values"]) == len(plain["steps"]) == len(STEPS)
        assert all(isinstance(value, float) and math.isfinite(value) for value in plain["values"])


def test_a_text_without_a_known_law_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="stdlib: it trains on a text whose law is not known"):
        curves.along(training.STDLIB, [0], cache=tmp_path)


def test_the_small_recipes_have_the_letters_of_their_sources() -> None:
    for recipe in (training.SOURCE_SMALL, training.HIDDEN_SMALL, training.GRAMMAR_SMALL):
        assert isinstance(recipe.source, Source)
        assert recipe.vocabulary == recipe.source.letters
