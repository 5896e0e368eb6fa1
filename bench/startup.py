"""Start-up: a whole `lmlaws prove` from the shell, beside the bare import of each peer. Wall clock of a new process."""

from __future__ import annotations

import subprocess
import sys

from bench.harness import Side, Work, alternate, peer, section

STATEMENT = "I(X;Z) <= I(X;Y) given X -> Y -> Z"


def process(*arguments: str) -> Work:
    """Run this Python with the arguments; CalledProcessError when it fails."""
    return lambda: subprocess.run([sys.executable, *arguments], check=True, capture_output=True, text=True).stdout


def importing(package: str) -> Side:
    """A process that imports a peer and ends."""
    return Side(peer(package), f"import {package}", lambda: process("-c", f"import {package}"), rounds=7)


def main() -> str:
    """Run the row; ArithmeticError if the statement is not proved."""
    ours, *others = alternate(
        Side(peer("lmlaws"), f"lmlaws prove '{STATEMENT}'", lambda: process("-m", "lmlaws", "prove", STATEMENT), 7),
        *map(importing, ("dit", "efprob", "discopy")),
    )
    if "proved" not in (ours.result or ""):
        raise ArithmeticError(f"lmlaws prove answered {ours.result!r}, reason: {ours.reason}")
    return section("Start-up", "lmlaws parses, proves and prints; the peers are imported, no more.", [ours, *others])


if __name__ == "__main__":
    print(main())
