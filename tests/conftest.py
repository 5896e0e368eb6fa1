"""Models that many tests share, each trained once a session."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def small_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The quick text model: about 15 seconds."""
    from lmlaws.numerics.training import STDLIB_SMALL, ensure

    return ensure(STDLIB_SMALL, tmp_path_factory.getbasetemp() / "models")


@pytest.fixture(scope="session")
def source_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The quick model of a known source: a few seconds."""
    from lmlaws.numerics.training import SOURCE_SMALL, ensure

    return ensure(SOURCE_SMALL, tmp_path_factory.getbasetemp() / "models")
