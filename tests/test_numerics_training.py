"""Training: repeatable to the bit, resumable after a kill, kept in a cache that repairs itself."""

import errno
import hashlib
import json
import math
import os
import random
import signal
import subprocess
import sys
import threading
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch

from lmlaws.numerics import training
from lmlaws.numerics.loop import CHECKPOINT, Recipe, new_model, train, write_atomically
from lmlaws.numerics.sources import GrammarSource, HiddenMarkovSource, MarkovSource, Source
from lmlaws.numerics.training import FILES, MARKER, STDLIB, STDLIB_SMALL, ensure, held_out_ids

TINY = Recipe(
    "tiny", vocabulary=3, dim=16, layers=1, heads=2, context=16, steps=25, batch=4, learning_rate=5e-3,
    source=MarkovSource(order=1, letters=3), warmup=5, every=10,
)  # fmt: skip


@pytest.fixture(autouse=True)
def short_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "SOURCE_TRAIN_LETTERS", 5_000)
    monkeypatch.setattr(training, "VALIDATION_TOKENS", 500)


def weights(folder: Path) -> str:
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


class StopHereError(Exception):
    """Raised by a progress callback in the middle of a training."""


class Steps:
    """A progress callback that remembers, and interrupts after step `stop`."""

    def __init__(self, stop: int | None = None) -> None:
        self.done: list[int] = []
        self.stop = stop

    def __call__(self, done: int, total: int, text: str) -> None:
        assert total == TINY.steps
        self.done.append(done)
        if done == self.stop:
            raise StopHereError


@pytest.fixture
def reference(tmp_path: Path) -> str:
    return weights(ensure(TINY, tmp_path / "reference"))


def test_the_small_model_learns_and_is_an_ordinary_checkpoint(small_folder: Path) -> None:
    assert {name for name in FILES if (small_folder / name).is_file()} == set(FILES)
    assert not (small_folder / CHECKPOINT).exists()
    assert json.loads((small_folder / "config.json").read_text())["model_type"] == "gpt2"
    assert training.record(small_folder)["validation_nll"] < math.log(STDLIB_SMALL.vocabulary) - 1.5
    assert training.source_of(small_folder) is None


def test_the_full_recipe_has_about_a_million_parameters() -> None:
    d, v = STDLIB.dim, STDLIB.vocabulary
    block = 12 * d * d + 13 * d
    assert 900_000 < v * d + STDLIB.context * d + STDLIB.layers * block + 2 * d < 1_100_000


def test_progress_counts_every_step(tmp_path: Path) -> None:
    steps = Steps()
    folder = ensure(TINY, tmp_path, steps)
    assert steps.done == list(range(TINY.steps + 1))
    again = Steps()
    assert ensure(TINY, tmp_path, again) == folder
    assert again.done == []
    assert training.source_of(folder) == TINY.source


@pytest.mark.parametrize("stop", [4, 17, 25])
def test_an_interrupted_training_goes_on_and_gives_the_same_weights(stop: int, tmp_path: Path, reference: str) -> None:
    with pytest.raises(StopHereError):
        ensure(TINY, tmp_path, Steps(stop))
    assert not list(tmp_path.glob(f"*/{MARKER}"))
    rest = Steps()
    assert weights(ensure(TINY, tmp_path, rest)) == reference
    assert rest.done == [0, *range({4: 0, 17: 10, 25: 25}[stop] + 1, TINY.steps + 1)]


def test_a_killed_training_goes_on_and_gives_the_same_weights(tmp_path: Path, reference: str) -> None:
    program = f"""
import os, signal
from pathlib import Path
from lmlaws.numerics import training
from lmlaws.numerics.loop import Recipe
from lmlaws.numerics.sources import MarkovSource
training.SOURCE_TRAIN_LETTERS = 5_000
def progress(done, total, text):
    if done == 17:
        os.kill(os.getpid(), signal.SIGKILL)
training.ensure({TINY!r}, Path({str(tmp_path)!r}), progress)
"""
    child = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert child.returncode == -signal.SIGKILL, child.stderr
    rest = Steps()
    assert weights(ensure(TINY, tmp_path, rest)) == reference
    assert rest.done[:2] == [0, 11]


def test_another_seed_gives_other_weights(tmp_path: Path, reference: str) -> None:
    assert weights(ensure(replace(TINY, seed=1), tmp_path)) != reference


def test_a_truncated_checkpoint_is_dropped(tmp_path: Path, reference: str) -> None:
    with pytest.raises(StopHereError):
        ensure(TINY, tmp_path, Steps(17))
    (checkpoint,) = tmp_path.glob(f"*/{CHECKPOINT}")
    checkpoint.write_bytes(checkpoint.read_bytes()[:-100])
    rest = Steps()
    with pytest.warns(UserWarning, match="checkpoint dropped"):
        folder = ensure(TINY, tmp_path, rest)
    assert weights(folder) == reference
    assert rest.done == list(range(TINY.steps + 1))


def test_a_checkpoint_of_another_training_is_dropped(tmp_path: Path, reference: str) -> None:
    other = replace(TINY, seed=1)
    for recipe in (TINY, other):
        with pytest.raises(StopHereError):
            ensure(recipe, tmp_path, Steps(17))
    foreign = training.model_folder(other, tmp_path) / CHECKPOINT
    foreign.replace(training.model_folder(TINY, tmp_path) / CHECKPOINT)
    with pytest.warns(UserWarning, match="belongs to another training"):
        assert weights(ensure(TINY, tmp_path)) == reference


