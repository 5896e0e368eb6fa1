"""All quantities of a head in one pass over the vocabulary, beside F.linear and cross_entropy alone.

CPU seconds of one thread: on a busy machine they say more than the clock on the wall. Extra memory is a child process's
peak beyond its inputs; errors are against float64 on the first tokens. Needs torch, which the peers' environment may
lack: `python -m bench.onepass` in the project's own.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING, Any

from bench.harness import Side, Timed, Work, peer, section

if TYPE_CHECKING:
    from torch import Tensor

TOKENS, DIM, VOCABULARY = 4096, 768, 50_257
ROUNDS = 3
CHECKED = 64
SCALES = ((4.4, "logits to 20", 1e-5), (13.2, "logits to 60", 5e-5))
TITLE = f"One pass over {TOKENS:,} tokens, d = {DIM}, V = {VOCABULARY:,}"


def instance(tokens: int, scale: float) -> tuple[Tensor, Tensor, Tensor]:
    """W, h and targets; logits are about normal with standard deviation `scale`."""
    import torch

    rng = torch.Generator().manual_seed(TOKENS)
    W = torch.randn(VOCABULARY, DIM, generator=rng)
    h = torch.randn(tokens, DIM, generator=rng).mul_(scale / DIM**0.5)  # in place: no freed copy to hide memory in
    return W, h, torch.randint(VOCABULARY, (tokens,), generator=rng)


def works(W: Tensor, h: Tensor, targets: Tensor) -> dict[str, tuple[str, Work]]:
    """What is timed, by name, with what it does."""
    from torch.nn.functional import cross_entropy, linear

    from lmlaws.numerics.onepass import LinearHead, scan

    def ours(**options: Any) -> Callable[[], Any]:
        return lambda: scan(LinearHead(W), h, targets, **options)[0]

    return {
        "plain": ("F.linear and cross_entropy: NLL", lambda: cross_entropy(linear(h, W), targets, reduction="none")),
        "tokens": ("NLL, A, entropy, Renyi, accuracy, bound", ours(statistics=False)),
        "moments": ("these, E_p g and tr g*", ours(statistics=False, moments=True)),
        "statistics": ("these, the mean law, E m m^T and E h h^T, exactly", ours()),
    }


def peak() -> float:
    """The process's peak memory in MB."""
    # Not getrusage: a child inherits its parent's peak there.
    return int(Path("/proc/self/status").read_text("ascii").split("VmHWM:")[1].split()[0]) / 2**10


def extra_memory(name: str) -> float:
    """The peak of one work beyond its inputs and what it returns for each token, in MB, in a process of its own."""
    done = subprocess.run([sys.executable, "-m", __spec__.name, name], capture_output=True, text=True, check=True)
    return float(done.stdout)


def measure_memory(name: str) -> None:
    """Print that peak; the child's side of `extra_memory`."""
    import torch

    torch.set_num_threads(1)
    W, h, targets = instance(TOKENS, 1.0)
    work = works(W, h, targets)[name][1]
    works(W[:100], h[:9], targets[:9] % 100)[name][1]()  # libraries load, in tiles that are small
    before = peak()
    result = work()
    returned = getattr(result, "moment", None)
    print(peak() - before - (0 if returned is None else returned.numel() * 8 / 2**20))


def errors() -> list[str]:
    """The largest error of NLL against float64, and the bound; ArithmeticError if one is above its bound or limit."""
    from torch.nn.functional import cross_entropy, linear

    found = []
    for scale, name, most in SCALES:
        W, h, targets = instance(CHECKED, scale)
        truth = cross_entropy(linear(h.double(), W.double()), targets, reduction="none")
        plain, ours = (works(W, h, targets)[side][1]() for side in ("plain", "statistics"))
        error = (ours.nll - truth).abs()
        if not bool((error <= ours.error).all()) or not float(error.max()) <= most:
            raise ArithmeticError(f"{name}: NLL is off by {float(error.max())}, stated {float(ours.error.max())}")
        found.append(
            f"{name}: {float(error.max()):.1e} (proved bound {float(ours.error.max()):.1e}), "
            f"plain {float((plain.double() - truth).abs().max()):.1e}"
        )
    return found


def main() -> str:
    """Run the row; ArithmeticError if NLLs are wrong."""
    if find_spec("torch") is None:
        return section(
            TITLE, "Not run here: it needs torch. `python -m bench.onepass` in the project's own environment."
        )
    import torch

    torch.set_num_threads(1)
    sides = works(*instance(TOKENS, SCALES[0][0]))
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(ROUNDS):
        for name, (_, work) in sides.items():
            begin = process_time()
            work()
            seconds[name].append(process_time() - begin)
    package = {name: peer("torch" if name == "plain" else "lmlaws") for name in sides}
    rows = [Timed(Side(package[name], does, lambda: int), tuple(seconds[name])) for name, (does, _) in sides.items()]
    memory = ", ".join(f"{name} {extra_memory(name):.0f}" for name in sides)
    about = (
        "CPU seconds of one thread, float32. Extra memory in MB, beyond inputs and what is returned for each token: "
        f"{memory}. Largest error of NLL in nats, {CHECKED} tokens: {'; '.join(errors())}."
    )
    return section(TITLE, about, rows)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure_memory(sys.argv[1])
    else:
        print(main())
