"""Model folders, inspected before any of them is loaded: every refusal that files alone can justify.

Of a folder only config.json, *.safetensors and tokenizer.json are used. Nothing in it is ever run.
"""

import json
from pathlib import Path
from typing import Any

import safetensors
from tokenizers import Tokenizer

INDEX = "model.safetensors.index.json"
# Types of weights by their names in safetensors, narrowest first.
FLOATS = {"F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64"}
# Tables that old checkpoints hold beside their weights and transformers makes anew.
TABLES = (".attn.bias", ".attn.masked_bias", ".attention.bias", ".attention.masked_bias", ".position_ids")
# Settings that choose an implementation of transformers' own by a plain name, and with a slash one from the network.
KERNELS = ("attn_implementation", "_attn_implementation", "experts_implementation", "_experts_implementation")
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".h5", ".msgpack")

# Settings of transformers' causal language models that change logits after the head, with the values that do not.
AFTER_THE_HEAD: dict[str, tuple[object, ...]] = {
    "final_logit_softcapping": (None,),
    "logits_soft_cap": (None,),
    "output_logit_soft_cap": (None,),
    "logit_scale": (None, 1),
    "logits_scaling": (None, 1),
    "lm_head_multiplier": (None, 1),
    "logits_mup_width_multiplier": (None, 1),
    "output_multiplier": (None, 1),
}


class ModelError(ValueError):
    """A model that is refused; the message names the folder, the reason and the way out."""


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file of a model folder."""
    try:
        value = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise ModelError(f"{path}: a JSON object was expected, not {type(value).__name__}")
    return value


def _refuse_links(folder: Path) -> None:
    home = folder.resolve()
    for entry in sorted(folder.rglob("*")):
        if entry.is_symlink() and not entry.resolve().is_relative_to(home):
            raise ModelError(
                f"{entry}: a symbolic link that leads out of the model folder (to {entry.resolve()}): "
                "refused; copy the folder with its links followed (cp -rL)"
            )


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files with the weights: model.safetensors, or the shards of its index.

    Raises:
        ModelError: there are none, only pickled ones, shards are missing, a file is damaged, holds other tensors than
            the index says, or holds weights in a type that is not a plain floating-point one.
    """
    return list(_headers(folder))


def stored_types(folder: Path) -> set[str]:
    """The types of a folder's weights, as torch names them: "float32", "bfloat16" and so on."""
    return {FLOATS[kind] for header in _headers(folder).values() for kind in header.values() if kind in FLOATS}


def _headers(folder: Path) -> dict[Path, dict[str, str]]:
    """For each file with weights the types of its tensors by name, all checked."""
    single, index = folder / "model.safetensors", folder / INDEX
    if single.exists():
        files = [single]
    elif index.exists():
        files = _shards(folder, index)
    else:
        pickles = sorted(path.name for path in folder.iterdir() if path.suffix in PICKLES)
        if pickles:
            raise ModelError(
                f"{folder}: the weights are pickled ({', '.join(pickles)}), and loading a pickle can run any code: "
                "refused; save the model again as safetensors"
            )
        raise ModelError(f"{folder}: no weights: neither model.safetensors nor {INDEX} is there")
    headers = {path: _header(path) for path in files}
    if not single.exists():
        _refuse_other_shards(index, headers)
    return headers


