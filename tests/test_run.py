"""A run keeps what it finishes, does nothing twice, and gives the same results however it was cut or spread."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.fakes import BrokenEngine, FakeEngine, claim, text

from lmlaws.checks.engine import Budget
from lmlaws.checks.judge import SoundnessError
from lmlaws.checks.run import run
from lmlaws.checks.store import Store
from lmlaws.checks.verdicts import Proved, Refuted, Verdict
from lmlaws.theory.statements import Statement

ROOT = Path(__file__).parent.parent
BUDGET = Budget(5.0, 10)
CLAIMS = tuple(claim(f"T{i}", factor=i) for i in range(1, 7))


class LyingEngine(FakeEngine):
    """Offers the certificate of another statement."""

    def decide(self, statement: Statement, budget: Budget, twins: Sequence[Statement] = ()) -> Verdict:
        other = claim(factor=99).statement
        steps: dict[str, Any] = {"<=": []}
        fields = {"kind": "shannon", "statement": other.canonical, "hash": other.hash}
        return Proved(self.name, certificate={**fields, "rests_on": ["Shannon's inequalities"], "steps": steps})


def asked(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


def test_results_come_in_the_order_of_the_claims() -> None:
    results = run(CLAIMS, [FakeEngine()], BUDGET, version="0")
    assert [result["id"] for result in results] == [c.id for c in CLAIMS]
    assert {result["verdict"] for result in results} == {"holds"}
    assert all(result["as_expected"] for result in results)
    assert all(result["version"] == "0" for result in results)


def test_a_second_run_judges_nothing(tmp_path: Path) -> None:
    log, said = tmp_path / "asked", []
    with Store(tmp_path / "out") as store:
        first = run(CLAIMS, [FakeEngine(log)], BUDGET, store, version="0")
        count = len(asked(log))
        second = run(CLAIMS, [FakeEngine(log)], BUDGET, store, version="0", progress=lambda *a: said.append(a))
    assert count == 2 * len(CLAIMS)
    assert len(asked(log)) == count
    assert first == second
    assert said == [(6, 6, "6 of 6 results were there already")]


def test_progress_counts_every_claim(tmp_path: Path) -> None:
    said: list[tuple[int, int, str]] = []
    run(CLAIMS, [FakeEngine()], BUDGET, version="0", progress=lambda *event: said.append(event))
    assert [(done, total) for done, total, _ in said] == [(i, 6) for i in range(1, 7)]
    assert said[0][2].startswith("T1: holds (")


def test_workers_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    alone = run(CLAIMS, [FakeEngine()], BUDGET, version="0")
    with Store(tmp_path) as store:
        together = run(CLAIMS, [FakeEngine()], BUDGET, store, version="0", workers=2)
        again = run(CLAIMS, [FakeEngine()], BUDGET, store, version="0", workers=2)
    assert text(alone) == text(together)
    assert together == again


@pytest.mark.parametrize("workers", [1, 2])
def test_a_fault_ends_the_run_and_names_engine_and_claim(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    engines = [FakeEngine(), BrokenEngine(name="broken")]
    with pytest.raises(ArithmeticError, match="a fault of this engine") as caught, Store(tmp_path) as store:
        run(CLAIMS[:1], engines, BUDGET, store, version="0", workers=workers)
    assert caught.value.__notes__ == ["engine broken", "claim T1"]


def test_what_was_finished_before_a_fault_is_kept(tmp_path: Path) -> None:
    class Third(FakeEngine):
        def decide(self, statement: Statement, budget: Budget, twins: Sequence[Statement] = ()) -> Verdict:
            if statement.hash == CLAIMS[2].statement.hash:
                raise KeyboardInterrupt
            return super().decide(statement, budget, twins)

    log = tmp_path / "asked"
    with Store(tmp_path / "out") as store:
        with pytest.raises(KeyboardInterrupt):
            run(CLAIMS, [Third(log)], BUDGET, store, version="0")
        before = len(asked(log))
        results = run(CLAIMS, [FakeEngine(log)], BUDGET, store, version="0")
    assert before == 4
    assert len(asked(log)) == 12
    assert text(results) == text(run(CLAIMS, [FakeEngine()], BUDGET, version="0"))


def test_a_lying_prover_proves_nothing() -> None:
    (result,) = run(CLAIMS[:1], [LyingEngine(name="liar")], BUDGET, version="0")
    assert result["verdict"] == "undecided"
    assert "the checker does not accept" in result["reason"]


def test_a_proof_beside_a_refutation_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lmlaws.checks.judge.rechecked", lambda verdict, statement: verdict)
    refuter = FakeEngine(name="search")
    monkeypatch.setattr(refuter, "decide", lambda *_: Refuted("search", counterexample={"left": "1", "right": "0"}))
    with pytest.raises(SoundnessError, match="liar") as caught:
        run(CLAIMS[:1], [LyingEngine(name="liar"), refuter], BUDGET, version="0")
    assert "claim T1" in caught.value.__notes__


SLOW = """
import sys
from pathlib import Path
from lmlaws.checks.run import run
from lmlaws.checks.store import Store
from tests.fakes import FakeEngine
from tests.test_run import BUDGET, CLAIMS
if __name__ == "__main__":
    with Store(Path(sys.argv[1]) / "out") as store:
        engine = FakeEngine(Path(sys.argv[1]) / "asked", pause=0.1)
        run(CLAIMS, [engine], BUDGET, store, version="0", workers=int(sys.argv[2]),
            progress=lambda done, total, text: print(done, flush=True))
"""


def slow_run(folder: Path, workers: int) -> subprocess.Popen[str]:
    script = folder / "slow.py"
    script.write_text(SLOW)
    path = f"{ROOT}:{os.environ.get('PYTHONPATH', '')}"
    command = [sys.executable, str(script), str(folder), str(workers)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path})


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("seen", [1, 3])
def test_a_killed_run_goes_on_and_does_nothing_twice(tmp_path: Path, seen: int, workers: int) -> None:
    process = slow_run(tmp_path, workers)
    assert process.stdout is not None
    for _ in range(seen):
        process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    done = seen + len(process.stdout.read().split())
    process.wait()
    time.sleep(0.3 if workers > 1 else 0)  # workers notice that the parent is gone, and end
    log = tmp_path / "asked"
    before = asked(log)
    with Store(tmp_path / "out", pytest.fail) as store:
        kept = [c for c in CLAIMS if (row := _row(store, c.id)) and row]
        assert len(kept) >= done
        results = run(CLAIMS, [FakeEngine(log)], BUDGET, store, version="0")
    after = asked(log)[len(before) :]
    finished = {c.statement.hash for c in kept}
    assert not finished & set(after)
    assert len(after) == 2 * (len(CLAIMS) - len(kept))
    assert text(results) == text(run(CLAIMS, [FakeEngine()], BUDGET, version="0"))


def _row(store: Store, claim_id: str) -> dict[str, Any] | None:
    row = store._database.execute("SELECT json FROM results WHERE id = ?", (claim_id,)).fetchone()
    return json.loads(row[0]) if row else None


def test_two_runs_on_one_store_agree(tmp_path: Path) -> None:
    processes = [slow_run(tmp_path, 1) for _ in range(2)]
    assert [process.wait(60) for process in processes] == [0, 0]
    with Store(tmp_path / "out", pytest.fail) as store:
        assert store._database.execute("SELECT count(*) FROM results").fetchone() == (len(CLAIMS),)
        results = run(CLAIMS, [FakeEngine(tmp_path / "asked")], BUDGET, store, version="0")
    assert text(results) == text(run(CLAIMS, [FakeEngine()], BUDGET, version="0"))
