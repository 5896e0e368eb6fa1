"""All pairs of a head's laws: Bregman's form against sums over the vocabulary; a kernel in tiles; a path integral.

Every side has one thread of torch. Without torch the row says so: the environment of the peers need not hold it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from bench.harness import Side, Work, alternate, peer, section

VOCABULARY, DIM, ROWS, FEW = 50_257, 768, 256, 8
CLOSE = 1e-9


@cache
def case() -> tuple[Any, Any]:
    """W (V, d) and hidden states (N, d), float64, with entropies of some nats."""
    import torch

    torch.set_num_threads(1)
    rng = torch.Generator().manual_seed(1)
    W = torch.randn(VOCABULARY, DIM, generator=rng, dtype=torch.float64) * DIM**-0.5
    return W, 3 * torch.randn(ROWS, DIM, generator=rng, dtype=torch.float64)


@cache
def log_laws() -> Any:
    """The materialised laws' logarithms (N, V), float64: what the direct sums start from."""
    W, hidden = case()
    return (hidden @ W.T).log_softmax(1)


def bregman_side() -> Side:
    """From what one pass has left of every row: A, m, h."""

    def prepare() -> Work:
        import torch

        from lmlaws.numerics.pairs import all_pairs_jeffreys, all_pairs_kl

        W, hidden = case()
        A, m = torch.logsumexp(hidden @ W.T, 1), log_laws().exp() @ W
        return lambda: (all_pairs_kl(A, m, hidden), all_pairs_jeffreys(m, hidden))

    return Side(peer("lmlaws"), "KL and J of all pairs from A, m, h", prepare)


def direct_side() -> Side:
    """From the materialised laws, as one matrix product over the vocabulary."""

    def prepare() -> Work:
        logs = log_laws()

        def work() -> Any:
            laws = logs.exp()
            kl = (laws * logs).sum(1)[:, None] - laws @ logs.T
            return kl, kl + kl.T

        return work

    return Side(peer("torch") + ", direct", "KL and J of all pairs from the laws", prepare, rounds=5)


def textbook_side() -> Side:
    """As torch.nn.functional.kl_div has it, one row against all; a few rows only, for it takes long."""

    def prepare() -> Work:
        import torch

        logs = log_laws()

        def work() -> Any:
            kl = [torch.nn.functional.kl_div(logs, row, reduction="none", log_target=True).sum(1) for row in logs[:FEW]]
            return torch.stack(kl), None

        return work

    return Side(peer("torch") + ", kl_div", f"KL of {FEW} of the {ROWS} rows with all, one by one", prepare, rounds=1)


def tiled_side() -> Side:
    """Nothing N x V is kept."""

    def prepare() -> Work:
        from lmlaws.numerics.onepass import LinearHead
        from lmlaws.numerics.pairs import bhattacharyya

        W, hidden = case()
        head = LinearHead(W)
        return lambda: bhattacharyya(head, hidden)

    return Side(peer("lmlaws"), "BC of all pairs from the head, in tiles", prepare, rounds=3)


def whole_side() -> Side:
    """The same from whole matrices."""

    def prepare() -> Work:
        W, hidden = case()

        def work() -> Any:
            roots = (hidden @ W.T).softmax(1).sqrt()
            return roots @ roots.T

        return work

    return Side(peer("torch") + ", materialised", f"the same, 2 x {ROWS * VOCABULARY * 8 >> 20} MiB", prepare, rounds=3)


def path_side() -> Side:
    """The integral of g* along the line between two states; its result is J, with proved errors."""

    def prepare() -> Work:
        from lmlaws.numerics.onepass import LinearHead
        from lmlaws.numerics.paths import path_integral

        W, hidden = case()
        head = LinearHead(W)
        return lambda: path_integral(head, hidden[0], hidden[1])

    return Side(peer("lmlaws"), "path integral of g* between two states", prepare, rounds=3)


def main() -> str:
    """Run the row; ArithmeticError if the sides disagree."""
    pairs = alternate(bregman_side(), direct_side(), textbook_side())
    kernel = alternate(tiled_side(), whole_side())
    path = alternate(path_side())
    about = []
    if all(timed.seconds for timed in (*pairs, *kernel, *path)):
        (kl, jeffreys), (direct, both), (textbook, _) = (timed.result for timed in pairs)
        tiled, whole = (timed.result for timed in kernel)
        line = path[0].result
        gaps = {
            "KL from the direct sums": kl - direct,
            "KL from kl_div": kl[:FEW] - textbook,
            "J from the direct sums": jeffreys - both,
            "BC from the materialised one": tiled - whole,
        }
        for name, difference in gaps.items():
            gap = float(difference.abs().max())
            about.append(f"Largest difference of {name}: {gap:.1e}.")
            if not gap <= CLOSE:
                raise ArithmeticError(f"{name} is off by {gap}")
        off, error = abs(line.energy.value - float(jeffreys[0, 1])), line.energy.error
        about.append(
            f"The path integral is {line.energy.value:.6f} nats, {off:.1e} from J, its error at most {error:.1e}."
        )
        if not off <= error + CLOSE:
            raise ArithmeticError(f"the path integral is {line.energy}, J is {float(jeffreys[0, 1])}")
    title = f"All pairs of {ROWS} laws over V = {VOCABULARY:,} tokens, d = {DIM}, float64"
    return section(title, " ".join(about) or "No torch here: nothing was timed.", pairs, kernel, path)


if __name__ == "__main__":
    print(main())
