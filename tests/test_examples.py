"""The examples run: the claim files are as their authors expect, the notebook's cells show themselves."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest
from tests.commandline import Cli

from lmlaws.checks.exact.kernels import Kernel
from lmlaws.checks.verdicts import Refuted, Undecided
from lmlaws.notebook import kernel, term, verdict
from lmlaws.theory.terms import function, objects

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_claim_files_are_as_expected(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = Cli(capsys)("check", path)
    assert code == 0, out


def shown(cell: str, names: dict[str, Any]) -> Any:
    """Runs a cell; the value of its last line."""
    *first, last = ast.parse(cell).body
    exec(compile(ast.Module(first, []), "cell", "exec"), names)  # noqa: S102 - our own notebook
    if isinstance(last, ast.Expr):
        return eval(compile(ast.Expression(last.value), "cell", "eval"), names)  # noqa: S307
    return None


def test_the_notebook_runs_and_shows_diagrams_formulas_verdicts_and_a_spectrum() -> None:
    names: dict[str, Any] = {}
    cells = json.loads((EXAMPLES / "first_hour.ipynb").read_text("utf-8"))["cells"]
    values = [shown("".join(cell["source"]), names) for cell in cells if cell["cell_type"] == "code"]
    assert all(value is not None for value in values)
    html = [getattr(value, "_repr_html_", lambda: None)() or "" for value in values]
    for part in ("aria-label", "<math", "refuted", "proved", "effective rank"):
        assert any(part in text for text in html), part
    assert all(not cell.get("outputs") for cell in cells), "the repository holds no results"


def test_what_notebooks_show_is_escaped_and_says_what_there_is() -> None:
    X, Y = objects("X<b> Y")
    assert "<b>" not in term(function("<script>", X, Y))
    assert "1/3" in kernel(Kernel([["1/3", "2/3"]]))
    assert "because &lt;i&gt;" in verdict(Undecided("engine", reason="because <i>"))
    example = {"kind": "laws", "laws": {"p": ["1", "0"]}, "left": "1", "right": "0"}
    assert "<td>1</td>" in verdict(Refuted("search", counterexample=example))
