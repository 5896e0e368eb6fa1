"""Cross entropy as a code length (N3): real text compressed to its NLL with a model, and back byte for byte."""

from __future__ import annotations

from dataclasses import replace
from math import log, log2
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from lmlaws.numerics.compression import ROWS, compress, decompress
from lmlaws.numerics.models import LanguageModel, ModelError, load
from lmlaws.numerics.text import letter_tokenizer, standard_library
from lmlaws.numerics.training import STDLIB_SMALL


@pytest.fixture(scope="module")
def model(small_folder: Path) -> LanguageModel:
    return load(small_folder)


@pytest.fixture(scope="module")
def text() -> str:
    """Held-out text of more than one block of windows, not a whole number of windows, with letters beyond ASCII."""
    return "".join(standard_library(STDLIB_SMALL.corpus_bytes).validation)[:12_345] + " déjà vu, 漢字\n"


def test_text_comes_back_at_the_cost_of_its_nll(model: LanguageModel, text: str) -> None:
    done: list[tuple[int, int, str]] = []
    message = compress(model, text, lambda *said: done.append(said))
    assert decompress(model, message.words) == text
    assert len(model.encode(text)) > ROWS * model.context
    assert done[-1][0] == done[-1][1] == len(model.encode(text))
    # within 0.1% and 64 bits of what the model's own loss says, its head counted
    ideal = message.nll_bits + message.first_bits
    assert ideal < message.bits <= 1.001 * ideal + 64
    assert message.bits < 4 * message.text_bytes


def test_the_cost_is_the_models_loss(model: LanguageModel, text: str) -> None:
    """NLL of all windows at once, from the model's own logits: another order of sums, the same number."""
    ids = model.encode(text)[: 5 * model.context]
    part: str = model.tokenizer.decode(ids, skip_special_tokens=False)
    assert model.encode(part) == ids
    windows = torch.tensor(ids).reshape(-1, model.context)
    with torch.no_grad():
        logits = model.model(windows).logits[:, :-1].double()
    nll = float(cross_entropy(logits.flatten(0, 1), windows[:, 1:].flatten(), reduction="sum"))
    message = compress(model, part)
    assert message.nll_bits == pytest.approx(nll / log(2), rel=1e-6)
    assert message.first_bits == pytest.approx(len(windows) * log2(model.vocabulary))
    assert message.nll_bits != pytest.approx(1.001 * nll / log(2), rel=1e-6)


@pytest.mark.parametrize("short", ["", "a", "def f(x):\n"])
def test_short_texts(model: LanguageModel, short: str) -> None:
    message = compress(model, short)
    assert decompress(model, message.words) == short
    assert message.bits <= 1.001 * (message.nll_bits + message.first_bits) + 64
    assert message.text_bytes == len(short)


def test_a_changed_message_is_another_text(model: LanguageModel, text: str) -> None:
    message = compress(model, text[:500])
    words = message.words.copy()
    words[len(words) // 2] ^= 1 << 20
    try:
        assert decompress(model, words) != text[:500]
    except ModelError as refused:
        assert "damaged" in str(refused)  # noqa: PT017 (either is right, silence about the same text is not)
    with pytest.raises(ModelError, match="an empty message"):
        decompress(model, np.zeros(0, np.uint32))


def test_another_models_message_is_no_text_of_this_one(model: LanguageModel, text: str) -> None:
    """The laws are the key: with the head's rows in another order nothing comes back."""
    message = compress(model, text[:500])
    inner = model.model
    rows = inner.transformer.wte.weight.data
    kept = rows.clone()
    rows.copy_(kept.flip(0))
    try:
        other = decompress(model, message.words)
    except ModelError as refused:
        other = str(refused)
    finally:
        rows.copy_(kept)
    assert other != text[:500]


def test_a_tokenizer_that_loses_characters_is_refused(model: LanguageModel) -> None:
    lossy = replace(model, tokenizer=letter_tokenizer("abc"))
    with pytest.raises(ModelError, match=r"at character 1 is ' b', decoded 'b'"):
        compress(lossy, "a b")
