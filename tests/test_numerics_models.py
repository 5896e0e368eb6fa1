"""Loading models and factoring them; what is measured at positions; every refusal."""

import http.client
import json
import math
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors
import torch
from torch.nn.functional import cross_entropy

from lmlaws.numerics import backbones, models
from lmlaws.numerics.environment import transformers
from lmlaws.numerics.models import LanguageModel, ModelError, data_laws, load
from lmlaws.numerics.onepass import LinearHead, scan
from lmlaws.numerics.sources import GrammarSource, HiddenMarkovSource, MarkovSource
from lmlaws.numerics.text import letter_tokenizer, windows
from lmlaws.numerics.training import (
    SOURCE_SMALL,
    STDLIB_SMALL,
    VALIDATION_TOKENS,
    held_out_ids,
    record,
    source_of,
)

VOCABULARY = 24


@pytest.fixture(scope="session")
def small(small_folder: Path) -> LanguageModel:
    return load(small_folder, torch.float64)


def save(model: Any, folder: Path) -> Path:
    """A fresh model's folder, with a tokenizer of 20 letters."""
    model.save_pretrained(folder)
    letter_tokenizer("abcdefghijklmnopqrst").save(str(folder / "tokenizer.json"))
    return folder


GPT2 = {"vocab_size": VOCABULARY, "n_positions": 16, "n_embd": 8, "n_layer": 3, "n_head": 2}


def gpt2(**settings: Any) -> Any:
    torch.manual_seed(0)
    return transformers.GPT2LMHeadModel(transformers.GPT2Config(**{**GPT2, **settings}))


SIZES = {
    "vocab_size": VOCABULARY, "hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 3,
    "num_attention_heads": 2, "max_position_embeddings": 16,
}  # fmt: skip
GROUPED = {**SIZES, "num_key_value_heads": 1}
OPT = {"vocab_size": VOCABULARY, "hidden_size": 8, "ffn_dim": 16, "num_hidden_layers": 3, "num_attention_heads": 2,
       "max_position_embeddings": 16}  # fmt: skip
# (class, configuration, settings) of transformers.
ARCHITECTURES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "gpt2": ("GPT2LMHeadModel", "GPT2Config", GPT2),
    "gpt2 untied": ("GPT2LMHeadModel", "GPT2Config", {**GPT2, "tie_word_embeddings": False}),
    "llama": ("LlamaForCausalLM", "LlamaConfig", GROUPED),
    "llama tied": ("LlamaForCausalLM", "LlamaConfig", {**GROUPED, "tie_word_embeddings": True}),
    "qwen2": ("Qwen2ForCausalLM", "Qwen2Config", GROUPED),
    "qwen3": ("Qwen3ForCausalLM", "Qwen3Config", {**GROUPED, "head_dim": 4}),
    "mistral": ("MistralForCausalLM", "MistralConfig", {**GROUPED, "sliding_window": 4}),
    "neox": ("GPTNeoXForCausalLM", "GPTNeoXConfig", SIZES),
    "opt": ("OPTForCausalLM", "OPTConfig", {**OPT, "word_embed_proj_dim": 8}),
    "opt projected": ("OPTForCausalLM", "OPTConfig", {**OPT, "word_embed_proj_dim": 4, "do_layer_norm_before": False}),
    "gemma": ("GemmaForCausalLM", "GemmaConfig", {**GROUPED, "head_dim": 4}),
    "gemma2": ("Gemma2ForCausalLM", "Gemma2Config", {**GROUPED, "head_dim": 4, "sliding_window": 4,
                                                     "final_logit_softcapping": None}),
    "gemma3": ("Gemma3ForCausalLM", "Gemma3TextConfig", {**GROUPED, "head_dim": 4, "sliding_window": 4}),
    "phi": ("PhiForCausalLM", "PhiConfig", SIZES),
    "phi tied": ("PhiForCausalLM", "PhiConfig", {**SIZES, "tie_word_embeddings": True}),
    "falcon": ("FalconForCausalLM", "FalconConfig", {**SIZES, "max_position_embeddings": 16}),
}  # fmt: skip


def architecture(name: str) -> Any:
    """A freshly initialised tiny model; biases and gains are moved, so that leaving one out shows."""
    torch.manual_seed(0)
    model_class, config, settings = ARCHITECTURES[name]
    model = getattr(transformers, model_class)(getattr(transformers, config)(**settings))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, parameter.mean().item(), 0.3)
    return model


