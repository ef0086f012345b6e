"""The choice of `cnnlab bench --tune`: turns, ratios, ties, agreement, and the line to copy."""

import dataclasses
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from cnnlab.app import bench_tune
from cnnlab.app.bench_tune import candidates, read_axes
from cnnlab.app.compose import compose
from cnnlab.bench import axes as axes_module
from cnnlab.bench.agreement import Agreement
from cnnlab.bench.axes import Axis, axes, thread_counts
from cnnlab.bench.fit import wired
from cnnlab.bench.tune import (
    NO_TIME,
    Candidate,
    Trial,
    add_agreement,
    choose_agreeing,
    fastest,
    speedup,
    time_candidates,
)
from cnnlab.bench.tuning import Tuning
from cnnlab.bench.workload import Workload, load_workload
from cnnlab.models import MLP
from cnnlab.registry import CnnlabError

TINY = ["data=synthetic", "data.size=16", "data.num_train=64", "data.num_val=20", "batch_size=16"]


def candidate(name: str, changes: int = 1) -> Candidate:
    return Candidate({"trainer.precision": name}, None, changes)  # type: ignore[arg-type]


def measured(rates: dict[str, Sequence[float]], changes: Sequence[int] = (0, 1, 1, 1)) -> list:
    return [
        Trial(candidate(name, n), list(each))
        for (name, each), n in zip(rates.items(), changes, strict=False)
    ]


def test_candidates_take_turns_and_a_failure_ends_only_its_own() -> None:
    calls: list[str] = []

    def rate(what: Candidate, _: object, seconds: float) -> float:
        assert seconds == 0.5
        name = what.options["trainer.precision"]
        calls.append(name)
        if name == "16":
            raise RuntimeError("no memory\nmore")
        return 100.0 * len(calls)

    said: list[str] = []
    options = {"rounds": 2, "seconds": 0.5, "deadline": 9.0, "say": said.append, "rate": rate}
    trials = time_candidates(
        [candidate("32"), candidate("16"), candidate("bf16")],
        None,  # type: ignore[arg-type]
        now=lambda: 0.0,
        **options,  # type: ignore[arg-type]
    )
    assert calls == ["32", "16", "bf16", "32", "bf16"]
    assert [trial.rates for trial in trials] == [[100, 400], [], [300, 500]]
    assert trials[1].failed == "RuntimeError: no memory"
    assert len(said) == 5


def test_after_the_deadline_only_plain_training_is_measured() -> None:
    time = iter([0.0, 5.0, 11.0, 12.0, 13.0, 14.0, 15.0])
    trials = time_candidates(
        [candidate("32"), candidate("bf16"), candidate("16")],
        None,  # type: ignore[arg-type]
        rounds=2,
        seconds=1,
        deadline=10,
        say=lambda _: None,
        rate=lambda *_: 7.0,
        now=lambda: next(time),
    )
    assert [trial.rates for trial in trials] == [[7.0], [7.0], []]
    assert trials[2].failed == NO_TIME
    late = time_candidates(
        [candidate("32")], None, rounds=1, seconds=1, deadline=0,  # type: ignore[arg-type]
        say=lambda _: None, rate=lambda *_: 7.0, now=lambda: 99.0,
    )  # fmt: skip
    assert late[0].rates == [7.0]


def test_the_fastest_is_by_ratios_and_a_tie_goes_to_the_fewest_changes() -> None:
    # The machine became three times slower in the second round.
    trials = measured({"32": [300, 100, 200], "bf16": [360, 120, 230], "16": [299, 160, 250]})
    assert speedup(trials[1], trials[0]) == pytest.approx(1.2)
    assert speedup(trials[2], trials[0]) == pytest.approx(1.25)
    assert fastest(trials) is trials[2]
    tied = measured({"32": [100], "a": [150], "b": [151], "c": [140]}, (0, 1, 2, 1))
    assert fastest(tied) is tied[1]
    assert fastest(measured({"32": [100], "a": [101]})).candidate.changes == 0  # within 2%
    assert fastest(measured({"32": [100], "a": []})).rates == [100]


