"""Freshly initialised tiny models in folders, with tokenizers: tied, untied, and with a bias in the head."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from lmlaws.numerics.environment import transformers
from lmlaws.numerics.text import train_bpe

TEXT = """Sums over any alphabet: naïve façade, Ångström; 東京 and 日本語; "quotes" — dashes … and 🙂 as well.
A kernel composed with a kernel is a kernel; a state is a kernel from the unit. What copies is deterministic, and
what is discarded is gone. The law of the next token depends on those before it in its window, and on no others.
"""
CONTEXT, VOCABULARY = 16, 320


def byte_level() -> Tokenizer:
    """A BPE on bytes: characters beyond ASCII are split into tokens that are parts of them."""
    return train_bpe([TEXT.replace("東", "")], VOCABULARY)


def with_fallback() -> Tokenizer:
    """A BPE on characters with a marked space, and a token for each byte of an unknown character, as Llama's."""
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(prepend_scheme="first")])
    names = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256))]
    plain = "".join(c for c in TEXT if c.isascii())
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY, special_tokens=names, show_progress=False)
    tokenizer.train_from_iterator([plain], trainer)
    return tokenizer


def gpt2() -> Any:
    """Tied, no bias."""
    config = transformers.GPT2Config(vocab_size=VOCABULARY, n_positions=CONTEXT, n_embd=16, n_layer=2, n_head=2)
    return transformers.GPT2LMHeadModel(config)


def llama() -> Any:
    """Untied, no bias."""
    config = transformers.LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=CONTEXT, tie_word_embeddings=False,
    )  # fmt: skip
    return transformers.LlamaForCausalLM(config)


def phi() -> Any:
    """With a bias in the head, which is drawn too."""
    config = transformers.PhiConfig(
        vocab_size=VOCABULARY, hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=CONTEXT,
    )  # fmt: skip
    model = transformers.PhiForCausalLM(config)
    torch.nn.init.normal_(model.lm_head.bias)
    return model


KINDS = {"gpt2": (gpt2, byte_level), "llama": (llama, with_fallback), "phi": (phi, byte_level)}


def folder(kind: str, parent: Path) -> Path:
    """A model's folder below `parent`, its weights larger than usual, so that laws are far from uniform."""
    make, tokenizer = KINDS[kind]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = make()
        with torch.no_grad():
            model.get_output_embeddings().weight.mul_(20)
    model.save_pretrained(parent / kind)
    tokenizer().save(str(parent / kind / "tokenizer.json"))
    return parent / kind
