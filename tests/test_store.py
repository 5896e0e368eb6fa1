"""The store keeps results through kills, damage and company, and doubts what it reads back."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.fakes import WHERE, FakeEngine, claim

from lmlaws.checks.engine import Budget
from lmlaws.checks.judge import as_json, judge
from lmlaws.checks.provers.shannon import ShannonProver
from lmlaws.checks.store import Store, certificate_name, file_stem, key_of
from lmlaws.theory.claims import Claim
from lmlaws.theory.language import parse

ROOT = Path(__file__).parent.parent
BUDGET = Budget(5.0, 10)


def proved(name: str = "P1") -> Claim:
    return Claim(name, "processing adds no information", "I(X;Z) <= I(X;Y) given X -> Y -> Z", WHERE)


def result_of(one: Claim, engine: Any = None) -> dict[str, Any]:
    return as_json(judge(one, [engine or FakeEngine()], BUDGET), "0")


@pytest.fixture
def warnings() -> list[str]:
    return []


def test_a_result_comes_back_as_it_was(tmp_path: Path, warnings: list[str]) -> None:
    one = claim()
    key, result = key_of(one, [FakeEngine()], BUDGET), result_of(one)
    with Store(tmp_path / "deep" / "out", warnings.append) as store:
        assert store.find(key, one) is None
        assert store.keep(key, one, result) == result
    with Store(tmp_path / "deep" / "out", warnings.append) as store:
        assert store.find(key, one) == result
    assert warnings == []


def test_the_key_changes_with_all_that_decides() -> None:
    def fingerprinted(mark: str) -> FakeEngine:
        engine = FakeEngine()
        engine.fingerprint = mark  # type: ignore[attr-defined]
        return engine

    base = key_of(claim(), [FakeEngine()], BUDGET)
    others = [
        key_of(claim("T2"), [FakeEngine()], BUDGET),
        key_of(claim(factor=2), [FakeEngine()], BUDGET),
        key_of(claim(), [FakeEngine(name="other")], BUDGET),
        key_of(claim(), [fingerprinted("a")], BUDGET),
        key_of(claim(), [fingerprinted("b")], BUDGET),
        key_of(claim(), [FakeEngine()], Budget(5.0, 11)),
        key_of(claim(), [FakeEngine()], Budget(6.0, 10)),
    ]
    assert len({base, *others}) == 8
    assert base == key_of(claim(says="other prose decides nothing"), [FakeEngine()], Budget(5.0, 10))


def test_a_certificate_is_written_and_written_again_when_it_is_lost(tmp_path: Path) -> None:
    one = proved()
    with Store(tmp_path) as store:
        store.keep("key", one, result_of(one, ShannonProver()))
        file = tmp_path / "certificates" / "P1.json"
        whole = file.read_text()
        assert json.loads(whole)["hash"] == one.statement.hash
        for harm in ("", whole[:50]):
            file.write_text(harm)
            assert store.find("key", one) is not None
            assert file.read_text() == whole


def test_a_kept_proof_is_not_believed_when_its_certificate_is_rejected(tmp_path: Path, warnings: list[str]) -> None:
    one, other = proved(), Claim("P1", "the reverse", "I(X;Y) <= I(X;Z) given X -> Y -> Z", WHERE)
    honest = result_of(one, ShannonProver())
    forged = {**honest, "hash": other.statement.hash}
    with Store(tmp_path, warnings.append) as store:
        store.keep("honest", one, honest)
        assert store.find("honest", one) == honest
        store.keep("forged", other, forged)
        assert store.find("forged", other) is None
        assert store.find("forged", other) is None
    assert len(warnings) == 1
    assert "P1" in warnings[0]
    assert "rejected" in warnings[0]


HARMS = ["", "{", "[]", "null", "{}", '{"id": "T1"}', '{"id": 3, "hash": [], "verdict": {}}', "\udc80", "[" * 9999]


@pytest.mark.parametrize("consistent", [True, False])
@pytest.mark.parametrize("harm", HARMS, ids=range(len(HARMS)))
def test_an_unreadable_row_is_dropped_with_a_warning(
    tmp_path: Path, warnings: list[str], harm: str, consistent: bool
) -> None:
    one, raw = claim(), harm.encode("utf-8", "surrogatepass")
    with Store(tmp_path, warnings.append) as store:
        store.keep("key", one, result_of(one))
    database = sqlite3.connect(tmp_path / "store.sqlite")
    database.execute("UPDATE results SET json = CAST(? AS TEXT)", (raw,))
    if consistent:
        database.execute("UPDATE results SET digest = ?", (hashlib.sha256(raw).hexdigest(),))
    database.commit()
    database.close()
    with Store(tmp_path, warnings.append) as store:
        assert store.find("key", one) is None
        assert len(warnings) == 1
        assert "dropped" in warnings[0]
        result = result_of(one)
        assert store.keep("key", one, result) == result


def test_a_flipped_digit_is_noticed(tmp_path: Path, warnings: list[str]) -> None:
    with Store(tmp_path, warnings.append) as store:
        store.keep("key", claim(), result_of(claim()))
        assert '"instances": 7' in json.dumps(store.find("key", claim()))
        store._database.execute("""UPDATE results SET json = replace(json, '"instances": 7', '"instances": 9')""")
        assert store.find("key", claim()) is None
    assert "damaged" in warnings[0]


def test_a_row_of_another_claim_is_dropped(tmp_path: Path, warnings: list[str]) -> None:
    with Store(tmp_path, warnings.append) as store:
        store.keep("key", claim(), result_of(claim()))
        assert store.find("key", claim(factor=2)) is None
    assert len(warnings) == 1


def _foreign(path: Path) -> None:
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE bookmarks (url TEXT)")
    database.commit()
    database.close()


def _other_columns(path: Path) -> None:
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE results (key TEXT)")
    database.commit()
    database.close()


def _truncated(path: Path) -> None:
    with Store(path.parent) as store:
        for i in range(40):
            store.keep(f"key {i}", claim(f"T{i}"), result_of(claim(f"T{i}")))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(
    "harm",
    [lambda path: path.write_text("not a database at all, " * 100), _foreign, _other_columns, _truncated],
    ids=["text", "foreign", "columns", "truncated"],
)
def test_a_damaged_or_foreign_file_is_set_aside(tmp_path: Path, warnings: list[str], harm: Any) -> None:
    path = tmp_path / "store.sqlite"
    harm(path)
    before = path.read_bytes()
    one = claim()
    with Store(tmp_path, warnings.append) as store:
        assert store.find("key", one) is None
        store.keep("key", one, result_of(one))
    assert len(warnings) == 1
    assert str(path) in warnings[0]
    assert (tmp_path / "store.sqlite.aside-1").read_bytes() == before
    with Store(tmp_path, warnings.append) as store:
        assert store.find("key", one) is not None
    assert len(warnings) == 1


def test_a_second_damaged_file_does_not_overwrite_the_first(tmp_path: Path, warnings: list[str]) -> None:
    for _ in range(2):
        (tmp_path / "store.sqlite").write_text("not a database")
        Store(tmp_path, warnings.append).__exit__()
    assert sorted(path.name for path in tmp_path.glob("*.aside-*")) == ["store.sqlite.aside-1", "store.sqlite.aside-2"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"file/out|file") as caught:
        Store(tmp_path / "file" / "out")
    assert "file" in str(caught.value.filename)


@pytest.mark.parametrize("pragma", ["query_only = ON", "max_page_count = 3"], ids=["read only", "full"])
def test_a_full_or_read_only_database_is_named(tmp_path: Path, pragma: str) -> None:
    one = claim(says="long " * 5000)
    with Store(tmp_path) as store:
        store._database.execute(f"PRAGMA {pragma}")
        with pytest.raises(OSError, match="cannot keep results") as caught:
            store.keep("key", one, {**result_of(one), "padding": "x" * 100_000})
        assert caught.value.filename == str(tmp_path / "store.sqlite")
        assert store.find("key", one) is None


def _keep_many(folder: str, count: int) -> None:
    with Store(Path(folder)) as store:
        for i in range(count):
            one = claim(f"T{i}")
            kept = store.keep(f"key {i}", one, {**result_of(one), "seconds": os.getpid()})
            assert kept == store.find(f"key {i}", one)


def test_two_processes_on_one_store_both_finish_without_duplicates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    (tmp_path / "store.sqlite").write_text("not a database: both find it so")
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=_keep_many, args=(str(tmp_path), 25)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    database = sqlite3.connect(tmp_path / "store.sqlite")
    assert database.execute("SELECT count(*), count(DISTINCT key) FROM results").fetchone() == (25, 25)
    database.close()
    assert len(list(tmp_path.glob("*.aside-*"))) == 1


WRITER = """
import sys
from pathlib import Path
from lmlaws.checks.store import Store
from tests.test_store import claim, result_of
with Store(Path(sys.argv[1])) as store:
    for i in range(10_000):
        one = claim(f"T{i}")
        store.keep(f"key {i}", one, {**result_of(claim()), "id": one.id})
        print(i, flush=True)