def test_the_choice_agrees_and_what_fails_is_never_chosen() -> None:
    workload = load_workload(compose(["model=mlp", *TINY]))
    rates = {"32": [100], "nan": [180], "raises": [170], "late": [190], "ok": [150], "b": [120]}
    trials = measured(rates, (0, 1, 1, 1, 1, 1))
    for trial in trials:
        trial.candidate = dataclasses.replace(
            trial.candidate, config=trial.candidate.options["trainer.precision"]
        )
    trials[3].failed = "OutOfMemoryError: in round 2"
    compared: list[str] = []

    def compare(own: Workload, _: object) -> Agreement:
        compared.append(str(own.config))
        if own.config == "raises":
            raise CnnlabError("training diverged")
        return Agreement(math.nan if own.config == "nan" else 0.01, 0.1, 1.0, 0.1)

    said: list[str] = []
    options = {"workload": workload, "reference": None, "say": said.append, "compare": compare}
    assert choose_agreeing(trials, **options) is trials[4]  # type: ignore[arg-type]
    assert compared == ["nan", "raises", "ok"]
    assert [bool(trial.failed) for trial in trials] == [False, True, True, True, False, False]
    assert said == [
        "trainer.precision=nan  failed: its outputs are not finite",
        "trainer.precision=raises  failed: CnnlabError: training diverged",
    ]
    late = iter([0.0])
    add_agreement(trials, deadline=1, now=lambda: next(late), **options)  # type: ignore[arg-type]
    assert compared == ["nan", "raises", "ok", "b"]
    for trial in trials[1:]:
        trial.failed = trial.failed or "no memory"
    assert choose_agreeing(trials, **options) is trials[0]  # type: ignore[arg-type]


def test_what_is_measured_starts_from_a_runs_initial_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, given = tmp_path / "w.safetensors", []
    weights = load_workload(compose(["model=mlp", *TINY])).assemble().model.state_dict()
    weights = {name: torch.full_like(value, 0.5) for name, value in weights.items()}
    save_file(weights, file)
    monkeypatch.setattr(
        MLP, "init_from_images", lambda _, images: given.append(images.shape), raising=False
    )
    workload = load_workload(compose(["model=mlp", *TINY, f"init.from={file}"]))
    for name, value in wired(workload, []).parts.model.state_dict().items():
        assert torch.equal(value, weights[name]), name
    assert given == [(64, 1, 16, 16)]


def test_agreement_by_hand() -> None:
    reference = torch.tensor([[3.0, -3.0], [-3.0, 3.0]])  # of root mean square 3
    outputs = torch.tensor([[3.0, -3.0], [-3.0, -3.3]])
    found = Agreement.of(outputs, reference, (1.05, 1.0), classes=True)
    assert found.outputs == pytest.approx(math.sqrt(6.3**2 / 4) / 3, rel=1e-5)
    assert found.largest == pytest.approx(2.1, rel=1e-5)
    assert found.top1 == 0.5
    assert found.loss == pytest.approx(0.05)
    assert found.cells == ("50.00%", "1.1e+00", "5.0e-02")
    assert "the same answer for 50.00% of the images" in str(found)
    same = Agreement.of(reference, reference, (1.0, 1.0), classes=False)
    assert (same.outputs, same.largest, same.top1, same.loss) == (0, 0, None, 0)


def test_axes_are_what_this_machine_can_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(axes_module, "has_native_bfloat16", lambda: False)
    monkeypatch.setattr("shutil.which", lambda _: None)
    found = axes("cpu")
    assert found["trainer.precision"].values == ("32",)
    assert "only emulates" in found["trainer.precision"].left_out
    assert found["trainer.compile"].values == ("false",)
    assert "needs a C++ compiler" in found["trainer.compile"].left_out
    assert found["trainer.channels_last"].values == ("false", "true")
    monkeypatch.setattr(axes_module, "has_native_bfloat16", lambda: True)
    monkeypatch.setattr("shutil.which", lambda name: name)
    found = axes("cpu")
    assert found["trainer.precision"].values == ("32", "bf16")
    assert found["trainer.compile"].values == ("false", "true")
    assert [thread_counts(cores) for cores in (1, 2, 6, 8)] == [
        [1],
        [1, 2],
        [1, 2, 4, 6],
        [1, 2, 4, 8],
    ]


def test_typed_values_replace_an_axis_and_plain_training_stays_the_first() -> None:
    found = read_axes(["model=mlp", "trainer.precision=bf16", "trainer.compile=true,false"])
    assert found["trainer.precision"].values == ("32", "bf16")
    assert found["trainer.compile"].values == ("false", "true")
    with pytest.raises(CnnlabError, match="leave it out"):
        read_axes(["trainer=tuned"])


