"""The README says what is true: its Python runs, its commands exist, its claim is checked as it says."""

from __future__ import annotations

import doctest
import re
import textwrap
from pathlib import Path

from lmlaws.checks.engine import Budget
from lmlaws.checks.judge import exact_engines, judge
from lmlaws.checks.verdicts import Refuted
from lmlaws.theory.collect import from_path

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def test_examples_run() -> None:
    results = doctest.testfile(str(ROOT / "README.md"), module_relative=False)
    assert results.attempted > 0
    assert results.failed == 0


def test_the_claim_of_the_readme_is_refuted(tmp_path: Path) -> None:
    (block,) = re.findall(r"\n((?:    .*\n|\n)*?    mine = Claim\((?:\n    .*)*?\n    \)\n)", README)
    file = tmp_path / "mine.py"
    file.write_text(textwrap.dedent(block), "utf-8")
    (claim,) = from_path(file)
    result = judge(claim, exact_engines(), Budget(seconds=20, instances=200))
    assert isinstance(result.verdict, Refuted)
    assert result.as_expected is True


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in set(re.findall(r"make ([a-z-]+)", README)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_linked_files_exist() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
