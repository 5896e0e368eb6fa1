"""The layering, enforced from the code's own imports: theory <- numerics, theory <- checks, all <- src/lmlaws."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PARTS = ("theory", "checks", "numerics")
CORE = (
    *(f"theory/{name}.py" for name in ("terms", "programs", "expressions", "quantities", "statements", "claims")),
    "checks/engine.py",
    "checks/verdicts.py",
)


def imports(file: Path, *, top_level: bool = False) -> list[tuple[str, int]]:
    """Absolute names of what a file imports, with line numbers; with `top_level`, outside functions only."""
    package = ["lmlaws", *file.relative_to(ROOT).with_suffix("").parts[:-1]]
    tree = ast.parse(file.read_text("utf-8"))
    inside = {n for f in ast.walk(tree) if isinstance(f, ast.FunctionDef) for n in ast.walk(f)} if top_level else set()
    lazy = {
        n
        for test in ast.walk(tree)
        if isinstance(test, ast.If) and "TYPE_CHECKING" in ast.unparse(test.test)
        for n in ast.walk(test)
    }
    found = []
    for node in ast.walk(tree):
        if node in inside or (top_level and node in lazy):
            continue
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            found.append((".".join([*base, *(node.module or "").split(".")]).strip("."), node.lineno))
    return found


def files(part: str) -> list[Path]:
    return sorted((ROOT / part).rglob("*.py"))


@pytest.mark.parametrize(
    ("part", "allowed"),
    [
        ("theory", ("lmlaws.theory",)),
        ("numerics", ("lmlaws.theory", "lmlaws.numerics")),
        ("checks", ("lmlaws.theory", "lmlaws.numerics", "lmlaws.checks")),
    ],
)
def test_layers_point_one_way(part: str, allowed: tuple[str, ...]) -> None:
    assert files(part)
    for file in files(part):
        for name, line in imports(file):
            assert not name.startswith("lmlaws.") or name.startswith(allowed), f"{file}:{line} imports {name}"


def test_theory_is_standard_library_and_lark() -> None:
    allowed = {*sys.stdlib_module_names, "lark", "lmlaws"}
    for file in files("theory"):
        for name, line in imports(file, top_level=True):
            assert name.split(".")[0] in allowed, f"{file}:{line} imports {name} at the top"


def test_checks_reach_numerics_through_one_lazy_engine() -> None:
    for file in files("checks"):
        for name, line in imports(file, top_level=file.name == "models.py"):
            assert not name.startswith(("lmlaws.numerics", "torch")), f"{file}:{line} imports {name}"


@pytest.mark.parametrize(("checker", "library"), [("standard", ()), ("flint", ("flint",))])
def test_the_checker_stands_alone_and_is_small(checker: str, library: tuple[str, ...]) -> None:
    """Nothing but the standard library, its own library and itself; 1,450 code lines, 200 a file.

    The aim was 900, and is missed: each kind of certificate came on top (docs/architecture.md says what was tried).
    """
    total = 0
    for file in files(f"checks/recheck/{checker}"):
        for name, line in imports(file):
            own = name.startswith(f"lmlaws.checks.recheck.{checker}.")
            alone = own or name.split(".")[0] in (*sys.stdlib_module_names, *library)
            assert alone, f"{file}:{line} imports {name}"
        count = code_lines(file)
        assert count <= 200, f"{file} has {count} code lines"
        total += count
    assert 0 < total <= 1_450


def test_what_runs_both_checkers_is_no_third_one() -> None:
    """The package's own files name the checkers and print answers: nothing but the standard library, 60 code lines."""
    own = [ROOT / "checks/recheck" / name for name in ("__init__.py", "__main__.py")]
    assert sorted((ROOT / "checks/recheck").glob("*.py")) == own
    for file in own:
        for name, line in imports(file):
            alone = name.startswith("lmlaws.checks.recheck") or name.split(".")[0] in sys.stdlib_module_names
            assert alone, f"{file}:{line} imports {name}"
    assert sum(map(code_lines, own)) <= 60


def code_lines(file: Path) -> int:
    """Lines that are neither blank, nor comment, nor part of a docstring."""
    text = file.read_text("utf-8")
    documentation: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            documentation.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    lines = enumerate(text.splitlines(), 1)
    return sum(1 for i, line in lines if i not in documentation and line.strip() and not line.strip().startswith("#"))


@pytest.mark.parametrize("part", PARTS)
def test_a_second_import_path_is_refused(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    monkeypatch.delitem(sys.modules, part, raising=False)
    with pytest.raises(ImportError, match=f"import lmlaws.{part}"):
        __import__(part)


def test_engines_never_see_more_than_the_statement() -> None:
    """No engine module imports Claim: prose, source, twins' names and expectations stay outside."""
    for file in (*files("checks/provers"), *files("checks/exact"), ROOT / "checks/models.py"):
        for name, line in imports(file):
            assert name != "lmlaws.theory.claims", f"{file}:{line}"


def test_nothing_evaluates_text() -> None:
    for part in (*PARTS, "src/lmlaws"):
        for file in files(part):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(node, ast.Call):
                    called = ast.unparse(node.func)
                    assert called not in ("eval", "exec", "sympify", "sympy.sympify", "parse_expr", "torch.load"), file


def test_the_core_is_small() -> None:
    assert sum(code_lines(ROOT / name) for name in CORE) <= 1500