def test_candidates_are_the_whole_product_with_their_own_configs() -> None:
    chosen = {"trainer.compile": Axis(("false", "true")), "trainer.precision": Axis(("32", "bf16"))}
    found = candidates(["model=mlp", *TINY], chosen)
    assert [each.words for each in found] == [
        ["trainer.compile=false", "trainer.precision=32"],
        ["trainer.compile=false", "trainer.precision=bf16"],
        ["trainer.compile=true", "trainer.precision=32"],
        ["trainer.compile=true", "trainer.precision=bf16"],
    ]
    assert [each.changes for each in found] == [0, 1, 1, 2]
    assert [each.config.trainer.precision for each in found] == ["32", "bf16"] * 2
    with pytest.raises(CnnlabError, match="did you mean"):
        candidates(["model=lenet"], chosen)


def test_the_line_to_copy_is_whole_and_for_a_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CNNLAB_IMPORT", "")
    trials = measured({"32": [100.0], "bf16": [170.0]})
    words = ["model=mlp", "batch_size=16"]
    tuning = Tuning(words, trials, trials[1], [], threads=2, default_threads=2)
    line = "cnnlab train model=mlp batch_size=16 trainer.precision=bf16"
    assert tuning.command == line
    assert tuning.is_choice
    late = [trials[0], Trial(candidate("bf16"), failed=NO_TIME)]
    assert not Tuning([], late, late[0], [], threads=2, default_threads=2).is_choice
    assert Tuning([], late[:1], late[0], [], threads=2, default_threads=2).is_choice
    fewer = Tuning(words, trials, trials[1], [], threads=1, default_threads=2)
    assert fewer.command == f"OMP_NUM_THREADS=1 {line}"
    monkeypatch.setenv("CNNLAB_IMPORT", "mine")
    own = Tuning(["model.hidden=[8,4]"], trials[:1], trials[0], [], 2, default_threads=2)
    assert own.command == ("cnnlab train --import mine 'model.hidden=[8,4]' trainer.precision=32")


def test_times_plain_are_of_the_same_rounds_and_threads_beside_their_own_base() -> None:
    trials = measured({"32": [300, 100], "bf16": [600, 200], "16": []})
    same, two = (
        Trial(dataclasses.replace(trials[1].candidate, threads=number), rates)
        for number, rates in ((1, [500.0, 50.0]), (2, [750.0, 75.0]))
    )
    tuning = Tuning([], trials, trials[1], [same, two], threads=2, default_threads=1)
    assert tuning.times_plain(trials[1]) == 2.0
    assert (tuning.times_plain(same), tuning.times_plain(two)) == (2.0, 3.0)
    assert tuning.times_plain(trials[2]) is None
    same.rates.clear()
    assert tuning.times_plain(two) is None


def test_what_is_tuned_is_kept_when_the_next_batch_size_is_interrupted(
    cnnlab: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    trials = measured({"32": [100.0], "bf16": [170.0]})
    config = compose(["model=mlp", *TINY])
    for trial in trials:
        trial.candidate = dataclasses.replace(trial.candidate, config=config)

    def tune(words: list[str], *_: object) -> Tuning:
        if "batch_size=32" in words:
            raise KeyboardInterrupt
        return Tuning(words, trials, trials[1], [], threads=2, default_threads=2)

    monkeypatch.setattr(bench_tune, "_tune", tune)
    words = ["model=mlp", *TINY[:-1], "trainer.precision=32,bf16"]
    answer = cnnlab("bench", "--tune", *words, "batch_size=16,32")
    assert answer.code == 130
    [file] = (tmp_path / "cache" / "cnnlab" / "tuned").iterdir()
    assert f"trainer=tuned takes it from {file}" in answer.out
    file.unlink()
    file.parent.rmdir()
    file.parent.write_text("not a folder")  # files are written, although this cannot be kept
    answer = cnnlab("bench", "--tune", *words, "batch_size=16", "--json", "t.json")
    assert answer.code == 2
    assert answer.err.rstrip().endswith("set XDG_CACHE_HOME")
    assert json.loads((tmp_path / "t.json").read_text())["tunings"]
