"""What a hidden state tells of the token after the next: draft heads, and brackets of the information surplus.

For two tokens the surplus is I(H_t; W_{t+1} | W_t) = H(W_{t+1} | W_t) - H(W_{t+1} | H_t, W_t), which is what the best
drafter that sees (h_t, w_t) gains over the best one that sees w_t (arXiv:2507.19247v2, Section 4.1; claim S4). The
held-out cross entropy of a trained drafter is on average at least the second entropy. The first one is known on known
sources; on text the plug-in estimate of the held-out pairs is on average at most that, since entropy is concave. So the
difference is a lower bound in expectation, but far below zero where most pairs come once. The *gain* over the better of
two predictors that do not see h_t, a drafter trained the same way and counted pairs, has no such bias; it is a lower
bound but for that predictor's own misfit. Units: nats.

A draft head maps (h_t, e(w_t)), e the input embedding, to a vector that the model's own head reads, as EAGLE does (Li
et al. 2024, arXiv:2401.15077): one linear map, or one with a hidden layer.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn

from lmlaws.numerics.loop import threads
from lmlaws.numerics.models import LanguageModel
from lmlaws.numerics.onepass import scan

Kind = Literal["linear", "mlp"]
Progress = Callable[[int, int, str], None]

CACHED = 2**28
"""Bytes of hidden states that a training holds; more windows than fit are left out, evenly."""

BATCH = 512
"""Positions of one training step; fewer where the vocabulary is large."""

LOGITS = 2**25
RATE = 2e-3

CHECKED = 50
"""Steps between two looks at held-out positions."""


@dataclass(frozen=True)
class Drafts:
    """Positions (N) at which the token after the next is drafted, window by window.

    h (N, d): what the head reads before w_t; `after` (N, d): what it reads after w_t; e (N, width): the input embedding
    of w_t; `first` w_t and `second` w_{t+1}, token ids (N,); `window` (N,): the number of the window.
    """

    h: Tensor
    after: Tensor
    e: Tensor
    first: Tensor
    second: Tensor
    window: Tensor

    def __len__(self) -> int:
        return len(self.first)


class DraftHead(nn.Module):
    """(h_t, e(w_t)) to the vector whose logits draft w_{t+1}: h_t itself plus a learned map of both.

    `blind` replaces h_t by zeros: the drafter that sees w_t alone, the control of every gain.
    """

    def __init__(self, dim: int, width: int, kind: Kind = "linear", *, blind: bool = False) -> None:
        super().__init__()
        inside = 2 * dim
        self.blind = blind
        self.map: nn.Module = nn.Linear(dim + width, dim)
        if kind == "mlp":
            self.map = nn.Sequential(nn.Linear(dim + width, inside), nn.GELU(), nn.Linear(inside, dim))

    def forward(self, h: Tensor, e: Tensor) -> Tensor:
        """Vectors (n, d) for the model's head."""
        h = torch.zeros_like(h) if self.blind else h
        result: Tensor = h + self.map(torch.cat([h, e], 1))
        return result


@dataclass(frozen=True, eq=False)
class Drafted:
    """What a draft head is worth on held-out positions, one row a position (N,), float64.

    `nll` of the draft, `overlap` = sum min(p, q) of the verifier's law p after w_t and the draft's q, `divergence` =
    KL(p, q); `window` names each position's window; `steps` is how long it was trained.
    """

    head: DraftHead
    nll: Tensor
    overlap: Tensor
    divergence: Tensor
    window: Tensor
    steps: int

    @property
    def acceptance(self) -> float:
        """The mean probability that speculative sampling accepts, 1 - E TV(p, q) (Leviathan et al. 2023)."""
        return float(self.overlap.mean())

    @property
    def acceptance_bound(self) -> float:
        """What the mean divergence alone promises: 1 - sqrt(E KL / 2), by Pinsker and Jensen (claim S7)."""
        return 1 - math.sqrt(max(0.0, float(self.divergence.mean())) / 2)


@torch.no_grad()
def positions(model: LanguageModel, windows: Tensor) -> Drafts:
    """Every position of windows (n, L) of full length, L >= 3, at which two more tokens follow.

    Raises:
        ValueError: windows of fewer than 3 tokens.
    """
    if windows.ndim != 2 or windows.shape[1] < 3:
        raise ValueError(f"windows {tuple(windows.shape)}: drafting needs windows (n, L) of L >= 3 tokens")
    hidden = model.hidden(windows)
    embedded = model.embed(windows[:, 1:-1])
    count = len(windows) * (windows.shape[1] - 2)
    numbers = torch.arange(len(windows)).repeat_interleave(windows.shape[1] - 2)
    return Drafts(
        hidden[:, :-2].reshape(count, -1),
        hidden[:, 1:-1].reshape(count, -1),
        embedded.reshape(count, -1),
        windows[:, 1:-1].reshape(-1),
        windows[:, 2:].reshape(-1),
        numbers,
    )


