"""Results that survive: an SQLite file in the output folder, one row a judged claim, and certificates beside it.

A row's key is a hash of everything that decides it: statement, mend, twins, expectation, budget, engines with the
checkpoints they use, and the code itself. Evidence is on disk before the row that speaks of it; a row is written in one
transaction; the first of two writers wins. What is read back is doubted: a certificate is re-checked, a row that
does not fit its claim is dropped, a file that is no results database is set aside, each with a warning.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import importlib.metadata
import json
import re
import sqlite3
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import lmlaws.checks
import lmlaws.theory
from lmlaws.theory.claims import Claim
from lmlaws.theory.statements import Statement, canonical_json

from .engine import Budget, Engine
from .evidence import dumps, write_atomically
from .recheck import Accepted, check

APPLICATION_ID = 0x6C6D6C73  # "lmls" in the header of the file marks a database as ours
BUSY_SECONDS = 30.0
_TABLE = (
    "CREATE TABLE IF NOT EXISTS results (key TEXT PRIMARY KEY, id TEXT NOT NULL, hash TEXT NOT NULL,"
    " json TEXT NOT NULL, digest TEXT NOT NULL, written TEXT NOT NULL)"
)
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_ERRNO = {sqlite3.SQLITE_FULL: errno.ENOSPC, sqlite3.SQLITE_READONLY: errno.EROFS, sqlite3.SQLITE_BUSY: errno.EBUSY}
_VERDICTS = ("proved", "holds", "conditional", "refuted", "measured", "undecided")

Warn = Callable[[str], None]


def warn(message: str) -> None:
    """The warning of the standard library, for callers without a terminal."""
    warnings.warn(message, stacklevel=3)


@cache
def code_fingerprint() -> str:
    """SHA-256 of the code that decides and of the libraries it calls. Law files are left out: keys hold statements."""
    digest = hashlib.sha256()
    theory, checks = (Path(str(part.__file__)).parent for part in (lmlaws.theory, lmlaws.checks))
    for folder in (theory, checks, checks.parent / "numerics"):
        for file in sorted(folder.rglob("*.py")):
            if not file.is_relative_to(theory / "laws"):
                digest.update(f"{folder.name}/{file.relative_to(folder)}\0".encode() + file.read_bytes())
    for library in ("python-flint", "highspy", "z3-solver", "hypothesis", "torch", "transformers"):
        try:
            digest.update(f"{library}=={importlib.metadata.version(library)}\0".encode())
        except importlib.metadata.PackageNotFoundError:
            digest.update(f"{library} missing\0".encode())
    return digest.hexdigest()


def key_of(claim: Claim, engines: Sequence[Engine], budget: Budget) -> str:
    """The key of a claim's result. An engine that depends on more than code has a `fingerprint` (of a model, say)."""
    parts = {
        "id": claim.id,
        "statement": claim.statement.hash,
        "mend": [claim.mend.hypothesis, claim.mended.hash] if claim.mend and claim.mended else None,
        "twins": [[name, statement.hash] for name, statement in claim.twin_statements.items()],
        "expects": claim.expects,
        "budget": [budget.seconds, budget.instances],
        "engines": [[engine.name, getattr(engine, "fingerprint", "")] for engine in engines],
        "code": code_fingerprint(),
    }
    return hashlib.sha256(canonical_json(parts).encode("ascii")).hexdigest()


def proofs(claim: Claim, result: dict[str, Any]) -> Iterator[tuple[str, Statement | None, Any]]:
    """Every certificate in a result: a label, the statement that it must prove (None: there is none), itself."""
    if result["verdict"] == "proved":
        yield "", claim.statement, result.get("certificate")
    if result["verdict"] == "conditional" and result["under"]["verdict"] == "proved":
        yield "mended", claim.mended, result["under"].get("certificate")
    for twin in result["twins"]:
        if twin["verdict"] == "proved":
            yield f"twin {twin['name']}", claim.twin_statements.get(twin["name"]), twin.get("certificate")


def file_stem(name: str) -> str:
    """A file name for any id: letters, digits, `.`, `_`, `-` stay, all else becomes %XX; long ones are hashed."""
    safe = re.sub(r"[^A-Za-z0-9._-]", lambda odd: "".join(f"%{byte:02X}" for byte in _bytes(odd.group())), name)
    safe = re.sub(r"^\.", "%2E", safe)
    return safe if len(safe) <= 100 else f"{safe[:80]}%{hashlib.sha256(_bytes(name)).hexdigest()[:16]}"


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def certificate_name(claim_id: str, label: str = "") -> str:
    """The file of a certificate within the folder `certificates`: `C4.json`, `C4+mended.json`."""
    return f"{file_stem(claim_id)}{'+' + file_stem(label) if label else ''}.json"