def _header(path: Path) -> dict[str, str]:
    """The types of the tensors of a file, by name."""
    try:
        with safetensors.safe_open(str(path), "np") as file:
            types = {name: str(file.get_slice(name).get_dtype()) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (safetensors.SafetensorError, OSError) as error:
        raise ModelError(f"{path}: not a whole safetensors file: {error}") from error
    for name, kind in types.items():
        # transformers would convert them as if they were numbers of the model's type.
        if kind not in FLOATS and not name.endswith(TABLES):
            raise ModelError(
                f"{path}: {name} is stored as {kind}: quantised weights are not supported; "
                f"give plain ones ({', '.join(FLOATS)})"
            )
    return types


def _refuse_other_shards(index: Path, headers: dict[Path, dict[str, str]]) -> None:
    """Refuse shards whose tensors are not those that the index says: two could hold the same one."""
    said = {str(name): str(shard) for name, shard in read_json(index)["weight_map"].items()}
    for path, types in headers.items():
        for name in types:
            if said.get(name) != path.name:
                where = f"says {said[name]}" if name in said else "does not have it"
                raise ModelError(f"{path}: holds {name}, but {index.name} {where}: index and shards differ")
    held = {name for types in headers.values() for name in types}
    missing = sorted(set(said) - held)
    if missing:
        raise ModelError(f"{index}: {missing[0]} should be in {said[missing[0]]}, which does not hold it")


def _shards(folder: Path, index: Path) -> list[Path]:
    weight_map = read_json(index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise ModelError(f'{index}: no "weight_map": the index names no shard')
    files = []
    for name in sorted({str(shard) for shard in weight_map.values()}):
        if Path(name).name != name or not name.endswith(".safetensors"):
            raise ModelError(f"{index}: shard {name!r} is not the plain name of a safetensors file: refused")
        if not (folder / name).is_file():
            raise ModelError(f"{index}: shard {name} is missing from the folder")
        files.append(folder / name)
    return files


def _remote_code(value: object, where: str) -> str | None:
    """Where a configuration names code of its own, at any depth."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("auto_map", "custom_pipelines") or (key in KERNELS and "/" in str(inner)):
                return f"{where}{key}"
            found = _remote_code(inner, f"{where}{key}.")
            if found:
                return found
    if isinstance(value, list):
        for i, inner in enumerate(value):
            found = _remote_code(inner, f"{where}{i}.")
            if found:
                return found
    return None


def refuse_settings(folder: Path, config: dict[str, Any]) -> None:
    """Refuse configurations with remote code, quantisation, adapters, or anything between head and softmax."""
    path = folder / "config.json"
    code = _remote_code(config, "")
    if code:
        raise ModelError(f"{path}: {code} names code outside transformers: refused, no code of a model is run")
    if config.get("quantization_config") is not None:
        raise ModelError(f"{path}: quantization_config: quantised weights are not supported; give the plain ones")
    if (folder / "adapter_config.json").exists():
        raise ModelError(f"{folder}: adapter_config.json: adapters are not supported; merge it into the model")
    if not isinstance(config.get("model_type"), str):
        raise ModelError(f'{path}: no "model_type": not a transformers checkpoint')
    refuse_after_the_head(path, config)


def refuse_after_the_head(path: Path, config: dict[str, Any]) -> None:
    """Refuse soft-capping and scaling of logits, by name, in a configuration or in its part for text."""
    parts = [config, *(inner for name in ("text_config",) if isinstance(inner := config.get(name), dict))]
    for part in parts:
        for name, harmless in AFTER_THE_HEAD.items():
            if part.get(name) not in harmless:
                raise ModelError(
                    f"{path}: {name} = {part[name]!r} changes the logits after the head: the head is not linear "
                    "and no claim about softmax heads applies; such models are refused"
                )


def read_tokenizer(folder: Path) -> Tokenizer:
    """The tokenizer of tokenizer.json, without padding or truncation."""
    path = folder / "tokenizer.json"
    read_json(path)
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises the bare class, nothing narrower
        raise ModelError(f"{path}: not a tokenizer of the tokenizers library: {error}") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def inspect(folder: Path) -> dict[str, Any]:
    """Check a folder's files and return its configuration.

    Raises:
        ModelError: the folder or a file of it is missing, damaged, or refused; names which and why.
    """
    if not folder.is_dir():
        raise ModelError(f"{folder}: no such folder: give one with config.json, *.safetensors, tokenizer.json")
    _refuse_links(folder)
    if not (folder / "config.json").is_file():
        raise ModelError(f"{folder}: config.json is missing")
    config = read_json(folder / "config.json")
    refuse_settings(folder, config)
    weight_files(folder)
    if not (folder / "tokenizer.json").is_file():
        raise ModelError(f"{folder}: tokenizer.json is missing: save a fast tokenizer (tokenizer.save_pretrained)")
    return config
