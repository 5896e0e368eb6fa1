"""The entropy of one row of a language model, 50,257 outcomes, from float logits.

lmlaws encloses what exact arithmetic on these logits gives; dit and EfProb build their distribution from softmax
probabilities in double precision and return a float.
"""

from __future__ import annotations

import random
from math import exp, log
from typing import Any

from bench.harness import Side, Work, alternate, peer, section
from lmlaws.checks.exact.enclosures import softmax_row

TOKENS = 50_257


def softmax(logits: list[float]) -> list[float]:
    """In double precision, as a user of the peers would."""
    top = max(logits)
    masses = [exp(z - top) for z in logits]
    total = sum(masses)
    return [m / total for m in masses]


def main() -> str:
    """Run the row; ArithmeticError if a float lies farther from the ball than double rounding explains."""
    rng = random.Random(TOKENS)
    logits = [rng.gauss(0, 4) for _ in range(TOKENS)]

    def dit_work() -> Work:
        import dit

        def work() -> float:
            law = dit.Distribution([(i,) for i in range(TOKENS)], softmax(logits))
            return float(dit.shannon.entropy(law)) * log(2)

        return work

    def efprob_work() -> Work:
        import efprob

        return lambda: float(efprob.State(softmax(logits), efprob.range_sp(TOKENS)).entropy())

    ours, *others = alternate(
        Side(peer("lmlaws"), "entropy and sum p^2 enclosed", lambda: lambda: softmax_row(logits), rounds=15),
        Side(peer("dit"), "build, float entropy", dit_work, rounds=1),
        Side(peer("efprob"), "build, float entropy", efprob_work, rounds=1),
    )
    entropy: Any = ours.result.entropy
    differences = []
    for other in others:
        if other.seconds:
            difference = abs(float(entropy.mid()) - other.result)
            differences.append(f"{other.side.name} {difference:.1e}")
            if not difference <= 1e-9:
                raise ArithmeticError(f"{other.side.name} gives {other.result}, lmlaws {entropy}")
    about = f"The enclosure's radius is {float(entropy.rad()):.1e} nats. Distance from its middle: "
    return section("One model row of 50,257 tokens", about + ", ".join(differences) + ".", [ours, *others])


if __name__ == "__main__":
    print(main())
