"""`lmlaws measure`: quantities against plain twins, intervals that cover, kills that lose nothing, the contract."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests import plain
from tests.commandline import Cli
from tests.small_models import CONTEXT, KINDS, TEXT, folder

from lmlaws.numerics import job
from lmlaws.numerics.bootstrap import Array, expanded_tail, interval, mean, resampled, student
from lmlaws.numerics.distributed import Team
from lmlaws.numerics.kept import Kept, packed, unpacked
from lmlaws.numerics.measure import effective_rank
from lmlaws.numerics.models import LanguageModel, load
from lmlaws.numerics.stream import COLUMNS, Cut, Pass
from lmlaws.numerics.tokenised import tokenise
from lmlaws.numerics.training import SOURCE_SMALL, held_out_ids, source_of

NAMES = {
    "nll": "mean", "bits_per_byte": "mean", "entropy": "mean", "accuracy": "mean", "tv_entropy": "mean",
    "hellinger_entropy": "mean", "renyi_entropy:1/2": "mean", "renyi_entropy:3/2": "mean", "metric.trace": "mean",
    "metric.eigenvalues": "values", "metric.effective_rank": "value", "head.rank": "value",
    "surplus.lower": "mean", "acceptance": "mean",
    "self_alignment.prototype": "value", "self_alignment.linear": "value",
    "self_alignment.bhattacharyya": "value", "self_alignment.aitchison": "value",
}  # fmt: skip
LONG = TEXT * 6


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    parent = tmp_path_factory.mktemp("models")
    return {kind: folder(kind, parent) for kind in KINDS}


@pytest.fixture(autouse=True)
def few_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Alignments of few contexts: their cost grows with the square."""
    monkeypatch.setattr("lmlaws.numerics.stream.SAMPLE", 128)


def measured(model: Path, text: str, cache: Path, **options: Any) -> dict[str, Any]:
    return job.measure(job.Settings(model, Path("text.txt"), **options), text, cache, Team())


# --- the plain twin -------------------------------------------------------------------------------------------


def twin(model: LanguageModel, text: str) -> dict[str, Any]:
    """Every quantity, materialised in float64."""
    b = model.b if bool(model.b.any()) else None
    ids = torch.tensor(model.encode(text))
    windows = [window for window in torch.split(ids, model.context) if len(window) > 1]
    padded = [torch.cat([w, w.new_zeros(model.context - len(w))])[None] for w in windows]
    h = torch.cat([model.hidden(p)[0, : len(w) - 1].double() for p, w in zip(padded, windows)])
    targets = torch.cat([w[1:] for w in windows])
    p, nll = plain.law(model.W, b, h), plain.nll(model.W, b, h, targets)
    eigenvalues = torch.linalg.eigvalsh(plain.metric(model.W, p).mean(0)).flip(0)
    centred = model.W.double() - model.W.double().mean(0)
    return {
        "nll": float(nll.mean()),
        "entropy": float(plain.entropy(p).mean()),
        "accuracy": float(plain.correct(model.W, b, h, targets).double().mean()),
        "tv_entropy": float(1 - plain.power_sum(p, 2).mean()),
        "hellinger_entropy": float(1 - plain.power_sum(p, 1.5).mean()),
        "renyi_entropy:1/2": float(plain.renyi(p, 0.5).mean()),
        "renyi_entropy:3/2": float(plain.renyi(p, 1.5).mean()),
        "metric.trace": float(plain.trace(model.W, p).mean()),
        "metric.eigenvalues": eigenvalues.tolist(),
        "metric.effective_rank": float(effective_rank(eigenvalues.numpy())),
        "head.rank": int(torch.linalg.matrix_rank(centred)),
    }


@pytest.mark.parametrize("kind", KINDS)
def test_every_quantity_is_its_plain_twin(kind: str, folders: dict[str, Path], tmp_path: Path) -> None:
    model = load(folders[kind])
    found, expected = measured(folders[kind], LONG, tmp_path), twin(model, LONG)
    ids = model.encode(LONG)
    assert found["positions"] == sum(len(ids[i : i + CONTEXT]) - 1 for i in range(0, len(ids), CONTEXT))
    for name, value in expected.items():
        entry = found["quantities"][name]
        own = np.array(entry[NAMES[name]])
        off = np.abs(own - np.array(value)).max()
        assert off <= entry.get("error", 0.0), (name, off, entry.get("error"))
        tight = 0.1 if name == "metric.effective_rank" else 1e-3  # a bound by continuity of entropy is a wide one
        assert entry.get("error", 0.0) <= tight * max(1.0, np.abs(own).max()), name
    entropy = found["quantities"]["entropy"]
    assert abs(expected["nll"] - entropy["mean"]) > entropy["error"]  # the bounds tell one quantity from another


