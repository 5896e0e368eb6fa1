"""`lmlaws validate`: a user's claims on exact instances and on a model, and where in the text they fall."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.commandline import Cli
from tests.small_models import CONTEXT, TEXT, folder

from lmlaws.checks.engine import Budget
from lmlaws.checks.models import CONTEXTS, ModelEngine, sampled
from lmlaws.checks.verdicts import Refuted
from lmlaws.numerics.models import load

CLAIMS = """
from fractions import Fraction

from lmlaws import Claim, D, Equal, LessEq, Source, Twin, kernel, objects, state
from lmlaws.theory.expressions import Head, Letter, Logit, LogPartition, Point, Softmax, log
from lmlaws.theory.quantities import entry

X, W = objects("X W")
p, q = state("p", W), state("q", W)
head = Head("head", W)
w, h = Letter("w", W), Point("h", head)
k = kernel("k", X, W)
notes = Source("notes", "1")

softmax = Claim(
    id="softmax",
    says="a log probability is the logit less the log-partition",
    holds=Equal(log(Softmax(h, w)), Logit(h, w) - LogPartition(h)),
    source=notes,
    twins=(Twin("1% more", Equal(log(Softmax(h, w)), Logit(h, w) - Fraction(101, 100) * LogPartition(h))),),
)
{extra}
"""
POINT = """
wrong = Claim(
    id="wrong",
    says="a log probability is the logit",
    holds=Equal(log(Softmax(h, w)), Logit(h, w)),
    source=notes,
)
"""


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(capsys)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder("gpt2", tmp_path_factory.mktemp("models"))


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text(TEXT, "utf-8")
    return path


def claims(tmp_path: Path, extra: str = "") -> Path:
    path = tmp_path / "claims.py"
    path.write_text(CLAIMS.replace("{extra}", extra))
    return path


def test_a_true_claim_is_proved_and_holds_on_the_model_with_power(
    cli: Cli, model: Path, text: Path, tmp_path: Path
) -> None:
    code, out, _ = cli("validate", claims(tmp_path), "--model", model, "--text", text, "--json")
    assert code == 0
    (result,) = map(json.loads, out.splitlines())
    assert (result["id"], result["verdict"], result["as_expected"]) == ("softmax", "proved", True)
    said = result["model"]
    assert (said["engine"], said["verdict"]) == ("model:gpt2", "holds")
    assert said["record"]["power"] == "1 of 1 twins fall"
    assert said["record"]["positions"] == _positions(model)


def _positions(model: Path) -> int:
    ids = load(model).encode(TEXT)
    return sum(len(ids[start : start + CONTEXT]) - 1 for start in range(0, len(ids), CONTEXT))


def test_a_false_claim_is_shown_at_its_token_in_the_text(cli: Cli, model: Path, text: Path, tmp_path: Path) -> None:
    """The place that is told, computed again from the text alone, violates the claim by what is told."""
    path = claims(tmp_path, POINT)
    code, out, _ = cli("validate", path, "--model", model, "--text", text, "--json")
    assert code == 1
    said = next(r["model"] for r in map(json.loads, out.splitlines()) if r["id"] == "wrong")
    assert said["verdict"] == "refuted"
    example = said["counterexample"]
    (place,) = example["positions"]["h"]
    loaded = load(model, torch.float64)
    ids = loaded.encode(TEXT)
    start = place["window"] * CONTEXT
    before = ids[start : start + place["t"]]
    assert place["context_ids"] == before
    assert place["next_id"] == ids[start + place["t"]]
    assert place["context"] == loaded.tokenizer.decode(before)
    assert place["context"] in TEXT or "\ufffd" in place["context"]
    h = loaded.backbone(loaded.embed(torch.tensor([before])))[0, -1]
    token = example["letters"]["w"]["tokens"]
    logits = loaded.head(h).detach()
    assert float(example["right"]) == pytest.approx(float(logits[token]), abs=1e-9)
    assert float(example["left"]) == pytest.approx(float(logits.log_softmax(0)[token]), abs=1e-9)
    assert abs(float(example["left"]) - float(example["right"])) > float(example["bound"])


def test_people_are_told_where(cli: Cli, model: Path, text: Path, tmp_path: Path) -> None:
    code, out, _ = cli("validate", claims(tmp_path, POINT), "--model", model, "--text", text)
    assert code == 1
    assert all(len(line) <= 80 for line in out.splitlines())
    assert "softmax on model:gpt2: holds in" in out
    assert "wrong on model:gpt2: refuted at instance 0" in out
    assert "  h: window " in out
    assert "  at w = tokens " in out


def test_every_place_of_an_averaged_claim_is_told(model: Path) -> None:
    """A kernel's rows are positions: the one where a free letter says so, else all of them."""
    loaded = load(model, torch.float64)
    engine = ModelEngine(sampled(loaded, loaded.encode(TEXT * 2), "gpt2"))
    from lmlaws.theory.expressions import Equal, Letter, Sum
    from lmlaws.theory.quantities import entry
    from lmlaws.theory.statements import Statement
    from lmlaws.theory.terms import kernel, objects

    X, W = objects("X W")
    k, x, w = kernel("k", X, W), Letter("x", X), Letter("w", W)
    total = Sum(w, entry(k, (x,), (w,)))
    one = engine.decide(Statement(Equal(total, 2 * total)), Budget(seconds=60))
    everywhere = Sum(x, total)
    all_rows = engine.decide(Statement(Equal(everywhere, 2 * everywhere)), Budget(seconds=60))
    assert isinstance(one, Refuted)
    assert isinstance(all_rows, Refuted)
    assert len(one.counterexample["positions"]["k"]) == 1
    places: list[dict[str, Any]] = all_rows.counterexample["positions"]["k"]
    assert len({(place["window"], place["t"]) for place in places}) == len(places) == CONTEXTS
    at = one.counterexample["letters"]["x"]["contexts"]
    assert one.counterexample["positions"]["k"] == [places[at]]


