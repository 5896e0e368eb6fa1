"""The pytest plugin: `pytest --claims PATH` makes a test of every claim in a file or folder, and one of each twin.

A claim's test passes when the verdict is its author's, a twin's when the twin is refuted; undecided is a failure of its
own kind. The tests of `mine.py` are `mine.py::mine` and `mine.py::mine::twin[reversed]`. Projects that state no claim
pay for this module alone, which imports pytest and the standard library; the rest is loaded where --claims is given.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from abc import abstractmethod
from collections.abc import Generator, Iterable, Iterator
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

if TYPE_CHECKING:
    from .checks.engine import Budget, Engine
    from .checks.verdicts import Verdict
    from .theory.claims import Claim
    from .theory.statements import Statement

MARKERS = (
    "claim(id): a test of a claim or of one of its twins, collected by --claims",
    "twin(name): a test that a near-miss of a claim is refuted, collected by --claims",
)


class Profile(NamedTuple):
    """What a run may cost: seconds and instances of an engine on a statement, examples of a Hypothesis test."""

    name: str
    seconds: float
    instances: int
    examples: int
    derandomize: bool

    def __str__(self) -> str:
        return f"profile {self.name}: {self.seconds:g} s and {self.instances:,} instances an engine"


PROFILES = {
    profile.name: profile
    for profile in (
        Profile("dev", 10, 500, 50, derandomize=False),
        Profile("ci", 20, 2_000, 200, derandomize=True),
        Profile("nightly", 120, 20_000, 2_000, derandomize=False),
    )
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options --claims and --claims-profile, and the ini value claims_profile."""
    group = parser.getgroup("lmlaws", "claims (lmlaws)")
    group.addoption(
        "--claims",
        action="append",
        default=[],
        metavar="PATH",
        help="Test the claims of a Python file, or of those below a folder; may be repeated. Without other arguments"
        " nothing else is tested. The files run as your own code.",
    )
    group.addoption(
        "--claims-profile",
        choices=tuple(PROFILES),
        help="How long engines may work on a claim, dev (the default), ci or nightly; given here, Hypothesis tests use"
        " the profile lmlaws-dev, lmlaws-ci or lmlaws-nightly, unless a profile of yours is loaded.",
    )
    parser.addini("claims_profile", "the profile of --claims where --claims-profile is not given", default="dev")


@pytest.hookimpl(tryfirst=True)  # before Hypothesis's own plugin loads the profile that --hypothesis-profile names
def pytest_configure(config: pytest.Config) -> None:
    """Documents the markers; sets up claims and Hypothesis profiles where options ask for them."""
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    asked = config.getoption("--claims-profile")
    name = asked or config.getini("claims_profile")
    if name not in PROFILES:
        raise pytest.UsageError(f"claims_profile: {name!r} is none of {', '.join(PROFILES)}")
    wanted = config.getoption("--hypothesis-profile", None) or ""
    if asked or wanted.startswith("lmlaws-"):
        _hypothesis_profiles(None if wanted else asked)
    if config.getoption("--claims"):
        config.pluginmanager.register(Claims(config, PROFILES[name]), Claims.name)


def _hypothesis_profiles(loaded: str | None) -> None:
    """Registers the profiles for Hypothesis; loads one where the active profile is still Hypothesis's own."""
    from hypothesis import settings

    for profile in PROFILES.values():
        settings.register_profile(
            f"lmlaws-{profile.name}",
            max_examples=profile.examples,
            deadline=None,
            derandomize=profile.derandomize,
        )
    # "ci" is Hypothesis's own choice where the variable CI is set, but may have been registered anew by the user
    untouched = settings.get_current_profile_name() in ("default", "ci") and settings().max_examples == 100
    if loaded is not None and untouched:
        settings.load_profile(f"lmlaws-{loaded}")