def test_the_loss_is_the_models_own(folders: dict[str, Path], tmp_path: Path) -> None:
    """Against transformers' loss on whole windows: the factored model is the model."""
    model = load(folders["llama"])
    text = next(LONG[:end] for end in range(len(LONG), 0, -1) if len(model.encode(LONG[:end])) % CONTEXT == 0)
    windows = torch.tensor(model.encode(text)).reshape(-1, CONTEXT)
    with torch.no_grad():
        loss = float(model.model(input_ids=windows, labels=windows).loss)
    nll = measured(folders["llama"], text, tmp_path)["quantities"]["nll"]
    assert nll["mean"] == pytest.approx(loss, abs=1e-5)
    assert nll["mean"] != pytest.approx(loss * CONTEXT / (CONTEXT - 1), abs=1e-2)


# --- bytes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_tokens_add_up_to_the_bytes_of_the_text(kind: str, folders: dict[str, Path]) -> None:
    """Also where a character is split into several tokens, whose offsets are all those of the whole character."""
    model = load(folders[kind])
    text = tokenise(model, TEXT)
    assert text.sizes.sum() == len(TEXT.encode())
    encoding = model.tokenizer.encode(TEXT, add_special_tokens=False)
    overlapping = sum(len(TEXT[start:end].encode()) for start, end in encoding.offsets)
    assert overlapping > len(TEXT.encode())  # what adding up the pieces would give


def test_bits_per_byte_leaves_out_what_is_not_predicted(folders: dict[str, Path], tmp_path: Path) -> None:
    model = load(folders["gpt2"])
    found = measured(folders["gpt2"], LONG, tmp_path)["quantities"]
    text = tokenise(model, LONG)
    predicted = [i for i in range(len(text.ids)) if i % CONTEXT]
    held = int(text.sizes[predicted].sum())
    bits = found["nll"]["mean"] * found["nll"]["count"] / math.log(2)
    assert found["bits_per_byte"]["mean"] == pytest.approx(bits / held, rel=1e-12)
    assert found["bits_per_byte"]["mean"] != pytest.approx(bits / len(LONG.encode()), rel=1e-3)


# --- intervals ------------------------------------------------------------------------------------------------


def coverage(between: Callable[[Array, int], tuple[Array, Array] | None], n: int, trials: int = 400) -> float:
    """How often an interval covers the true mean 1 of skewed windows of very different lengths."""
    rng = np.random.default_rng(0)
    covered = 0
    for trial in range(trials):
        counts = rng.integers(5, 60, n).astype(float)
        values = counts * rng.gamma(2.0, 0.5, n) + rng.normal(0, 1, n) * np.sqrt(counts)
        found = between(np.stack([counts, values], 1), trial)
        assert found is not None
        covered += bool(found[0] <= 1.0 <= found[1])
    return covered / trials


@pytest.mark.parametrize("n", [8, 30])
def test_intervals_cover(n: int) -> None:
    share = coverage(lambda sums, seed: interval(mean, sums, replicates=400, seed=seed), n)
    assert 0.91 <= share <= 0.98


def test_intervals_that_take_tokens_for_independent_do_not_cover() -> None:
    """The twin: windows cut into tokens that all have their window's mean."""

    def naive(sums: Array, seed: int) -> tuple[Array, Array] | None:
        tokens = np.repeat(sums / sums[:, :1], sums[:, 0].astype(int), axis=0)
        return interval(mean, tokens, replicates=100, seed=seed)

    assert coverage(naive, 8, 100) < 0.6


