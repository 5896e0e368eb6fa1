"""The report is well-formed, self-contained, deterministic, and escapes whatever claims and engines say."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from tests.fakes import WHERE, FakeEngine, claim

from lmlaws.checks.engine import Budget
from lmlaws.checks.judge import as_json, exact_engines, judge
from lmlaws.checks.run import run
from lmlaws.report import family_titles, render
from lmlaws.theory.claims import Claim, Source
from lmlaws.theory.collect import catalogue, select
from lmlaws.theory.expressions import LessEq
from lmlaws.theory.quantities import log_size
from lmlaws.theory.terms import Object

BUDGET = Budget(5.0, 50)
VOID = {"meta", "link", "br", "hr", "img", "input"}
HOSTILE = "</code><script>alert(1)</script> [b]x[/b] \x1b[31m \u202e\x00 {{7*7}} \"' & é"


class Page(HTMLParser):
    """Reads a page strictly: every tag that is opened is closed, in order. Collects tags, attributes and text."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] not in (["style"], ["script"]):
            self.text += data

    def values(self, name: str) -> list[str]:
        return [str(attributes[name]) for _, attributes in self.tags if name in attributes]


def judged(claims: Sequence[Claim], engines: Any = None) -> list[dict[str, Any]]:
    return run(claims, engines or [FakeEngine()], BUDGET, version="0")


@pytest.fixture(scope="module")
def real() -> tuple[list[dict[str, Any]], tuple[Claim, ...]]:
    """A proof, a conditional claim, a refutation, one from each kind of certificate."""
    claims = select(catalogue(), ["C3", "C4", "D7.a", "N8.c", "S1.a", "S2.a"])
    return [as_json(judge(one, exact_engines(), BUDGET), "0") for one in claims], claims


def test_every_verdict_is_shown_in_words_with_its_evidence(
    real: tuple[list[dict[str, Any]], tuple[Claim, ...]],
) -> None:
    results, claims = real
    page = Page(render(results, claims, "0.1"))
    for result, one in zip(results, claims):
        for text in (one.id, one.says, str(one.source), result["verdict"], result["statement"]):
            assert text in page.text
    assert "2 - sqrt(2)" in page.text  # both sides of D7.a, exactly
    assert "the kernel is deterministic" in page.text  # the hypothesis of C4
    assert "certificates/C4%2Bmended.json" in page.values("href")
    assert "certificates/S1.a.json" in page.values("href")
    assert all(title in page.text for title in {family_titles()[one.id] for one in claims})


def test_the_page_is_one_file_without_network(real: tuple[list[dict[str, Any]], tuple[Claim, ...]]) -> None:
    page = Page(render(*real, "0.1"))
    assert {"link", "img", "iframe", "object"} & {tag for tag, _ in page.tags} == set()
    assert [link for link in page.values("href") if not link.startswith(("#", "certificates/"))] == []
    assert page.values("src") == []
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert not re.search(r"url\(|@import|http://|https://", render(*real, "0.1"))


def test_only_the_script_that_the_page_names_may_run(real: tuple[list[dict[str, Any]], tuple[Claim, ...]]) -> None:
    text = render(*real, "0.1")
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = [value for value in Page(text).values("content") if "default-src" in value]
    assert policy == f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    assert not re.search(r"fetch|XMLHttp|import|eval|innerHTML|localStorage", script)


def test_without_the_script_nothing_is_missing(real: tuple[list[dict[str, Any]], tuple[Claim, ...]]) -> None:
    page = Page(render(*real, "0.1"))
    hidden = [tag for tag, attributes in page.tags if "hidden" in attributes]
    assert hidden == ["form"], "only the filter, which needs the script, waits for it"


def test_diagrams_and_formulas_are_drawn_from_the_terms(
    real: tuple[list[dict[str, Any]], tuple[Claim, ...]],
) -> None:
    results, claims = real
    text = render(results, claims, "0.1")
    page = Page(text)
    drawn = [
        dict(attributes)["aria-label"] for tag, attributes in page.tags if dict(attributes).get("class") == "diagram"
    ]
    assert "k >> copy[Y]" in drawn
    assert "copy[X] >> k @ k" in drawn
    assert {"math", "mfrac", "msqrt", "msub"} <= {tag for tag, _ in page.tags}
    assert "Two normal forms" in page.text  # of C4, which differ
    other = Page(render(results[:1], claims[:1], "0.1"))  # C3, whose normal forms are one
    assert "Two normal forms" not in other.text


