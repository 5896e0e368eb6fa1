"""The documentation, followed word for word: the tutorial's commands in order, the Python of the pages as it stands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from tests.commandline import Cli

from lmlaws.theory.collect import from_path

DOCS = Path(__file__).parent.parent / "docs"
TUTORIAL = [
    ("prove 'I(X;Z) <= I(X;Y) given X -> Y -> Z'", 0, "I(X;Y|Z)"),
    ("prove 'I(X;Z) <= I(X;Y)'", 1, "X -> Y -> Z"),
    ("prove 'k: X -> Y |- k >> copy[Y] = copy[X] >> k @ k'", 1, "1/2"),
    ("prove 'det k: X -> Y |- k >> copy[Y] = copy[X] >> k @ k'", 0, "proved"),
    ("prove 'p, q: law |- TV(p,q)^2 <= 1/2*KL(p,q)'", 0, "proved"),
    ("new my_claims.py", 0, "my_claims.py"),
    ("check my_claims.py", 0, "3 of 3 as expected"),
    ("check my_claims.py --report claims.html", 0, "claims.html"),
    ("check my_claims.py --json > verdicts.json", 0, ""),
    ("check my_claims.py --expect verdicts.json", 0, "no verdict differs"),
    ("prove 'H(X,Y) <= H(X) + H(Y)' --save proof.json", 0, "proof.json"),
    ("recheck proof.json --statement 'H(X,Y) <= H(X) + H(Y)'", 0, "accepted"),
]
"""Each command of the tutorial in order, its exit code, and what the text says that it shows."""


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(capsys)


def test_the_tutorial_word_for_word(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    told = re.findall(r"^    \$ lmlaws (.*)$", (DOCS / "tutorial.md").read_text("utf-8"), re.MULTILINE)
    assert told == [command for command, _, _ in TUTORIAL]
    for command, code, shown in TUTORIAL:
        words, _, file = command.partition(" > ")
        got, out, err = cli(*shlex.split(words))
        assert got == code, (command, out, err)
        if file:
            Path(file).write_text(out, "utf-8")
        else:
            assert shown in out, command
    claims = Path("my_claims.py")
    text = claims.read_text("utf-8")
    around = text.replace("LessEq(after, before),\n", "LessEq(before, after),\n", 1)
    assert around != text
    claims.write_text(around, "utf-8")
    code, out, _ = cli("check", claims)
    assert code == 1
    assert "where its author says true" in " ".join(out.split())
    proof = Path("proof.json")
    proof.write_text(proof.read_text("utf-8").replace('"1"', '"2"', 1), "utf-8")
    assert cli("recheck", proof)[0] == 1


@pytest.mark.parametrize("page", sorted(path.name for path in DOCS.glob("*.md")))
def test_claim_files_in_the_pages_are_claim_files(page: str, tmp_path: Path) -> None:
    blocks = re.findall(r"(?:^    .*\n|^\n)+", (DOCS / page).read_text("utf-8"), re.MULTILINE)
    for block in blocks:
        if "from lmlaws import Claim" in block:
            path = tmp_path / "claims.py"
            path.write_text(re.sub(r"^    ", "", block, flags=re.MULTILINE), "utf-8")
            assert from_path(path)


def test_every_page_is_reached_from_the_index() -> None:
    index = (DOCS / "index.md").read_text("utf-8")
    pages = {path.stem for path in DOCS.glob("*.md")} - {"index"}
    assert pages == {page for page in pages if re.search(rf"^{page}$", index, re.MULTILINE)}