def test_the_expanded_tail_is_students() -> None:
    for degrees, quantile in ((2, 4.303), (4, 2.776), (9, 2.262), (29, 2.045)):  # tables, 97.5%
        assert student(1.959964, degrees) == pytest.approx(quantile, rel=0.01)
    assert expanded_tail(5, 0.95) < expanded_tail(50, 0.95) < expanded_tail(10**6, 0.95)
    assert expanded_tail(10**6, 0.95) == pytest.approx(0.025, rel=1e-4)


def test_draws_are_seeded_and_keep_the_number_of_windows() -> None:
    sums = np.ones((7, 1))
    assert (resampled(sums, 250) == 7).all()
    values = np.arange(14.0).reshape(7, 2)
    assert (resampled(values, 250, seed=1) == resampled(values, 250, seed=1)).all()
    assert (resampled(values, 250, seed=1) != resampled(values, 250, seed=2)).any()
    assert interval(mean, values[:1]) is None
    with pytest.raises(ValueError, match="not a number"):
        interval(lambda total: total[:, 0] * np.nan, values)


def test_intervals_of_the_spectrum_are_those_of_resampled_metrics(folders: dict[str, Path], tmp_path: Path) -> None:
    """First-order diagonals against eigenvalues of whole metrics, drawn with the same windows."""
    model = load(folders["gpt2"])
    found = measured(folders["gpt2"], LONG, tmp_path)["quantities"]
    run = Pass(model, tokenise(model, LONG), Kept(tmp_path / "own"))
    metrics, counts = [], []
    for windows in run.cut.groups:
        h = torch.cat([model.hidden(_padded(run, w))[0, : _size(run, w) - 1].double() for w in windows])
        metrics.append(plain.metric(model.W, plain.law(model.W, None, h)).sum(0).reshape(-1).numpy())
        counts.append(len(h))
    sums = np.concatenate([np.array(counts, float)[:, None], np.stack(metrics)], 1)

    def spectrum(total: Array) -> Array:
        mean_metrics = (total[:, 1:] / total[:, :1]).reshape(-1, model.dim, model.dim)
        return np.asarray(np.linalg.eigvalsh(mean_metrics)[:, ::-1])

    ends = interval(spectrum, sums)
    assert ends is not None
    low, high = found["metric.eigenvalues"]["interval"]
    width = ends[1] - ends[0]
    assert (np.abs(np.array(low) - ends[0])[:4] < 0.35 * width[:4]).all()
    assert (np.abs(np.array(high) - ends[1])[:4] < 0.35 * width[:4]).all()
    ranks = interval(lambda total: effective_rank(spectrum(total)), sums)
    assert ranks is not None
    low, high = found["metric.effective_rank"]["interval"]
    assert abs(low - ranks[0]) < 0.35 * (ranks[1] - ranks[0])
    assert abs(high - ranks[1]) < 0.35 * (ranks[1] - ranks[0])


def _padded(run: Pass, window: int) -> torch.Tensor:
    ids = run.text.ids[window * CONTEXT : (window + 1) * CONTEXT]
    return torch.cat([ids, ids.new_zeros(CONTEXT - len(ids))])[None]


def _size(run: Pass, window: int) -> int:
    return min(CONTEXT, len(run.text.ids) - window * CONTEXT)


# --- windows, batches, kills ----------------------------------------------------------------------------------


@pytest.mark.parametrize("tokens", [0, 1, 2, 15, 16, 17, 18, 33, 1000, 16 * 5000 + 3])
def test_a_cut_covers_every_position_once(tokens: int) -> None:
    cut = Cut(tokens, CONTEXT)
    groups = cut.groups
    assert [w for group in groups for w in group] == list(range(cut.windows))
    expected = sum(max(0, min(CONTEXT, tokens - start) - 1) for start in range(0, tokens, CONTEXT))
    assert cut.positions(range(cut.windows)) == sum(map(cut.positions, groups)) == expected
    for group in groups:
        blocks = [cut.block(group, w) for w in group]
        assert blocks == sorted(blocks)
        assert set(blocks) == set(range(cut.blocks(group)))
    sample = [(w, t) for w in range(cut.windows) for t in cut.sample(w)]
    assert len(sample) <= 128 + 256
    assert len(set(sample)) == len(sample)
    assert all(1 <= t <= cut.positions(range(w, w + 1)) for w, t in sample)
    assert len({w for w, _ in sample}) == min(256, cut.windows)


