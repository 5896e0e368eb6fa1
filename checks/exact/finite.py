"""Finite objects: the number of their letters, with a name where one helps.

An object of a kernel's type is an int, or a `FinSet`, which is an int with a name and, if wanted, names of its letters.
Two objects fit when they have as many letters and what both of them name is equal: an unnamed int fits any name.

    >>> weather = FinSet(2, "weather", ("sun", "rain"))
    >>> weather == 2, str(weather), weather.number("rain")
    (True, 'weather(2)', 1)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

__all__ = ["FinSet", "Keep", "Sizes", "fits", "named", "numbering", "positions", "show", "sizes_of"]

Sizes: TypeAlias = tuple[int, ...]
Keep: TypeAlias = int | str | Iterable[int | str]  # objects of a product, by position or name


class FinSet(int):
    """A named finite object, equal to the number of its letters; letters are counted from 0."""

    name: str
    letters: tuple[str, ...]

    def __new__(cls, size: int, name: str, letters: Iterable[str] = ()) -> FinSet:
        """ValueError for a size below 1, an empty name, repeated letters or another number of them than size."""
        named = tuple(letters)
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise ValueError(f"the finite set {name!r} has a size {size!r}; sizes are integers >= 1")
        if not isinstance(name, str) or not name:
            raise ValueError(f"a finite set needs a name, a text that is not empty, and got {name!r}")
        if named and len(named) != size:
            raise ValueError(f"the finite set {name}({int(size)}) has {len(named)} letters {named}")
        seen: set[str] = set()
        for letter in named:
            if not isinstance(letter, str) or letter in seen:
                defect = "is there twice" if isinstance(letter, str) else "is no text"
                raise ValueError(f"the letters of {name}({int(size)}) must be different texts, and {letter!r} {defect}")
            seen.add(letter)
        self = super().__new__(cls, size)
        self.name, self.letters = name, named
        return self

    def number(self, letter: str) -> int:
        """The number of a letter; ValueError naming the letters that there are."""
        if letter not in self.letters:
            raise ValueError(f"{self} has no letter {letter!r}; its letters are {self.letters or 'numbers only'}")
        return self.letters.index(letter)

    def __reduce__(self) -> tuple[type[FinSet], tuple[int, str, tuple[str, ...]]]:
        return FinSet, (int(self), self.name, self.letters)

    def __str__(self) -> str:
        return f"{self.name}({int(self)})"

    def __repr__(self) -> str:
        return f"FinSet({int(self)}, {self.name!r}{f', {self.letters}' if self.letters else ''})"


def sizes_of(sizes: Sizes | int) -> Sizes:
    """An object as a tuple of sizes; ValueError for sizes below 1."""
    result = (sizes,) if isinstance(sizes, int) else tuple(sizes)
    for n in result:
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise ValueError(f"an object {result} has a size {n!r}; sizes are integers >= 1, and the unit is ()")
    return result


def fits(a: Sizes, b: Sizes) -> bool:
    """Whether the sizes are equal and neither names nor letters conflict."""
    return a == b and not any(
        isinstance(x, FinSet)
        and isinstance(y, FinSet)
        and (x.name != y.name or (x.letters and y.letters and x.letters != y.letters))
        for x, y in zip(a, b)
    )


def named(a: Sizes, b: Sizes) -> Sizes:
    """Of two objects that fit, the first, with the second's names where it has none."""
    return tuple(x if isinstance(x, FinSet) else y for x, y in zip(a, b))


def show(sizes: Sizes) -> str:
    """(2, 3) as it is; with names, "X(2) * Y(3)"; letters are shown by repr only."""
    if any(isinstance(n, FinSet) for n in sizes):
        return " * ".join(map(str, sizes))
    return str(sizes)


def positions(keep: Keep, sizes: Sizes) -> tuple[int, ...]:
    """The positions of the chosen objects, in the order given; a FinSet stands for its name, not for its size.

    ValueError for a position out of range, a repeated object, and a name that none or several of the objects have.
    """
    wanted = (keep,) if isinstance(keep, int | str) else tuple(keep)
    chosen = tuple(_position(one, sizes) for one in wanted)
    if len(set(chosen)) != len(chosen) or not all(0 <= i < len(sizes) for i in chosen):
        raise ValueError(f"cannot keep {wanted} of cod {show(sizes)}: distinct numbers from 0 to {len(sizes) - 1}")
    return chosen


def _position(one: int | str, sizes: Sizes) -> int:
    if isinstance(one, int) and not isinstance(one, FinSet):
        return one
    name = one.name if isinstance(one, FinSet) else one
    found = [i for i, n in enumerate(sizes) if isinstance(n, FinSet) and n.name == name]
    if len(found) == 1:
        return found[0]
    names = ", ".join(n.name for n in sizes if isinstance(n, FinSet)) or "none"
    defect = f"it names the objects {found}; give a number" if found else f"the names there are: {names}"
    raise ValueError(f"cannot keep {name!r} of cod {show(sizes)}: {defect}")


def numbering(chosen: Iterable[int], sizes: Sizes) -> list[int]:
    """For each letter of the product, row by row, the number of its chosen coordinates among theirs."""
    strides, stride = [0] * len(sizes), 1
    for i in reversed(tuple(chosen)):
        strides[i], stride = stride, stride * sizes[i]
    numbers = [0]
    for step, n in zip(strides, sizes):
        numbers = [base + step * x for base in numbers for x in range(n)]
    return numbers