@pytest.fixture(scope="session")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of an architecture, made once."""
    home = tmp_path_factory.mktemp("zoo")

    def folder(name: str) -> Path:
        place = home / name.replace(" ", "-")
        return place if place.exists() else save(architecture(name), place)

    return folder


@pytest.fixture(scope="session")
def good_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(gpt2(), tmp_path_factory.mktemp("fresh") / "gpt2")


@pytest.fixture
def folder(good_folder: Path, tmp_path: Path) -> Path:
    """A good folder of one's own, to break."""
    return Path(shutil.copytree(good_folder, tmp_path / "model"))


# --- loading and factoring ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_trained_model_factors_bit_for_bit(small_folder: Path, dtype: torch.dtype) -> None:
    model = load(small_folder, dtype)
    ids = held_out_ids(STDLIB_SMALL, model.tokenizer, 20 * model.context)
    for window in windows(ids, model.context):
        assert model.verify(window) == 0.0
    assert (model.vocabulary, model.dim) == tuple(model.W.shape) == (STDLIB_SMALL.vocabulary, STDLIB_SMALL.dim)
    assert model.context == STDLIB_SMALL.context
    assert model.W.dtype == dtype
    assert not model.b.any()


def test_float64_holds_the_same_weights(small_folder: Path, small: LanguageModel) -> None:
    assert torch.equal(load(small_folder).W.double(), small.W)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_each_architecture_factors(name: str, dtype: torch.dtype, zoo: Callable[[str], Path]) -> None:
    model = load(zoo(name), dtype)
    ids = torch.tensor([3, 1, 4, 1, 5, 9, 2, 6, 23, 19])
    assert model.verify(ids) == 0.0
    assert (model.vocabulary, model.context, model.layers) == (VOCABULARY, 16, 3)
    tied = model.W.data_ptr() == model.model.get_input_embeddings().weight.data_ptr()
    assert tied == bool(model.model.config.tie_word_embeddings)
    assert bool(model.b.any()) == name.startswith("phi")
    h = torch.randn(3, model.dim, dtype=dtype)
    torch.testing.assert_close(model.head(h), h @ model.W.T + model.b)
    with pytest.raises(ModelError, match="do not compose to the model: at position 3"):
        shifted(model, 0.1).verify(ids)


@pytest.mark.parametrize("name", ["gpt2", "phi"])
def test_the_head_is_read_in_one_pass(name: str, zoo: Callable[[str], Path]) -> None:
    model = load(zoo(name))
    ids = torch.randint(VOCABULARY, (3, 16), generator=torch.Generator().manual_seed(0))
    h, targets = model.hidden(ids)[:, :-1].reshape(-1, 8), ids[:, 1:].reshape(-1)
    tokens, _ = scan(model.linear_head, h, targets)
    logits = model.model(input_ids=ids).logits[:, :-1].reshape(-1, VOCABULARY).double()
    assert tokens.nll is not None
    torch.testing.assert_close(tokens.nll, cross_entropy(logits, targets, reduction="none"), rtol=0, atol=1e-5)
    assert (model.linear_head.b is None) == (name == "gpt2")
    without, _ = scan(LinearHead(model.W), h, targets)
    assert torch.equal(without.nll, tokens.nll) == (name == "gpt2")  # type: ignore[arg-type]


def test_sharded_weights_load(tmp_path: Path) -> None:
    fresh = gpt2()
    fresh.save_pretrained(tmp_path / "shards", max_shard_size="4KB")
    folder = save(fresh, tmp_path / "whole")
    shutil.copy(folder / "tokenizer.json", tmp_path / "shards")
    assert len(list((tmp_path / "shards").glob("*.safetensors"))) > 1
    assert torch.equal(load(tmp_path / "shards").W, load(folder).W)


class Shifted(LanguageModel):
    """A model whose backbone is off by a little in one entry of one position."""

    size = 0.0

    def backbone(self, embeddings: torch.Tensor, layer: int | None = None) -> torch.Tensor:
        h = super().backbone(embeddings, layer).clone()
        h[:, 3, 0] += self.size
        return h


def shifted(model: LanguageModel, size: float) -> LanguageModel:
    result = Shifted(**vars(replace(model)))
    object.__setattr__(result, "size", size)
    return result


def test_a_composite_that_is_not_the_model_is_refused(small: LanguageModel) -> None:
    with pytest.raises(ModelError, match="do not compose to the model: at position 3"):
        shifted(small, 1e-9).verify(range(10))
    with pytest.raises(ModelError, match="do not compose to the model: at position 3"):
        shifted(small, math.nan).verify(range(10))
    with pytest.raises(ModelError, match="do not compose to the model: at position 3"):
        shifted(small, 1e-9).verify(range(10), last=7)
    assert shifted(small, 1e-9).verify(range(10), last=6) == 0.0
    assert 0.0 < shifted(small, 1e-14).verify(range(10)) < 1e-12


