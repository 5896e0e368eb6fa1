"""Loading models and factoring them; what is measured at positions; every refusal."""

import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lmlaws.numerics import models
from lmlaws.numerics.environment import transformers
from lmlaws.numerics.models import LanguageModel, ModelError, data_laws, load
from lmlaws.numerics.sources import MarkovSource
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


def gpt2(**settings: Any) -> Any:
    torch.manual_seed(0)
    sizes = {"vocab_size": VOCABULARY, "n_positions": 16, "n_embd": 8, "n_layer": 2, "n_head": 2}
    return transformers.GPT2LMHeadModel(transformers.GPT2Config(**{**sizes, **settings}))


def llama() -> Any:
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=8, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=16, tie_word_embeddings=False,
    )  # fmt: skip
    return transformers.LlamaForCausalLM(config)


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


@pytest.mark.parametrize("make", [gpt2, llama])
def test_fresh_models_factor(make: Callable[[], Any], tmp_path: Path) -> None:
    model = load(save(make(), tmp_path / "fresh"), torch.float64)
    assert model.verify([3, 1, 4, 1, 5, 9, 2, 6]) == 0.0
    tied = torch.equal(model.W, model.model.get_input_embeddings().weight)
    assert tied == (make is gpt2)


def test_the_head_has_its_bias(tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = transformers.PhiConfig(
        vocab_size=VOCABULARY, hidden_size=8, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=16,
    )  # fmt: skip
    phi = transformers.PhiForCausalLM(config)
    torch.nn.init.normal_(phi.lm_head.bias)
    model = load(save(phi, tmp_path / "phi"), torch.float64)
    assert bool(model.b.all())
    h = torch.randn(3, 8, dtype=torch.float64)
    torch.testing.assert_close(model.head(h), h @ model.W.T + model.b)


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

    def backbone(self, embeddings: torch.Tensor) -> torch.Tensor:
        h = super().backbone(embeddings).clone()
        h[:, 3, 0] += self.size
        return h


def shifted(model: LanguageModel, size: float) -> LanguageModel:
    result = Shifted(model.folder, model.model, model.tokenizer, model.vocabulary, model.dim, model.context)
    object.__setattr__(result, "size", size)
    return result


def test_a_composite_that_is_not_the_model_is_refused(small: LanguageModel) -> None:
    with pytest.raises(ModelError, match="do not compose to the model: at position 3"):
        shifted(small, 1e-9).verify(range(10))
    with pytest.raises(ModelError, match="do not compose to the model: at position 3"):
        shifted(small, math.nan).verify(range(10))
    assert 0.0 < shifted(small, 1e-14).verify(range(10)) < 1e-12


def test_a_model_that_looks_ahead_is_refused(small: LanguageModel) -> None:
    class Both(LanguageModel):
        def backbone(self, embeddings: torch.Tensor) -> torch.Tensor:
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
    assert source is not None
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
        r"transformer\.ln_f\.bias|mismatch",
    ),
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
