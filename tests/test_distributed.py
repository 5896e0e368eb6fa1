"""Several processes under torchrun: the single process's bits, also after one of them was killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.small_models import TEXT, folder

from lmlaws.numerics import job
from lmlaws.numerics.distributed import Team
from lmlaws.numerics.stream import GROUPS

LONG = TEXT * 2


def started(*arguments: object, cache: Path) -> subprocess.Popen[str]:
    """`torchrun --nproc-per-node 2 -m lmlaws ...` in a process group of its own."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "lmlaws"]
    environment = {**os.environ, "LMLAWS_CACHE": str(cache)}
    return subprocess.Popen(
        [*command, *map(str, arguments)],
        env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


def worker_of(launcher: int, rank: int) -> int | None:
    """The process of a rank, by the environment that torchrun gave it."""
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((path / "stat").read_text().rsplit(")", 1)[1].split()[1])
            variables = (path / "environ").read_bytes().split(b"\0")
        except OSError:
            continue  # it has ended
        if parent == launcher and f"RANK={rank}".encode() in variables:
            return int(path.name)
    return None


def without_times(text: str) -> dict[str, Any]:
    (line,) = text.splitlines()
    result: dict[str, Any] = json.loads(line)
    del result["seconds"], result["version"]
    return result


def test_two_processes_one_of_them_lost_give_the_single_ones_bits(tmp_path: Path) -> None:
    model, text = folder("llama", tmp_path), tmp_path / "t.txt"
    text.write_text(LONG, "utf-8")
    alone = job.measure(job.Settings(model, text), LONG, tmp_path / "one", Team())
    arguments = ("measure", "--model", model, "--text", text, "--json")

    first = started(*arguments, cache=tmp_path / "two")
    deadline = time.monotonic() + 100
    while not (kept := list((tmp_path / "two").rglob("group-*"))) and time.monotonic() < deadline:
        assert first.poll() is None
        time.sleep(0.01)
    lost = worker_of(first.pid, 1)
    assert lost is not None
    os.kill(lost, signal.SIGKILL)
    out, _ = first.communicate(timeout=100)
    assert (first.returncode, out) == (1, "")
    kept = list((tmp_path / "two").rglob("group-*"))
    assert 0 < len(kept) < min(GROUPS, alone["windows"])

    second = started(*arguments, cache=tmp_path / "two")
    out, err = second.communicate(timeout=100)
    assert second.returncode == 0, err
    assert without_times(out) == json.loads(json.dumps(alone))
    assert "going on from there" in err
    assert err.count("memory:") == 1  # process 0 speaks


def test_shares_are_every_group_once() -> None:
    for count in (0, 1, 5, 32):
        for size in (1, 2, 3, 40):
            assert sorted(n for rank in range(size) for n in Team(rank, size).share(count)) == list(range(count))


def test_processes_that_differ_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def others(values: list[str | None], own: str) -> None:
        values[:] = ["a", own, "a"]

    monkeypatch.setattr("torch.distributed.all_gather_object", others)
    Team(1, 3).agree("the text", "a")
    with pytest.raises(ValueError, match="the text of process 0 differs from that of process 1"):
        Team(1, 3).agree("the text", "b")


def test_alone_there_is_nobody_to_wait_for(monkeypatch: pytest.MonkeyPatch) -> None:
    from lmlaws.numerics import distributed

    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with distributed.team() as mates:
        mates.agree("anything", "x")
        assert (mates.rank, mates.size) == (0, 1)
        assert not torch.distributed.is_initialized()
