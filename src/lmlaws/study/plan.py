"""What a study trains and how much of it is measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from lmlaws.numerics.loop import Recipe
from lmlaws.numerics.sources import MarkovSource
from lmlaws.numerics.training import GRAMMAR_SMALL, HIDDEN_SMALL, SOURCE_SMALL, STDLIB, STDLIB_SMALL


@dataclass(frozen=True)
class Plan:
    """Recipes and sizes. The keys of `sources` are the names that the report uses."""

    sources: Mapping[str, Recipe]
    steps: tuple[int, ...]  # of training, at which models on known sources are measured; the first is 0
    text: Recipe
    positions: int  # of a known source at which laws are compared
    contexts: int  # of the text, for the head and for clusters; also those of an alignment, at most 400
    clusters: tuple[int, ...]
    descent: int  # steps of majorise-minimise and of AdamW
    windows: int  # of a source's text, for draft heads: half train them
    draft_steps: int
    rounds: int  # of speculative sampling
    letters: int  # of text to compress

    def __post_init__(self) -> None:
        if self.steps[0] != 0 or list(self.steps) != sorted(set(self.steps)) or len(self.steps) < 2:
            raise ValueError(f"steps {self.steps}: give at least two, increasing from 0, where nothing is learnt yet")


CHAIN, FIRST, HIDDEN, GRAMMAR = "chain of order 2", "chain of order 1", "hidden Markov model", "grammar"
FIRST_SMALL = replace(
    SOURCE_SMALL, name="first-small", vocabulary=12, source=MarkovSource(order=1, letters=12, denominator=256)
)

FULL = Plan(
    sources={CHAIN: SOURCE_SMALL, FIRST: FIRST_SMALL, HIDDEN: HIDDEN_SMALL, GRAMMAR: GRAMMAR_SMALL},
    steps=(0, 5, 10, 20, 40, 80, 150, 300, 600), text=STDLIB, positions=2000, contexts=1200,
    clusters=(2, 4, 8, 16, 32, 64), descent=150, windows=1200, draft_steps=1500, rounds=40, letters=60_000,
)  # fmt: skip


def _short(recipe: Recipe) -> Recipe:
    return replace(recipe, steps=400, every=200, warmup=20)


QUICK = Plan(
    sources={name: _short(recipe) for name, recipe in FULL.sources.items() if name != HIDDEN},
    steps=(0, 10, 40, 120, 400), text=replace(STDLIB_SMALL, steps=300), positions=800, contexts=400,
    clusters=(4, 16), descent=40, windows=200, draft_steps=300, rounds=10, letters=8_000,
)  # fmt: skip
