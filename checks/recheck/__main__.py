"""`python -m lmlaws.checks.recheck CERT...`: print what each certificate proves, and what both checkers say."""

import sys
from pathlib import Path

from . import Accepted, answers, check


def main(paths: list[str]) -> int:
    """0 when every certificate is accepted by both, 1 otherwise; 64 without one. What can't be read proves nothing."""
    status = 0 if paths else 64
    for path in paths:
        try:
            text = Path(path).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            lines = [f"rejected: can't be read: {error}"]
        else:
            said, first = answers(text), check(text)
            lines = [f"rejected by {a.checker}: {a.reason}" for a in said if a.reason is not None]
            if not lines and isinstance(first, Accepted):
                rests, by = ", ".join(first.rests_on), " and ".join(answer.checker for answer in said)
                sys.stdout.write(f"{_plain(path)}: accepted {first.kind}: {first.statement_text} ")
                sys.stdout.write(f"(rests on {rests}; accepted by {by})\n")
        status |= bool(lines)
        sys.stdout.writelines(f"{_plain(path)}: {line}\n" for line in lines)
    return status


def _plain(path: str) -> str:
    return ascii(path)[1:-1]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
