"""All rows, each in a process of its own; writes docs/benchmarks.md and prints it."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

from bench.harness import peer

ROOT = Path(__file__).parent.parent
REPORT = ROOT / "docs" / "benchmarks.md"
ROWS = (
    "compose", "entropy", "information", "model_row", "diagrams", "shannon", "startup", "onepass", "metric", "pairs",
    "agreement",
)  # fmt: skip
PACKAGES = ("lmlaws", "python-flint", "dit", "efprob", "discopy", "psitip", "numpy", "scipy", "torch")
HEADER = """# Benchmarks of exact work

Written by `make bench`: do not edit. {machine}.

In each table the sides alternate in one process, round by round; "times the first" is the median over the rounds of a
side's time over the first side's in the same round, with the smallest and largest. Sides that need seconds run once or
twice, and are compared with the first side's median. All sides start from the same data, and a row stops if their
answers disagree. Nothing is asserted about time.
"""


def machine() -> str:
    """Cores, processor, Python and versions."""
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines() if Path("/proc/cpuinfo").exists() else []
    models = {line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")}
    processor = " and ".join(sorted(models)) or platform.machine()
    versions = ", ".join(map(peer, PACKAGES))
    return f"{os.cpu_count()} cores, {processor}, Python {platform.python_version()}; {versions}"


def main() -> int:
    """Run every row; the exit status is 1 if one failed, and the report is then left as it was."""
    sections = [HEADER.format(machine=machine())]
    for name in ROWS:
        done = subprocess.run([sys.executable, "-m", f"bench.{name}"], cwd=ROOT, capture_output=True, text=True)
        if done.returncode:
            print(f"the row {name} failed:\n{done.stderr}", file=sys.stderr)
            return 1
        print(done.stdout, flush=True)
        sections.append(done.stdout.rstrip() + "\n")
    REPORT.write_text("\n".join(sections), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
