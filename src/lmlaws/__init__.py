"""lmlaws: claims about language models, stated once and decided by independent engines.

    from lmlaws import prove, check, Claim, State, Kernel
    prove("I(X;Z) <= I(X;Y) given X -> Y -> Z").name          # "proved"

Public names are loaded when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .checks.exact.divergences import categorical_entropy as categorical_entropy
    from .checks.exact.divergences import divergence as divergence
    from .checks.exact.divergences import entropy as entropy
    from .checks.exact.divergences import mutual_information as mutual_information
    from .checks.exact.kernels import FinSet as FinSet
    from .checks.exact.kernels import Kernel as Kernel
    from .checks.exact.kernels import State as State
    from .face import check as check
    from .face import missing_hypotheses as missing_hypotheses
    from .face import prove as prove
    from .theory.claims import Claim as Claim
    from .theory.claims import Mend as Mend
    from .theory.claims import Source as Source
    from .theory.claims import Twin as Twin
    from .theory.claims import Worked as Worked
    from .theory.divergences import DIVERGENCES as DIVERGENCES
    from .theory.expressions import Equal as Equal
    from .theory.expressions import LessEq as LessEq
    from .theory.language import LanguageError as LanguageError
    from .theory.language import parse as parse
    from .theory.quantities import D as D
    from .theory.quantities import H as H
    from .theory.quantities import I as I
    from .theory.statements import Statement as Statement
    from .theory.terms import copy as copy
    from .theory.terms import discard as discard
    from .theory.terms import function as function
    from .theory.terms import id as id
    from .theory.terms import kernel as kernel
    from .theory.terms import objects as objects
    from .theory.terms import state as state
    from .theory.terms import swap as swap

    __version__: str

_HOME = {
    "checks.exact.divergences": ("categorical_entropy", "divergence", "entropy", "mutual_information"),
    "checks.exact.kernels": ("FinSet", "Kernel", "State"),
    "face": ("check", "missing_hypotheses", "prove"),
    "theory.claims": ("Claim", "Mend", "Source", "Twin", "Worked"),
    "theory.divergences": ("DIVERGENCES",),
    "theory.expressions": ("Equal", "LessEq"),
    "theory.language": ("LanguageError", "parse"),
    "theory.quantities": ("D", "H", "I"),
    "theory.statements": ("Statement",),
    "theory.terms": ("copy", "discard", "function", "id", "kernel", "objects", "state", "swap"),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [*_MODULE_OF]


def _notebook(function: str) -> Callable[[Any], str]:
    """A function of lmlaws.notebook, loaded when a notebook first shows such a value."""

    def render(value: Any) -> str:
        html: str = getattr(import_module(f"{__name__}.notebook"), function)(value)
        return html

    return render


RENDERERS = {kind: _notebook(kind.lower()) for kind in ("Term", "Statement", "Verdict", "Kernel", "Spectrum")}
"""What shows a value in a notebook, by the name of its class; theory.display looks here."""


def __getattr__(name: str) -> Any:
    """A public name, loaded now; `__version__` is the installed one, or that of this source tree."""
    if name == "__version__":
        value: Any = _version()
    elif name in _MODULE_OF:
        value = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "__version__"})


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("lmlaws")
    except PackageNotFoundError:  # the source tree on the path, not installed
        return "0.1.0"