def test_a_model_that_looks_ahead_is_refused(small: LanguageModel) -> None:
    class Both(LanguageModel):
        def backbone(self, embeddings: torch.Tensor, layer: int | None = None) -> torch.Tensor:
            return embeddings + 1e-3 * embeddings.mean(1, keepdim=True)

    both = Both(small.folder, small.model, small.tokenizer, small.vocabulary, small.dim, small.context)
    with pytest.raises(ModelError, match="looks ahead"):
        models._refuse_looking_ahead(both, torch.arange(8))
    models._refuse_looking_ahead(small, torch.arange(8))


def test_loading_needs_no_network(good_folder: Path) -> None:
    program = f"""
import socket
def refuse(*_, **__):
    raise RuntimeError("network")
socket.socket.connect = socket.getaddrinfo = socket.create_connection = refuse
from lmlaws.numerics.models import load
import huggingface_hub.constants
assert huggingface_hub.constants.HF_HUB_OFFLINE
load({str(good_folder)!r})
"""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "TRANSFORMERS_"))}
    child = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, env=environment
    )
    assert (child.returncode, child.stdout, child.stderr) == (0, "", "")


def test_loading_opens_no_socket(good_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, refuse)
    assert load(good_folder).hidden(torch.zeros(1, 4, dtype=torch.int64)).shape == (1, 4, 8)
    with pytest.raises(AssertionError, match="a socket was opened"):  # the refusal does catch one who tries
        http.client.HTTPConnection("127.0.0.1", 9).connect()


def test_a_huge_vocabulary_needs_logits_of_a_few_positions_only(tmp_path: Path) -> None:
    million = 10**6
    folder = save(gpt2(vocab_size=million, n_embd=4, n_layer=1), tmp_path / "huge")
    seen: list[int] = []

    def note(module: object, inputs: object, output: object) -> None:
        if isinstance(module, torch.nn.Linear) and isinstance(output, torch.Tensor):
            seen.append(output.numel())

    hook = torch.nn.modules.module.register_module_forward_hook(note)
    try:
        model = load(folder)
    finally:
        hook.remove()
    assert model.vocabulary == million
    assert max(seen) == 4 * million <= models.LOGITS
    assert seen.count(4 * million) == 1  # the model's own
    assert model.verify(range(6)) == 0.0


# --- types of weights -------------------------------------------------------------------------------------------