@pytest.mark.parametrize("content", ["", "a"])
def test_nothing_tried_is_undecided(content: str, cli: Cli, model: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty.txt"
    empty.write_text(content)
    code, out, err = cli("validate", claims(tmp_path), "--model", model, "--text", empty, "--json")
    assert code == 2
    assert "0 positions tried" in err
    (result,) = map(json.loads, out.splitlines())
    assert result["model"] == {"engine": "model:gpt2", "verdict": "undecided", "reason": "0 positions tried"}


def test_what_a_model_cannot_read_is_said(cli: Cli, model: Path, text: Path, tmp_path: Path) -> None:
    law = """
copies = Claim(
    id="copies",
    says="what is deterministic copies",
    holds=Equal(k >> copy(W), copy(X) >> k @ k),
    source=notes,
    expects="refuted",
)
"""
    path = claims(tmp_path, "from lmlaws import copy\n" + law)
    code, out, _ = cli("validate", path, "--model", model, "--text", text)
    assert code == 0
    assert "copies on model:gpt2: undecided, an equation of diagrams says nothing of a model" in " ".join(out.split())


@pytest.mark.parametrize("missing", ["claims", "model", "text"])
def test_bad_data_is_named(missing: str, cli: Cli, model: Path, text: Path, tmp_path: Path) -> None:
    given = {"claims": claims(tmp_path), "model": model, "text": text, missing: tmp_path / "nowhere"}
    code, out, err = cli("validate", given["claims"], "--model", given["model"], "--text", given["text"])
    assert (code, out) == (65, "")
    assert "nowhere" in err


def test_text_of_users_stays_text(cli: Cli, model: Path, tmp_path: Path) -> None:
    """Escapes and markup in a text reach the terminal as text."""
    hostile = tmp_path / "hostile.txt"
    hostile.write_text("\x1b[31m[red]danger[/red]\x07" * 20)
    code, out, err = cli("validate", claims(tmp_path, POINT), "--model", model, "--text", hostile)
    assert code == 1
    assert "\x1b" not in out + err
    assert "\x07" not in out + err
