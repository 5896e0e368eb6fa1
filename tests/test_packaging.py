"""The folders that are linked into the package arrive in an installed one: sdist, then wheel, then import."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
TAKEN = ("theory", "checks", "numerics", "src", "pyproject.toml", "README.md", "LICENSE")


def test_the_wheel_of_the_sdist_holds_every_part(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    for name in TAKEN:
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(source, tree / name, symlinks=True, ignore=ignored)
        else:
            shutil.copy(source, tree / name)
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(tmp_path / "dist"), str(tree)]
    subprocess.run(build, check=True, capture_output=True, text=True)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        archive.extractall(tmp_path / "site")
    for part in ("theory", "checks", "numerics"):
        own = {f"lmlaws/{path.relative_to(ROOT)}" for path in (ROOT / part).rglob("*.py")}
        assert own
        assert own <= names
    assert {"lmlaws/py.typed", "lmlaws/report/page.html", "lmlaws/report/page.css"} <= names
    code = "import lmlaws; print(lmlaws.__file__); print(lmlaws.prove('H(X) <= H(X,Y)').name)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path / "site", capture_output=True, text=True, check=True
    )
    place, verdict = done.stdout.split()
    assert Path(place).is_relative_to(tmp_path)
    assert verdict == "proved"
