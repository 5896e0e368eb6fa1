"""The command line keeps its contract: exit codes, JSON fields, 80 columns, and text that stays text."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.commandline import Cli

from lmlaws.cli import app
from lmlaws.terminal import clean, plain_progress, table, wants_ascii
from lmlaws.theory.collect import catalogue, select

ROOT = Path(__file__).parent.parent
CHAIN = "I(X;Z) <= I(X;Y) given X -> Y -> Z"
REVERSED = "I(X;Y) <= I(X;Z) given X -> Y -> Z"
ZHANG_YEUNG = "2*I(C;D) <= I(A;B) + I(A;C,D) + 3*I(C;D|A) + I(C;D|B)"
BEYOND = f"{ZHANG_YEUNG} + I(E;F|G)"  # true, no consequence of Shannon's, and too wide for copies
HEAVY = {"torch", "sympy", "scipy", "matplotlib", "rich", "jinja2", "transformers", "hypothesis", "z3"}


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(capsys)


@pytest.fixture
def no_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lmlaws.checks.models.model_engines", lambda quick, progress: ())


def outside(
    *arguments: str, stdin: str | bytes = "", code: str = "", **environment: str
) -> subprocess.CompletedProcess[bytes]:
    """The command line in a process of its own; `code` runs before it there."""
    start = f"import sys\n{code}\nfrom lmlaws.cli import main\nmain()" if code else None
    command = [sys.executable, *(["-c", start] if start else ["-m", "lmlaws"]), *arguments]
    surroundings = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    data = stdin.encode() if isinstance(stdin, str) else stdin
    return subprocess.run(command, input=data, capture_output=True, env=surroundings, timeout=120)


# --- prove


@pytest.mark.parametrize(
    ("statement", "code", "verdict"),
    [
        (CHAIN, 0, "proved"),
        (REVERSED, 1, "refuted"),
        ("1.00000001*I(X;Z) <= I(X;Y) given X -> Y -> Z", 1, "refuted"),
        ("I(X;Y|Z) <= I(X;Y)", 1, "refuted"),
        ("k: X -> Y |- k >> copy[Y] = copy[X] >> k @ k", 1, "refuted"),
        ("det k: X -> Y |- k >> copy[Y] = copy[X] >> k @ k", 0, "proved"),
        ("-H(X) <= 0", 0, "proved"),
        ("- H(X) >= 0", 1, "refuted"),
    ],
)
def test_prove_exits_with_its_verdict(cli: Cli, statement: str, code: int, verdict: str) -> None:
    done, out, err = cli("prove", statement)
    assert (done, err) == (code, "")
    assert out.startswith(f"{verdict}  (engine: ")
    done, out, err = cli("prove", "--json", statement)
    assert (done, err) == (code, "")
    answer = json.loads(out)
    assert answer["verdict"] == verdict
    assert answer["statement"] == statement
    assert {"engine", "rests_on", "seconds", "version"} <= set(answer)
    assert ("certificate" in answer, "counterexample" in answer) == (verdict == "proved", verdict == "refuted")


def test_undecided_says_why_and_holds_is_no_verdict_on_a_statement(cli: Cli) -> None:
    code, out, _ = cli("prove", BEYOND, "--timeout", "1", "--json")
    answer = json.loads(out)
    assert (code, answer["verdict"]) == (2, "undecided")
    assert re.match(r"no counterexample in [\d,]+ instances, and no proof", answer["reason"])
    assert "certificate" not in answer
    code, out, _ = cli("prove", BEYOND, "--timeout", "1")
    assert code == 2
    assert "not a consequence of Shannon's inequalities" in out
    assert "--timeout 6" in out


def test_a_certificate_and_a_counterexample_have_the_contracts_fields(cli: Cli) -> None:
    certificate = json.loads(cli("prove", CHAIN, "--json")[1])["certificate"]
    assert list(certificate) == ["kind", "statement", "hash", "rests_on", "steps"]
    example = json.loads(cli("prove", REVERSED, "--json")[1])["counterexample"]
    assert (example["kind"], example["vars"]) == ("law", ["X", "Y", "Z"])
    assert len(example["law"]) == 4
    assert (example["left"], example["right"]) == ("log(2)", "0")
    example = json.loads(cli("prove", "k: X -> Y |- k >> copy[Y] = copy[X] >> k @ k", "--json")[1])["counterexample"]
    assert example["kernels"]["k"] == {"dom": [1], "cod": [2], "rows": [["1/2", "1/2"]]}


def test_a_refutation_shows_atoms_and_both_sides(cli: Cli) -> None:
    lines = cli("prove", REVERSED)[1].splitlines()
    assert "    0  0  0  1/2" in lines
    assert "    1  1  0  1/2" in lines
    assert any(re.match(r" +left +log\(2\) +about 0\.6931", line) for line in lines)


def test_a_proof_shows_what_adds_up(cli: Cli) -> None:
    lines = [line.split() for line in cli("prove", CHAIN)[1].splitlines()]
    assert ["1", "x", "I(X;Y|Z)", ">=", "0"] in lines
    assert ["-1", "x", "I(X;Z|Y)", "=", "0,", "given"] in lines
    out = cli("prove", "I(X;Y) >= 2*0 given Y = f(X), H(X) <= log|X|")[1]
    assert "proved" in out
    out = cli("prove", "f: X -> Y; k: Y -> Z |- f >> k = f >> k >> copy[Z] >> id[Z] @ discard[Z]")[1]
    assert "both sides" in out


@pytest.mark.parametrize("statement", ["", "H(X", "H(X) <= ", "--H(X)", "x" * 70_000, "H(é) >= 0", "\x1b[31m", "a\nb"])
def test_a_malformed_statement_is_usage_with_its_place(cli: Cli, statement: str) -> None:
    code, out, err = cli("prove", statement)
    assert (code, out) == (64, "")
    assert re.match(r"lmlaws: line \d+, column \d+: ", err)
    assert "\x1b" not in err
    assert max(map(len, err.splitlines())) < 300


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("bogus",),
        ("prove",),
        ("prove", "H(X) >= 0", "H(Y) >= 0"),
        ("prove", "H(X) >= 0", "--timeout", "nan"),
        ("prove", "H(X) >= 0", "--timeout", "0"),
        ("prove", "H(X) >= 0", "--timeout", "soon"),
        ("prove", "-"),
        ("prove", "-", "--json", "--save", "x.json"),
        ("audit", "--only", "Q99"),
        ("audit", "--bogus"),
        ("explain", "Q99"),
        ("recheck",),
        ("recheck", "x.json", "--statement", "H(X"),
        ("recheck", "x.json", "--claim", "Q99"),
        ("recheck", "x.json", "--claim", "C4", "--statement", "H(X) >= 0"),
        ("check",),
        ("--bogus",),
    ],
)
def test_bad_usage_exits_with_64(cli: Cli, arguments: tuple[str, ...]) -> None:
    code, out, err = cli(*arguments)
    assert (code, out) == (64, "")
    assert err.strip()


def test_a_stream_answers_line_by_line_and_goes_on(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    long = "H(X) >= 0" + " " * 200_000
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{CHAIN}\nbad one\n\n{long}\n{REVERSED}"))
    code, out, err = cli("prove", "-", "--json")
    answers = [json.loads(line) for line in out.splitlines()]
    assert (code, err) == (65, "")
    assert [answer.get("verdict", answer.get("line")) for answer in answers] == ["proved", 2, 3, 4, "refuted"]
    assert all({"error", "line", "column"} == set(answer) for answer in answers[1:4])
    assert answers[1]["column"] == 1
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{CHAIN}\n{REVERSED}\n"))
    assert cli("prove", "-", "--json")[0] == 0


def test_a_stream_survives_bytes_that_are_no_text() -> None:
    done = outside("prove", "-", "--json", stdin=b"H(X) >= 0\n\xff\xfe\nH(Y) >= 0\n")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 65
    assert [answer.get("verdict") for answer in answers] == ["proved", None, "proved"]
    assert done.stderr == b""


def test_answers_are_flushed_one_by_one() -> None:
    command = [sys.executable, "-m", "lmlaws", "prove", "-", "--json"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for _ in range(3):
            process.stdin.write("H(X) >= 0\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["verdict"] == "proved"


def test_a_reader_that_leaves_ends_the_stream_quietly() -> None:
    command = [sys.executable, "-m", "lmlaws", "prove", "-", "--json"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, text=True, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write("H(X) >= 0\n" * 2000)
        process.stdin.flush()
        process.stdout.readline()
        process.stdout.close()
        error = process.stderr.read()
        assert process.wait(60) == 141
        process.stdin = None  # nobody reads it any more
    assert error == ""


def test_prove_loads_nothing_heavy() -> None:
    code = "import atexit; atexit.register(lambda: print('LOADED', *sorted({m.split('.')[0] for m in sys.modules})))"
    for statement in (CHAIN, REVERSED, "det k: X -> Y |- k >> copy[Y] = copy[X] >> k @ k"):
        done = outside("prove", statement, code=code)
        assert done.returncode in (0, 1)
        loaded = set(done.stdout.decode().split("LOADED")[1].split())
        assert "lmlaws" in loaded
        assert not loaded & HEAVY


# --- recheck


@pytest.fixture
def proof(cli: Cli, tmp_path: Path) -> Path:
    path = tmp_path / "proof.json"
    assert cli("prove", CHAIN, "--save", str(path))[0] == 0
    return path


def test_recheck_accepts_a_saved_proof_for_its_statement_alone(cli: Cli, proof: Path) -> None:
    code, out, _ = cli("recheck", str(proof))
    assert code == 0
    assert out.startswith("accepted")
    assert "I(X;Z) <= I(X;Y)" in out
    assert cli("recheck", str(proof), "--statement", CHAIN)[0] == 0
    for other in (REVERSED, "I(X;Z) <= I(X;Y)", "-H(X) <= 0"):
        code, out, _ = cli("recheck", str(proof), "--statement", other)
        assert code == 1
        assert out.startswith("rejected")
    assert cli("recheck", str(proof), "--claim", "C4")[0] == 1


def test_recheck_rejects_a_changed_coefficient(cli: Cli, proof: Path) -> None:
    certificate = json.loads(proof.read_text())
    certificate["steps"]["<="][0][0] = "2"
    proof.write_text(json.dumps(certificate))
    assert cli("recheck", str(proof))[0] == 1


@pytest.mark.parametrize("data", [b"not json", b"", b"\xff\xfe{}", b'{"kind": "shannon"'], ids=range(4))
def test_recheck_says_65_to_what_is_no_certificate_at_all(cli: Cli, tmp_path: Path, data: bytes, proof: Path) -> None:
    path = tmp_path / "bad.json"
    path.write_bytes(data)
    code, _, err = cli("recheck", str(path))
    assert code == 65
    assert "bad.json" in err
    assert cli("recheck", str(proof), str(path))[0] == 65
    assert cli("recheck", str(path), str(proof))[0] == 65


NO_PROOF = ["{}", "[]", "3", '{"a": NaN}', "[" * 100_000 + "]" * 100_000, " " * 5_000_000, "9" * 5000]


@pytest.mark.parametrize("text", NO_PROOF, ids=range(len(NO_PROOF)))
def test_recheck_rejects_json_that_is_no_proof(cli: Cli, tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text)
    assert cli("recheck", str(path))[0] == 1


def test_recheck_names_a_missing_file(cli: Cli, tmp_path: Path) -> None:
    code, _, err = cli("recheck", str(tmp_path / "none.json"))
    assert code == 65
    assert "none.json" in err
    assert cli("recheck", str(tmp_path))[0] == 65


def test_nothing_is_saved_for_a_refuted_statement(cli: Cli, tmp_path: Path) -> None:
    code, _, err = cli("prove", REVERSED, "--save", str(tmp_path / "none.json"))
    assert code == 1
    assert "nothing saved" in err
    assert list(tmp_path.iterdir()) == []


def test_a_proof_that_cannot_be_saved_names_the_path(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, _, err = cli("prove", CHAIN, "--save", str(tmp_path / "file" / "proof.json"))
    assert code == 70
    assert "file" in err


# --- check

FIELDS = {"id", "statement", "verdict", "engine", "rests_on", "twins", "as_expected", "seconds", "version"}
CLAIMS = """
from lmlaws import Claim, Source, Twin, parse
LAW = parse("{statement}").about
claim = Claim(
    {name!r}, {says!r}, "{statement}", Source({work!r}, "p. 1"), expects="{expects}", neighbour="none",
    twins=({twins}),
)
"""


def claim_file(folder: Path, statement: str, expects: str = "true", **fields: str) -> Path:
    path = folder / "claims.py"
    known = {"name": "U1", "says": "a claim of a user", "work": "own work", "twins": "", **fields}
    path.write_text(CLAIMS.format(statement=statement, expects=expects, **known), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("statement", "expects", "code"),
    [(CHAIN, "true", 0), (REVERSED, "refuted", 0), (REVERSED, "true", 1), (CHAIN, "refuted", 1)],
)
def test_check_compares_with_the_authors_expectation(
    cli: Cli, tmp_path: Path, statement: str, expects: str, code: int
) -> None:
    path = claim_file(tmp_path, statement, expects)
    done, out, _ = cli("check", str(path))
    assert done == code
    assert "U1" in out
    assert ("NOT as expected" in out) == (code == 1)
    assert ("again: lmlaws check" in out) == (code == 1)
    done, out, _ = cli("check", "--json", str(tmp_path))
    answer = json.loads(out)
    assert done == code
    assert set(answer) >= FIELDS


def test_check_exits_with_2_when_nothing_decides(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "claims.py"
    path.write_text(
        "from lmlaws import Claim, Source, LessEq\nfrom lmlaws.theory.expressions import Symbol\n"
        "c = Claim('U1', 'nothing tried', LessEq(Symbol('a'), Symbol('b')), Source('w', 'p'))\n"
    )
    code, out, _ = cli("check", str(path))
    assert code == 2
    assert "undecided" in out


UNREADABLE = [
    "x = (",
    "1 / 0",
    "import no_such_module_anywhere",
    "x = 3",
    "from lmlaws import Claim\nClaim('', '', 'H(X) >= 0', None)",
    "from lmlaws import Claim, Source\nc = Claim('a', 'b', 'H(X >= 0', Source('w', 'p'))",
]


@pytest.mark.parametrize("source", UNREADABLE, ids=range(len(UNREADABLE)))
def test_a_claim_file_that_cannot_be_read_is_malformed_data(cli: Cli, tmp_path: Path, source: str) -> None:
    path = tmp_path / "claims.py"
    path.write_text(source)
    code, out, err = cli("check", str(path))
    assert (code, out) == (65, "")
    assert "claims.py" in err


def test_a_missing_path_is_malformed_data(cli: Cli, tmp_path: Path) -> None:
    assert cli("check", str(tmp_path / "none.py"))[0] == 65


def test_one_file_given_twice_is_read_once(cli: Cli, tmp_path: Path) -> None:
    path = claim_file(tmp_path, CHAIN)
    code, out, _ = cli("check", "--json", str(path), str(tmp_path), str(path))
    assert code == 0
    assert len(out.splitlines()) == 1


def test_a_broken_engine_is_an_internal_error(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.fakes import BrokenEngine

    path = claim_file(tmp_path, CHAIN)
    monkeypatch.setattr("lmlaws.commands.audit.exact_engines", lambda: (BrokenEngine(name="broken"),))
    code, _, err = cli("check", str(path))
    assert code == 70
    assert "a fault of this engine; engine broken; claim U1" in err
    assert "LMLAWS_DEBUG=1" in err


HOSTILE = "[red]x[/red] <script>alert(1)</script> \x1b[31m \u202e é ]]> {{7*7}} \n %s"


def test_hostile_text_of_claims_stays_text(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    path = claim_file(tmp_path, CHAIN, name="U[b]1[/b]\x1b[2J", says=HOSTILE, work=HOSTILE)
    code, out, err = cli("check", str(path))
    assert code == 0
    assert not {"\x1b", "\u202e"} & set(out + err)
    assert "[red]x[/red]" in out
    assert "{{7*7}}" in out
    assert "\\x1b[31m" in out


# --- audit


@pytest.mark.usefixtures("no_models")
def test_an_audit_writes_results_certificates_and_the_report_and_resumes(cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, said, progress = cli("audit", "--out", str(out), "--quick", "--only", "C4", "S1.a,D7.a")
    assert code == 0
    assert "[3/3]" in progress
    data = json.loads((out / "results.json").read_text())
    assert [result["id"] for result in data["results"]] == ["C4", "D7.a", "S1.a"]
    assert [result["verdict"] for result in data["results"]] == ["conditional", "refuted", "proved"]
    assert sorted(path.name for path in (out / "certificates").iterdir()) == ["C4+mended.json", "S1.a.json"]
    assert "S1.a" in (out / "report.html").read_text()
    assert cli("recheck", *map(str, (out / "certificates").glob("*.json")))[0] == 0
    assert cli("recheck", str(out / "certificates" / "C4+mended.json"), "--claim", "C4")[0] == 0
    before = {path: path.read_bytes() for path in (out / "results.json", out / "report.html")}
    again = cli("audit", "--out", str(out), "--quick", "--only", "C4", "--only", "S1.a", "--only", "D7.a")
    assert (again[0], again[1]) == (code, said)
    assert "3 of 3 results were there already" in again[2]
    assert before == {path: path.read_bytes() for path in before}


@pytest.mark.usefixtures("no_models")
def test_an_audit_fits_80_columns_and_says_what_to_do_next(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = cli("audit", "--quick", "--only", "C3", "C4", "D7.a", "S1.a", "G1.a")
    assert code == 0
    assert max(map(len, (out + err).splitlines())) <= 80
    assert out.splitlines()[-4:] == [
        "Read on:",
        "  open out/report.html",
        "  lmlaws explain C4",
        "  lmlaws recheck out/certificates/*.json",
    ]
    code, out, _ = cli("explain", "C4")
    assert code == 0
    assert "conditional, as expected" in out
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.usefixtures("no_models")
def test_an_output_folder_that_cannot_be_made_is_named(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, _, err = cli("audit", "--out", str(tmp_path / "file" / "out"), "--only", "C3")
    assert code == 70
    assert str(tmp_path / "file") in err


@pytest.mark.usefixtures("no_models")
def test_a_corrupt_store_is_set_aside_with_a_warning(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "store.sqlite").write_text("rubbish")
    code, _, err = cli("audit", "--out", str(tmp_path), "--only", "C3")
    assert code == 0
    assert "store.sqlite.aside-1" in err


SLOWLY = """
import lmlaws.commands.audit as audit
from tests.fakes import FakeEngine
audit.exact_engines = lambda: (FakeEngine(pause=0.2),)
import lmlaws.checks.models as models
models.model_engines = lambda quick, progress: ()
"""


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_audit_says_what_is_done_and_goes_on(tmp_path: Path, sent: signal.Signals) -> None:
    start = f"{SLOWLY}\nfrom lmlaws.cli import main\nmain()"
    command = [sys.executable, "-c", start, "audit", "--out", str(tmp_path), "--only", "S1", "S2"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # tests in the background inherit that it is ignored
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment, preexec_fn=heard) as process:
        assert process.stderr is not None
        first = process.stderr.readline()
        process.send_signal(sent)
        rest = process.stderr.read()
        assert process.wait(60) == 130
    count = len(select(catalogue(), ["S1", "S2"]))
    assert first.startswith(f"[1/{count}]")
    done = re.search(rf"interrupted after (\d+) of {count} claims", rest)
    assert done is not None
    assert "Traceback" not in rest
    second = outside("audit", "--out", str(tmp_path), "--only", "S1", "S2", code=SLOWLY)
    assert f"{done[1]} of {count} results were there already" in second.stderr.decode()
    assert len(json.loads((tmp_path / "results.json").read_text())["results"]) == count


def test_an_interrupted_proof_exits_with_130(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("lmlaws.commands.prove.decide", interrupted)
    code, _, err = cli("prove", CHAIN)
    assert (code, err) == (130, "lmlaws: interrupted\n")


# --- list, explain, doctor, help


def test_list_names_every_claim(cli: Cli) -> None:
    from lmlaws.theory.collect import catalogue

    code, out, _ = cli("list", "--json")
    assert code == 0
    listed = [json.loads(line) for line in out.splitlines()]
    assert [one["id"] for one in listed] == [claim.id for claim in catalogue()]
    assert all({"id", "says", "statement", "hash", "source", "expects", "mend", "twins"} == set(one) for one in listed)
    code, out, _ = cli("list")
    assert code == 0
    assert all(re.search(rf"^{re.escape(one['id'])} ", out, re.M) for one in listed)
    assert max(map(len, out.splitlines())) <= 80


def test_explain_takes_a_family_and_knows_what_was_not_judged(cli: Cli, tmp_path: Path) -> None:
    code, out, _ = cli("explain", "D7", "--out", str(tmp_path))
    assert code == 0
    assert "D7.a: " in out
    assert "D7.b: " in out
    assert "not judged yet: lmlaws audit --only D7.a" in out
    (tmp_path / "results.json").write_text("{")
    assert cli("explain", "D7.a", "--out", str(tmp_path))[0] == 65


def test_doctor_shows_what_is_there_and_how_to_mend_what_is_not(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LMLAWS_CACHE", str(tmp_path / "cache"))
    code, out, _ = cli("doctor")
    assert code == 0
    assert re.search(r"^lark +\d", out, re.M)
    assert "search" in out
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LMLAWS_CACHE", str(tmp_path / "file" / "cache"))
    code, out, _ = cli("doctor")
    assert code == 1
    assert "export LMLAWS_CACHE" in out
    monkeypatch.setattr("lmlaws.commands.doctor._requirements", lambda: iter([("no-such-thing", ">=1", None)]))
    code, out, _ = cli("doctor")
    assert code == 1
    assert "-m pip install 'no-such-thing>=1'" in out


COMMANDS = [info.name or getattr(info.callback, "__name__", "") for info in app.registered_commands]


@pytest.mark.parametrize("command", COMMANDS)
def test_each_commands_help_teaches_with_an_example(cli: Cli, command: str) -> None:
    code, out, _ = cli(command, "--help")
    assert code == 0
    assert f"    lmlaws {command}" in out
    assert max(map(len, out.splitlines())) <= 80


def test_help_version_and_no_command(cli: Cli) -> None:
    code, out, _ = cli("--help")
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80
    assert all(f"\n  {command} " in out for command in COMMANDS)
    assert "Exit codes" in out
    assert cli("--version")[:2] == (0, "lmlaws 0.1.0\n")
    code, out, err = cli()
    assert (code, out) == (64, "")
    assert "First steps" in err


def test_the_module_runs() -> None:
    done = outside("prove", "--H(X) >= 0")
    assert done.returncode == 0
    assert done.stdout.startswith(b"proved")


# --- the terminal


def test_control_characters_are_made_visible() -> None:
    assert clean("a\x1b[31m\nb\u202e\udcff\x00é") == "a\\x1b[31m\\nb\\u202e\\udcff\\x00é"


def test_tables_fit_and_lose_nothing() -> None:
    rows = [["C4", "a long sentence about kernels " * 5, "x" * 150]]
    lines = table(("id", "says", "word"), rows, 80)
    assert max(map(len, lines)) <= 80
    assert "".join(lines).count("x") == 150
    assert " ".join(lines).count("kernels") == 5
    assert table((), [], 80) == []


@pytest.mark.parametrize(
    ("environment", "ascii_wanted"),
    [
        ({}, True),
        ({"LANG": "C"}, True),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, True),
        ({"LANG": "en_US.UTF-8"}, False),
        ({"LANG": "C.UTF-8"}, False),
        ({"LC_ALL": "C", "LANG": "en_US.UTF-8"}, True),
        ({"LC_ALL": "C.UTF-8", "LANG": "C"}, False),
        ({"LC_CTYPE": "de_DE.UTF-8", "LANG": "C"}, False),
    ],
)
def test_the_locale_decides_about_ascii(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], ascii_wanted: bool
) -> None:
    for name in ("LC_ALL", "LC_CTYPE", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert wants_ascii() == ascii_wanted


def test_output_is_ascii_in_the_c_locale(tmp_path: Path) -> None:
    path = claim_file(tmp_path, CHAIN, says="café ∀")
    plain = {"LC_ALL": "", "LC_CTYPE": "", "LANG": "C"}
    done = outside("check", str(path), "--json", **plain)
    assert done.returncode == 0
    done = outside("check", str(path), **plain)
    assert (done.stdout + done.stderr).isascii()
    rich = outside("explain", "S6", LC_ALL="C.UTF-8")
    assert rich.returncode == 0


def test_plain_progress_is_thinned_out(capsys: pytest.CaptureFixture[str]) -> None:
    update = plain_progress()
    for i in range(1001):
        update(i, 1000, "training \x1b[2J")
    for i in range(1, 4):
        update(i, 3, "judging")
    lines = capsys.readouterr().err.splitlines()
    assert lines[-3:] == [f"[{i}/3] judging" for i in range(1, 4)]
    assert 15 <= len(lines) <= 30
    assert "\x1b" not in "".join(lines)


# --- the Python face


def test_importing_the_package_costs_nothing_and_every_public_name_is_there() -> None:
    code = """
import sys, lmlaws
print(sorted(m for m in sys.modules if m.startswith("lmlaws")))
from lmlaws import *
assert all(getattr(lmlaws, name) is globals()[name] for name in lmlaws.__all__)
print(lmlaws.__version__, sorted(lmlaws.__all__) == sorted(set(lmlaws.__all__) & set(dir(lmlaws))))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "['lmlaws']\n0.1.0 True\n"


def test_an_unknown_name_is_an_attribute_error() -> None:
    import lmlaws

    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        lmlaws.nothing  # noqa: B018


def test_prove_and_check_from_python() -> None:
    import lmlaws
    from lmlaws.theory.collect import catalogue, select

    assert lmlaws.prove(CHAIN).name == "proved"
    assert lmlaws.prove(lmlaws.parse(REVERSED)).name == "refuted"
    assert lmlaws.prove(BEYOND, seconds=0.5).name == "undecided"
    assert lmlaws.prove(ZHANG_YEUNG).name == "proved"
    assert lmlaws.check(select(catalogue(), ["C4"])[0]).verdict.name == "conditional"
    with pytest.raises(lmlaws.LanguageError, match="column 4"):
        lmlaws.prove("H(X")
