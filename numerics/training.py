"""Small models trained here, from text that every machine has: recipes, the cache, and what was held out.

`ensure(recipe)` returns an ordinary local checkpoint (config.json, model.safetensors, tokenizer.json), trained now
if the cache has none. Nothing is downloaded.
"""

import contextlib
import dataclasses
import fcntl
import hashlib
import importlib.metadata
import json
import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import safetensors.torch
from tokenizers import Tokenizer

from lmlaws.numerics import text
from lmlaws.numerics.loop import CHECKPOINT, Progress, Recipe, mean_nll, saved_step, threads, train, write_atomically
from lmlaws.numerics.sources import (
    GrammarSource,
    HiddenMarkovSource,
    MarkovSource,
    Source,
    describe,
    from_description,
)

# Change it when the same recipe would give another model.
FORMAT = 1
MARKER = "complete.json"
FILES = ("config.json", "model.safetensors", "tokenizer.json")

SOURCE_TRAIN_LETTERS = 400_000
VALIDATION_TOKENS = 16_384

STDLIB = Recipe(
    "stdlib", vocabulary=1024, dim=128, layers=4, heads=4, context=128, steps=900, batch=8, learning_rate=3e-3
)
STDLIB_SMALL = Recipe(
    "stdlib-small", vocabulary=512, dim=64, layers=2, heads=2, context=64, steps=1200, batch=8,
    learning_rate=4e-3, corpus_bytes=2_000_000,
)  # fmt: skip
SOURCE = Recipe(
    "source", vocabulary=4, dim=64, layers=2, heads=2, context=64, steps=2000, batch=8, learning_rate=2e-3,
    source=MarkovSource(),
)  # fmt: skip
SOURCE_SMALL = Recipe(
    "source-small", vocabulary=4, dim=32, layers=1, heads=2, context=32, steps=600, batch=8, learning_rate=5e-3,
    source=MarkovSource(),
)  # fmt: skip
HIDDEN_SMALL = replace(SOURCE_SMALL, name="hidden-small", source=HiddenMarkovSource())
GRAMMAR_SMALL = replace(SOURCE_SMALL, name="grammar-small", vocabulary=5, source=GrammarSource())


def cache_folder() -> Path:
    """Where trained models are kept: $LMLAWS_CACHE, else $XDG_CACHE_HOME/lmlaws, else ~/.cache/lmlaws.

    Raises:
        OSError: the folder cannot be made or written; names it and LMLAWS_CACHE.
    """
    own, shared = os.environ.get("LMLAWS_CACHE"), os.environ.get("XDG_CACHE_HOME")
    if own:
        folder = Path(own)
    elif shared:
        folder = Path(shared) / "lmlaws"
    else:
        try:
            folder = Path.home() / ".cache" / "lmlaws"
        except RuntimeError as error:
            raise OSError("no home folder to keep trained models in: set LMLAWS_CACHE to a folder") from error
    return _writable(folder)


def _writable(folder: Path) -> Path:
    way_out = "cannot keep trained models here; set LMLAWS_CACHE to a folder that can be written"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(error.errno, f"{way_out} ({error.strerror})", str(folder)) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(f"{way_out}: {folder}")
    return folder


def _corpus(recipe: Recipe) -> text.Corpus:
    """The corpus of a recipe without a source."""
    return text.standard_library(recipe.corpus_bytes)


def _settings(recipe: Recipe) -> dict[str, Any]:
    """A recipe as JSON can hold it."""
    plain = dataclasses.asdict(replace(recipe, source=None))
    return {**plain, "source": None if recipe.source is None else describe(recipe.source)}


