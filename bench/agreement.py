"""Agreement of values on 1,000 random laws: lmlaws against mpmath at 30 digits, and against scipy and dit in doubles.

Where a peer's double is farther than 1e-12 (relative above 1, absolute below) from the exact value, the law is listed
with the side that mpmath's 30 digits confirm. A difference between lmlaws and mpmath is an error.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import product
from math import isfinite, log
from typing import Any

from bench.harness import peer
from bench.references import DIGITS, EXACT, Instance, instances, reference, relative_difference

COUNT = 1_000
TOLERANCE = 1e-12
Peer = dict[str, Callable[[Instance], float]]


def scipy_side() -> Peer:
    """What scipy has: entropies by scipy.stats, distances by scipy.spatial."""
    from scipy.spatial.distance import cityblock, jensenshannon
    from scipy.stats import entropy

    def dependence(law: Instance) -> float:
        p, columns = _floats(law.p), law.shape[1]
        rows = [sum(p[i : i + columns]) for i in range(0, len(p), columns)]
        below = [sum(p[j::columns]) for j in range(columns)]
        return float(entropy(p, [x * y for x in rows for y in below]))

    return {
        "entropy": lambda law: float(entropy(_floats(law.p))),
        "mutual information": dependence,
        "KL": lambda law: float(entropy(_floats(law.p), _floats(law.q))),
        "TV": lambda law: float(cityblock(_floats(law.p), _floats(law.q))) / 2,
        "JS": lambda law: float(jensenshannon(_floats(law.p), _floats(law.q))) ** 2,
    }


def dit_side() -> Peer:
    """What dit has, in nats; its Hellinger distance is sqrt(1 - BC), and chi2 is its f-divergence of (u - 1)^2."""
    import dit
    from dit import divergences

    def law_of(weights: Iterable[Any], shape: tuple[int, int]) -> Any:
        return dit.Distribution(list(product(*map(range, shape))), _floats(weights), rv_names=["X", "Y"])

    def both(f: Callable[[Any, Any], float]) -> Callable[[Instance], float]:
        return lambda law: float(f(law_of(law.p, law.shape), law_of(law.q, law.shape)))

    bit = log(2)
    return {
        "entropy": lambda law: float(dit.shannon.entropy(law_of(law.p, law.shape))) * bit,
        "mutual information": lambda law: (
            float(dit.shannon.mutual_information(law_of(law.p, law.shape), ["X"], ["Y"])) * bit
        ),
        "KL": both(lambda p, q: divergences.kullback_leibler_divergence(p, q) * bit),
        "TV": both(divergences.variational_distance),
        "JS": both(lambda p, q: divergences.jensen_shannon_divergence([p, q]) * bit),
        "hellinger2": both(lambda p, q: divergences.hellinger_distance(p, q) ** 2),
        "chi2": both(lambda p, q: divergences.f_divergence(p, q, lambda u: (u - 1) ** 2)),
        "renyi:1/2": both(lambda p, q: divergences.renyi_divergence(p, q, 0.5) * bit),
        "renyi:3/2": both(lambda p, q: divergences.renyi_divergence(p, q, 1.5) * bit),
        "renyi:2": both(lambda p, q: divergences.renyi_divergence(p, q, 2.0) * bit),
    }


def _floats(law: Iterable[Any]) -> list[float]:
    return [float(x) for x in law]


@dataclass
class Comparison:
    """What one peer's values of one quantity come to: the largest difference where it agrees, and where it does not."""

    largest: float = 0.0
    wrong: list[tuple[Instance, float, Any]] = field(default_factory=list)

    def add(self, law: Instance, exact: float, theirs: float | Exception) -> None:
        """Compare a peer's value, or what it raised, with the exact one."""
        close = False
        if isinstance(theirs, float):
            difference = 0.0 if theirs == exact else abs(theirs - exact) / max(1.0, abs(exact))
            close = difference <= TOLERANCE
        if close:
            self.largest = max(self.largest, difference)
        else:
            self.wrong.append((law, exact, theirs))