def test_batches_and_workers_change_no_bit(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lmlaws.numerics.stream.UNIT_TOKENS", 60)
    results = [
        json.dumps(measured(folders["phi"], LONG, tmp_path / str(number), batch=batch, workers=workers))
        for number, (batch, workers) in enumerate(((1, 1), (16, 1), (5, 2)))
    ]
    assert results[0] == results[1] == results[2]
    assert results[0] != json.dumps(measured(folders["phi"], LONG[:-1], tmp_path / "other"))


KILLED = """
import json, os, random, signal, sys, threading, time
from pathlib import Path
import torch
torch.set_num_threads(1)
from lmlaws.numerics import job, stream
from lmlaws.numerics.distributed import Team
folder, text, cache, seed = Path(sys.argv[1]), Path(sys.argv[2]).read_text("utf-8"), Path(sys.argv[3]), int(sys.argv[4])
stream.UNIT_TOKENS, stream.SECONDS, stream.SAMPLE = 60, 0.0, 32
model, run_pass = job.load(folder), stream.Pass.run
job.load = lambda *_, **__: model

def child(where, seconds):
    def run(own, numbers, progress=None):
        begun = time.monotonic()
        if seconds is not None:
            threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGKILL)).start()
        run_pass(own, numbers, progress)
        (cache / "seconds").write_text(str(time.monotonic() - begun))

    pid = os.fork()
    if not pid:
        stream.Pass.run = run
        job.measure(job.Settings(folder, Path("t")), text, cache / where, Team())
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

assert child("whole", None) == 0
alone = float((cache / "seconds").read_text())
rng, kills, halfway = random.Random(seed), 0, 0
while kills < 5 and child("killed", rng.uniform(0, 0.5 * alone)) != 0:
    kills, halfway = kills + 1, halfway + any((cache / "killed").rglob("group-*"))
assert child("killed", None) == 0
results = [next((cache / name).rglob("result.json")).read_bytes() for name in ("whole", "killed")]
print(json.dumps({"kills": kills, "halfway": halfway, "same": results[0] == results[1]}))
"""


def test_kills_at_random_points_lose_nothing(folders: dict[str, Path], tmp_path: Path) -> None:
    """Killed with -9 again and again, each time going on, the result is that of a run that nobody disturbed."""
    (tmp_path / "t.txt").write_text(TEXT * 8, "utf-8")
    arguments = [str(folders["gpt2"]), str(tmp_path / "t.txt"), str(tmp_path), "3"]
    child = subprocess.run([sys.executable, "-c", KILLED, *arguments], capture_output=True, text=True, check=True)
    told = json.loads(child.stdout)
    assert told["same"]
    assert told["kills"] >= 1
    assert told["halfway"] >= 1


def groups_of(model: Path, text: str, where: Path) -> tuple[Pass, str]:
    loaded = load(model)
    tokens = tokenise(loaded, text)
    name = job.key(job.Settings(model, Path("t")), tokens.digest, "cpu")
    return Pass(loaded, tokens, Kept(where / "measure" / name[:32])), name


def test_a_damaged_file_of_progress_is_computed_again(folders: dict[str, Path], tmp_path: Path) -> None:
    whole = measured(folders["gpt2"], LONG, tmp_path / "whole")
    run, _ = groups_of(folders["gpt2"], LONG, tmp_path / "damaged")
    run.run(range(len(run.cut.groups)))
    path = run.kept.folder / "group-03"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.warns(UserWarning, match=r"group-03: damaged"):
        assert measured(folders["gpt2"], LONG, tmp_path / "damaged") == whole


def test_what_is_kept_is_what_counts(folders: dict[str, Path], tmp_path: Path) -> None:
    """The twin: a whole file with other sums gives another result, so equal results mean equal files."""
    whole = measured(folders["gpt2"], LONG, tmp_path / "whole")
    run, _ = groups_of(folders["gpt2"], LONG, tmp_path / "other")
    run.run([3])
    arrays = unpacked(run.kept.read("group-03") or b"")
    arrays["sums"] = arrays["sums"] * (1 + 1e-12)
    run.kept.write("group-03", packed(arrays))
    assert measured(folders["gpt2"], LONG, tmp_path / "other") != whole


def test_a_result_is_kept_for_this_model_and_this_text_only(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = measured(folders["gpt2"], LONG, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(job, "Pass", None)  # nothing is computed again
        assert measured(folders["gpt2"], LONG, tmp_path) == first
    assert measured(folders["gpt2"], LONG + "x", tmp_path)["quantities"] != first["quantities"]
    assert measured(folders["phi"], LONG, tmp_path)["quantities"] != first["quantities"]


# --- records --------------------------------------------------------------------------------------------------


def test_records_are_the_positions_in_order(folders: dict[str, Path], tmp_path: Path) -> None:
    lines, arrays = tmp_path / "records.jsonl", tmp_path / "records.npz"
    result = measured(folders["gpt2"], LONG, tmp_path, records=lines)
    measured(folders["gpt2"], LONG, tmp_path, records=arrays)
    rows = [json.loads(line) for line in lines.read_text("ascii").splitlines()]
    assert len(rows) == result["positions"]
    assert [(row["window"], row["t"]) for row in rows] == sorted((row["window"], row["t"]) for row in rows)
    ids = load(folders["gpt2"]).encode(LONG)
    assert all(row["token"] == ids[row["window"] * CONTEXT + row["t"]] for row in rows)
    for name in ("nll", "entropy", "accuracy", "metric.trace"):
        average = math.fsum(row[name] for row in rows) / len(rows)
        assert average == pytest.approx(result["quantities"][name]["mean"], rel=1e-12)
    with np.load(arrays) as file:
        assert set(file.files) == set(rows[0]) == {*COLUMNS, "window", "t", "token", "log_partition"} - {"count"}
        assert file["nll"].tolist() == [row["nll"] for row in rows]
    assert not list(tmp_path.rglob("records-*"))


# --- the command ----------------------------------------------------------------------------------------------


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.setenv("LMLAWS_CACHE", str(tmp_path / "cache"))
    return Cli(capsys)


def written(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "text.txt"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_the_json_is_the_contracts(cli: Cli, folders: dict[str, Path], tmp_path: Path) -> None:
    code, out, err = cli("measure", "--model", folders["gpt2"], "--text", written(tmp_path, LONG), "--json")
    assert code == 0
    assert "memory:" in err
    found = json.loads(out)
    assert len(out.splitlines()) == 1
    assert {"positions", "quantities", "version", "seconds"} <= set(found)
    assert list(found["quantities"]) == list(NAMES)
    for name, entry in found["quantities"].items():
        assert {NAMES[name], "interval", "count", "control"} <= set(entry), name
        value = entry[NAMES[name]]
        assert value is not None or entry["reason"], name
        if entry["interval"] is None:
            assert entry["reason"], name
        elif NAMES[name] == "values":
            low, high = entry["interval"]
            assert all(a <= b <= c for a, b, c in zip(low, value, high, strict=True))
            assert value == sorted(value, reverse=True)
        else:
            low, high = entry["interval"]
            assert low <= value <= high, name
    for name in ("surplus.lower", "acceptance"):
        assert found["quantities"][name][NAMES[name]] is None
        assert "--draft" in found["quantities"][name]["reason"]


def test_people_get_a_table_of_80_columns(cli: Cli, folders: dict[str, Path], tmp_path: Path) -> None:
    code, out, err = cli("measure", "--model", folders["llama"], "--text", written(tmp_path, LONG))
    assert code == 0
    assert all(len(line) <= 80 and line.isascii() for line in out.splitlines())
    assert all(name.split(":")[0] in out for name in NAMES)
    assert "positions: " in err
    assert "a second" in err
    assert "left" in err


def test_a_known_source_gives_alignments_with_the_datas_law(source_folder: Path, tmp_path: Path) -> None:
    model, source = load(source_folder), source_of(source_folder)
    assert source is not None
    letters = held_out_ids(SOURCE_SMALL, model.tokenizer, 2000)
    text = "".join(source.alphabet[i] for i in letters)
    found = measured(source_folder, text, tmp_path)["quantities"]
    for kind in ("prototype", "linear", "bhattacharyya", "aitchison"):
        entry = found[f"alignment.{kind}"]
        low, high = entry["interval"]
        assert abs(entry["control"]) < 0.1 < low <= entry["value"] <= high <= 1.05
        assert entry["value"] != found[f"self_alignment.{kind}"]["value"]
    nothing = measured(source_folder, text[0] * 2, tmp_path)["quantities"]  # no position with 2 tokens before it
    assert nothing["alignment.linear"]["value"] is None
    assert "contexts" in nothing["alignment.linear"]["reason"]


def test_a_draft_head_gives_a_bound_and_an_acceptance(folders: dict[str, Path], tmp_path: Path) -> None:
    found = measured(folders["gpt2"], LONG, tmp_path, draft=0.01)["quantities"]
    for name in ("surplus.lower", "acceptance"):
        low, high = found[name]["interval"]
        assert low <= found[name]["mean"] <= high
        assert found[name]["control"] is not None
    assert 0 < found["acceptance"]["mean"] < 1
    assert found["surplus.lower"]["certain"] <= found["surplus.lower"]["mean"]
    few = measured(folders["gpt2"], "a kernel", tmp_path, draft=0.01)["quantities"]["acceptance"]
    assert few["mean"] is None
    assert "0 full windows" in few["reason"]


@pytest.mark.parametrize("text", ["", "  \n", "a"])
def test_a_text_without_a_position_is_said_so(text: str, cli: Cli, folders: dict[str, Path], tmp_path: Path) -> None:
    code, out, err = cli("measure", "--model", folders["gpt2"], "--text", written(tmp_path, text), "--json")
    assert code == 65
    assert "0 positions tried" in err
    found = json.loads(out)
    assert found["positions"] == 0
    assert all("0 positions tried" in entry["reason"] for entry in found["quantities"].values())


def test_one_window_has_no_interval(cli: Cli, folders: dict[str, Path], tmp_path: Path) -> None:
    code, out, _ = cli("measure", "--model", folders["gpt2"], "--text", written(tmp_path, "a kernel"), "--json")
    assert code == 0
    entry = json.loads(out)["quantities"]["nll"]
    assert entry["interval"] is None
    assert "fewer than 2 windows" in entry["reason"]
    assert math.isfinite(entry["mean"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda model, text: text.unlink(), "No such file"),
        (lambda model, text: text.write_bytes(b"caf\xe9"), "not UTF-8: byte 0xe9 at offset 3"),
        (lambda model, text: (model / "config.json").unlink(), "config.json is missing"),
        (lambda model, text: (model / "model.safetensors").write_bytes(b"x"), "not a whole safetensors file"),
    ],
)
def test_bad_data_is_named(
    change: Callable[[Path, Path], object], said: str, cli: Cli, folders: dict[str, Path], tmp_path: Path
) -> None:
    model = tmp_path / "model"
    subprocess.run(["cp", "-r", str(folders["gpt2"]), str(model)], check=True)
    text = written(tmp_path, LONG)
    change(model, text)
    code, out, err = cli("measure", "--model", model, "--text", text)
    assert (code, out) == (65, "")
    assert said in err


def test_too_little_memory_is_refused_before_it_is_taken(
    cli: Cli, folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "available", lambda: 2**20)
    code, out, err = cli("measure", "--model", folders["gpt2"], "--text", written(tmp_path, LONG))
    assert (code, out) == (65, "")
    assert "of memory are needed, 1.0 MiB are free" in err
    assert not list(tmp_path.rglob("group-*"))


@pytest.mark.parametrize("option", [["--draft", "0"], ["--draft", "nan"], ["--batch", "0"], ["--workers", "0"], ["-x"]])
def test_bad_options_are_usage(option: list[str], cli: Cli, folders: dict[str, Path], tmp_path: Path) -> None:
    code, _, err = cli("measure", "--model", folders["gpt2"], "--text", written(tmp_path, LONG), *option)
    assert code == 64
    assert "--help" in err


def test_records_that_cannot_be_written_name_the_path(cli: Cli, folders: dict[str, Path], tmp_path: Path) -> None:
    text, lost = written(tmp_path, LONG), tmp_path / "no" / "r.npz"
    code, _, err = cli("measure", "--model", folders["gpt2"], "--text", text, "--records", lost)
    assert code == 70
    assert str(lost) in err
    code, _, err = cli("measure", "--model", folders["gpt2"], "--text", text, "--records", tmp_path / "r.npz")
    assert code == 0  # what was measured was kept
    assert "going on from there" in err
