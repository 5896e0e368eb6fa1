"""`lmlaws new`: a claim file to start from."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from ..exits import DONE, DataError
from ..terminal import program, say

TEMPLATE = Path(__file__).parent.parent / "templates" / "claims.txt"


def new(path: Path) -> int:
    """Write a commented claim file that can be checked as it is. Raises DataError where there is a file already."""
    stem = re.sub(r"\W+", "_", path.stem).strip("_") or "mine"
    text = TEMPLATE.read_text("utf-8").format(program=program(), path=shlex.quote(str(path)), stem=stem)
    try:
        with path.open("x", encoding="utf-8") as file:  # never over a file of the user's
            file.write(text)
    except FileExistsError as problem:
        raise DataError(f"{path} exists already; choose another name, `lmlaws new` writes over nothing") from problem
    say(
        f"{path}: three claims, to be changed into yours.",
        "",
        "Go on:",
        f"  {program()} check {shlex.quote(str(path))}",
    )
    return DONE