def stored_in(zoo: Callable[[str], Path], name: str, dtype: torch.dtype, folder: Path) -> Path:
    """A copy of a folder with its weights in another type."""
    shutil.copytree(zoo(name), folder)
    tensors(folder, lambda content: content.update({key: value.to(dtype) for key, value in content.items()}))
    return folder


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", ["gpt2", "llama", "qwen3", "neox", "opt projected", "phi", "falcon"])
def test_narrow_weights_are_computed_with_in_full(
    name: str, kind: torch.dtype, zoo: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = stored_in(zoo, name, kind, tmp_path / "narrow")
    wide, kept = load(folder), load(folder, keep=True)
    assert (wide.W.dtype, kept.W.dtype) == (torch.float32, kind)
    assert torch.equal(wide.W, kept.W.float())
    ids = torch.arange(33).reshape(3, 11) % VOCABULARY
    for layer in (None, 1):
        assert torch.equal(wide.hidden(ids, layer=layer), kept.hidden(ids, layer=layer))
    h = wide.hidden(ids)
    assert h.dtype == torch.float32
    assert torch.equal(wide.head(h), kept.head(h))
    assert kept.verify(ids[0]) == 0.0
    # The same weights computed with in 16 bits are another function, and a coarser one.
    coarse = load(folder, kind).hidden(ids)
    assert coarse.dtype == kind
    assert 1e-4 < float((coarse.float() - h).abs().max() / h.abs().max()) < 0.3
    assert f"weights {str(kind)[6:]} on disk, kept" in kept.precision
    assert "backbone in float32 on cpu" in wide.precision


def test_a_large_narrow_head_is_widened_in_tiles(
    zoo: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = stored_in(zoo, "phi", torch.bfloat16, tmp_path / "narrow")
    whole = load(folder)
    monkeypatch.setattr(backbones, "TILE", 40)  # five rows
    tiled = load(folder, keep=True)
    h = torch.randn(7, 8)
    torch.testing.assert_close(tiled.head(h), whole.head(h), rtol=1e-6, atol=1e-6)
    assert tiled.verify(range(9)) == 0.0


def test_weights_that_cannot_be_kept_are_refused(zoo: Callable[[str], Path], good_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"keep is for weights in 16 bits .* these are float32"):
        load(good_folder, keep=True)
    gemma = stored_in(zoo, "gemma3", torch.bfloat16, tmp_path / "gemma")
    assert load(gemma).W.dtype == torch.float32
    with pytest.raises(ModelError, match=r"would round its constant model\.embed_tokens\.embed_scale"):
        load(gemma, keep=True)
    with pytest.raises(ModelError, match=r"keep is for weights .* torch\.bfloat16 was asked for"):
        load(gemma, torch.bfloat16, keep=True)
    with pytest.raises(ModelError, match=r"cannot compute in torch\.int64"):
        load(good_folder, torch.int64)
    with pytest.raises(ModelError, match="cannot be put on device"):
        load(good_folder, device="cuda:99")


def test_weights_that_overflow_the_type_asked_for_are_refused(folder: Path) -> None:
    set_entry("transformer.ln_f.bias", (2,), 1e6)(folder)
    load(folder)
    with pytest.raises(ModelError, match=r"ln_f\.bias\[2\] is inf in float16"):
        load(folder, torch.float16)


# --- intermediate layers ----------------------------------------------------------------------------------------


def final_norm(model: LanguageModel, name: str) -> Callable[[torch.Tensor], torch.Tensor]:
    """What comes between the last block and the head, written out by hand for each architecture."""
    base = model.model.base_model
    if name.startswith("opt"):
        norm, out = base.decoder.final_layer_norm, base.decoder.project_out
        return lambda x: (out or (lambda y: y))((norm or (lambda y: y))(x))
    attribute = {"gpt2": "ln_f", "falcon": "ln_f", "neox": "final_layer_norm", "phi": "final_layernorm"}
    norm = getattr(base, attribute.get(name.split()[0], "norm"))
    assert isinstance(norm, torch.nn.Module)
    return norm


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_layer_is_the_final_norm_of_the_residual_stream_after_it(name: str, zoo: Callable[[str], Path]) -> None:
    model, norm = load(zoo(name)), final_norm(load(zoo(name)), name)
    ids = (torch.arange(88).reshape(8, 11) * 7) % VOCABULARY
    base = model.model.base_model
    owner = base.decoder if name.startswith("opt") else base
    stream: list[torch.Tensor] = []
    for block in owner.h if hasattr(owner, "h") else owner.layers:
        block.register_forward_hook(lambda _, __, out: stream.append(out[0] if isinstance(out, tuple) else out))
    usual = model.hidden(ids)
    after = list(stream)
    assert len(after) == model.layers
    with torch.no_grad():
        for k, x in enumerate(after, start=1):
            assert torch.equal(model.hidden(ids, layer=k), norm(x))
    assert torch.equal(model.hidden(ids, layer=model.layers), usual)
    assert not torch.equal(model.hidden(ids, layer=model.layers - 1), usual)
    assert model.hidden(ids, layer=0).shape == usual.shape
    text = list(range(20))
    assert torch.equal(
        model.positions(text, layer=1).hidden[:15], model.hidden(torch.arange(16)[None], layer=1)[0, :-1]
    )


def test_layers_that_are_not_there_are_refused(good_folder: Path, tmp_path: Path) -> None:
    model = load(good_folder)
    ids = torch.zeros(1, 4, dtype=torch.int64)
    for layer in (-1, 4):
        with pytest.raises(ModelError, match=f"layer {layer}: GPT2Model has blocks 1 to 3"):
            model.hidden(ids, layer=layer)
    gpt1 = transformers.OpenAIGPTLMHeadModel(transformers.OpenAIGPTConfig(**GPT2))
    first = load(save(gpt1, tmp_path / "gpt1"), context=16)
    assert first.hidden(ids).shape == (1, 4, 8)
    with pytest.raises(ModelError, match=r"OpenAIGPTModel has no final norm .* \(tokens_embed, .*cannot be read"):
        first.hidden(ids, layer=1)
    with pytest.raises(backbones.LayersError, match=r"Linear has no list of blocks"):
        backbones.find_blocks(torch.nn.Linear(2, 2))


@pytest.mark.parametrize("tokens", [models.MICRO_BATCH_TOKENS, 40, 5])
@pytest.mark.parametrize("layer", [None, 2])
def test_rows_are_bitwise_the_same_in_any_batch(
    tokens: int, layer: int | None, good_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "MICRO_BATCH_TOKENS", tokens)
    model = load(good_folder)
    ids = torch.randint(VOCABULARY, (19, 12), generator=torch.Generator().manual_seed(0))
    together = model.hidden(ids, layer=layer)
    for batch in (1, 3, 16):
        parts = torch.cat([model.hidden(piece, layer=layer) for piece in torch.split(ids, batch)])
        assert torch.equal(parts, together)
    assert torch.equal(model.hidden(ids.flip(0), layer=layer), together.flip(0))
    assert not torch.equal(model.hidden(ids.flip(0), layer=layer), together)
    assert model.hidden(ids[:0], layer=layer).shape == (0, 12, 8)


# --- positions ------------------------------------------------------------------------------------------------


def test_positions_are_what_the_design_says(small: LanguageModel) -> None:
    ids = held_out_ids(STDLIB_SMALL, small.tokenizer, 3 * small.context + 5)
    positions = small.positions(ids)
    assert len(positions) == 3 * (small.context - 1) + 4
    for i in (0, 1, small.context - 2, small.context - 1, len(positions) - 1):
        start, t = int(positions.window[i]) * small.context, int(positions.offset[i])
        assert positions.context(i) == tuple(ids[start : start + t])
        assert int(positions.next_ids[i]) == ids[start + t]
        alone = small.backbone(small.embed(torch.tensor([ids[start : start + t]])))[0, -1]
        torch.testing.assert_close(positions.hidden[i], alone, rtol=0, atol=1e-12)


def test_their_mean_nll_is_the_one_that_training_recorded(small_folder: Path, small: LanguageModel) -> None:
    positions = small.positions(held_out_ids(STDLIB_SMALL, small.tokenizer, VALIDATION_TOKENS))
    log_p = torch.log_softmax(small.head(positions.hidden), dim=1)
    nll = -float(log_p[torch.arange(len(positions)), positions.next_ids].mean())
    assert nll == pytest.approx(record(small_folder)["validation_nll"], abs=1e-5)
    assert nll < math.log(small.vocabulary) - 1.5


def test_hidden_vectors_do_not_depend_on_company(small: LanguageModel) -> None:
    ids = held_out_ids(STDLIB_SMALL, small.tokenizer, 40 * small.context)
    everything = small.positions(ids)
    index = {(int(w), int(t)): i for i, (w, t) in enumerate(zip(everything.window, everything.offset, strict=True))}
    for seed in (0, 1):
        some = small.positions(ids, 100, seed)
        at = [index[int(w), int(t)] for w, t in zip(some.window, some.offset, strict=True)]
        assert torch.equal(some.hidden, everything.hidden[at])
        assert torch.equal(some.next_ids, everything.next_ids[at])


def test_samples_have_the_size_asked_for_and_repeat(small: LanguageModel) -> None:
    ids = held_out_ids(STDLIB_SMALL, small.tokenizer, 10 * small.context)
    for count in (0, 1, 100, 600, 629):
        positions = small.positions(ids, count, seed=4)
        pairs = list(zip(positions.window.tolist(), positions.offset.tolist(), strict=True))
        assert len(set(pairs)) == len(pairs) == count
        assert pairs == sorted(pairs)
        assert torch.equal(small.positions(ids, count, seed=4).hidden, positions.hidden)
    assert len(small.positions(ids, 10**9)) == len(small.positions(ids)) == 630
    spread = small.positions(ids, 100, seed=4)
    assert len(set(spread.window.tolist())) == 7  # 16 positions a window
    assert not torch.equal(spread.window, small.positions(ids, 100, seed=5).window)


@pytest.mark.parametrize("ids", [[], [7]])
def test_a_text_without_a_prediction_has_no_positions(small: LanguageModel, ids: list[int]) -> None:
    positions = small.positions(ids)
    assert len(positions) == 0
    assert positions.hidden.shape == (0, small.dim)


def test_ids_and_lengths_out_of_range_are_refused(small: LanguageModel) -> None:
    with pytest.raises(ModelError, match=r"id 512 at position 2 .* vocabulary of 512"):
        small.positions([1, 2, 512])
    with pytest.raises(ModelError, match="id -1 at position 0"):
        small.verify([-1, 2])
    with pytest.raises(ModelError, match="lengths from 2 to 64"):
        small.positions([1, 2, 3], length=65)
    with pytest.raises(ModelError, match="window of 65 tokens: the model's context takes 1 to 64"):
        small.verify(range(65))
    with pytest.raises(ValueError, match="count is -1"):
        small.positions([1, 2, 3], -1)


def test_a_hidden_vector_that_is_not_finite_names_window_and_position(tmp_path: Path) -> None:
    fresh = gpt2(tie_word_embeddings=False)
    with torch.no_grad():
        fresh.transformer.wte.weight[19] = 3e38  # finite, but the layer norm overflows
    model = load(save(fresh, tmp_path / "overflow"))
    with pytest.raises(ModelError, match=r"window 1 \(position 3, last token id 19\) is not finite"):
        model.positions([1] * 16 + [2, 3, 19, 4, 5])
    with pytest.raises(ModelError, match=r"the window \(position 2, last token id 19\) is not finite"):
        model.verify([2, 19, 3])


# --- the known source -------------------------------------------------------------------------------------------


def test_cross_entropy_minus_entropy_is_the_average_kl_on_the_known_source(source_folder: Path) -> None:
    model, source = load(source_folder, torch.float64), source_of(source_folder)
    assert isinstance(source, MarkovSource)
    assert source == SOURCE_SMALL.source
    text = held_out_ids(SOURCE_SMALL, model.tokenizer, 20_000)
    positions, laws = data_laws(source, model.positions(text, 3_000, seed=0))
    log_p = torch.log_softmax(model.head(positions.hidden), dim=1).numpy()
    p = laws.numpy()
    cross_entropy = -(p * log_p).sum(axis=1).mean()
    kl = float(torch.nn.functional.kl_div(torch.from_numpy(log_p), laws, reduction="batchmean"))
    entropy = -(p * np.log(p)).sum(axis=1).mean()
    assert abs(cross_entropy - entropy - kl) < 1e-9
    assert 0 < kl < 0.1  # it has learned most of the source
    other = replace(source, seed=source.seed + 1)
    q = data_laws(other, positions)[1].numpy()
    assert abs(cross_entropy + (q * np.log(q)).sum(axis=1).mean() - kl) > 1e-3
    assert abs(entropy - source.entropy_rate()) < 0.02


def test_data_laws_are_the_exact_laws_and_leave_short_contexts_out(source_folder: Path) -> None:
    model, source = load(source_folder, torch.float64), MarkovSource()
    positions = model.positions(held_out_ids(SOURCE_SMALL, model.tokenizer, 100))
    kept, laws = data_laws(source, positions)
    assert int(kept.offset.min()) == 2
    assert len(kept) == int((positions.offset >= 2).sum()) < len(positions)
    for i in range(0, len(kept), 7):
        assert laws[i].tolist() == [float(p) for p in source.law(kept.context(i))]
    assert [len(part) for part in data_laws(source, positions.select(positions.offset < 2))] == [0, 0]


@pytest.mark.parametrize("source", [HiddenMarkovSource(), GrammarSource()], ids=str)
def test_data_laws_of_hidden_states_begin_with_the_window(
    source: HiddenMarkovSource | GrammarSource, good_folder: Path
) -> None:
    text = source.sample(50, seed=0)
    positions = load(good_folder).positions(text.tolist())
    kept, laws = data_laws(source, positions)
    assert len(kept) == len(positions) == 46
    assert kept.context(15) == (text[16],)  # the second window
    for i in (0, 15, 45):
        alone = torch.from_numpy(source.laws([kept.context(i)])[0])
        torch.testing.assert_close(laws[i], alone, rtol=0, atol=2 * source.law_error(15))
    assert float(laws.gather(1, kept.next_ids[:, None]).min()) > 0
    torch.testing.assert_close(laws.sum(dim=1), torch.ones(46).double(), rtol=0, atol=1e-14)


# --- refusals ---------------------------------------------------------------------------------------------------


def change(folder: Path, **settings: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **settings}))


