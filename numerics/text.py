"""Text that every machine with Python has, the tokenizer trained on it, and windows of tokens.

The corpus is the standard library's own sources. Nothing is downloaded, and the same Python gives the same text,
the same split and the same tokenizer.
"""

import functools
import hashlib
import itertools
import sysconfig
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

# Folders of the standard library that hold tests, other projects, or tables and generated files.
LEFT_OUT = frozenset(
    {"test", "tests", "idle_test", "site-packages", "dist-packages", "idlelib", "lib2to3", "turtledemo",
     "ensurepip", "encodings", "pydoc_data", "__pycache__", "__phello__"}
)  # fmt: skip
VALIDATION_SHARE = 0.1


@dataclass(frozen=True)
class Corpus:
    """Texts split into training and validation files; `digest` is a hash of all of them and of the split."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    digest: str


def _source_files(root: Path) -> list[Path]:
    """The library's own *.py files."""
    files = []
    for path in root.rglob("*.py"):
        parts = path.relative_to(root).parts
        # _sysconfigdata files hold the build machine's paths: they differ between equal versions of Python.
        generated = parts[-1].startswith("_sysconfigdata") or parts[0].startswith("config-")
        if LEFT_OUT.isdisjoint(parts) and not generated:
            files.append(path)
    return files


def corpus(texts: Iterable[bytes], limit: int | None = None) -> Corpus:
    """Split texts into training and validation by their hashes, the same on every machine.

    Texts that are not UTF-8 or are empty are left out. The order is that of the hashes too, so that any first part
    is a fair sample; `limit` keeps a first part of at most about that many bytes.
    """
    decoded: list[tuple[bytes, str, int]] = []
    for raw in texts:
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            continue  # declared in another encoding (PEP 263); documented as left out
        if text:
            decoded.append((hashlib.sha256(raw).digest(), text, len(raw)))
    decoded.sort()
    if limit is not None:
        totals = itertools.accumulate(size for _, _, size in decoded)
        decoded = [entry for entry, total in zip(decoded, totals, strict=True) if total <= limit]
    bound = int(VALIDATION_SHARE * 2**32)
    # The hash's last bytes split, its first ones order: the two are independent.
    held = [int.from_bytes(key[-4:], "big") < bound for key, _, _ in decoded]
    return Corpus(
        train=tuple(text for (_, text, _), out in zip(decoded, held, strict=True) if not out),
        validation=tuple(text for (_, text, _), out in zip(decoded, held, strict=True) if out),
        digest=hashlib.sha256(b"".join(key for key, _, _ in decoded)).hexdigest(),
    )


@functools.cache
def standard_library(limit: int | None = None) -> Corpus:
    """The sources of the standard library of the Python that runs, without tests and bundled projects.

    Raises:
        ValueError: if this Python ships no sources (for example when its library is a zip of bytecode).
    """
    root = Path(sysconfig.get_path("stdlib"))
    result = corpus((path.read_bytes() for path in _source_files(root)), limit)
    if not result.train or not result.validation:
        raise ValueError(
            f"the standard library at {root} holds no readable *.py sources to train on: "
            "use a Python that comes with its sources, or pass a model of your own"
        )
    return result


def train_bpe(texts: Sequence[str], vocabulary: int) -> Tokenizer:
    """A byte-level BPE of `vocabulary` tokens (at least 256, one a byte), trained on the texts; any text encodes.

    Sennrich et al., arXiv:1508.07909; on bytes as in GPT-2. Deterministic.
    """
    if vocabulary < 256:
        raise ValueError(f"vocabulary is {vocabulary}: a byte-level BPE needs at least 256 tokens, one a byte")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def letter_tokenizer(alphabet: str) -> Tokenizer:
    """One token a letter, letter i of `alphabet` with id i; white space in a text is skipped."""
    tokenizer = Tokenizer(models.WordLevel({letter: i for i, letter in enumerate(alphabet)}))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Split(Regex("."), "isolated")]
    )
    tokenizer.decoder = decoders.Fuse()
    return tokenizer


def encode_all(tokenizer: Tokenizer, texts: Sequence[str]) -> list[int]:
    """The token ids of all texts, one text after the other, without special tokens."""
    encodings = tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
    return [token for encoding in encodings for token in encoding.ids]


def windows(ids: Sequence[int], length: int) -> list[Sequence[int]]:
    """Cut ids into consecutive windows of `length` tokens; the last may be shorter, one single token is dropped.

    In a window w_0..w_{L-1} the positions are t = 1..L-1: w_t is predicted from w_0..w_{t-1}.

    >>> windows([5, 6, 7, 8, 9], 3)
    [[5, 6, 7], [8, 9]]
    """
    if length < 2:
        raise ValueError(f"a window of length {length} has no token to predict: length must be at least 2")
    pieces = [ids[start : start + length] for start in range(0, len(ids), length)]
    if pieces and len(pieces[-1]) == 1:
        pieces.pop()
    return pieces


def read_text(path: str | Path) -> str:
    """A user's text file, as UTF-8.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is empty (only white space counts as empty), or not UTF-8; names the file and the byte.
    """
    raw = Path(path).read_bytes()
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path}: not UTF-8: byte {raw[error.start]:#04x} at offset {error.start} ({error.reason}); "
            "convert the file to UTF-8"
        ) from error
    if not text.strip():
        raise ValueError(f"{path}: the text is empty: nothing to measure; give a file with text")
    return text
