"""`python -m lmlaws.study [--out DIR] [--quick]`: train, measure, write study.json and study.html, print the table."""

from __future__ import annotations

import argparse
from pathlib import Path

from lmlaws.terminal import paragraph, prepare_streams, progress_shown, say


def main() -> int:
    """Run a study; 1 where a measured value contradicts its claim or a planted null is not null, else 0."""
    parser = argparse.ArgumentParser(prog="python -m lmlaws.study", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/study"), help="folder to write to (out/study)")
    parser.add_argument("--quick", action="store_true", help="small models, in about a minute")
    options = parser.parse_args()
    prepare_streams()
    from .page import lines
    from .plan import FULL, QUICK
    from .run import study

    with progress_shown() as progress:
        found = study(QUICK if options.quick else FULL, progress)
    found.write(options.out)
    say(
        *lines(found.measured),
        "",
        *paragraph(found.summary, ""),
        f"wrote {options.out / 'study.json'}",
        f"wrote {options.out / 'study.html'}",
    )
    return int(any(one.agrees is False or not one.null.holds for one in found.measured))


if __name__ == "__main__":
    raise SystemExit(main())
