"""What a run comes to for a machine: its exit code, what changed since an earlier run, and JUnit XML."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .checks.evidence import write_atomically
from .exits import DONE, NO, DataError, Reading
from .results import Results, exit_code, why
from .terminal import clean, paragraph
from .theory.claims import Claim

NO_XML = {code: f"\\x{code:02x}" for code in range(32) if code not in (9, 10, 13)} | {
    0xFFFE: "\\ufffe",
    0xFFFF: "\\uffff",
}
"""What XML 1.0 cannot hold, escaped or not, written out. Lone surrogates are dealt with when the text is encoded."""


@dataclass(frozen=True)
class Outcome:
    """What to do with results: `expect` is an earlier run's file to compare with, `junit` the XML file to write."""

    expect: Path | None = None
    junit: Path | None = None
    before: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def wanted(cls, expect: Path | None, junit: Path | None) -> Outcome:
        """With the earlier verdicts read, before any work is done. Raises DataError naming a bad file."""
        return cls(expect, junit, verdicts_in(expect) if expect else {})

    def code(self, results: Results) -> int:
        """The exit code: as the contract has it, or with `expect` 1 where a verdict changed and 0 where none did."""
        if self.expect is None:
            return exit_code(results)
        return NO if any(map(self.fails, results)) else DONE

    def fails(self, result: Mapping[str, Any]) -> bool:
        """Whether a verdict changed, or is not as expected where there was none before."""
        was = self.before.get(result["id"])
        return not result["as_expected"] if was is None else bool(result["verdict"] != was)

    def problem(self, result: Mapping[str, Any], claim: Claim) -> str:
        """What is wrong with a result that fails, in a line."""
        was = self.before.get(result["id"])
        return "; ".join(why(result, claim)) if was is None else f"{result['verdict']}, was {was}"

    def finish(self, results: Results, claims: Mapping[str, Claim]) -> list[str]:
        """Write the XML that is asked for; what changed, as lines."""
        if self.junit is not None:
            write_atomically(self.junit, junit(results, claims, self))
        return list(self._changes(results, claims)) if self.expect is not None else []

    def _changes(self, results: Results, claims: Mapping[str, Claim]) -> Iterator[str]:
        name = clean(str(self.expect))
        changed = [result for result in results if self.fails(result)]
        for result in changed:
            yield from paragraph(f"{result['id']}: {self.problem(result, claims[result['id']])}", first="")
        gone = self.before.keys() - {result["id"] for result in results}
        yield from paragraph(
            f"{len(changed)} of {len(results)} verdicts are not those of {name}"
            if changed
            else f"no verdict differs from {name}",
            first="",
        )
        if gone:
            yield from paragraph(f"not judged this time: {', '.join(sorted(gone))}", first="")


def verdicts_in(path: Path) -> dict[str, str]:
    """The verdict of each claim in a results.json, or in what `--json` prints. Raises DataError naming the file."""
    with Reading(str(path)):
        text = path.read_text("utf-8")
        try:
            data = json.loads(text)
            entries = data["results"] if isinstance(data, dict) and "results" in data else [data]
        except json.JSONDecodeError:
            entries = [json.loads(line) for line in text.splitlines() if line.strip()]
        found = {entry["id"]: entry["verdict"] for entry in entries}
    if not all(isinstance(part, str) for pair in found.items() for part in pair) or not found:
        raise DataError(f"{path}: holds no verdicts; `lmlaws check PATH --json` prints such a file")
    return found


def junit(results: Results, claims: Mapping[str, Claim], outcome: Outcome) -> str:
    """Results as JUnit XML: a test case for each claim, and one for each of its twins."""
    from xml.etree.ElementTree import Element, SubElement, indent, tostring

    suite = Element("testsuite", name="lmlaws")
    for result in results:
        claim = claims[result["id"]]
        case = SubElement(suite, "testcase", classname="lmlaws", name=_xml(claim.id), time=f"{result['seconds']:.3f}")
        _properties(case, _facts(result))
        if outcome.fails(result):
            problem = outcome.problem(result, claim)
            failed = SubElement(case, "failure", message=_xml(problem), type=_xml(result["verdict"]))
            failed.text = _xml(f"{claim.says}\n{claim.source}\n{claim.statement}\n{problem}")
        for twin in result["twins"]:
            name = f"{claim.id} twin[{twin['name']}]"
            case = SubElement(suite, "testcase", classname="lmlaws", name=_xml(name), time="0.000")
            _properties(case, [("claim", claim.id), ("twin", twin["name"]), ("verdict", twin["verdict"])])
            if twin["verdict"] != "refuted":
                SubElement(case, "failure", message=_xml(f"a twin must be refuted; this is {twin['verdict']}"))
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(len(suite.findall("testcase/failure"))))
    root = Element("testsuites")
    root.append(suite)
    indent(root)
    text: bytes = tostring(root, encoding="us-ascii", xml_declaration=True)
    return text.decode("ascii") + "\n"


def _facts(result: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    engines = ", ".join(dict.fromkeys(engine["engine"] for engine in result["engines"]))
    proof = result.get("certificate") or result.get("under", {}).get("certificate")
    facts = [
        ("claim", result["id"]),
        ("statement", result["hash"]),
        ("verdict", result["verdict"]),
        ("engine", engines),
    ]
    return [*facts, ("certificate", proof["hash"])] if proof else facts


def _properties(case: Any, pairs: Sequence[tuple[str, str]]) -> None:
    from xml.etree.ElementTree import SubElement

    block = SubElement(case, "properties")
    for name, value in pairs:
        SubElement(block, "property", name=name, value=_xml(value))


def _xml(text: str) -> str:
    """Text that XML 1.0 can hold."""
    return text.translate(NO_XML).encode("utf-8", "backslashreplace").decode("utf-8")