def _key(recipe: Recipe) -> str:
    """A hash of all that decides the weights: recipe, corpus, library versions."""
    parts = {
        "format": FORMAT,
        "recipe": _settings(recipe),
        "corpus": "" if recipe.source else _corpus(recipe).digest,
        "versions": {
            name: importlib.metadata.version(name) for name in ("torch", "transformers", "tokenizers", "numpy")
        },
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _complete(folder: Path) -> bool:
    """Whether a training finished here and its files are the ones it wrote; a damaged one is reported."""
    if not (folder / MARKER).exists():
        return False
    try:
        marker = json.loads((folder / MARKER).read_text("utf-8"))
        damaged = [name for name in FILES if _digest(folder / name) != marker["files"][name]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        damaged = [f"{MARKER} ({error})"]
    if damaged:
        warnings.warn(f"{folder}: damaged ({', '.join(damaged)}), trained again", stacklevel=3)
        (folder / MARKER).unlink()
        (folder / CHECKPOINT).unlink(missing_ok=True)
    return not damaged


@contextlib.contextmanager
def _lock(folder: Path, wait: str, progress: Progress | None, total: int) -> Iterator[None]:
    """One process at a time trains in a folder; the lock goes with the process, however it ends."""
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if progress is not None:
                progress(0, total, wait)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _tokenizer(recipe: Recipe) -> Tokenizer:
    if recipe.source is not None:
        return text.letter_tokenizer(recipe.source.alphabet)
    return text.train_bpe(_corpus(recipe).train, recipe.vocabulary)


def training_ids(recipe: Recipe, tokenizer: Tokenizer) -> Sequence[int]:
    """The token ids a recipe trains on."""
    if recipe.source is not None:
        return list(map(int, recipe.source.sample(SOURCE_TRAIN_LETTERS, seed=1)))
    return text.encode_all(tokenizer, _corpus(recipe).train)


def held_out_ids(recipe: Recipe, tokenizer: Tokenizer, tokens: int) -> list[int]:
    """The first `tokens` token ids of text that the recipe did not train on.

    Validation files of the standard library (fewer ids when they hold fewer), or a new sample of the source.
    """
    if recipe.source is not None:
        return list(map(int, recipe.source.sample(tokens, seed=2)))
    ids: list[int] = []
    for piece in _corpus(recipe).validation:
        if len(ids) >= tokens:
            break
        ids += text.encode_all(tokenizer, [piece])
    return ids[:tokens]


def _finish(recipe: Recipe, model: Any, tokenizer: Tokenizer, folder: Path) -> None:
    """Write the checkpoint's files, the marker last."""
    weights = {name: parameter.detach() for name, parameter in model.named_parameters()}
    write_atomically(folder / "config.json", model.config.to_json_string().encode())
    write_atomically(folder / "tokenizer.json", tokenizer.to_str().encode())
    write_atomically(folder / "model.safetensors", safetensors.torch.save(weights, {"format": "pt"}))
    with threads(recipe.threads):
        nll = mean_nll(model, held_out_ids(recipe, tokenizer, VALIDATION_TOKENS), recipe.context)
    marker = {
        "recipe": _settings(recipe),
        "validation_nll": nll,  # nats a token, on text that was held out
        "files": {name: _digest(folder / name) for name in FILES},
    }
    write_atomically(folder / MARKER, json.dumps(marker, indent=1).encode())
    (folder / CHECKPOINT).unlink(missing_ok=True)


def model_folder(recipe: Recipe, cache: Path | None = None) -> Path:
    """Where `ensure` keeps the model of a recipe; its name holds a hash of recipe, corpus and library versions."""
    return (cache_folder() if cache is None else cache) / f"{recipe.name}-{_key(recipe)[:16]}"


def ensure(recipe: Recipe, cache: Path | None = None, progress: Progress | None = None) -> Path:
    """The folder of the recipe's trained model, trained now if it is missing, incomplete or damaged.

    An interrupted training goes on from its last checkpoint; two processes never train the same model at once.

    Args:
        recipe: what to train, for example `STDLIB`.
        cache: the folder that keeps models; None means `cache_folder()`.
        progress: called with (steps done, steps in all, text).

    Raises:
        OSError: the cache cannot be written; names the path.
        ValueError: this Python ships no sources to train on.
    """
    folder = _writable(model_folder(recipe, cache))
    with _lock(folder, f"waiting: another process trains {recipe.name}", progress, recipe.steps):
        if not _complete(folder):
            if progress is not None:
                progress(0, recipe.steps, f"preparing {recipe.name}: text and tokenizer")
            tokenizer = _tokenizer(recipe)
            model = train(recipe, training_ids(recipe, tokenizer), folder, _key(recipe), progress)
            _finish(recipe, model, tokenizer, folder)
    return folder


def record(folder: Path) -> dict[str, Any]:
    """What `ensure` wrote about a model: its recipe, `validation_nll` in nats a token, hashes of its files."""
    result: dict[str, Any] = json.loads((folder / MARKER).read_text("utf-8"))
    return result


def source_of(folder: Path) -> Source | None:
    """The known source that a model of `ensure` was trained on; None for the standard library's text."""
    source = record(folder)["recipe"]["source"]
    return None if source is None else from_description(source)


def trajectory(
    recipe: Recipe, steps: Sequence[int], cache: Path | None = None, progress: Progress | None = None
) -> dict[int, Path]:
    """Folders of the recipe's model as it is after each of the given steps of its training, as `ensure` makes them.

    0 is the initialisation, recipe.steps what `ensure` returns, bit for bit. An interrupted run goes on; a later call
    with other steps keeps the folders that are there.

    Raises:
        ValueError: no step, or one outside 0..recipe.steps.
        OSError: the cache cannot be written; names the path.
    """
    wanted = sorted(set(steps))
    if not wanted or wanted[0] < 0 or wanted[-1] > recipe.steps:
        raise ValueError(f"{recipe.name}: steps {list(steps)}: give steps from 0 to {recipe.steps}")
    home = _writable(model_folder(recipe, cache).with_suffix(".along"))
    folders = {step: home / f"{step:06}" for step in wanted}
    with _lock(home, f"waiting: another process trains {recipe.name}", progress, recipe.steps):
        missing = [step for step, folder in folders.items() if not _complete(folder)]
        if missing:
            _train_along(recipe, {step: folders[step] for step in missing}, home, progress)
    return folders


def _train_along(recipe: Recipe, folders: dict[int, Path], home: Path, progress: Progress | None) -> None:
    """Train up to the last of the steps, writing a folder at each."""
    tokenizer, key = _tokenizer(recipe), _key(recipe)
    if saved_step(home, key) > min(folders):  # an earlier call wanted later steps only
        (home / CHECKPOINT).unlink()

    def observe(step: int, model: Any) -> None:
        if step in folders:
            _finish(recipe, model, tokenizer, _writable(folders[step]))

    train(recipe, training_ids(recipe, tokenizer), home, key, progress, observe, until=max(folders))
