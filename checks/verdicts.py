"""Verdicts: what an engine, or a run of all engines, says of a statement. None of them is a bool.

proved: every instance; a certificate that the checkers accept. holds: no counterexample among so many instances, which
are counted. refuted: an exact counterexample. conditional: refuted as stated, and proved or holding under a named
hypothesis. measured: a quantity on a model. undecided: why.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, NoReturn

from lmlaws.theory.display import Shown
from lmlaws.theory.statements import Statement


@dataclass(frozen=True)
class Verdict(Shown):
    """What was found, by which engine, in how many seconds."""

    engine: str
    seconds: float = field(default=0.0, compare=False, kw_only=True)
    name: ClassVar[str] = "verdict"

    def __bool__(self) -> NoReturn:
        raise TypeError(f"a verdict is not a yes or no; compare its name: verdict.name == {self.name!r}")

    def evidence(self) -> dict[str, Any]:
        """The JSON fields that this verdict adds to a result."""
        return {}

    def summary(self) -> str:
        """The evidence in one line."""
        return ""


@dataclass(frozen=True)
class Proved(Verdict):
    """True of every instance; `certificate` is the JSON object of docs/certificates.md."""

    certificate: dict[str, Any] = field(default_factory=dict)
    name: ClassVar[str] = "proved"

    @property
    def rests_on(self) -> tuple[str, ...]:
        return tuple(self.certificate["rests_on"])

    def evidence(self) -> dict[str, Any]:
        return {"certificate": self.certificate, "rests_on": list(self.rests_on)}

    def summary(self) -> str:
        return f"certificate ({self.certificate['kind']})"


@dataclass(frozen=True)
class Holds(Verdict):
    """No counterexample in `instances` instances (a model's positions count here too). `record` says which."""

    instances: int = 0
    record: dict[str, Any] = field(default_factory=dict)
    name: ClassVar[str] = "holds"

    def evidence(self) -> dict[str, Any]:
        return {"instances": self.instances, "record": self.record}

    def summary(self) -> str:
        return ", ".join([f"{self.instances:,} instances", *(f"{name} {value}" for name, value in self.record.items())])


@dataclass(frozen=True)
class MissingHypothesis:
    """A hypothesis in words, the statement under it, and the engine that proved that."""

    hypothesis: str
    statement: Statement
    engine: str

    def json(self) -> dict[str, str]:
        return {"hypothesis": self.hypothesis, "statement": str(self.statement), "engine": self.engine}


@dataclass(frozen=True)
class Refuted(Verdict):
    """False at `counterexample`, which gives the instance with both sides' exact values; true under any of `mends`."""

    counterexample: dict[str, Any] = field(default_factory=dict)
    mends: tuple[MissingHypothesis, ...] = field(default=(), compare=False)
    name: ClassVar[str] = "refuted"

    def evidence(self) -> dict[str, Any]:
        found = {"mends": [mend.json() for mend in self.mends]} if self.mends else {}
        return {"counterexample": self.counterexample, **found}

    def summary(self) -> str:
        return f"{self.counterexample.get('left')} against {self.counterexample.get('right')}"


@dataclass(frozen=True)
class Conditional(Verdict):
    """Refuted as stated; `under` the named hypothesis the mended statement is proved or holds."""

    refuted: Refuted = field(default_factory=lambda: Refuted(""))
    hypothesis: str = ""
    under: Verdict = field(default_factory=lambda: Holds(""))
    name: ClassVar[str] = "conditional"

    def evidence(self) -> dict[str, Any]:
        under = {"verdict": self.under.name, "engine": self.under.engine, **self.under.evidence()}
        return {**self.refuted.evidence(), "hypothesis": self.hypothesis, "under": under}


@dataclass(frozen=True)
class Measured(Verdict):
    """A quantity on a model, with its control."""

    record: dict[str, Any] = field(default_factory=dict)
    name: ClassVar[str] = "measured"

    def evidence(self) -> dict[str, Any]:
        return {"record": self.record}


@dataclass(frozen=True)
class Undecided(Verdict):
    """Neither shown true nor false; `reason` says why."""

    reason: str = ""
    name: ClassVar[str] = "undecided"

    def evidence(self) -> dict[str, Any]:
        return {"reason": self.reason}

    def summary(self) -> str:
        return " ".join(self.reason.split())