class Claims:
    """The hooks of a run with --claims: which files hold claims, and what those are judged with."""

    name = "lmlaws-claims"

    def __init__(self, config: pytest.Config, profile: Profile) -> None:
        self.config, self.profile = config, profile
        self.roots = tuple(dict.fromkeys(_root(config, text) for text in config.getoption("--claims")))
        self.whole: list[Path] = []
        self.found: set[Path] = set()
        config.args[:] = self._arguments()

    @cached_property
    def engines(self) -> tuple[Engine, ...]:
        from .checks.judge import exact_engines

        return exact_engines()

    @cached_property
    def budget(self) -> Budget:
        from .checks.engine import Budget

        return Budget(self.profile.seconds, self.profile.instances)

    def _arguments(self) -> list[str]:
        """What pytest collects: the paths of --claims beside its own arguments, which may select single claims.

        An option on the command line asks for its claims, and for no test that isn't asked for; one in `addopts` adds
        claims to a run of the whole suite.
        """
        config = self.config
        here = any(word.partition("=")[0] == "--claims" for word in config.invocation_params.args)
        selected = config.args_source is pytest.Config.ArgsSource.ARGS
        if selected and not here:
            return config.args
        kept = config.args if selected or not here else []
        paths = [_absolute(config, argument.partition("::")[0]) for argument in kept]
        self.whole = [root for root in self.roots if not any(path.is_relative_to(root) for path in paths)]
        around = (*paths, *self.roots)  # before pytest 9, a folder and a part of it as arguments meant the part alone
        return [*kept, *(str(r) for r in self.whole if not any(r != p and r.is_relative_to(p) for p in around))]

    @pytest.hookimpl(wrapper=True)
    def pytest_collect_file(
        self, file_path: Path, parent: pytest.Collector
    ) -> Generator[None, list[pytest.Collector], list[pytest.Collector]]:
        """A claim file is read as such, and by others only where it is named like a file of tests."""
        others = yield
        if file_path.suffix != ".py" or not any(file_path.is_relative_to(root) for root in self.roots):
            return others
        is_test = any(fnmatch(file_path.name, pattern) for pattern in self.config.getini("python_files"))
        file = ClaimFile.from_parent(parent, path=file_path, nodeid=_file_id(self.config, file_path), run=self)
        return [file, *others] if is_test else [file]

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, session: pytest.Session) -> None:
        """Reports a folder without a claim as a collection error, which workers pass on where a usage error is lost."""
        for root in self.whole if not session.testsfailed else ():
            if root.is_dir() and not any(file.is_relative_to(root) for file in self.found):
                problem = f"{root}: no Python file in this folder defines a Claim"
                failed = pytest.CollectReport(_file_id(self.config, root), "failed", problem, [])
                session.ihook.pytest_collectreport(report=failed)

    def pytest_report_header(self) -> str:
        """The profile, as a line."""
        return f"claims: {self.profile}"


def _absolute(config: pytest.Config, path: str) -> Path:
    return Path(os.path.abspath(config.invocation_params.dir / path))


def _root(config: pytest.Config, text: str) -> Path:
    """The absolute path of a value of --claims. Raises UsageError where there is no such claim file or folder."""
    path = _absolute(config, text)
    if not path.exists():
        hint = f"; did you mean --claims {text.partition('::')[0]} '{text}'?" if "::" in text else ""
        raise pytest.UsageError(f"--claims {text}: no such claim file or folder{hint}")
    if path.is_file() and path.suffix != ".py":
        raise pytest.UsageError(f"--claims {text}: a claim file is a Python file, *.py")
    return path


def _file_id(config: pytest.Config, file: Path) -> str:
    """The node id of a file; outside the root folder pytest's own would leave out the folders, and not be unique."""
    return Path(os.path.relpath(file, config.rootpath)).as_posix()


