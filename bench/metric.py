"""The mean pullback metric of a head, and one token's, against the same by plain sums, autograd and curvlinops.

Every side has one thread of torch. Without torch the row says so: the environment of the peers need not hold it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from bench.harness import Side, Work, alternate, peer, section

MEAN = (4_096, 256, 256)
TOKEN = (50_257, 768, 1)
SUPPORT = 1024
EIGENVALUES = 8


@cache
def case(vocabulary: int, dim: int, positions: int) -> tuple[Any, Any]:
    """W (V, d) and hidden states (n, d) of a head that is about as sure of itself as a trained one, float32."""
    import torch

    torch.set_num_threads(1)
    rng = torch.Generator().manual_seed(dim)
    spread = 2 / torch.arange(1, dim + 1).sqrt()  # sensitive and insensitive directions
    W = torch.randn(vocabulary, dim, generator=rng) * spread
    return W, torch.randn(positions, dim, generator=rng)


def mean_side() -> Side:
    """The pass, the metric, all eigenvalues."""

    def prepare() -> Work:
        from lmlaws.numerics.metric import Spectrum, mean_metric
        from lmlaws.numerics.onepass import LinearHead, scan

        W, hidden = case(*MEAN)

        def work() -> Any:
            head = LinearHead(W)
            return Spectrum.of(mean_metric(head, scan(head, hidden)[1])).eigenvalues

        return work

    return Side(peer("lmlaws"), "one pass, E g*, all eigenvalues", prepare, rounds=5)


def sums_side() -> Side:
    """What the definition says, position by position."""

    def prepare() -> Work:
        import torch

        W, hidden = case(*MEAN)

        def work() -> Any:
            g, total = W.double(), torch.zeros(MEAN[1], MEAN[1], dtype=torch.float64)
            for p in (hidden.double() @ g.T).softmax(1):
                total += g.T @ (g * p[:, None]) - torch.outer(p @ g, p @ g)
            return torch.linalg.eigvalsh(total / len(hidden)).flip(0)

        return work

    return Side(peer("torch") + ", plain sums", "E g* position by position, all eigenvalues", prepare, rounds=1)


def curvlinops_side() -> Side:
    """The Gauss-Newton matrix in a shift of all hidden states is E g*; Lanczos for its largest eigenvalues."""

    def prepare() -> Work:
        import torch
        from curvlinops import GGNLinearOperator
        from scipy.sparse.linalg import eigsh

        W, hidden = case(*MEAN)

        class Shifted(torch.nn.Module):
            """Logits of h + shift."""

            def __init__(self) -> None:
                super().__init__()
                self.shift = torch.nn.Parameter(torch.zeros(MEAN[1]))

            def forward(self, h: Any) -> Any:
                return (h + self.shift) @ W.T

        model = Shifted()
        data = [(hidden, torch.zeros(len(hidden), dtype=torch.int64))]
        loss = torch.nn.CrossEntropyLoss()
        operator = GGNLinearOperator(model, loss, [model.shift], data, check_deterministic=False).to_scipy()

        def work() -> Any:
            values = eigsh(operator, k=EIGENVALUES, return_eigenvectors=False)
            return torch.from_numpy(values).double().sort(descending=True).values

        return work

    name = peer("curvlinops-for-pytorch") + ", Lanczos"
    return Side(name, f"the {EIGENVALUES} largest eigenvalues", prepare, rounds=1)


def token_side(support: int, rounds: int) -> Side:
    """One token's metric from the likeliest tokens, with its bound; the whole vocabulary gives g* itself."""

    def prepare() -> Work:
        from lmlaws.numerics.metric import token_metric
        from lmlaws.numerics.onepass import LinearHead

        W, hidden = case(*TOKEN)
        head = LinearHead(W)
        return lambda: token_metric(head, hidden[0], support)

    return Side(peer("lmlaws"), f"g* from {support:,} tokens, and the bound of the rest", prepare, rounds)


def dense_side() -> Side:
    """W^T (diag p - p p^T) W at once, in float64."""

    def prepare() -> Work:
        W, hidden = case(*TOKEN)

        def work() -> Any:
            g = W.double()
            p = (g @ hidden[0].double()).softmax(0)
            return g.T @ (g * p[:, None]) - (p @ g)[:, None] * (p @ g)

        return work

    return Side(peer("torch") + ", dense", "g*, float64", prepare, rounds=1)


def main() -> str:
    """Run the row; ArithmeticError if the sides disagree."""
    mean = alternate(mean_side(), sums_side(), curvlinops_side())
    ours, plain, lanczos = (timed.result for timed in mean)
    about = ["Random heads with anisotropic rows." if mean[0].seconds else "No torch here: nothing was timed."]
    for name, other, digits in (("plain sums", plain, 1e-5), ("curvlinops", lanczos, 1e-3)):
        if ours is not None and other is not None:
            gap = float((ours[: len(other)] - other).abs().max() / ours[0])
            about.append(f"Largest difference of eigenvalues from {name}, over the largest eigenvalue: {gap:.1e}.")
            if not gap <= digits:
                raise ArithmeticError(f"eigenvalues differ from those of {name} by {gap} of the largest")
    token = alternate(token_side(SUPPORT, 15), token_side(TOKEN[0], 1), dense_side())
    if all(timed.seconds for timed in token):
        (part, bound), (whole, _), dense = (timed.result for timed in token)
        gap, rest = float((whole - dense).norm(2)), float((dense - part).norm())
        about.append(
            f"One token: {SUPPORT:,} tokens leave out at most {bound:.3g} of a trace of {float(dense.trace()):.3g} "
            f"(Frobenius norm of what is left out: {rest:.3g}); with all, {gap:.1e} from the dense sum."
        )
        if not (gap <= 1e-9 and rest <= bound + 1e-9):
            raise ArithmeticError(f"g* is off the dense sum by {gap}, its part by {rest}, beyond the bound {bound}")
    title = "The pullback metric: V = {:,}, d = {} and {} positions; one token at V = {:,}, d = {}"
    return section(title.format(*MEAN, *TOKEN[:2]), " ".join(about), mean, token)


if __name__ == "__main__":
    print(main())
