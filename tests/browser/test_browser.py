"""The report in a real browser: `make browser-test`. Every part renders, nothing is fetched, hostile text stays text.

Playwright drives the Chromium on the path; without either these tests fail, they are not skipped.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Route, sync_playwright
from tests.fakes import FakeEngine, claim

from lmlaws.checks.engine import Budget
from lmlaws.checks.judge import as_json, exact_engines, judge
from lmlaws.checks.run import run
from lmlaws.report import render
from lmlaws.theory.claims import Source
from lmlaws.theory.collect import catalogue, select

BUDGET = Budget(5.0, 100)
HOSTILE = "</script><script>document.title='taken'</script><img src=x onerror=alert(1)> \u202e [b]"
WIDTHS = (360, 1024, 1920)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert chromium, "no Chromium on the path: install Debian's package chromium"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A proof, a conditional claim, refutations, diagrams, formulas, and a claim whose every text is hostile."""
    claims = [*select(catalogue(), ["C3", "C4", "C6", "D7", "G1.a", "S1.a", "S2.a"])]
    results = [as_json(judge(one, exact_engines(), BUDGET), "0") for one in claims]
    odd = replace(claim(HOSTILE, says=HOSTILE), source=Source(HOSTILE, HOSTILE))
    results += run([odd], [FakeEngine(name=HOSTILE)], BUDGET, version="0")
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(render(results, [*claims, odd], "0.1"), "utf-8")
    return path


class Watched:
    """A page that notes whatever a browser complains about, and every request that is not for the file itself."""

    def __init__(self, page: Page) -> None:
        self.page, self.complaints, self.requests = page, list[str](), list[str]()
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.route("**/*", self._route)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def _route(self, route: Route) -> None:
        if route.request.url.startswith("file:"):
            route.continue_()
        else:
            self.requests.append(route.request.url)
            route.abort()


@pytest.fixture
def opened(browser: Browser, report: Path) -> Iterator[Watched]:
    context = browser.new_context()
    watched = Watched(context.new_page())
    watched.page.goto(report.as_uri())
    yield watched
    assert watched.complaints == []
    assert watched.requests == []
    context.close()


def visible(page: Page, what: str) -> int:
    return sum(part.is_visible() for part in page.locator(what).all())


@pytest.mark.parametrize("width", WIDTHS)
def test_every_part_renders_and_nothing_is_cut_off(opened: Watched, width: int) -> None:
    page = opened.page
    page.set_viewport_size({"width": width, "height": 900})
    for part in (
        "h1",
        ".legend li",
        "table.all",
        "svg.claims",
        "article",
        "svg.diagram",
        "math",
        "table.data",
        ".forms pre",
    ):
        first = page.locator(part).first
        first.scroll_into_view_if_needed()
        box = first.bounding_box()
        assert box is not None, part
        assert box["width"] > 10, part
        assert box["height"] > 10, part
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"the page itself scrolls sideways by {wide} pixels"


def test_formulas_are_typeset(opened: Watched) -> None:
    fraction, inside = opened.page.locator("mfrac").first, opened.page.locator("mfrac > *").first
    outer, inner = fraction.bounding_box(), inside.bounding_box()
    assert outer is not None
    assert inner is not None
    assert outer["height"] > 1.5 * inner["height"], "a fraction stands on two lines"


def test_search_and_filter(opened: Watched) -> None:
    page = opened.page
    everything = visible(page, "article")
    page.fill("#search", "deterministic hidden")
    assert 0 < visible(page, "article") < everything
    page.fill("#search", "no such words anywhere")
    assert visible(page, "article") == visible(page, "main section") == 0
    assert page.inner_text("#shown").startswith("0 of")
    page.fill("#search", "")
    page.uncheck("input[value=proved]")
    assert visible(page, "article") < everything
    assert all(
        "proved" not in (text or "")
        for text in page.locator("tr[data-claim]:not([hidden]) .verdict").all_text_contents()
    )
    page.evaluate("location.hash = 'claim-C3'")  # a link to a claim that the filter hides shows it again
    page.wait_for_function("document.getElementById('claim-C3').checkVisibility()")
    assert visible(page, "article") == everything


def test_the_graph_focuses_on_one_claim_by_pointer_and_by_keyboard(opened: Watched) -> None:
    page = opened.page
    node = page.locator("svg.claims a[data-node='S2.a']")
    node.hover()
    assert page.locator("svg.claims.focused").count() == 1
    near = page.locator("svg.claims a.near").all()
    assert {part.get_attribute("data-node") for part in near} == {"S2.a", "#Shannon's inequalities"}
    page.mouse.move(0, 0)
    node.focus()
    assert page.locator("svg.claims.focused").count() == 1
    page.keyboard.press("Enter")
    assert page.url.endswith("#claim-S2.a")


def test_hostile_text_stays_text(opened: Watched) -> None:
    assert opened.page.title() == "lmlaws: the report"
    assert opened.page.locator("img").count() == 0
    assert opened.page.locator("script").count() == 1
    assert "<script>document.title='taken'</script>" in (opened.page.locator("article").last.text_content() or "")


def test_without_scripts_everything_is_there(browser: Browser, report: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(report.as_uri())
    assert visible(page, "article") == page.locator("article").count() > 5
    assert not page.locator("form.filter").is_visible()
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast_in_dark_and_light(browser: Browser, report: Path, scheme: Any) -> None:
    context = browser.new_context(color_scheme=scheme)
    page = context.new_page()
    page.goto(report.as_uri())
    for part in ("body", "article .source", ".verdict.proved", ".verdict.refuted", ".verdict.conditional", "a.self"):
        ink = page.locator(part).first.evaluate("part => getComputedStyle(part).color")
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert contrast(ink, paper) >= 4.5, (part, ink, paper)  # WCAG AA
    context.close()


def contrast(ink: str, paper: str) -> float:
    """The contrast ratio of two rgb() colours (WCAG 2.2)."""

    def luminance(colour: str) -> float:
        parts = [float(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted(map(luminance, (ink, paper)))
    return (high + 0.05) / (low + 0.05)


def test_a_thousand_claims_open_quickly(browser: Browser, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = select(catalogue(), ["D7.a"])[0]
    result = as_json(judge(one, exact_engines(), BUDGET), "0")
    many = [replace(one, id=f"T{i}", neighbour=f"T{(i + 1) % 1000}") for i in range(1000)]
    path = tmp_path / "report.html"
    path.write_text(render([{**result, "id": other.id} for other in many], many, "0.1"), "utf-8")
    context = browser.new_context()
    page = context.new_page()
    begin = time.perf_counter()
    page.goto(path.as_uri())
    seconds = time.perf_counter() - begin
    assert page.locator("article").count() == 1000
    with capsys.disabled():  # a figure to read; a test never asserts a time
        print(f"\n1,000 claims: {path.stat().st_size / 1e6:.2f} MB, open in {seconds:.2f} s")
    assert path.stat().st_size < 5_000_000
    context.close()