def compare(name: str, laws: list[Instance], peers: dict[str, Peer]) -> tuple[float, int, dict[str, Comparison]]:
    """The largest difference from mpmath, the number of infinite values, and the comparison with each peer.

    ArithmeticError when lmlaws and mpmath differ at 30 digits: then no side may call itself right.
    """
    worst, infinite = 0.0, 0
    found = {side: Comparison() for side, has in peers.items() if name in has}
    for law in laws:
        exact = EXACT[name](law)
        value = reference(name, law)
        difference = relative_difference(exact, value)
        if not difference <= 10.0**-DIGITS:
            raise ArithmeticError(f"{name} of {law}: lmlaws {exact}, mpmath {value}, relative difference {difference}")
        worst = max(worst, difference)
        infinite += not exact.is_finite()
        for side, comparison in found.items():
            comparison.add(law, float(exact), _attempt(peers[side][name], law))
    return worst, infinite, found


def _attempt(f: Callable[[Instance], float], law: Instance) -> float | Exception:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return f(law)
    except Exception as error:  # noqa: BLE001 - what a peer raises is its answer
        return error


def main(count: int = COUNT) -> str:
    """Compare everything; a Markdown section."""
    laws = list(instances(count))
    peers: dict[str, Peer] = {}
    absent = []
    for package, make in (("scipy", scipy_side), ("dit", dit_side)):
        try:
            peers[peer(package)] = make()
        except ImportError as error:
            absent.append(f"{package} is missing: {error}.")
    head = ["quantity", "laws", "infinite", "largest difference from mpmath"]
    head += [text for side in peers for text in (f"from {side}", "disagreements")]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    wrong: list[str] = []
    for name in EXACT:
        worst, infinite, found = compare(name, laws, peers)
        cells = [name, f"{count:,}", str(infinite), f"{worst:.1e}"]
        for side in peers:
            comparison = found.get(side)
            cells += [f"{comparison.largest:.1e}", str(len(comparison.wrong))] if comparison else ["not offered", "-"]
            wrong += _disagreements(name, side, comparison) if comparison else []
        lines.append("| " + " | ".join(cells) + " |")
    about = (
        f"{count:,} random pairs of laws on 2 to 20 letters, with zeros and repeated values. Differences from mpmath "
        f"are relative, bounded by balls, and below 1e-{DIGITS} on every law; those from the peers are among the laws "
        f"on which they agree to {TOLERANCE}."
    )
    parts = ["## Agreement with mpmath, scipy and dit", about, *absent, "\n".join(lines)]
    if wrong:
        parts += ["Disagreements; on each of these laws mpmath at 30 digits gives lmlaws' value.", "\n".join(wrong)]
    return "\n\n".join(parts) + "\n"


def _disagreements(name: str, side: str, comparison: Comparison) -> Iterator[str]:
    """One line a quantity, peer, and finite or infinite value: how often, and the law with the fewest letters."""
    for infinite in (True, False):
        cases = [case for case in comparison.wrong if isfinite(case[1]) != infinite]
        if not cases:
            continue
        law, exact, theirs = min(cases, key=lambda case: (len(case[0].p), str(case[0])))
        answer = type(theirs).__name__ if isinstance(theirs, Exception) else f"{theirs:.15g}"
        p, q = (", ".join(map(str, weights)) for weights in (law.p, law.q))
        of = f"({p})" if name in ("entropy", "mutual information") else f"({p}) and ({q})"
        yield (
            f"- {name}, {side}: {len(cases)} laws with {'an infinite' if infinite else 'a finite'} value, "
            f"such as {of}: {side} gives {answer}, the value is {exact:.15g}."
        )


if __name__ == "__main__":
    print(main(int(sys.argv[1]) if len(sys.argv) > 1 else COUNT))
