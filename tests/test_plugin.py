"""The pytest plugin: a test for every claim and twin, what it says when one fails, and what it leaves alone."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from importlib.metadata import entry_points
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import settings

import lmlaws
from lmlaws.checks.evidence import dumps
from lmlaws.checks.verdicts import Conditional, Proved
from lmlaws.plugin import MARKERS, PROFILES, node_name
from lmlaws.theory.collect import catalogue, from_path, select

pytest_plugins = ["pytester"]

EXAMPLE = Path(__file__).parent.parent / "examples" / "outside"
PROCESSING = [
    "claims/my_claim.py::processing",
    "claims/my_claim.py::processing::twin[reversed]",
    "claims/my_claim.py::processing::twin[without the chain]",
]
ALL = ["claims/my_claim.py::keeps-distance", *PROCESSING]

OPEN = """
from fractions import Fraction
from lmlaws import Claim, Equal, H, Source, Twin, parse
from lmlaws.theory.expressions import Const

open_claim = Claim(
    id="open",
    says="a hypothesis that no law with rational weights meets",
    holds="H(X) <= H(Y)",
    given=(Equal(H("X"), Const(Fraction(1))),),
    source=Source("nowhere", "0"),
    twins=(Twin("also open", holds=parse("H(X) = H(Y)").holds), Twin("true", holds=parse("0 <= H(Y)").holds)),
)
"""
SHORT = """
from lmlaws import Claim, Source, Twin, parse

x = Claim(
    id={id!r}, says="a part has no more entropy", holds="H(X) <= H(X,Y)", source=Source("a", "1"),
    twins=(Twin({twin!r}, holds=parse("H(X,Y) <= H(X)").holds),),
)
"""


@pytest.fixture(scope="module", autouse=True)
def _engines_loaded() -> None:
    """Runs within this process unload what they load; numpy can't be loaded twice."""
    lmlaws.check(from_path(EXAMPLE / "claims" / "my_claim.py")[1])