"""


def test_what_was_kept_survives_a_kill(tmp_path: Path, warnings: list[str]) -> None:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}"}
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdout is not None
    for _ in range(20):
        last = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    rest = process.stdout.read().split()
    process.wait()
    last = int(rest[-1]) if rest else last
    with Store(tmp_path, warnings.append) as store:
        for i in range(last + 1):
            assert store.find(f"key {i}", claim(f"T{i}")) is not None
    assert warnings == []


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", ".hidden", "a/b", "é<b>", "x" * 500, "C4", "nul\0", "\udcff", "a b"]
)
def test_any_id_gives_a_plain_file_name(name: str) -> None:
    stem = file_stem(name)
    assert stem.isascii()
    assert not {"/", "\0", "<", " ", "+"} & set(stem)
    assert not stem.startswith(".")
    assert len(certificate_name(name, "mended")) < 200


def test_distinct_ids_give_distinct_file_names() -> None:
    names = ["C4", "C4+mended", "C4%2Bmended", "c/4", "c%2F4", "x" * 500, "x" * 501]
    assert len({certificate_name(name) for name in names} | {certificate_name("C4", "mended")}) == 8


def test_a_twin_that_is_proved_is_checked_against_its_own_statement(tmp_path: Path, warnings: list[str]) -> None:
    one = claim()
    good = result_of(proved(), ShannonProver())["certificate"]
    twin = {"name": "reversed", "verdict": "proved", "engine": "x", "certificate": good}
    with Store(tmp_path, warnings.append) as store:
        store.keep("key", one, {**result_of(one), "twins": [twin]})
        assert store.find("key", one) is None
    assert "rejected" in warnings[0]
    assert parse("H(X) >= 0").hash != one.twin_statements["reversed"].hash
