"""The study: every planted null comes out null, every effect is seen, and the page is whole and the same each time."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lmlaws.numerics import training
from lmlaws.numerics.curves import Curve
from lmlaws.numerics.onepass import LinearHead
from lmlaws.numerics.sources import MarkovSource
from lmlaws.study import __main__ as command
from lmlaws.study import run
from lmlaws.study.drafts import deviations, pair_law
from lmlaws.study.heads import curvature
from lmlaws.study.page import lines, number, render
from lmlaws.study.plan import CHAIN, FIRST, FULL, GRAMMAR, QUICK, Plan
from lmlaws.study.record import Line, Measured, Null, Panel, Stages, over_windows
from lmlaws.study.run import Study, study

SHORT = {name: replace(QUICK.sources[name], steps=250) for name in (CHAIN, FIRST, GRAMMAR)}
PLAN = replace(
    QUICK, sources=SHORT, steps=(0, 20, 250), text=training.STDLIB_SMALL, positions=400, contexts=240, clusters=(4,),
    descent=15, windows=100, draft_steps=250, rounds=4, letters=1500,
)  # fmt: skip

CLAIMS = {"G10", "L9", "L11", "L13", "L14", "L15", "L16", "N1", "N3", "N4", "N5", "N7", "S2", "S3", "S4", "S6", "S7"}


class Told:
    """A progress that remembers."""

    def __init__(self) -> None:
        self.done: list[float] = []

    def __call__(self, done: int, total: int, text: str) -> None:
        assert text
        self.done.append(done / total)


TOLD = Told()


@pytest.fixture(scope="module")
def found(small_folder: Path) -> Study:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "SOURCE_TRAIN_LETTERS", 20_000)
        patch.setattr(training, "VALIDATION_TOKENS", 500)
        return study(PLAN, TOLD, small_folder.parent)


def of(found: Study, claim: str, on: str = "") -> list[Measured]:
    rows = [one for one in found.measured if one.claim == claim and one.on.startswith(on)]
    assert rows, (claim, on)
    return rows


def test_every_planted_null_comes_out_null(found: Study) -> None:
    assert {one.claim for one in found.measured} == CLAIMS
    alive = [(one.claim, one.on, one.name, one.null) for one in found.measured if not one.null.holds]
    assert not alive


def test_nothing_contradicts_its_claim(found: Study) -> None:
    assert not [(one.claim, one.on, one.name, one.value) for one in found.measured if one.agrees is False]
    assert found.summary.endswith("0 not as the claim says; 0 of the planted nulls not null.")


def test_the_thresholds_of_nulls_are_below_the_effects(found: Study) -> None:
    """The twins of the nulls: what was measured where there is an effect would not pass for null."""
    assert all(one.value > 1.5 * one.null.most for one in of(found, "L13"))
    assert all(one.control - one.value > 10 * one.null.most for one in of(found, "N1", FIRST) if one.control)
    assert all(one.value > one.null.most for one in of(found, "N5") if one.exact == 1)
    (surplus,) = of(found, "S2", CHAIN)
    assert surplus.value > 2 * surplus.null.most
    assert all(one.value > one.null.most for one in of(found, "L16", FIRST))
    for one in of(found, "L14"):
        assert one.bound is not None
        assert one.control is not None
        assert one.bound - one.value > 3 * (one.bound - one.control)  # spectral clusters keep more than random ones
    for one in of(found, "G10"):
        assert one.bound is not None
        assert 1 - one.value / one.bound > 1.5 * one.null.most
    assert any(one.value > one.null.most for one in of(found, "S4", f"{CHAIN}, mlp"))


def test_a_null_holds_up_to_its_threshold_and_no_further() -> None:
    assert Null("", 0.5, 0.5).holds
    assert not Null("", 0.5 + 1e-9, 0.5).holds


def test_what_must_fail_is_marked(found: Study) -> None:
    """N5: chi2 and Renyi 2 never move where laws have zeros."""
    rows = {one.name: one for one in of(found, "N5", GRAMMAR)}
    assert {name.split(":")[0] for name in rows if "FAILS" in name} == {"H_chi2", "H_renyi"}
    assert sum("FAILS" in name for name in rows) == 3
    assert abs(rows["H_chi2: share of the gap closed (FAILS)"].value) < 1e-9
    assert rows["H_KL: share of the gap closed"].value > 0.5
    assert {one.on for one in found.measured if one.claim == "N5"} == {GRAMMAR}


def test_the_flow_is_power_iteration_and_the_network_is_not_said_to_be(found: Study) -> None:
    flow = [one for one in of(found, "L11") if one.name.startswith("flow")]
    assert len(flow) == 2
    assert all(one.agrees for one in flow)
    network = [one for one in of(found, "L11") if one.name.startswith("GPT")]
    assert len(network) == 3
    assert all(one.agrees is None and "not clear-cut" in one.note for one in network)


def test_the_text_model_is_measured(found: Study) -> None:
    bohning, local, *kept = of(found, "L15")
    assert bohning.value > 10 * local.value > 0
    assert all(one.bound is not None and one.value <= one.bound for one in kept)
    size, excess = of(found, "N3")
    assert excess.bound is not None
    assert 0 < excess.value <= excess.bound
    assert "gzip" in size.note
    assert ("zstd" in size.note) == (("no module zstandard" in size.note) or "zstd " in size.note)
    for one in of(found, "G10"):
        assert one.interval is not None
        assert one.interval[0] < one.value < one.interval[1]


def test_the_document_is_plain_data_with_every_curve(found: Study, tmp_path: Path) -> None:
    found.write(tmp_path)
    document = json.loads((tmp_path / "study.json").read_text("utf-8"))
    assert set(document["curves"]) == set(PLAN.sources)
    kl = next(curve for curve in document["curves"][CHAIN] if curve["name"] == "average KL")
    assert kl["steps"] == list(PLAN.steps)
    assert kl["limit"] == 0
    assert all(low <= value <= high for (low, high), value in zip(kl["intervals"], kl["values"], strict=True))
    assert len(document["measured"]) == len(found.measured)
    assert all(row["null"]["holds"] is True for row in document["measured"])
    assert document["plan"]["sources"][FIRST]["source"]["order"] == 1


def page_of(found: Study, measured: Sequence[Measured] | None = None) -> str:
    return render(found.document(), found.measured if measured is None else measured, found.curves, found.panels)


def test_the_page_is_whole_and_the_same_each_time(found: Study) -> None:
    page = page_of(found)
    assert page == page_of(found)
    assert "<script" not in page
    assert not re.search(r'(?:src|href)="(?!#)(?!http://www\.w3\.org)', page)
    figures = page.count("<figure>")
    assert figures == page.count("<svg ") == len(re.findall(r'role="img" aria-label="[^"]{20,}"', page))
    assert figures > 30
    assert page.count(">exact 0<") >= 6  # dashed limits are named where they stand
    identifiers = re.findall(r'\bid="([^"]+)"', page)
    assert len(identifiers) == len(set(identifiers))
    assert "#0102" not in page  # no stand-in colour is left
    assert "prefers-color-scheme: dark" in page


def test_text_on_the_page_is_escaped_and_alarms_are_marked(found: Study) -> None:
    wrong = Measured("N1", "<b>on</b>", "\x1b[31mname", 1.0, Null("planted", 2.0, 1.0), agrees=False)
    bare = replace(found, curves={}, panels=())
    page = page_of(bare, [wrong])
    assert "&lt;b&gt;on&lt;/b&gt;" in page
    assert "<b>on" not in page
    assert "\x1b" not in page
    assert "NOT as it says" in page
    assert "NOT NULL: 2 &gt; 1" in page
    assert "NOT as it says" not in page_of(bare)
    assert "NOT NULL" not in page_of(bare)
    text = "\n".join(lines([wrong]))
    assert "NULL" in text
    assert "NO" in text


def test_the_table_has_eighty_columns(found: Study) -> None:
    table = lines(found.measured)
    assert max(map(len, table)) <= 80
    assert sum(line.startswith(tuple(CLAIMS)) for line in table) == len(found.measured)


def test_progress_never_goes_back(found: Study) -> None:
    assert TOLD.done == sorted(TOLD.done)
    assert TOLD.done[0] == 0
    assert TOLD.done[-1] == 1
    told = Told()
    stages = Stages({"a": 1, "b": 3}, told)
    stages("a")(1, 2, "half of a")
    stages("b")(1, 3, "a third of b")
    assert told.done == [0, 0.125, 0.25, 0.5]


@pytest.mark.parametrize("alive", [False, True])
def test_the_command_says_whether_all_is_well(
    alive: bool, found: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first = found.measured[0]
    planted = replace(first, null=Null("planted", 1.0, 0.5 if alive else 1.5))
    plans: list[Plan] = []

    def fake(plan: Plan, progress: object) -> Study:
        plans.append(plan)
        return replace(found, measured=(planted,), curves={}, panels=())

    monkeypatch.setattr(run, "study", fake)
    monkeypatch.setattr(sys, "argv", ["study", "--out", str(tmp_path / "new" / "out"), *(["--quick"] if alive else [])])
    assert command.main() == int(alive)
    assert plans == [QUICK if alive else FULL]
    assert {path.name for path in (tmp_path / "new" / "out").iterdir()} == {"study.json", "study.html"}
    assert "study.html" in capsys.readouterr().out


# --- the parts ----------------------------------------------------------------------------------------------------


def test_the_curvature_bound_is_a_bound_and_no_idle_one() -> None:
    """L15's calibrated bound, against a fine grid; the twin, four fifths of it, fails."""
    rng = torch.Generator().manual_seed(0)
    head = LinearHead(torch.randn(40, 6, generator=rng, dtype=torch.float64), torch.randn(40, generator=rng).double())
    anchor, h = torch.zeros(6, dtype=torch.float64), torch.randn(30, 6, generator=rng, dtype=torch.float64)
    assert head.b is not None
    along = []
    for t in torch.linspace(0, 1, 2001, dtype=torch.float64):
        law = torch.softmax(t * h @ head.W.T + head.b, 1)
        moved = h @ head.W.T
        along.append((law * moved.square()).sum(1) - (law * moved).sum(1).square())
    largest = torch.stack(along).amax(0)
    bound = curvature(head, anchor, h)
    assert bool((bound >= largest).all())
    assert not bool((0.8 * bound >= largest).all())