class ClaimFile(pytest.File):
    """A Python file whose claims are tested."""

    def __init__(self, *, run: Claims, **rest: Any) -> None:
        super().__init__(**rest)
        self.run = run

    def collect(self) -> Iterator[pytest.Item | pytest.Collector]:
        """For each claim its test, and a collector of the same name with the tests of its twins."""
        claims = self._claims()
        if claims:
            self.run.found.add(self.path)
        elif self.path in self.run.roots:
            raise self.CollectError(f"{self.path}: defines no Claim at its top level")
        for claim in claims:
            name = node_name(claim.id)
            yield ClaimItem.from_parent(self, name=name, run=self.run, claim=claim)
            if claim.twins:
                yield Twins.from_parent(self, name=name, nodeid=f"{self.nodeid}::{name}::twin", claim=claim)

    def _claims(self) -> tuple[Claim, ...]:
        from .theory import collect

        try:
            return collect.in_order(collect.claims_in(collect.load(self.path)))
        except (Exception, SystemExit) as problem:
            raise self.CollectError(f"{self.path}: this claim file fails\n{self._trace(problem)}") from problem

    def _trace(self, problem: BaseException) -> str:
        """Where the user's code failed, without the frames that lead to it."""
        info = pytest.ExceptionInfo.from_exception(problem)
        own = info.traceback.cut(path=self.path)
        if own is info.traceback:
            return info.exconly()
        info.traceback = own
        return str(info.getrepr(style="short"))


def node_name(identifier: str) -> str:
    """An id as a name of a node: ASCII, without the signs that separate the parts of a node id."""
    text = identifier.encode("unicode_escape").decode("ascii")
    return re.sub(r"\[|:(?=:|$)", lambda sign: rf"\x{ord(sign[0]):02x}", text)


class Twins(pytest.Collector):
    """The twins of a claim."""

    parent: ClaimFile

    def __init__(self, *, claim: Claim, **rest: Any) -> None:
        super().__init__(**rest)
        self.claim = claim

    def collect(self) -> Iterator[pytest.Item]:
        """A test for each twin."""
        for twin in self.claim.twin_statements:
            name = f"twin[{twin.encode('unicode_escape').decode('ascii')}]"
            nodeid = f"{self.parent.nodeid}::{self.name}::{name}"
            yield TwinItem.from_parent(self, name=name, nodeid=nodeid, run=self.parent.run, claim=self.claim, twin=twin)


class UnexpectedVerdictError(Exception):
    """A claim or twin did not come out as its author says; the text says how, and what replays it."""

    __module__ = "lmlaws"


class UndecidedError(UnexpectedVerdictError):
    """A claim or twin was neither shown true nor false; the text says why."""

    __module__ = "lmlaws"


class StatementItem(pytest.Item):
    """The test of one statement: a claim's, or a twin's."""

    statement: Statement
    subject: str
    wanted: str

    def __init__(self, *, run: Claims, claim: Claim, **rest: Any) -> None:
        super().__init__(**rest)
        self.run, self.claim = run, claim
        self.add_marker(pytest.mark.claim(claim.id))

    @abstractmethod
    def judge(self) -> tuple[Verdict, bool | None]:
        """The verdict, and whether it is as expected; None where it is not decided."""

    def runtest(self) -> None:
        """Judges the statement. Raises UnexpectedVerdictError or UndecidedError, with the report as their text."""
        verdict, as_expected = self.judge()
        self.user_properties += [("profile", self.run.profile.name), *_properties(self, verdict)]
        if as_expected is None:
            raise UndecidedError(report(self, verdict, f"{self.subject}: undecided"))
        if not as_expected:
            raise UnexpectedVerdictError(report(self, verdict, f"{self.subject}: {verdict.name}, where {self.wanted}"))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The report, without a traceback; other exceptions are faults and keep theirs."""
        if isinstance(excinfo.value, UnexpectedVerdictError):
            return excinfo.getrepr(style="value")
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        return self.path, None, self.nodeid.partition("::")[2]


class ClaimItem(StatementItem):
    """The test of a claim's own statement, with its mended form."""

    def __init__(self, **rest: Any) -> None:
        super().__init__(**rest)
        self.statement, self.subject = self.claim.statement, self.claim.id
        self.wanted = f"its author says {self.claim.expects}"

    def judge(self) -> tuple[Verdict, bool | None]:
        from .checks.judge import as_expected, judge_alone

        verdict = judge_alone(self.claim, self.run.engines, self.run.budget).verdict
        return verdict, as_expected(self.claim, verdict, ())