def train(
    model: LanguageModel,
    drafts: Drafts,
    *,
    kind: Kind = "linear",
    blind: bool = False,
    minutes: float | None = None,
    steps: int | None = None,
    check: Drafts | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> tuple[DraftHead, int]:
    """Train a draft head on positions for a number of steps or of minutes; gives it and the steps done.

    AdamW with a rate that falls linearly to zero over the budget. The model's weights stay as they are. With `check`
    the head is the one of the steps that was best on these positions: few positions are soon learnt by heart.

    Raises:
        ValueError: no positions, or not exactly one of `minutes` and `steps`.
    """
    if not len(drafts):
        raise ValueError("no positions to train on: the text has no window of 3 tokens")
    if (minutes is None) == (steps is None):
        raise ValueError(f"minutes={minutes} and steps={steps}: give one of them")
    torch.manual_seed(seed)
    head = DraftHead(drafts.h.shape[1], drafts.e.shape[1], kind, blind=blind).to(drafts.h.device)
    optimizer = torch.optim.AdamW(head.parameters(), lr=RATE, weight_decay=0.01)
    generator = torch.Generator().manual_seed(seed)
    size = max(1, min(BATCH, LOGITS // model.vocabulary, len(drafts)))
    done, best, kept = 0, math.inf, copy.deepcopy(head.state_dict())
    with threads(1):
        for share in _shares(minutes, steps):
            if check is not None and done % CHECKED == 0 and (loss_there := _loss(model, head, check)) < best:
                best, kept = loss_there, copy.deepcopy(head.state_dict())
            for group in optimizer.param_groups:
                group["lr"] = RATE * (1 - share)
            chosen = torch.randint(len(drafts), (size,), generator=generator)
            logits = model.head(head(drafts.h[chosen].float(), drafts.e[chosen].float()))
            loss = nn.functional.cross_entropy(logits.float(), drafts.second[chosen])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            done += 1
            if progress is not None and done % 20 == 0:
                progress(round(100 * share), 100, f"draft head: step {done}, loss {float(loss.detach()):.3f}")
    if check is not None and not _loss(model, head, check) < best:
        head.load_state_dict(kept)
    return head.eval(), done


@torch.no_grad()
def _loss(model: LanguageModel, head: DraftHead, drafts: Drafts) -> float:
    """The mean NLL of the drafts, in nats."""
    tokens, _ = scan(model.linear_head, head(drafts.h.float(), drafts.e.float()), drafts.second, statistics=False)
    assert tokens.nll is not None
    return float(tokens.nll.mean())


def _shares(minutes: float | None, steps: int | None) -> Iterator[float]:
    """The share of the budget that is spent, before each step."""
    begun, done = time.monotonic(), 0
    while True:
        share = done / steps if steps is not None else (time.monotonic() - begun) / (60 * (minutes or 0) + 1e-9)
        if share >= 1:
            return
        yield share
        done += 1


def evaluate(model: LanguageModel, head: DraftHead, drafts: Drafts, steps: int = 0) -> Drafted:
    """A draft head on held-out positions. KL(p, q) comes by Bregman's form: both laws are of the model's own head."""
    with torch.no_grad():
        vectors = head(drafts.h.float(), drafts.e.float())
    own = model.linear_head
    drafted, _ = scan(own, vectors, drafts.second, statistics=False)
    verified, _ = scan(own, drafts.after, second=(own, vectors), moments=True, statistics=False)
    assert drafted.nll is not None
    assert verified.overlap is not None
    assert verified.moment is not None
    moved = (verified.moment * (vectors.double() - drafts.after.double())).sum(1)
    divergence = (drafted.log_partition - verified.log_partition - moved).clamp_min(0)
    return Drafted(head, drafted.nll, verified.overlap, divergence, drafts.window, steps)


def plug_in(first: Tensor, second: Tensor) -> Tensor:
    """-log of the relative frequency of w_{t+1} after w_t among the pairs themselves, at each pair, nats (N,).

    Its mean is the plug-in estimate of H(W_{t+1} | W_t), on average at most the entropy of the pairs' law.
    """
    _, pair, pairs = torch.unique(torch.stack([first, second]), dim=1, return_inverse=True, return_counts=True)
    _, single, singles = torch.unique(first, return_inverse=True, return_counts=True)
    result: Tensor = singles[single].double().log() - pairs[pair].double().log()
    return result


def counted_pairs(learn: Drafts, test: Drafts, vocabulary: int) -> Tensor:
    """-log p(w_{t+1} | w_t) at the test positions (N,) by the pairs of the training ones, in nats.

    Counts interpolated with those of single tokens (Witten and Bell 1991), these with the uniform law.
    """
    singles = torch.bincount(learn.second, minlength=vocabulary).double()
    single = (singles + 1) / (len(learn) + vocabulary)
    codes, counts = (learn.first * vocabulary + learn.second).unique(return_counts=True)  # type: ignore[no-untyped-call]
    before = torch.bincount(learn.first, minlength=vocabulary).double()
    followers = torch.bincount(codes // vocabulary, minlength=vocabulary).double()
    wanted = test.first * vocabulary + test.second
    place = torch.searchsorted(codes, wanted).clamp(max=len(codes) - 1)
    seen = torch.where(codes[place] == wanted, counts[place], 0).double()
    total = (before + followers)[test.first]
    law: Tensor = (seen + followers[test.first] * single[test.second]) / total.clamp(min=1)
    return -torch.where(total > 0, law, single[test.second]).log()


@dataclass(frozen=True, eq=False)
class Surplus:
    """A drafter and its control on the held-out half of a text.

    `lower` (N,): at each position -log of the reference law of w_{t+1} given w_t, less the drafter's NLL; its mean is
    the lower bound of the surplus, that of `control` the same for the drafter that is blind to h_t, which must not be
    above zero but for chance.
    """

    sighted: Drafted
    blind: Drafted
    lower: Tensor
    control: Tensor
    shuffled: Tensor  # (N,): the NLL of the drafter that is given another position's hidden state
    counted: Tensor  # (N,): the NLL of counted pairs

    @property
    def baseline(self) -> Tensor:
        """The NLL of the better predictor that sees w_t alone, (N,)."""
        return min(self.blind.nll, self.counted, key=lambda nll: float(nll.mean()))

    @property
    def gains(self) -> Tensor:
        """By how much the drafter that sees (h_t, w_t) beats the better one that sees w_t alone, held out (N,)."""
        return self.baseline - self.sighted.nll

    @property
    def gain(self) -> float:
        """The mean gain."""
        return float(self.gains.mean())


def draft(
    model: LanguageModel,
    windows: Tensor,
    *,
    kind: Kind = "linear",
    minutes: float | None = None,
    steps: int | None = None,
    reference: Callable[[Tensor, Tensor], Tensor] = plug_in,
    seed: int = 0,
    progress: Progress | None = None,
) -> Surplus:
    """Train a drafter and its blind control on half of the windows (n, L), measure both on the other half.

    Args:
        model: whose hidden states are read and whose head the drafts go through.
        windows: token ids of full windows, L >= 3.
        kind: "linear" or "mlp".
        minutes: of training, for both drafters together; or `steps` for each.
        steps: see `minutes`.
        reference: (w_t, w_{t+1}) to -log of the law of w_{t+1} given w_t; where the source is known, the exact one.
        seed: of the split and of the training.
        progress: told of (done, total, text).

    Raises:
        ValueError: fewer than 2 windows, or windows of fewer than 3 tokens.
    """
    if len(windows) < 2:
        raise ValueError(f"{len(windows)} full windows: one half trains the draft head, the other measures it: give 2")
    order = torch.randperm(len(windows), generator=torch.Generator().manual_seed(seed))
    most = max(2, CACHED // (4 * model.dim * windows.shape[1] * 3))
    order = order[:most]
    half = len(order) // 2
    tenth = half // 10
    learn, test = positions(model, windows[order[tenth:half]]), positions(model, windows[order[half:]])
    check = positions(model, windows[order[:tenth]]) if tenth else None
    each = None if minutes is None else minutes / 2
    found = []
    for blind in (False, True):
        head, done = train(
            model, learn, kind=kind, blind=blind, minutes=each, steps=steps, check=check, seed=seed, progress=progress
        )
        found.append(evaluate(model, head, test, done))
    known = reference(test.first, test.second)
    sighted, control = found
    moved = torch.randperm(len(test), generator=torch.Generator().manual_seed(seed))
    shuffled = evaluate(model, sighted.head, replace(test, h=test.h[moved])).nll
    counted = counted_pairs(learn, test, model.vocabulary)
    return Surplus(sighted, control, known - sighted.nll, known - control.nll, shuffled, counted)
