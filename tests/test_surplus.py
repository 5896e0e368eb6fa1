"""Draft heads on known sources: gains against the exact surplus, and speculative sampling against its laws."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from lmlaws.numerics.models import LanguageModel, load
from lmlaws.numerics.sources import MarkovSource
from lmlaws.numerics.speculative import Run, accept, run
from lmlaws.numerics.surplus import DraftHead, Surplus, counted_pairs, draft, evaluate, plug_in, positions, train
from lmlaws.numerics.training import source_of

WINDOWS, STEPS = 160, 300


@pytest.fixture(scope="module")
def model(source_folder: Path) -> LanguageModel:
    return load(source_folder)


@pytest.fixture(scope="module")
def source(source_folder: Path) -> MarkovSource:
    found = source_of(source_folder)
    assert isinstance(found, MarkovSource)
    return found


def text(source: MarkovSource, model: LanguageModel, seed: int = 5) -> Tensor:
    ids = source.sample(WINDOWS * model.context, seed)
    return torch.from_numpy(np.asarray(ids, np.int64)).reshape(WINDOWS, model.context)


def pair_law(source: MarkovSource) -> Tensor:
    """P(w' | w) under the stationary law of contexts, (V, V), by the power method on contexts."""
    contexts = source.contexts
    table = torch.from_numpy(source.laws(contexts))
    number = {context: i for i, context in enumerate(contexts)}
    moves = torch.tensor([[number[(*c[1:], w)] for w in range(source.letters)] for c in contexts])
    law = torch.full((len(contexts),), 1 / len(contexts), dtype=torch.float64)
    for _ in range(2000):
        law = torch.zeros_like(law).index_add(0, moves.reshape(-1), (law[:, None] * table).reshape(-1))
    joint = torch.zeros(source.letters, source.letters, dtype=torch.float64)
    last = torch.tensor([c[-1] for c in contexts])
    joint.index_add_(0, last, law[:, None] * table)
    return joint / joint.sum(1, keepdim=True)


@pytest.fixture(scope="module")
def drafted(model: LanguageModel, source: MarkovSource) -> Surplus:
    law = pair_law(source)
    windows = text(source, model)
    return draft(model, windows, kind="mlp", steps=STEPS, reference=lambda a, b: -law[a, b].log(), seed=1)


def deviation(values: Tensor, windows: Tensor) -> float:
    """The standard deviation of a mean over windows."""
    sums = torch.zeros(int(windows.max()) + 1, dtype=torch.float64).index_add(0, windows, values - values.mean())
    return float(sums.square().sum().sqrt()) / len(values)


def test_the_gain_is_below_the_exact_surplus_and_above_nothing(drafted: Surplus, source: MarkovSource) -> None:
    exact = source.surplus(2)
    lower, noise = float(drafted.lower.mean()), deviation(drafted.lower, drafted.sighted.window)
    assert lower <= exact.high + 4 * noise
    assert lower > 4 * noise  # the source has memory beyond one token, and the hidden state keeps it
    # the planted null: a drafter that does not see h has nothing but chance
    assert float(drafted.control.mean()) <= 4 * deviation(drafted.control, drafted.blind.window)
    assert drafted.gain > 4 * deviation(drafted.gains, drafted.sighted.window)
    # and another position's hidden state is worse than none
    assert float((drafted.baseline - drafted.shuffled).mean()) < 0


def test_first_order_chains_have_no_surplus(model: LanguageModel) -> None:
    """S3: whatever the encoder, nothing beyond w_t tells of w_{t+1}."""
    first = MarkovSource(order=1, letters=model.vocabulary)
    law = pair_law(first)
    found = draft(model, text(first, model), steps=STEPS, reference=lambda a, b: -law[a, b].log(), seed=1)
    assert float(found.lower.mean()) <= 4 * deviation(found.lower, found.sighted.window)
    assert first.surplus(2).high == pytest.approx(0, abs=1e-9)


def test_acceptance_is_measured_and_bounded(drafted: Surplus) -> None:
    sighted = drafted.sighted
    assert 0 < sighted.acceptance_bound <= sighted.acceptance <= 1
    assert sighted.acceptance > drafted.blind.acceptance
    # S7's bound with Pinsker's constant forgotten fails here or the twin has no power
    assert not 1 - math.sqrt(float(sighted.divergence.mean()) / 200) <= sighted.acceptance


def test_quantities_agree_with_plain_ones(model: LanguageModel, source: MarkovSource, drafted: Surplus) -> None:
    drafts = positions(model, text(source, model, 9)[:6])
    found = evaluate(model, drafted.sighted.head, drafts)
    with torch.no_grad():
        q = model.head(drafted.sighted.head(drafts.h, drafts.e).double()).softmax(1)
        p = model.head(drafts.after.double()).softmax(1)
    assert torch.allclose(found.overlap, torch.minimum(p, q).sum(1), atol=1e-5)
    assert torch.allclose(found.divergence, (p * (p / q).log()).sum(1), atol=2e-5)
    assert torch.allclose(found.nll, -q[torch.arange(len(q)), drafts.second].log(), atol=2e-5)
    assert not torch.allclose(found.divergence, (q * (q / p).log()).sum(1), atol=2e-5)
    window = text(source, model, 9)[:1]
    assert torch.equal(drafts.after[0], model.hidden(window)[0, 1])
    assert (int(drafts.first[0]), int(drafts.second[0])) == (int(window[0, 1]), int(window[0, 2]))


def test_the_plug_in_is_the_entropy_of_the_pairs() -> None:
    first, second = torch.tensor([0, 0, 0, 1]), torch.tensor([1, 1, 2, 0])
    assert float(plug_in(first, second).mean()) == pytest.approx((3 * math.log(3) - 2 * math.log(2)) / 4)


def test_counted_pairs_are_a_law(model: LanguageModel, source: MarkovSource) -> None:
    """Over all second tokens the probabilities add up to one, also after a token that never came first."""
    learn = positions(model, text(source, model)[:4])
    seen = replace(learn, first=learn.first.clamp(max=2))
    for first in range(4):
        asked = replace(learn, first=torch.full((4,), first), second=torch.arange(4))
        assert float((-counted_pairs(seen, asked, 4)).exp().sum()) == pytest.approx(1)
    pairs = counted_pairs(learn, learn, 4)
    assert float(plug_in(learn.first, learn.second).mean()) < float(pairs.mean()) < math.log(4)


@pytest.fixture(scope="module")
def rounds(model: LanguageModel, source: MarkovSource, drafted: Surplus) -> Run:
    return run(model, drafted.sighted.head, text(source, model, 7)[:, :5].repeat(4, 1), rounds=12, seed=3)


def far(statistic: float, freedom: int) -> bool:
    """Whether a chi-square statistic is beyond five deviations (Wilson and Hilferty's cube root is normal)."""
    spread = 2 / (9 * freedom)
    return bool(((statistic / freedom) ** (1 / 3) - (1 - spread)) / math.sqrt(spread) > 5)


def test_speculative_sampling_keeps_the_law_and_accepts_as_it_should(rounds: Run) -> None:
    assert abs(rounds.z) < 5
    statistic, freedom = rounds.chi_square()
    assert freedom == len(rounds.laws) - 1
    assert not far(statistic, freedom)


def test_redrawing_from_the_target_is_seen() -> None:
    """The twin: rejected drafts redrawn from p itself and not from the residual put out another law."""
    generator = torch.Generator().manual_seed(0)
    p = torch.tensor([[0.7, 0.2, 0.1]], dtype=torch.float64).repeat(20_000, 1)
    q = torch.tensor([[0.1, 0.2, 0.7]], dtype=torch.float64).repeat(20_000, 1)
    drafts = torch.multinomial(q, 1, generator=generator)[:, 0]
    tokens, accepted = accept(p, q, drafts, generator)
    spread = torch.diag(p.sum(0)) - p.T @ p
    overlap = torch.minimum(p, q).sum(1)
    right = Run(tokens, accepted, overlap, p.sum(0), spread)
    assert not far(*right.chi_square())
    assert abs(right.z) < 5
    again = torch.multinomial(p, 1, generator=generator)[:, 0]
    wrong = replace(right, tokens=torch.where(accepted, drafts, again))
    assert far(*wrong.chi_square())
    assert abs(replace(right, expected=(p * q).sum(1)).z) > 5  # agreement of independent draws (F3)


def test_bad_input_is_named(model: LanguageModel) -> None:
    generator = torch.Generator()
    p = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    with pytest.raises(ValueError, match="draft 1 at row 0 has probability zero under q"):
        accept(p, p, torch.tensor([1]), generator)
    with pytest.raises(ValueError, match="of L >= 3 tokens"):
        positions(model, torch.zeros(2, 2, dtype=torch.int64))
    with pytest.raises(ValueError, match="1 full windows"):
        draft(model, torch.zeros(1, 8, dtype=torch.int64), steps=1)
    with pytest.raises(ValueError, match="give one of them"):
        train(model, positions(model, torch.zeros(2, 8, dtype=torch.int64)))
    assert isinstance(DraftHead(4, 4, "mlp")(torch.zeros(1, 4), torch.zeros(1, 4)), Tensor)
