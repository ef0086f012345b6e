"""`cnnlab bench --tune` as it is typed."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

TINY = ["data=synthetic", "data.size=16", "data.num_train=64", "data.num_val=20", "batch_size=16"]


def test_the_command_measures_prints_and_fills_the_cache(
    cnnlab: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("cnnlab.app.bench_tune.usable_cores", lambda: 2)
    words = ["model=mlp", *TINY, "trainer.compile=false", "trainer.precision=32,bf16"]
    words += ["trainer.channels_last=false"]
    refused = cnnlab("train", "model=mlp", *TINY, "trainer=tuned")
    assert refused.code == 2
    assert refused.err.rstrip().endswith(
        "first run: cnnlab bench --tune model=mlp " + " ".join(TINY)
    )
    flags = ["--rounds", "2", "--seconds", "0.01", "--json", "t.json", "--plot", "t.png"]
    answer = cnnlab("bench", "--tune", *words, *flags)
    assert answer.code == 0
    [tuning] = json.loads((tmp_path / "t.json").read_text())["tunings"]
    assert tuning["command"] in answer.out.splitlines()
    assert (tmp_path / "t.png").stat().st_size > 10_000
    precisions = [each["options"]["trainer.precision"] for each in tuning["trials"]]
    assert precisions[:2] == ["32", "bf16"]
    assert [each["threads"] for each in tuning["trials"]] == [1, 1, 1, 2]
    assert tuning["trials"][0]["times_plain"] == 1
    assert 0 < tuning["trials"][1]["agreement"]["outputs"] < 0.1
    [file] = (tmp_path / "cache" / "cnnlab" / "tuned").iterdir()
    assert f"trainer=tuned takes it from {file}" in answer.out
    assert json.loads(file.read_text())["options"] == tuning["options"]


def test_what_is_no_axis_cannot_vary(cnnlab: Callable) -> None:
    answer = cnnlab("bench", "--tune", "model=mlp,lenet5", *TINY)
    assert answer.code == 2
    assert "model=mlp,lenet5: --tune varies trainer.compile" in answer.err
    assert "bench --sweep tabulates others" in answer.err