class Store:
    """The results in a folder: `store.sqlite` and `certificates/`. Use it as a context manager.

    Raises OSError, naming the path, where the folder cannot be made, read or written.
    """

    def __init__(self, folder: Path, warn: Warn = warn) -> None:
        self.folder, self.path, self._warn = folder, folder / "store.sqlite", warn
        folder.mkdir(parents=True, exist_ok=True)
        # One process at a time opens: none moves aside what another has just made good.
        with (folder / ".store.lock").open("w") as lock, _naming(self.path):
            fcntl.flock(lock, fcntl.LOCK_EX)
            defect = _defect(self.path)
            if defect:
                self._set_aside(defect)
            self._database = _connect(self.path)

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def find(self, key: str, claim: Claim) -> dict[str, Any] | None:
        """The result kept under a key, its certificates accepted again and on disk; None when there is none."""
        with _naming(self.path):
            wanted = "SELECT CAST(json AS BLOB), digest FROM results WHERE key = ?"
            row = self._database.execute(wanted, (key,)).fetchone()
        if row is None:
            return None
        result, defect = _read(claim, *row)
        if defect:
            self._warn(f"{self.path}: dropped the kept result of claim {claim.id} ({defect}); it is computed again")
            with _naming(self.path):
                self._database.execute("DELETE FROM results WHERE key = ?", (key,))
            return None
        self._write_certificates(claim, result)
        return result

    def keep(self, key: str, claim: Claim, result: dict[str, Any]) -> dict[str, Any]:
        """Keep a result, its certificates first. Returns the one that stands: another process may have been faster."""
        self._write_certificates(claim, result)
        text = json.dumps(result)
        row = (key, claim.id, claim.statement.hash, text, _digest(text.encode()), datetime.now(UTC).isoformat())
        with _naming(self.path):
            added = self._database.execute("INSERT OR IGNORE INTO results VALUES (?, ?, ?, ?, ?, ?)", row).rowcount
        return result if added else self.find(key, claim) or result

    def _write_certificates(self, claim: Claim, result: dict[str, Any]) -> None:
        for label, _, certificate in proofs(claim, result):
            path, text = self.folder / "certificates" / certificate_name(claim.id, label), dumps(certificate)
            if not (path.is_file() and path.read_bytes() == text.encode()):
                write_atomically(path, text)

    def _set_aside(self, defect: str) -> None:
        number = 1
        while (aside := self.path.with_name(f"store.sqlite.aside-{number}")).exists():
            number += 1
        self.path.rename(aside)
        for journal in ("-wal", "-shm"):
            self.path.with_name(self.path.name + journal).unlink(missing_ok=True)
        self._warn(f"{self.path}: {defect}; moved to {aside.name}, results are computed again")


def _connect(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("BEGIN IMMEDIATE")
    database.execute(_TABLE)
    database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    database.execute("COMMIT")
    return database


def _defect(path: Path) -> str | None:
    """Why a file is not a results database, in words; None when it is one, is empty or is not there."""
    if not path.exists():
        return None
    database = sqlite3.connect(path, timeout=BUSY_SECONDS)
    database.text_factory = bytes  # a damaged schema need not be text
    try:
        health = database.execute("PRAGMA quick_check").fetchone()[0]
        mark = database.execute("PRAGMA application_id").fetchone()[0]
        tables = database.execute("SELECT sql FROM sqlite_master WHERE type = 'table'").fetchall()
    except sqlite3.DatabaseError as problem:
        if _number(problem) in _DAMAGED:
            return f"not a readable results database ({problem})"
        raise
    except UnicodeDecodeError:  # SQLite's complaint quotes what is damaged
        return "a damaged results database (its names are not text)"
    finally:
        database.close()
    if health != b"ok":
        return f"a damaged results database ({health.decode(errors='backslashreplace')})"
    ours = mark == APPLICATION_ID and tables == [(_TABLE.replace("IF NOT EXISTS ", "").encode(),)]
    return None if ours or not tables else "a database, but not one of lmlaws' results"


def _number(problem: sqlite3.DatabaseError) -> int:
    """SQLite's primary error code; errors of Python's own module carry none."""
    return getattr(problem, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """SQLite's errors as OSError with the path."""
    try:
        yield
    except sqlite3.DatabaseError as problem:
        number = _ERRNO.get(_number(problem), errno.EIO)
        raise OSError(number, f"cannot keep results: {problem}", str(path)) from problem


def _digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


def _read(claim: Claim, text: bytes, digest: object) -> tuple[dict[str, Any], str | None]:
    """A row's result and what is wrong with it. A proof that the checker rejects is not believed."""
    if _digest(text) != digest:
        return {}, "damaged"
    try:
        result = json.loads(text)
        if (result["id"], result["hash"]) != (claim.id, claim.statement.hash) or result["verdict"] not in _VERDICTS:
            return {}, "it belongs to another claim"
        kept = list(proofs(claim, result))
        complete = result["as_expected"] in (True, False, None) and isinstance(result["engines"], list)
    except (ValueError, TypeError, KeyError, RecursionError) as problem:
        return {}, f"unreadable: {type(problem).__name__}"
    if not complete:
        return {}, "incomplete"
    for _, statement, certificate in kept:
        outcome = check(json.dumps(certificate), statement.canonical) if statement is not None else None
        if not isinstance(outcome, Accepted):
            return {}, f"its certificate is rejected: {outcome.reason if outcome else 'it proves nothing of the claim'}"
    return result, None