def test_the_graph_has_a_mark_for_each_claim_and_a_line_for_what_its_proof_rests_on(
    real: tuple[list[dict[str, Any]], tuple[Claim, ...]],
) -> None:
    results, claims = real
    page = Page(render(results, claims, "0.1"))
    nodes = [dict(attributes)["data-node"] for _, attributes in page.tags if "data-node" in attributes]
    assert {one.id for one in claims} <= set(nodes)
    lines = {(a["data-from"], a["data-to"]) for tag, a in page.tags if tag == "line"}
    assert ("S2.a", "#Shannon's inequalities") in lines
    assert not any(start == "D7.a" for start, _ in lines)  # refuted, its neighbour not among these


def test_links_within_the_page_lead_somewhere() -> None:
    claims = [claim("T 1%"), claim("a/b", 2), claim("é", 3), claim("C4+mended", 4)]
    page = Page(render(judged(claims), claims, "0"))
    from urllib.parse import unquote

    targets = set(page.values("id"))
    links = {unquote(link[1:]) for link in page.values("href") if link.startswith("#")}
    assert links <= targets
    assert len({link for link in links if link.startswith("claim-")}) == 4


def test_the_same_results_give_the_same_bytes(real: tuple[list[dict[str, Any]], tuple[Claim, ...]]) -> None:
    results, claims = real
    assert render(results, claims, "0.1") == render(results, claims[::-1], "0.1")
    slower = [{**result, "seconds": 99.0} for result in results]
    assert render(slower, claims, "0.1") == render(results, claims, "0.1")


def test_hostile_text_stays_text() -> None:
    one = claim(HOSTILE, says=HOSTILE)
    one = replace(one, source=Source(HOSTILE, HOSTILE), twins=(replace(one.twins[0], name=HOSTILE),))
    results = judged([one], [FakeEngine(name=HOSTILE)])
    results[0]["record"] = {HOSTILE: HOSTILE}
    results[0]["twins"][0]["counterexample"]["left"] = HOSTILE
    page = Page(text := render(results, [one], "0"))
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert not {"\x1b", "\u202e", "\x00"} & set(text)
    assert "[b]x[/b]" in page.text
    assert "{{7*7}}" in page.text
    assert "<script>alert(1)</script>" in page.text
    assert "\\x1b[31m" in page.text


def test_an_undecided_claim_says_why() -> None:
    one = Claim("U1", "beyond", LessEq(log_size(Object("X")), 2 * log_size(Object("X"))), WHERE)
    results = judged([one])
    page = Page(render(results, [one], "0"))
    assert "fake: not about entropies" in page.text
    assert "not decided" in page.text


def test_a_thousand_claims_make_a_page_of_at_most_5_megabytes() -> None:
    one = claim()
    result = judged([one])[0]
    many = [claim(f"T{i}") for i in range(1000)]
    text = render([{**result, "id": other.id} for other in many], many, "0")
    assert len(text.encode()) < 5_000_000
    assert len([name for name in Page(text).values("id") if name.startswith("claim-")]) == 1000


def test_the_page_knows_dark_and_light_and_small_screens(
    real: tuple[list[dict[str, Any]], tuple[Claim, ...]],
) -> None:
    text = render(*real, "0.1")
    assert "prefers-color-scheme: dark" in text
    assert 'name="viewport"' in text
    assert text.startswith("<!DOCTYPE html>")
    assert '<html lang="en">' in text


def test_a_browser_shows_it(real: tuple[list[dict[str, Any]], tuple[Claim, ...]], tmp_path: Path) -> None:
    """Where a browser is installed it reads the page as we do; where there is none, the strict parser has read it."""
    path = tmp_path / "report.html"
    path.write_text(text := render(*real, "0.1"), encoding="utf-8")
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    shown = text
    if browser is not None:
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", path.as_uri()]
        shown = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert len([tag for tag, _ in Page(shown).tags if tag == "article"]) == 6
