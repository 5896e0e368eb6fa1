"""What CI needs: a claim file to start from, verdicts compared with earlier ones, JUnit XML, claims of packages."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from tests.commandline import Cli

from lmlaws import Claim, Source
from lmlaws.outcomes import Outcome, junit, verdicts_in
from lmlaws.theory.collect import GROUP, catalogue


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(capsys)


MINE = """
from lmlaws import Claim, Source, Twin
mine = Claim("mine", "information is {words}", "{text}", Source("my notes", "page 1"), expects="{expects}",
             twins=(Twin("without the chain", given=()),))
"""
TRUE = {"words": "processed", "text": "I(X;Z) <= I(X;Y) given X -> Y -> Z", "expects": "true"}
FALSE = {"words": "symmetric", "text": "H(X) <= H(Y) given X -> Y -> Z", "expects": "true"}


def written(path: Path, fields: dict[str, str]) -> Path:
    path.write_text(MINE.format(**fields))
    return path


def test_a_new_claim_file_is_judged_as_it_is_and_never_written_over(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "my first.py"
    code, out, _ = cli("new", path)
    assert code == 0
    assert "check" in out
    text = path.read_text()
    assert cli("check", path)[0] == 0
    code, _, err = cli("new", path)
    assert (code, path.read_text()) == (65, text)
    assert "exists already" in err
    path.write_text(text.replace("LessEq(after, before),\n    source", "LessEq(before, after),\n    source"))
    assert path.read_text() != text
    assert cli("check", path)[0] == 1, "the file's claims are judged, not waved through"


def test_expect_fails_only_where_a_verdict_changed(cli: Cli, tmp_path: Path) -> None:
    path, before = written(tmp_path / "mine.py", FALSE), tmp_path / "before.json"
    code, out, _ = cli("check", path, "--json")
    assert code == 1
    before.write_text(out)
    code, out, _ = cli("check", path, "--expect", before)
    assert code == 0
    assert "no verdict differs from" in out
    written(path, TRUE)
    code, out, _ = cli("check", path, "--expect", before)
    assert code == 1
    assert "mine: proved, was refuted" in out


def test_a_claim_that_was_not_there_before_must_be_as_expected(cli: Cli, tmp_path: Path) -> None:
    before = tmp_path / "before.json"
    before.write_text(json.dumps({"results": [{"id": "gone", "verdict": "proved"}]}))
    code, out, _ = cli("check", written(tmp_path / "mine.py", TRUE), "--expect", before)
    assert code == 0
    assert "not judged this time: gone" in out
    assert cli("check", written(tmp_path / "mine.py", FALSE), "--expect", before)[0] == 1


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "null", '{"results": []}', '{"id": "a"}', '{"id": 1, "verdict": 2}', "x"]
)
def test_a_file_without_verdicts_is_refused_before_any_work(cli: Cli, tmp_path: Path, text: str) -> None:
    before = tmp_path / "before.json"
    before.write_text(text)
    code, _, err = cli("check", written(tmp_path / "mine.py", TRUE), "--expect", before)
    assert code == 65
    assert "before.json" in err
    assert "[1/1]" not in err


def test_junit_has_a_case_for_each_claim_and_twin(cli: Cli, tmp_path: Path) -> None:
    path, xml = written(tmp_path / "mine.py", TRUE), tmp_path / "junit.xml"
    assert cli("check", path, "--junit", xml)[0] == 0
    suite = ElementTree.parse(xml).getroot()[0]
    assert (suite.get("tests"), suite.get("failures")) == ("2", "0")
    written(path, FALSE)
    assert cli("check", path, "--junit", xml)[0] == 1
    suite = ElementTree.parse(xml).getroot()[0]
    failed = [case.get("name") for case in suite if case.find("failure") is not None]
    assert failed == ["mine"]
    assert suite.get("failures") == "1"


def test_junit_survives_text_that_xml_cannot_hold() -> None:
    hostile = "a\x00b\x1b]<&\ud800\uffff"
    claim = Claim(hostile, hostile, "H(X) >= 0", Source(hostile, "1"))
    result = {"id": hostile, "verdict": "refuted", "hash": "0", "seconds": 0.1, "as_expected": False, "engines": []}
    twins = [{"name": hostile, "verdict": "proved"}]
    text = junit([{**result, "twins": twins}], {hostile: claim}, Outcome())
    assert len(ElementTree.fromstring(text).findall(".//failure")) == 2


def test_the_report_is_written_again_from_the_results(cli: Cli, tmp_path: Path) -> None:
    assert cli("audit", "--quick", "--only", "C3", "--out", tmp_path)[0] == 0
    page = tmp_path / "report.html"
    before = page.read_bytes()
    page.unlink()
    assert cli("report", "--out", tmp_path)[0] == 0
    assert page.read_bytes() == before
    assert verdicts_in(tmp_path / "results.json") == {"C3": "proved"}
    code, _, err = cli("report", "--out", tmp_path / "nothing")
    assert code == 65
    assert "results.json" in err


def test_claims_of_users_get_a_report_too(cli: Cli, tmp_path: Path) -> None:
    page = tmp_path / "claims.html"
    assert cli("check", written(tmp_path / "mine.py", TRUE), "--report", page)[0] == 0
    assert "information is processed" in page.read_text()


def test_installed_packages_add_claims_by_an_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path / "their_claims.py", TRUE)
    metadata = tmp_path / "theirs-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[{GROUP}]\ntheirs = their_claims\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "mine" in {claim.id for claim in catalogue()}
    (metadata / "entry_points.txt").write_text(f"[{GROUP}]\ntheirs = their_missing_claims\n")
    with pytest.raises(ImportError, match="entry point 'theirs' of theirs"):
        catalogue()