@pytest.fixture
def project(pytester: pytest.Pytester) -> Path:
    """The example in a folder of its own; runs start there."""
    shutil.copytree(EXAMPLE, pytester.path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    return pytester.path


def ids(result: pytest.RunResult) -> list[str]:
    """What a run with --collect-only -q found."""
    return [line for line in result.outlines if "::" in line]


def outside(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A run in a process of its own."""
    return subprocess.run([sys.executable, "-m", "pytest", *arguments], capture_output=True, text=True, check=False)


def properties(file: Path) -> dict[str, dict[str, str]]:
    """The properties of every test in a JUnit XML file."""
    cases = ElementTree.parse(file).getroot().iter("testcase")
    return {
        f"{case.get('classname')}::{case.get('name')}": {
            str(entry.get("name")): str(entry.get("value")) for entry in case.iter("property")
        }
        for case in cases
    }


def test_the_entry_point_is_installed() -> None:
    (entry,) = entry_points(group="pytest11", name="lmlaws")
    assert entry.value == "lmlaws.plugin"


def test_a_test_for_each_claim_and_twin(project: Path, pytester: pytest.Pytester) -> None:
    found = pytester.runpytest("--claims", "claims", "--collect-only", "-q")
    assert ids(found) == ALL
    for expression, selected in [("claim and not twin", [ALL[0], ALL[1]]), ("twin", ALL[2:]), ("not claim", [])]:
        assert ids(pytester.runpytest("--claims", "claims", "--collect-only", "-q", "-m", expression)) == selected


def test_they_pass_where_verdicts_are_as_expected(project: Path, pytester: pytest.Pytester) -> None:
    result = pytester.runpytest("--claims", "claims/my_claim.py", "--strict-markers")
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(["claims: profile dev: 10 s and 500 instances an engine"])


def test_markers_are_documented(pytester: pytest.Pytester) -> None:
    pytester.runpytest("--markers").stdout.fnmatch_lines([f"@pytest.mark.{marker}" for marker in MARKERS])


def test_arguments_select(project: Path, pytester: pytest.Pytester) -> None:
    """A claim with its twins, one twin, all twins of a claim; tests beside claims; folders and files at once."""

    def found(*arguments: str) -> list[str]:
        return ids(pytester.runpytest("--collect-only", "-q", *arguments))

    assert found("--claims", "claims", PROCESSING[0]) == PROCESSING
    assert found("--claims", "claims", PROCESSING[2]) == PROCESSING[2:]
    assert found("--claims", "claims", PROCESSING[0] + "::twin") == PROCESSING[1:]
    assert found("--claims", "claims", "--claims", "claims/my_claim.py", "--claims", "claims") == ALL
    tests = found("tests")
    assert len(tests) == 7
    assert found("--claims", "claims", "tests") == [*tests, *ALL]
    assert sorted(found("--claims", "claims", ".")) == sorted([*tests, *ALL])
    assert found("tests", ALL[0]) == []  # without --claims there is no claim


def test_claims_in_addopts_join_the_suite(project: Path, pytester: pytest.Pytester) -> None:
    """The ini file adds claims to a run of everything, and none to a run of something else."""
    (project / "pytest.ini").write_text("[pytest]\naddopts = --claims claims\ntestpaths = tests\npythonpath = .\n")

    def found(*arguments: str) -> list[str]:
        return ids(pytester.runpytest("--collect-only", "-q", *arguments))

    tests = found("tests")
    assert len(tests) == 7
    assert found() == [*tests, *ALL]
    assert found(ALL[0]) == [ALL[0]]


@pytest.mark.parametrize("mode", ["prepend", "append", "importlib"])
def test_any_import_mode_beside_folders_of_the_same_names(mode: str, project: Path, pytester: pytest.Pytester) -> None:
    """The project's own `checks` and `theory` are imported by its tests, lmlaws' by the claims."""
    (project / "claims" / "my_claim.py").open("a").write("\nimport theory.smoothing, checks.contraction\n")
    (project / "claims" / "__init__.py").touch()
    near_miss = "tests/test_my_laws.py::test_smoothing_does_not_scale_kl"
    result = pytester.runpytest("--import-mode", mode, "--doctest-modules", "--claims", "claims", near_miss)
    result.assert_outcomes(passed=5)


def test_a_root_folder_elsewhere(project: Path, pytester: pytest.Pytester) -> None:
    """Ids stay apart for files of one name in two folders outside the root."""
    elsewhere = pytester.mkdir("elsewhere")
    shutil.copytree(project / "claims", project / "more")
    arguments = ("--rootdir", str(elsewhere), "--claims", "claims", "--claims", "more", "--collect-only", "-q")
    wanted = [f"../{name}" for name in (*ALL, *(name.replace("claims/", "more/") for name in ALL))]
    assert ids(pytester.runpytest(*arguments)) == wanted


@pytest.mark.parametrize(
    ("identifier", "twin"),
    [
        ("D1[KL]", "a[b]::c"),
        ("a::b:", "twin"),
        ("\N{GREEK SMALL LETTER ALPHA}", "\N{GREEK SMALL LETTER BETA}\n\x1b[0m"),
    ],
)
def test_any_id_makes_an_ascii_name_that_selects(identifier: str, twin: str, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(odd=SHORT.format(id=identifier, twin=twin))
    claim, near = ids(pytester.runpytest("--claims", "odd.py", "--collect-only", "-q"))
    assert claim == f"odd.py::{node_name(identifier)}"
    assert claim.isascii()
    assert near.isascii()
    assert near.isprintable()
    assert ids(pytester.runpytest("--claims", "odd.py", claim, "--collect-only", "-q")) == [claim, near]
    assert ids(pytester.runpytest("--claims", "odd.py", near, "--collect-only", "-q")) == [near]


def test_names_of_different_ids_differ() -> None:
    names = ["a[", "a\\x5b", "a:", "a\\x3a", "a::b", "a:b", "\xe9", "\\xe9", "a\nb", "a\\nb"]
    assert len({node_name(name) for name in names}) == len(names)


def test_junit_properties(project: Path, pytester: pytest.Pytester) -> None:
    """The XML names claim, verdict and certificate; the hash of the certificate is that of the file which is saved."""
    (project / "claims" / "c4.py").write_text(
        "from lmlaws.theory.collect import catalogue, select\n(c4,) = select(catalogue(), ['C4'])\n"
    )
    pytester.runpytest("--claims", "claims", "--junitxml", "serial.xml").assert_outcomes(passed=5)
    found = properties(project / "serial.xml")
    proved = lmlaws.check(from_path(project / "claims" / "my_claim.py")[1]).verdict
    assert isinstance(proved, Proved)
    own = found["claims.my_claim::processing"]
    assert own == {
        "profile": "dev",
        "claim": "processing",
        "statement": proved.certificate["hash"],
        "verdict": "proved",
        "engine": "shannon",
        "certificate": proved.certificate["hash"],
        "certificate_sha256": sha256(dumps(proved.certificate).encode()).hexdigest(),
    }
    twin = found["claims.my_claim.processing::twin[reversed]"]
    assert (twin["claim"], twin["twin"], twin["verdict"]) == ("processing", "reversed", "refuted")
    assert "certificate" not in twin
    assert twin["statement"] != own["statement"]
    (claim,) = select(catalogue(), ["C4"])
    assert claim.mended is not None
    mended = found["claims.c4::C4"]
    assert (mended["verdict"], mended["certificate"]) == (Conditional.name, claim.mended.hash)


def test_the_example_runs_from_its_own_folder(project: Path) -> None:
    """In a process of its own: tests that use the strategies, and claims, beside folders named checks and theory."""
    done = outside("--claims", "claims", "tests")
    assert (done.returncode, done.stderr) == (0, "")
    assert "11 passed" in done.stdout


def test_workers_find_the_same_and_a_failure_can_be_replayed(project: Path, pytester: pytest.Pytester) -> None:
    """A false claim fails among true ones under two workers; so does the command that is printed."""
    file, text = project / "it's mine.py", (project / "claims" / "my_claim.py").read_text()
    file.write_text(text.replace('expects="refuted"', 'twins=(Twin("it itself"),)'))
    spread = outside("--claims", "claims", "--claims", file.name, "-n", "2", "--junitxml", "spread.xml")
    assert spread.returncode == pytest.ExitCode.TESTS_FAILED
    assert "1 failed, 8 passed" in spread.stdout
    pytester.runpytest("--claims", "claims", "--claims", file.name, "--junitxml", "serial.xml")
    alone = properties(project / "serial.xml")
    assert all(alone.values())
    assert properties(project / "spread.xml") == alone

    report = re.compile(r"^keeps-distance: refuted.*? --claims .*?$", re.MULTILINE | re.DOTALL)
    (first,) = report.findall(spread.stdout)
    *lines, command = first.splitlines()
    quoted = """'it'"'"'s mine.py"""
    assert command.strip() == f"{sys.executable} -m pytest --claims {quoted}' {quoted}::keeps-distance'"
    for line in [
        "keeps-distance: refuted, where its author says true",
        "  claim      keeps-distance: a kernel keeps the total variation of two laws",
        "  source     my notes, page 3",
        "  statement  D[TV](p >> k, q >> k) = D[TV](p, q)",
        "  the law p",
        "  the kernel k, a row for each input",
        "  there, left = right fails:",
    ]:
        assert line in lines
    again = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert again.returncode == pytest.ExitCode.TESTS_FAILED
    assert report.findall(again.stdout) == [first]


def test_both_sides_are_exact_with_decimals(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(mine=SHORT.format(id="mine", twin="near").replace('"H(X) <= H(X,Y)"', '"H(X,Y) <= H(X)"'))
    result = pytester.runpytest("--claims", "mine.py", "mine.py::mine", "--claims-profile", "ci")
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(
        [
            "mine: refuted, where its author says true",
            "  engine     search (profile ci: 20 s and 2,000 instances an engine)",
            "  there, left <= right fails:",
            "    left   log(2)  about 0.69314*",
            "    right  0",
            "    *pytest --claims mine.py 'mine.py::mine' --claims-profile ci",
            "FAILED mine.py::mine - lmlaws.UnexpectedVerdictError: mine: refuted*",
        ]
    )


def test_a_twin_that_is_true_fails_with_the_proof(pytester: pytest.Pytester) -> None:
    source = SHORT.format(id="mine", twin="near").replace('"H(X,Y) <= H(X)"', '"H(X) <= H(X,Y) + H(Y)"')
    pytester.makepyfile(mine=source)
    result = pytester.runpytest("--claims", "mine.py")
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(
        [
            "the twin 'near' of mine: proved, where a twin must be refuted",
            "  statement  H(X) <= H(X,Y) + H(Y)",
            "*the checker accepts the certificate",
            "  right side - left side is the sum of",
            "    *pytest --claims mine.py 'mine.py::mine::twin[[]near]'",
        ]
    )


def test_undecided_is_a_failure_of_its_own(pytester: pytest.Pytester) -> None:
    """Neither skipped nor passed: the claim, and each twin by its own verdict."""
    pytester.makepyfile(mine=OPEN)
    result = pytester.runpytest("--claims", "mine.py", "--junitxml", "x.xml")
    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines(
        [
            "open: undecided",
            "*search: 0 instances met the hypotheses*",
            "the twin 'also open' of open: undecided",
            "the twin 'true' of open: proved, where a twin must be refuted",
            "FAILED mine.py::open - lmlaws.UndecidedError: open: undecided",
        ]
    )
    assert properties(pytester.path / "x.xml")["mine::open"]["verdict"] == "undecided"


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("def f(:\n", ['  File "*bad.py", line 1', "SyntaxError: *"]),
        ("def f():\n    raise RuntimeError('boom')\nf()\n", ["bad.py:3: in <module>", "bad.py:2: in f", "*boom"]),
        ("import sys\nsys.exit(0)\n", ["*SystemExit: 0"]),
        ("x = 1\n", ["*bad.py: defines no Claim at its top level"]),
        (SHORT.format(id="a", twin="b") + "y = Claim('a', 'b', 'H(X) <= H(X)', Source('c', 'd'))", ["*two claims*'a'"]),
    ],
)
def test_a_bad_file_is_a_collection_error(source: str, says: list[str], pytester: pytest.Pytester) -> None:
    pytester.makepyfile(bad=source, test_fine="def test_fine(): pass")
    result = pytester.runpytest("--claims", "bad.py", "test_fine.py")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*ERROR collecting bad.py*", *says])
    assert "importlib" not in result.stdout.str()


def test_a_folder_may_hold_other_files_but_not_only_those(project: Path, pytester: pytest.Pytester) -> None:
    pytester.mkpydir("nothing")
    (project / "claims" / "helper.py").write_text("x = 1\n")
    pytester.runpytest("--claims", "claims").assert_outcomes(passed=4)
    for arguments in [("--claims", "claims"), ("claims",), (".",)]:
        result = pytester.runpytest("--claims", "nothing", *arguments)
        assert result.ret == pytest.ExitCode.INTERRUPTED
        result.stdout.fnmatch_lines(["*ERROR collecting nothing*", "*no Python file in this folder defines a Claim"])


def test_last_failed_is_the_claim_or_the_twin(pytester: pytest.Pytester) -> None:
    """The claim and the collector of its twins have one name, and stay apart."""
    source = SHORT.format(id="mine", twin="near").replace('"H(X) <= H(X,Y)"', '"H(X,Y) <= H(X)"')
    pytester.makepyfile(mine=source)
    pytester.runpytest("--claims", "mine.py").assert_outcomes(failed=1, passed=1)
    assert ids(pytester.runpytest("--claims", "mine.py", "--lf", "--collect-only", "-q")) == ["mine.py::mine"]
    pytester.makepyfile(mine=SHORT.format(id="mine", twin="near").replace("H(X,Y) <= H(X)", "0 <= H(X)"))
    pytester.runpytest("--claims", "mine.py").assert_outcomes(failed=1, passed=1)
    found = ids(pytester.runpytest("--claims", "mine.py", "--lf", "--collect-only", "-q"))
    assert found == ["mine.py::mine::twin[near]"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--claims", "nowhere"), "ERROR: --claims nowhere: no such claim file or folder"),
        (("--claims", "mine.py::x"), "*did you mean --claims mine.py 'mine.py::x'?"),
        (("--claims", "notes.txt"), "*--claims notes.txt: a claim file is a Python file, [*].py"),
        (("--claims", "mine.py", "-o", "claims_profile=fast"), "*'fast' is none of dev, ci, nightly"),
        (("--claims", "mine.py", "--claims-profile", "fast"), "*argument --claims-profile: invalid choice: 'fast'*"),
    ],
)
def test_bad_arguments_are_usage_errors(arguments: tuple[str, ...], says: str, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(mine=SHORT.format(id="x", twin="y"))
    pytester.maketxtfile(notes="")
    result = pytester.runpytest(*arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([says])


@pytest.fixture
def hypothesis_default() -> Iterator[None]:
    """Hypothesis's own profile, whatever this run uses."""
    before = settings.get_current_profile_name()
    settings.load_profile("default")
    yield
    settings.load_profile(before)


MINE = "from hypothesis import settings\nsettings.register_profile('mine', max_examples=7)\n"
SEEN = """
from hypothesis import settings
def test_settings():
    now = settings()
    assert (now.max_examples, now.derandomize) == {wanted}
"""


@pytest.mark.usefixtures("hypothesis_default")
@pytest.mark.parametrize(
    ("arguments", "conftest", "wanted"),
    [
        ((), "", (100, False)),
        (("-o", "claims_profile=nightly"), "", (100, False)),
        (("--claims-profile", "dev"), "", (50, False)),
        (("--claims-profile", "ci"), "", (200, True)),
        (("--claims-profile", "nightly"), "", (2000, False)),
        (("--claims-profile", "ci"), MINE + "settings.load_profile('mine')", (7, False)),
        (("--claims-profile", "ci", "--hypothesis-profile", "mine"), MINE, (7, False)),
    ],
)
def test_the_option_brings_a_hypothesis_profile_unless_one_was_chosen(
    arguments: tuple[str, ...], conftest: str, wanted: tuple[int, bool], pytester: pytest.Pytester
) -> None:
    pytester.makeconftest(conftest)
    pytester.makepyfile(SEEN.format(wanted=wanted))
    pytester.runpytest(*arguments).assert_outcomes(passed=1)


def test_a_hypothesis_profile_is_there_by_its_name_alone(pytester: pytest.Pytester) -> None:
    """In a process that has not registered it yet."""
    pytester.makepyfile(test_seen=SEEN.format(wanted=(200, True)))
    assert outside("--hypothesis-profile", "lmlaws-ci", "test_seen.py").returncode == 0


def test_a_profile_of_the_user_named_ci_stays(hypothesis_default: None, pytester: pytest.Pytester) -> None:
    before = settings.get_profile("ci")
    pytester.makeconftest(MINE.replace("mine", "ci") + "settings.load_profile('ci')")
    pytester.makepyfile(SEEN.format(wanted=(7, False)))
    try:
        pytester.runpytest("--claims-profile", "ci").assert_outcomes(passed=1)
    finally:
        settings.register_profile("ci", before)


def test_the_ini_value_is_the_profile_of_the_engines(project: Path, pytester: pytest.Pytester) -> None:
    result = pytester.runpytest("--claims", "claims", "-o", "claims_profile=ci", "--junitxml", "x.xml")
    result.assert_outcomes(passed=4)
    assert {found["profile"] for found in properties(project / "x.xml").values()} == {"ci"}


def test_profiles_grow() -> None:
    dev, ci, nightly = PROFILES.values()
    assert dev.seconds < ci.seconds < nightly.seconds
    assert dev.instances < ci.instances < nightly.instances


def test_others_pay_for_one_module(tmp_path: Path) -> None:
    """A project without claims loads the plugin and nothing else of lmlaws, nor Hypothesis."""
    (tmp_path / "test_one.py").write_text("def test_one(): pass\n")
    code = (
        "import pytest, sys; assert pytest.main(['-q', '-p', 'no:hypothesispytest', 'test_one.py']) == 0;"
        "print(sorted(m for m in sys.modules if m.partition('.')[0] in ('lmlaws', 'hypothesis', 'flint', 'lark')))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "['lmlaws', 'lmlaws.plugin']"
