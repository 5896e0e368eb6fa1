"""Text, tokenizers and windows."""

from pathlib import Path

import pytest

from lmlaws.numerics import text


def test_the_standard_library_splits_without_overlap_and_leaves_tests_out() -> None:
    corpus = text.standard_library()
    assert len(corpus.train) > 200
    assert len(corpus.validation) > 20
    assert not set(corpus.train) & set(corpus.validation)
    assert not any("class TestCase" in piece and "import unittest.mock" in piece for piece in corpus.train)


def test_a_limit_keeps_a_part_and_another_corpus_has_another_digest() -> None:
    whole, part = text.standard_library(), text.standard_library(500_000)
    assert set(part.train) < set(whole.train)
    assert sum(len(piece.encode()) for piece in part.train + part.validation) <= 500_000
    assert part.digest != whole.digest


def test_the_split_depends_on_content_alone() -> None:
    raws = [f"text number {i}".encode() for i in range(300)]
    once, again = text.corpus(raws), text.corpus(reversed(raws))
    assert once == again
    assert 10 <= len(once.validation) <= 60
    assert text.corpus([*raws, b"one more"]).digest != once.digest


def test_texts_that_are_empty_or_not_utf8_are_left_out() -> None:
    corpus = text.corpus([b"", b"caf\xe9", b"kept"])
    assert corpus.train + corpus.validation == ("kept",)


def test_bpe_has_the_size_asked_for_and_gives_any_text_back() -> None:
    corpus = text.standard_library(500_000)
    tokenizer = text.train_bpe(corpus.train, 300)
    assert tokenizer.get_vocab_size() == 300
    for piece in ("def f(x):\n\treturn x", "naïve 数 \x00 \r\n", corpus.validation[0]):
        assert tokenizer.decode(tokenizer.encode(piece).ids) == piece
    assert text.train_bpe(corpus.train, 300).to_str() == tokenizer.to_str()
    assert text.encode_all(tokenizer, ["ab", "c"]) == tokenizer.encode("ab").ids + tokenizer.encode("c").ids


def test_bpe_needs_a_token_for_each_byte() -> None:
    with pytest.raises(ValueError, match="vocabulary is 255"):
        text.train_bpe(["a"], 255)


def test_letters_are_their_ids() -> None:
    tokenizer = text.letter_tokenizer("abcd")
    assert tokenizer.encode("ad cb\nb").ids == [0, 3, 2, 1, 1]
    assert tokenizer.decode([0, 3, 2]) == "adc"


@pytest.mark.parametrize(
    ("ids", "length", "expected"),
    [
        ([1, 2, 3, 4], 2, [[1, 2], [3, 4]]),
        ([1, 2, 3, 4, 5], 3, [[1, 2, 3], [4, 5]]),
        ([1, 2, 3, 4], 3, [[1, 2, 3]]),
        ([1], 3, []),
        ([], 3, []),
    ],
)
def test_windows(ids: list[int], length: int, expected: list[list[int]]) -> None:
    assert text.windows(ids, length) == expected


def test_windows_of_one_token_are_refused() -> None:
    with pytest.raises(ValueError, match="length 1"):
        text.windows([1, 2], 1)


def test_reading_a_users_text(tmp_path: Path) -> None:
    good, empty, latin = tmp_path / "good.txt", tmp_path / "empty.txt", tmp_path / "latin.txt"
    good.write_bytes("één\r\n".encode())
    empty.write_bytes(b" \n")
    latin.write_bytes(b"caf\xe9 noir")
    assert text.read_text(good) == "één\r\n"
    with pytest.raises(ValueError, match=r"empty\.txt: the text is empty"):
        text.read_text(empty)
    with pytest.raises(ValueError, match=r"latin\.txt: not UTF-8: byte 0xe9 at offset 3"):
        text.read_text(latin)
    with pytest.raises(FileNotFoundError, match="absent"):
        text.read_text(tmp_path / "absent")