def test_pair_laws_and_chi_square() -> None:
    source = SHORT[FIRST].source
    assert isinstance(source, MarkovSource)
    torch.testing.assert_close(pair_law(source), torch.tensor(source.table.tolist(), dtype=torch.float64))
    assert abs(deviations(3.0, 3)) < 1 < 5 < deviations(60.0, 3)


def test_means_over_windows() -> None:
    values = torch.tensor([0.0, 2, 4, 6], dtype=torch.float64)
    mean, ends, deviation = over_windows(values, torch.tensor([7, 7, 9, 9]))
    assert mean == 3
    assert ends is not None
    assert ends[0] < 3 < ends[1]
    assert deviation == pytest.approx(2**0.5)
    assert over_windows(values, torch.zeros(4))[1] is None


def test_plans_and_panels_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match=r"steps \(1, 2\): give at least two, increasing from 0"):
        replace(PLAN, steps=(1, 2))
    with pytest.raises(ValueError, match="4 lines in one panel"):
        Panel("L9", "title", "x", "y", (Line("a", (0.0,), (0.0,)),) * 4)
    with pytest.raises(ValueError, match="no known source"):
        run._run("text", training.STDLIB_SMALL, PLAN, None, Told())


def test_numbers_are_short() -> None:
    assert [number(x) for x in (None, 0.0, 1e-15, 0.5, 12345.0, -3e-5)] == ["", "0", "0", "0.5000", "12345", "-3e-05"]


def test_curves_without_values_are_named_and_not_drawn(found: Study) -> None:
    undefined = Curve("alignment.x", "L13", "", (), (), reason="a law has a zero")
    page = render(found.document(), [], {"one": [undefined]}, [])
    assert "L13, alignment.x: a law has a zero" in page
    assert "<figure>" not in page
