"""`python -m lmlaws.checks.recheck CERT...`: print what each certificate proves, and whether it is accepted."""

import sys
from pathlib import Path

from . import Accepted, Rejected, check


def main(paths: list[str]) -> int:
    """0 when every certificate is accepted, 1 otherwise; 64 without one. What can't be read proves nothing."""
    status = 0 if paths else 64
    for path in paths:
        try:
            result = check(Path(path).read_text("utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            result = Rejected(f"can't be read: {error}")
        line = f"rejected: {result.reason}" if isinstance(result, Rejected) else f"accepted {result.kind}: "
        if isinstance(result, Accepted):
            line += f"{result.statement_text} (rests on {', '.join(result.rests_on)})"
        status |= isinstance(result, Rejected)
        sys.stdout.write(f"{ascii(path)[1:-1]}: {line}\n")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