class TwinItem(StatementItem):
    """The test that a twin is refuted."""

    wanted = "a twin must be refuted"

    def __init__(self, *, twin: str, **rest: Any) -> None:
        super().__init__(**rest)
        self.statement, self.subject = self.claim.twin_statements[twin], f"the twin {twin!r} of {self.claim.id}"
        self.user_properties.append(("twin", twin))
        self.add_marker(pytest.mark.twin(twin))

    def judge(self) -> tuple[Verdict, bool | None]:
        from .checks.judge import judge_twin
        from .checks.verdicts import Refuted, Undecided

        verdict = judge_twin(self.statement, self.run.engines, self.run.budget)
        return verdict, None if isinstance(verdict, Undecided) else isinstance(verdict, Refuted)


def _properties(item: StatementItem, verdict: Verdict) -> Iterator[tuple[str, str]]:
    """What the JUnit XML says of a statement. `certificate_sha256` is that of the file which `lmlaws` saves."""
    from hashlib import sha256

    from .checks.evidence import dumps

    evidence = verdict.evidence()
    certificate = evidence.get("certificate") or evidence.get("under", {}).get("certificate")
    yield from (("claim", item.claim.id), ("statement", item.statement.hash))
    yield from (("verdict", verdict.name), ("engine", verdict.engine))
    if certificate is not None:
        yield "certificate", certificate["hash"]
        yield "certificate_sha256", sha256(dumps(certificate).encode("ascii")).hexdigest()


def report(item: StatementItem, verdict: Verdict, headline: str) -> str:
    """A failure in words: the statement, what was found, exact values included, and the command that replays it."""
    from .terminal import clean, paragraph, table

    claim = item.claim
    rows = [
        ("claim", f"{claim.id}: {claim.says}"),
        ("source", str(claim.source)),
        ("statement", str(item.statement)),
        ("engine", f"{verdict.engine} ({item.run.profile})"),
    ]
    return "\n".join(
        [
            clean(headline),
            *("  " + line for line in table((), rows, 78)),
            "",
            *_evidence(item.statement, verdict),
            "",
            *paragraph(f"again, from {item.config.invocation_params.dir}:"),
            f"    {replay(item)}",
        ]
    )


def _evidence(statement: Statement, verdict: Verdict) -> Iterable[str]:
    """What was found, as lines."""
    from .checks.verdicts import Conditional, Holds, Proved, Refuted, Undecided
    from .evidence_text import counterexample_lines, proof_lines
    from .terminal import paragraph

    if isinstance(verdict, Refuted):
        yield from counterexample_lines(verdict.counterexample)
    elif isinstance(verdict, Conditional):
        yield from counterexample_lines(verdict.refuted.counterexample)
        yield from paragraph(f"under the hypothesis {verdict.hypothesis!r} it is {verdict.under.name}")
    elif isinstance(verdict, Proved):
        yield from paragraph(f"rests on {', '.join(verdict.rests_on)}; the checker accepts the certificate")
        yield from proof_lines(statement, verdict.certificate)
    elif isinstance(verdict, Holds):
        yield from paragraph(f"no counterexample in {verdict.summary()}")
    elif isinstance(verdict, Undecided):
        for reason in verdict.reason.split("; "):
            yield from paragraph(reason, indent="    ", first="  - ")


def replay(item: StatementItem) -> str:
    """The command that runs one test again from the folder where this run was started."""
    config, profile = item.config, item.run.profile.name
    file = os.path.relpath(item.path, config.invocation_params.dir)
    test = f"{file}::{item.nodeid.partition('::')[2]}".replace("'", "'\"'\"'")
    command = f"{_pytest(config)} --claims {shlex.quote(file)} '{test}'"
    explicit = config.getoption("--claims-profile") or profile != "dev"
    return f"{command} --claims-profile {profile}" if explicit else command


def _pytest(config: pytest.Config) -> str:
    """How pytest was started: by its script, or as a module, which puts the working folder on the path."""
    arguments = getattr(config, "workerinput", {}).get("mainargv", sys.argv)
    folder, python = Path(sys.executable).parent, shutil.which("python")
    if Path(arguments[0]).name == "pytest" and shutil.which("pytest") == str(folder / "pytest"):
        return "pytest"
    return f"{'python' if python == sys.executable else shlex.quote(sys.executable)} -m pytest"