def tensors(folder: Path, edit: Callable[[dict[str, torch.Tensor]], object]) -> None:
    from safetensors.torch import load_file, save_file

    content = load_file(folder / "model.safetensors")
    edit(content)
    save_file(content, folder / "model.safetensors", {"format": "pt"})


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")


def truncated(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-8])


def linked(folder: Path) -> None:
    outside = folder.parent / "outside.safetensors"
    (folder / "model.safetensors").rename(outside)
    (folder / "model.safetensors").symlink_to(outside)


def indexed(shard: str) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        (folder / "model.safetensors").unlink()
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": shard}}))

    return apply


def grown_tokenizer(folder: Path) -> None:
    letter_tokenizer("abcdefghijklmnopqrstuvwxyz").save(str(folder / "tokenizer.json"))


def set_entry(name: str, index: tuple[int, ...], value: float) -> Callable[[Path], None]:
    def edit(content: dict[str, torch.Tensor]) -> None:
        content[name][index] = value

    return lambda folder: tensors(folder, edit)


def one_position(folder: Path) -> None:
    change(folder, n_positions=1)
    name = "transformer.wpe.weight"
    tensors(folder, lambda content: content.update({name: content[name][:1].clone()}))


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "no folder": (shutil.rmtree, "no such folder"),
    "no config": (lambda f: (f / "config.json").unlink(), r"config\.json is missing"),
    "config is not json": (lambda f: (f / "config.json").write_text("{"), "not valid JSON"),
    "config is a list": (lambda f: (f / "config.json").write_text("[]"), "not list"),
    "deep config": (lambda f: (f / "config.json").write_text("[" * 10**5), "not valid JSON"),
    "no weights": (lambda f: (f / "model.safetensors").unlink(), "no weights"),
    "pickle": (pickled, r"pickled \(pytorch_model\.bin\)"),
    "truncated": (truncated, "not a whole safetensors file"),
    "no tokenizer": (lambda f: (f / "tokenizer.json").unlink(), r"tokenizer\.json is missing"),
    "bad tokenizer": (lambda f: (f / "tokenizer.json").write_text("{}"), "not a tokenizer"),
    "big tokenizer": (grown_tokenizer, "'z' with id 25, but the model has 24 logits"),
    "link": (linked, "symbolic link that leads out"),
    "shard missing": (indexed("model-1.safetensors"), "shard model-1.safetensors is missing"),
    "shard elsewhere": (indexed("../outside.safetensors"), "not the plain name"),
    "remote code": (lambda f: change(f, auto_map={"AutoConfig": "x.Y"}), "auto_map names code"),
    "deep remote code": (lambda f: change(f, a=[{"auto_map": 1}]), r"a\.0\.auto_map names code"),
    "kernel from elsewhere": (lambda f: change(f, attn_implementation="them/it"), "attn_implementation names code"),
    "no model type": (lambda f: (f / "config.json").write_text("{}"), 'no "model_type"'),
    "unknown type": (lambda f: change(f, model_type="nonesuch"), "cannot load it.*nonesuch"),
    "not a causal model": (lambda f: change(f, model_type="t5"), "cannot load it.*T5Config"),
    "quantised": (lambda f: change(f, quantization_config={"bits": 4}), "quantised weights"),
    "adapter": (lambda f: (f / "adapter_config.json").write_text("{}"), "adapters are not supported"),
    "soft cap": (lambda f: change(f, final_logit_softcapping=30.0), r"final_logit_softcapping = 30\.0"),
    "scaling": (lambda f: change(f, text_config={"logit_scale": 0.5}), r"logit_scale = 0\.5"),
    "missing tensor": (
        lambda f: tensors(f, lambda t: t.pop("transformer.h.1.mlp.c_fc.bias")),
        r"missing tensors: transformer\.h\.1\.mlp\.c_fc\.bias",
    ),
    "unexpected tensor": (
        lambda f: tensors(f, lambda t: t.update({"transformer.extra": torch.ones(2)})),
        r"unexpected tensors: transformer\.extra",
    ),
    "misshapen tensor": (
        lambda f: tensors(f, lambda t: t.update({"transformer.ln_f.bias": torch.ones(9)})),
        r"mismatched tensors: transformer\.ln_f\.bias",
    ),
    "integer tensor": (
        lambda f: tensors(f, lambda t: t.update({"transformer.ln_f.bias": torch.ones(8, dtype=torch.int8)})),
        r"transformer\.ln_f\.bias is stored as I8: quantised",
    ),
    "eight bits": (
        lambda f: tensors(f, lambda t: t.update({"transformer.ln_f.bias": torch.ones(8).to(torch.float8_e4m3fn)})),
        r"transformer\.ln_f\.bias is stored as F8_E4M3: quantised",
    ),
    "two heads": (
        lambda f: tensors(f, lambda t: t.update({"lm_head.weight": torch.ones(VOCABULARY, 8)})),
        "says tie_word_embeddings, but the weights hold a head that differs",
    ),
    "tied by mistake": (lambda f: change(f, tie_word_embeddings=False), r"missing tensors: lm_head\.weight"),
    "nan": (
        set_entry("transformer.h.1.attn.c_attn.weight", (3, 5), math.nan),
        r"h\.1\.attn\.c_attn\.weight\[3, 5\] is nan",
    ),
    "infinite": (set_entry("transformer.ln_f.bias", (2,), -math.inf), r"ln_f\.bias\[2\] is -inf"),
    "bad type": (lambda f: change(f, n_embd="x"), "cannot load it"),
    "bad heads": (lambda f: change(f, n_head=3), "cannot load it"),
    "one position": (one_position, "context of 1 tokens"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_folder_is_refused_by_name(name: str, folder: Path) -> None:
    breaking, message = BROKEN[name]
    load(folder)
    breaking(folder)
    with pytest.raises(ModelError, match=message) as caught:
        load(folder)
    assert str(folder) in str(caught.value)


# The ways in which transformers alone would go on in silence.
DAMAGE: dict[str, Callable[[dict[str, torch.Tensor], str], object]] = {
    "missing": lambda content, name: content.pop(name),
    "unexpected": lambda content, name: content.update({name.rsplit(".", 1)[0] + ".extra": torch.ones(2)}),
    "mismatched": lambda content, name: content.update({name: torch.ones(len(content[name]) + 1, 8)}),
    "not finite": lambda content, name: content[name].view(-1)[:1].fill_(math.nan),
}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_damaged_weights_of_each_architecture_are_refused_by_name(
    name: str, zoo: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(zoo(name), tmp_path / "model"))
    whole = (folder / "model.safetensors").read_bytes()
    with safetensors.safe_open(str(folder / "model.safetensors"), "pt") as file:
        names = sorted(file.keys())
    head = "lm_head.weight" if name == "llama" else names[-1]
    for tensor in {names[0], names[len(names) // 2], head}:
        shown = "lm_head" if tensor.startswith("embed_out") else re.escape(tensor.rsplit(".", 1)[0])
        for what, damage in DAMAGE.items():
            (folder / "model.safetensors").write_bytes(whole)
            tensors(folder, lambda content, damage=damage, tensor=tensor: damage(content, tensor))  # type: ignore[misc]
            with pytest.raises(ModelError, match=f"{what}.*{shown}"):
                load(folder)
    (folder / "model.safetensors").write_bytes(whole)
    load(folder)


def test_shards_that_differ_from_their_index_are_refused(tmp_path: Path, good_folder: Path) -> None:
    folder = tmp_path / "shards"
    gpt2().save_pretrained(folder, max_shard_size="4KB")
    shutil.copy(good_folder / "tokenizer.json", folder)
    load(folder)
    index = folder / "model.safetensors.index.json"
    content = json.loads(index.read_text())
    name, shard = "transformer.ln_f.bias", content["weight_map"]["transformer.ln_f.bias"]
    others = sorted(set(content["weight_map"].values()) - {shard})

    def said(weight_map: dict[str, str]) -> None:
        index.write_text(json.dumps({**content, "weight_map": weight_map}))

    said({**content["weight_map"], name: others[0]})
    with pytest.raises(ModelError, match=f"{shard}: holds {name}, but .* says {others[0]}"):
        load(folder)
    said({key: value for key, value in content["weight_map"].items() if key != name})
    with pytest.raises(ModelError, match=f"{shard}: holds {name}, but .* does not have it"):
        load(folder)
    said({**content["weight_map"], "extra": shard})
    with pytest.raises(ModelError, match=f"extra should be in {shard}, which does not hold it"):
        load(folder)


def test_links_inside_the_folder_are_fine(folder: Path, good_folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "weights.data")
    (folder / "model.safetensors").symlink_to("weights.data")
    assert torch.equal(load(folder).W, load(good_folder).W)


def test_a_pickle_beside_safetensors_is_never_opened(folder: Path, good_folder: Path) -> None:
    (folder / "pytorch_model.bin").write_bytes(b"not a pickle")
    assert torch.equal(load(folder).W, load(good_folder).W)


def test_a_shorter_context_can_be_asked_for(folder: Path) -> None:
    assert load(folder, context=8).context == 8
    assert load(folder, context=99).context == 16


def test_capped_and_scaled_architectures_are_refused_by_name(tmp_path: Path) -> None:
    sizes = {
        "vocab_size": VOCABULARY, "hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 2,
        "num_attention_heads": 2, "num_key_value_heads": 2, "max_position_embeddings": 16,
    }  # fmt: skip
    gemma = transformers.Gemma2ForCausalLM(transformers.Gemma2Config(**sizes, head_dim=4))
    with pytest.raises(ModelError, match="final_logit_softcapping"):
        load(save(gemma, tmp_path / "gemma"))
    # config.json need not say it: transformers' default for Cohere scales the logits too.
    cohere = save(transformers.CohereForCausalLM(transformers.CohereConfig(**sizes)), tmp_path / "cohere")
    config = json.loads((cohere / "config.json").read_text())
    config.pop("logit_scale", None)
    (cohere / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=r"logit_scale = 0\.0625"):
        load(cohere)


def test_a_head_that_is_more_than_linear_is_refused(tmp_path: Path) -> None:
    config = transformers.BertConfig(
        vocab_size=VOCABULARY, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        max_position_embeddings=16, is_decoder=True,
    )  # fmt: skip
    bert = transformers.BertLMHeadModel(config)
    with pytest.raises(ModelError, match="do not compose to the model"):
        load(save(bert, tmp_path / "bert"))


def test_a_head_that_is_not_linear_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Other(torch.nn.Linear):
        """Not torch's own layer: what it computes is unknown."""

    monkeypatch.setattr(transformers.GPT2LMHeadModel, "get_output_embeddings", lambda self: Other(8, VOCABULARY))
    with pytest.raises(ModelError, match="is Other, not a linear layer"):
        load(folder)


def test_text_that_the_tokenizer_lacks_is_refused(folder: Path) -> None:
    model = load(folder)
    assert model.encode("cab") == [2, 0, 1]
    with pytest.raises(ModelError, match="cannot encode the text"):
        model.encode("caZ")