@pytest.mark.parametrize("name", [*FILES, MARKER])
def test_a_damaged_model_is_trained_again(name: str, tmp_path: Path, reference: str) -> None:
    folder = ensure(TINY, tmp_path)
    (folder / name).write_bytes(b"{}")
    with pytest.warns(UserWarning, match=f"damaged.*{name}"):
        ensure(TINY, tmp_path)
    assert weights(folder) == reference


def test_two_at_once_train_once(tmp_path: Path, reference: str) -> None:
    logs = [Steps(), Steps()]
    runs = [threading.Thread(target=ensure, args=(TINY, tmp_path, log)) for log in logs]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert sorted(log.done.count(TINY.steps) for log in logs) == [0, 1]
    assert weights(training.model_folder(TINY, tmp_path)) == reference


def test_training_leaves_the_callers_randomness_and_threads_alone(tmp_path: Path) -> None:
    torch.manual_seed(1)
    random.seed(1)
    before = torch.get_num_threads(), torch.get_rng_state(), random.getstate()
    ensure(TINY, tmp_path)
    assert torch.get_num_threads() == before[0]
    assert torch.equal(torch.get_rng_state(), before[1])
    assert random.getstate() == before[2]


def test_a_trajectory_passes_through_the_same_weights(tmp_path: Path, reference: str) -> None:
    folders = training.trajectory(TINY, [25, 0, 7, 10], tmp_path)
    assert list(folders) == [0, 7, 10, 25]
    assert weights(folders[25]) == reference
    fresh = new_model(TINY).state_dict()
    start = safetensors.torch.load_file(folders[0] / "model.safetensors")
    assert all(torch.equal(fresh[name], tensor) for name, tensor in start.items())
    assert len({weights(folder) for folder in folders.values()}) == 4
    assert training.source_of(folders[7]) == TINY.source
    assert training.record(folders[25])["validation_nll"] < training.record(folders[0])["validation_nll"]
    again = Steps()
    assert training.trajectory(TINY, [7, 25], tmp_path, again) == {7: folders[7], 25: folders[25]}
    assert again.done == []


def test_a_trajectory_goes_on_and_takes_steps_that_were_passed(tmp_path: Path) -> None:
    whole = training.trajectory(TINY, [3, 12, 18], tmp_path / "whole")
    with pytest.raises(StopHereError):
        training.trajectory(TINY, [12, 18], tmp_path / "parts", Steps(14))
    rest = Steps()
    folders = training.trajectory(TINY, [12, 18], tmp_path / "parts", rest)
    assert rest.done == list(range(11, 19))  # on from the checkpoint of step 10, and no further than asked
    back = Steps()
    folders |= training.trajectory(TINY, [3, 12], tmp_path / "parts", back)
    assert back.done == [1, 2, 3]
    assert {step: weights(folder) for step, folder in folders.items()} == {
        step: weights(folder) for step, folder in whole.items()
    }


@pytest.mark.parametrize("steps", [[], [-1], [26]])
def test_steps_outside_a_training_are_refused(steps: list[int], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="give steps from 0 to 25"):
        training.trajectory(TINY, steps, tmp_path)


@pytest.mark.parametrize(
    "source", [HiddenMarkovSource(hidden=2, letters=3, seed=1), GrammarSource(kinds=1, depth=2)], ids=str
)
def test_a_model_learns_each_kind_of_source(source: Source, tmp_path: Path) -> None:
    recipe = replace(TINY, source=source, steps=40)
    folder = ensure(recipe, tmp_path)
    assert training.source_of(folder) == source
    assert training.record(folder)["validation_nll"] < math.log(3)
    assert folder != training.model_folder(TINY, tmp_path)


def test_held_out_text_is_not_trained_on(small_folder: Path) -> None:
    tokenizer = training._tokenizer(STDLIB_SMALL)
    held = held_out_ids(STDLIB_SMALL, tokenizer, 3_000)
    assert len(held) == 3_000
    validation = "".join(training._corpus(STDLIB_SMALL).validation)
    assert validation.startswith(tokenizer.decode(held)[:5_000])
    letters = held_out_ids(TINY, tokenizer, 400)
    assert letters != list(training.training_ids(TINY, tokenizer))[:400]


def test_the_cache_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("LMLAWS_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert training.cache_folder() == tmp_path / "home" / ".cache" / "lmlaws"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert training.cache_folder() == tmp_path / "xdg" / "lmlaws"
    monkeypatch.setenv("LMLAWS_CACHE", str(tmp_path / "own"))
    assert training.cache_folder() == tmp_path / "own"
    assert (tmp_path / "own").is_dir()


def test_a_cache_that_cannot_be_made_names_path_and_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("LMLAWS_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(OSError, match="LMLAWS_CACHE") as caught:
        training.cache_folder()
    assert str(tmp_path / "file" / "cache") in str(caught.value)


def test_a_checkpoint_that_cannot_be_written_names_the_path(tmp_path: Path) -> None:
    (training.model_folder(TINY, tmp_path) / CHECKPOINT / "x").mkdir(parents=True)
    with pytest.raises(OSError, match=CHECKPOINT):
        ensure(TINY, tmp_path)


def test_a_full_disk_names_the_path_and_keeps_the_old_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "result"
    write_atomically(path, b"old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device.*result"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize(
    ("ids", "message"), [([0, 1, 2], "3 tokens to train on"), ([0, 1, 2, 3] * 10, r"0\.\.2"), ([-1] * 20, r"0\.\.2")]
)
def test_ids_that_cannot_be_trained_on_are_refused(ids: list[int], message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        train(TINY, ids, tmp_path, "key")


def test_no_warning_on_the_way(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert (ensure(TINY, tmp_path) / "model.safetensors").is_file()
