"""Several processes, as torchrun starts them on one machine or many: `torchrun --nproc-per-node N -m lmlaws measure`.

Process r of n takes the groups r, r + n, ... of the text and keeps their sums in its own folder; at the end each group
is carried to process 0 and put into its folder. Sums merge exactly and in the order of the text, so n processes give
the single process's bits. torch's gloo carries what is in main memory, its NCCL what is on a GPU. A worker that is lost
ends the run; started again, with as many processes or others, every group goes on from its last checkpoint.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist

from lmlaws.numerics.kept import Kept


@dataclass(frozen=True)
class Team:
    """This process among its fellows: `rank` in 0..size-1, and the device that it works on."""

    rank: int = 0
    size: int = 1
    device: str = "cpu"

    def share(self, count: int) -> range:
        """Which of `count` groups are this process's."""
        return range(self.rank, count, self.size)

    def agree(self, what: str, value: str) -> None:
        """Refuse to go on where processes differ in a value.

        Raises:
            ValueError: in every process; names what differs and in which processes.
        """
        if self.size == 1:
            return
        values: list[str | None] = [None] * self.size
        dist.all_gather_object(values, value)
        odd = [rank for rank, other in enumerate(values) if other != values[0]]
        if odd:
            raise ValueError(f"{what} of process 0 differs from that of process {', '.join(map(str, odd))}")

    def gather(self, kept: Kept, names: Sequence[str]) -> None:
        """Bring the files of these names from this process into the folder of process 0; processes may share one."""
        if self.size == 1:
            return
        everyone: list[Sequence[str]] = [()] * self.size
        dist.all_gather_object(everyone, list(names))
        for owner in range(1, self.size):
            for name in everyone[owner]:
                self._carry(kept, name, owner)
        dist.barrier()

    def _carry(self, kept: Kept, name: str, owner: int) -> None:
        """One file from its owner to process 0."""
        if self.rank not in (0, owner):
            return
        if self.rank == owner:
            content = kept.read(name) or b""
            self._send(torch.tensor([len(content)]))
            self._send(torch.frombuffer(bytearray(content), dtype=torch.uint8))
            return
        size = self._receive(torch.zeros(1, dtype=torch.int64), owner)
        data = self._receive(torch.zeros(int(size), dtype=torch.uint8), owner)
        kept.write(name, data.numpy().tobytes())

    def _send(self, tensor: torch.Tensor) -> None:
        dist.send(tensor.to(self.device), 0)

    def _receive(self, tensor: torch.Tensor, owner: int) -> torch.Tensor:
        there = tensor.to(self.device)
        dist.recv(there, owner)
        return there.cpu()


@contextmanager
def team() -> Iterator[Team]:
    """The processes that torchrun started, joined; this one alone where it started none."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    gpu = torch.cuda.is_available()
    device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if gpu else "cpu"
    if size == 1:
        yield Team(device=device)
        return
    if gpu:
        torch.cuda.set_device(device)
    # A worker may wait long for the slowest; one that is lost is noticed by torchrun, which ends the others.
    dist.init_process_group("nccl" if gpu else "gloo", timeout=timedelta(days=30))
    try:
        yield Team(dist.get_rank(), size, device)
    finally:
        dist.destroy_process_group()
