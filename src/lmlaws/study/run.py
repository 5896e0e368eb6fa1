"""Everything of a study in order, and its files."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lmlaws import __version__
from lmlaws.numerics import curves
from lmlaws.numerics.curves import Curve
from lmlaws.numerics.loop import Recipe, threads, write_atomically
from lmlaws.numerics.models import load
from lmlaws.numerics.sources import MarkovSource, describe
from lmlaws.numerics.training import ensure, held_out_ids, trajectory

from . import drafts, heads, known, page
from .plan import CHAIN, FIRST, Plan
from .record import Measured, Panel, Progress, Stages

FORMAT = 1
ALIGNED = 400
"""Contexts of an alignment at most: the estimate compares all pairs."""


@dataclass(frozen=True)
class Study:
    """What was found: measured claims, curves by source, figures that are no curves."""

    plan: Plan
    measured: tuple[Measured, ...]
    curves: dict[str, tuple[Curve, ...]]
    panels: tuple[Panel, ...]

    @property
    def summary(self) -> str:
        """One sentence: how many, how many disagree, how many nulls are none."""
        wrong = sum(one.agrees is False for one in self.measured)
        alive = sum(not one.null.holds for one in self.measured)
        return (
            f"{len(self.measured)} quantities of {len({one.claim for one in self.measured})} claims measured; "
            f"{wrong} not as the claim says; {alive} of the planted nulls not null."
        )

    def document(self) -> dict[str, Any]:
        """All of it as JSON can hold it."""
        return {
            "format": FORMAT,
            "version": __version__,
            "summary": self.summary,
            "plan": {
                **dataclasses.asdict(replace(self.plan, sources={})),
                "sources": {name: _settings(recipe) for name, recipe in self.plan.sources.items()},
            },
            "measured": [
                {**dataclasses.asdict(one), "null": {**dataclasses.asdict(one.null), "holds": one.null.holds}}
                for one in self.measured
            ],
            "curves": {on: [dataclasses.asdict(curve) for curve in found] for on, found in self.curves.items()},
            "panels": [dataclasses.asdict(panel) for panel in self.panels],
        }  # fmt: skip

    def write(self, folder: Path) -> None:
        """Write study.json and study.html into a folder, which is made."""
        folder.mkdir(parents=True, exist_ok=True)
        document = self.document()
        write_atomically(folder / "study.json", (json.dumps(document, indent=1, allow_nan=False) + "\n").encode())
        html = page.render(document, self.measured, self.curves, self.panels)
        write_atomically(folder / "study.html", html.encode())


def _settings(recipe: Recipe) -> dict[str, Any]:
    plain = dataclasses.asdict(replace(recipe, source=None))
    return {**plain, "source": None if recipe.source is None else describe(recipe.source)}


def study(plan: Plan, progress: Progress, cache: Path | None = None) -> Study:
    """Train what is not in the cache, and measure.

    Raises:
        OSError: the cache cannot be written; names the path.
    """
    measured: list[Measured] = []
    found: dict[str, tuple[Curve, ...]] = {}
    panels: list[Panel] = []
    stages = Stages(_shares(plan), progress)
    with threads(1):
        for on, recipe in plan.sources.items():
            told = stages(on)
            run = _run(on, recipe, plan, cache, told)
            found[on] = tuple(curves.study(run.snapshots, min(ALIGNED, plan.contexts)))
            measured += known.measured(run, {curve.name: curve for curve in found[on]})
        for on in (CHAIN, FIRST):
            source = plan.sources[on].source
            assert isinstance(source, MarkovSource)
            if on == CHAIN:
                claims, panel = known.flow(source, on)
                measured += claims
                panels.append(panel)
            told = stages(f"draft heads, {on}")
            folder = trajectory(plan.sources[on], [plan.steps[-1]], cache)[plan.steps[-1]]
            measured += drafts.measured(load(folder), source, on, plan, told)
        text = _text(plan, cache, stages)
        measured += text[0]
        panels += text[1]
    order = sorted(measured, key=lambda one: (one.claim[0], int(one.claim[1:])))
    return Study(plan, tuple(order), found, tuple(panels))


def _shares(plan: Plan) -> dict[str, int]:
    """The stages and about how long each takes."""
    sources = {on: recipe.steps for on, recipe in plan.sources.items()}
    drafting = {f"draft heads, {on}": plan.draft_steps // 2 for on in (CHAIN, FIRST)}
    size = plan.text.dim * plan.text.layers * plan.text.context // 2048
    return {**sources, **drafting, "text model": plan.text.steps * size, "head": 300, "compression": plan.letters // 40}


def _run(on: str, recipe: Recipe, plan: Plan, cache: Path | None, progress: Progress) -> known.Run:
    """A model along training on a source, and another fresh one at the same positions."""
    if recipe.source is None:
        raise ValueError(f"{on}: recipe {recipe.name} has no known source")
    snapshots = curves.along(recipe, plan.steps, count=plan.positions, cache=cache, progress=progress)
    (fresh,) = curves.along(replace(recipe, seed=recipe.seed + 1), [0], count=plan.positions, cache=cache)
    return known.Run(on, recipe.source, snapshots, fresh)


def _text(plan: Plan, cache: Path | None, stages: Stages) -> tuple[list[Measured], list[Panel]]:
    """The model of text and its fresh twin."""
    model = load(ensure(plan.text, cache, stages("text model")))
    fresh = load(trajectory(plan.text, [0], cache)[0])
    told = stages("head")
    ids = held_out_ids(plan.text, model.tokenizer, 16 * plan.contexts)
    read, other = (heads.Read.of(one, ids, plan.contexts) for one in (model, fresh))
    measured: list[Measured] = []
    panels: list[Panel] = []
    rank = max(2, plan.text.dim // 8)
    for part in (
        lambda: heads.anisotropy(read, other),
        lambda: heads.clusters(read, plan.clusters),
        lambda: (list(heads.surrogates(read)), None),
        lambda: (list(heads.eigenspaces(read, (2, rank))), None),
        lambda: heads.descents(read, rank, plan.descent),
    ):
        claims, panel = part()
        measured += claims if isinstance(claims, list) else [claims]
        panels += [] if panel is None else [panel]
    told = stages("compression")
    text = str(model.tokenizer.decode(ids, skip_special_tokens=False))[: plan.letters]
    measured += heads.compression(model, fresh, text, told)
    return measured, panels
