"""`lmlaws report`: the report of an audit again, from the results that it kept."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path

from .. import __version__
from ..checks.evidence import write_atomically
from ..exits import DONE, DataError, Reading
from ..results import summary
from ..terminal import note, paragraph, program, say
from ..theory.collect import catalogue
from .audit import claims_of


def report(out: Path, paths: Sequence[Path]) -> int:
    """Write report.html from results.json in a folder. Raises DataError where that is missing or is no such file.

    Results of claims that are no longer there, or that say something else now, are left out and named.
    """
    from ..report import render

    path = out / "results.json"
    if not path.is_file():
        raise DataError(f"{path}: no such file; `{program()} audit --out {shlex.quote(str(out))}` writes it")
    known = {(claim.id, claim.statement.hash): claim for claim in (*claims_of(paths), *catalogue())}
    with Reading(str(path)):
        results = json.loads(path.read_text("utf-8"))["results"]
        kept = [result for result in results if (result["id"], result["hash"]) in known]
        page = render(kept, [known[result["id"], result["hash"]] for result in kept], __version__)
    write_atomically(out / "report.html", page)
    gone = [result["id"] for result in results if (result["id"], result["hash"]) not in known]
    if gone:
        note(*paragraph(f"lmlaws: left out, changed or gone since: {', '.join(gone)}", first=""))
    say(summary(kept), "", "Read on:", f"  open {shlex.quote(str(out / 'report.html'))}")
    return DONE
