"""How values show themselves in notebooks. Nothing here draws: the face says what renders a kind of value."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any


class Shown:
    """A value that notebooks show as HTML, where the face knows how."""

    __slots__ = ()

    def _repr_html_(self) -> str | None:
        # The face is the package that holds this one, so it is loaded; importing it here would point upwards.
        face = sys.modules[__name__.partition(".")[0]]
        renderers: Mapping[str, Callable[[Any], str]] = getattr(face, "RENDERERS", {})
        found = [kind.__name__ for kind in type(self).__mro__ if kind.__name__ in renderers]
        return renderers[found[0]](self) if found else None
