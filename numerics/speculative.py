"""Speculative sampling, run: a draft is accepted with min(1, p/q), else the positive part of p - q is drawn.

Leviathan, Kalman and Matias 2023 (arXiv:2211.17192), Theorem 3.5 and Appendix A.1: what comes out has exactly the law
p of the verifier, and a draft is accepted with probability sum min(p, q) = 1 - TV(p, q) (claim S6). Here it is drawn.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from lmlaws.numerics.models import LanguageModel
from lmlaws.numerics.surplus import DraftHead


def accept(p: Tensor, q: Tensor, drafts: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Verify drafted tokens.

    Args:
        p: the verifier's laws (n, V), float64.
        q: the draft's laws (n, V).
        drafts: tokens (n,) drawn from q.
        generator: of the randomness, on the CPU.

    Returns:
        Tokens (n,), each with the law p, and whether the draft was accepted (n,).

    Raises:
        ValueError: a draft that q gives probability zero: it was not drawn from q.
    """
    rows = torch.arange(len(drafts))
    drawn = q[rows, drafts]
    impossible = (drawn <= 0).nonzero()
    if len(impossible):
        at = int(impossible[0])
        raise ValueError(f"draft {int(drafts[at])} at row {at} has probability zero under q: draw drafts from q")
    uniform = torch.rand(len(drafts), generator=generator, dtype=torch.float64)
    accepted = uniform * drawn < p[rows, drafts]
    residual = (p - q).clamp_min(0)
    # where p = q nothing is ever rejected and there is no residual; the row is then never used
    residual = torch.where(residual.sum(1, keepdim=True) > 0, residual, p)
    redrawn = torch.multinomial(residual, 1, generator=generator)[:, 0]
    return torch.where(accepted, drafts, redrawn), accepted


@dataclass(frozen=True, eq=False)
class Run:
    """Rounds of speculative sampling: the tokens put out, what was accepted, and what should come out (N rows)."""

    tokens: Tensor  # (N,)
    accepted: Tensor  # (N,), bool
    expected: Tensor  # (N,): sum min(p, q) at each round
    laws: Tensor  # (V,): the summed laws p, the expected numbers of tokens
    spread: Tensor  # (V, V): the covariance of those numbers

    @property
    def acceptance(self) -> float:
        """The share of accepted drafts."""
        return float(self.accepted.double().mean())

    @property
    def z(self) -> float:
        """How many standard deviations the number of accepted drafts is from what the overlaps say."""
        variance = float((self.expected * (1 - self.expected)).sum())
        gap = float(self.accepted.double().sum() - self.expected.sum())
        return gap / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, gap) if gap else 0.0

    def chi_square(self) -> tuple[float, int]:
        """Pearson's statistic of the tokens against the laws they should have, and its degrees of freedom.

        The rounds have different laws, so the numbers of tokens have the summed covariance diag(p) - p p^T; on the
        space where that is invertible the statistic is chi-square distributed for many rounds.
        """
        counts = torch.bincount(self.tokens, minlength=len(self.laws)).double()
        values, vectors = torch.linalg.eigh(self.spread)
        kept = values > 1e-9 * values.max()
        parts = vectors[:, kept].T @ (counts - self.laws)
        return float((parts.square() / values[kept]).sum()), int(kept.sum())


@torch.no_grad()
def run(model: LanguageModel, head: DraftHead, prefixes: Tensor, rounds: int, seed: int = 0) -> Run:
    """Rounds of drafting one token at each of the prefixes (n, T) of token ids, T < context.

    A round draws w_t from the model, a draft of w_{t+1} from (h_t, w_t), and verifies it with the law after w_t. For
    vocabularies of which a square matrix fits (`spread`).
    """
    generator = torch.Generator().manual_seed(seed)
    h = model.hidden(prefixes)[:, -1]
    first = model.head(h).double().softmax(1)
    tokens, accepted, expected = [], [], []
    laws = torch.zeros(model.vocabulary, dtype=torch.float64)
    spread = torch.zeros(model.vocabulary, model.vocabulary, dtype=torch.float64)
    for _ in range(rounds):
        w = torch.multinomial(first, 1, generator=generator)
        p = model.head(model.hidden(torch.cat([prefixes, w], 1))[:, -1]).double().softmax(1)
        q = model.head(head(h.float(), model.embed(w)[:, 0].float())).double().softmax(1)
        out, good = accept(p, q, torch.multinomial(q, 1, generator=generator)[:, 0], generator)
        tokens.append(out)
        accepted.append(good)
        expected.append(torch.minimum(p, q).sum(1))
        laws += p.sum(0)
        spread += torch.diag(p.sum(0)) - p.T @ p
    return Run(torch.cat(tokens), torch.cat(accepted), torch.cat(expected), laws, spread)
