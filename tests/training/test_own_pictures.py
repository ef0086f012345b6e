"""Runs on a person's own folders: what is said, what is recorded, and what happens on a change."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from cnnlab.data.dataset import digest
from cnnlab.data.loading.memory import MemoryBatches
from cnnlab.inference.evaluate import evaluate
from cnnlab.registry import CnnlabError
from cnnlab.runs.data_record import DataRecord
from cnnlab.runs.run_dir import RunDir, find_runs

WORDS = ["model=mlp", "model.hidden=[4]", "data=folder", "data.root=own", "data.size=8"]
WORDS += ["batch_size=8", "trainer.accelerator=cpu"]
SPLIT = "data.root=own: 2 classes (cat, dog); train 41 (22, 19), val 10 (4, 6), test 9 (4, 5)"


def put(folder: Path, names: range, seed: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.RandomState(seed)
    for i in names:
        pixels = random.randint(0, 255, (9, 12, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:02}.png")


@pytest.fixture(autouse=True)
def own(cnnlab) -> Path:  # noqa: ARG001  (in its folder)
    put(Path("own/cat"), range(30), 1)
    put(Path("own/dog"), range(30), 2)
    return Path("own")


def trained(cnnlab, *words: str) -> str:
    changed = {word.partition("=")[0] for word in words}
    kept = [word for word in WORDS if word.partition("=")[0] not in changed]
    answer = cnnlab("train", *kept, *words)
    assert answer.code == 0, answer.err
    return answer.err


def test_the_data_are_said_and_recorded(cnnlab) -> None:
    said = trained(cnnlab, "trainer.epochs=1")
    assert SPLIT in said.splitlines()
    [run] = find_runs(["runs"])
    record = DataRecord.read(run)
    assert record is not None
    assert record.classes == ("cat", "dog")
    assert {name: part.count for name, part in record.parts.items()} == {
        "train": 41,
        "val": 10,
        "test": 9,
    }
    assert trained(cnnlab, "trainer.epochs=1").splitlines() == [f"{run.name}: already done"]


@pytest.mark.slow
def test_a_changed_folder_is_another_run(cnnlab, own: Path) -> None:
    trained(cnnlab, "trainer.epochs=1")
    [first] = find_runs(["runs"])
    put(own / "cat", range(30, 40), 3)
    said = trained(cnnlab, "trainer.epochs=1")
    assert (
        f"the data have changed since {first.name} (train had 41 images, now 48; val had 10 "
        "images, now 11; test had 9 images, now 11): training again"
    ) in said.splitlines()
    assert len(find_runs(["runs"])) == 2
    group = [run.status()["identity"]["group"] for run in find_runs(["runs"])]
    assert group[0] != group[1]


@pytest.mark.slow
def test_a_damaged_record_stops_its_own_run_alone(cnnlab, own: Path) -> None:
    trained(cnnlab, "trainer.epochs=1")
    [first] = find_runs(["runs"])
    (first.path / "data.json").write_text("{")
    answer = cnnlab("test", str(first))
    assert answer.code == 2
    assert f"{first.path}/data.json: " in answer.err
    put(own / "cat", range(30, 40), 3)
    trained(cnnlab, "trainer.epochs=1")
    assert len(find_runs(["runs"])) == 2


@pytest.mark.slow
def test_contents_that_are_swapped_are_a_change(cnnlab, own: Path) -> None:
    trained(cnnlab, "trainer.epochs=1")
    [first] = find_runs(["runs"])
    one, other = own / "cat" / "05.png", own / "dog" / "05.png"
    contents = one.read_bytes(), other.read_bytes()
    one.write_bytes(contents[1])
    other.write_bytes(contents[0])
    said = trained(cnnlab, "trainer.epochs=1")
    assert f"the data have changed since {first.name} (" in said
    assert "has different images or contents" in said


@pytest.mark.slow
def test_the_test_of_a_run_whose_test_set_has_changed_is_refused(cnnlab, own: Path) -> None:
    trained(cnnlab, "trainer.epochs=1")
    [run] = find_runs(["runs"])
    assert cnnlab("test", str(run)).code == 0
    put(own / "cat", range(30, 40), 3)
    answer = cnnlab("test", str(run))
    assert answer.code == 2
    assert "its data have changed: train had 41 images, now 48; val had 10" in answer.err
    assert answer.err.count("have changed") == 1
    assert answer.out == ""
    for file in own.rglob("*.png"):
        file.write_bytes(b"no picture")  # none is decoded for that
    assert "its data have changed: train had 41 images" in cnnlab("test", str(run)).err


@pytest.mark.slow
def test_the_test_of_a_run_where_only_train_has_changed_says_so(cnnlab, own: Path) -> None:
    for part in ("train", "test"):
        put(own / part / "cat", range(10), 5 + (part == "test"))
        put(own / part / "dog", range(10), 7 + (part == "test"))
    for place in ("cat", "dog"):
        for file in (own / place).iterdir():
            file.unlink()
        (own / place).rmdir()
    trained(cnnlab, "trainer.epochs=1")
    [run] = find_runs(["runs"])
    put(own / "train" / "cat", range(1), 9)
    answer = cnnlab("test", str(run))
    assert answer.code == 0
    assert "its data have changed: train has different images or contents" in answer.err
    again = evaluate(run)
    assert again["test_acc"] == run.result()["test_acc"]


def test_a_renamed_class_is_refused(cnnlab, own: Path) -> None:
    trained(cnnlab, "trainer.epochs=1")
    [run] = find_runs(["runs"])
    (own / "cat").rename(own / "puma")
    answer = cnnlab("test", str(run))
    assert answer.code == 2
    assert "its data have changed: classes: lost 'cat', new 'puma'" in answer.err


@pytest.mark.slow
def test_going_on_with_other_data_is_refused(cnnlab, own: Path) -> None:
    trained(cnnlab, "trainer.epochs=1")
    [run] = find_runs(["runs"])
    put(own / "cat", range(30, 40), 3)
    answer = cnnlab("train", f"resume={run}", "trainer.epochs=2")
    assert answer.code == 2
    assert f"resume={run}: its data have changed: train had 41 images, now 48" in answer.err
    assert len(find_runs(["runs"])) == 1
    for i in range(30, 40):
        (own / "cat" / f"{i}.png").unlink()
    assert cnnlab("train", f"resume={run}", "trainer.epochs=2").code == 0
    [_, more] = sorted(find_runs(["runs"]), key=lambda run: run.result()["epochs"])
    assert DataRecord.read(more) == DataRecord.read(run)


@pytest.mark.slow
def test_broken_pictures_are_named_or_left_out_and_counted(cnnlab, own: Path) -> None:
    broken = [own / "cat" / "00.png", own / "cat" / "01.png", own / "dog" / "02.png"]
    for file in broken:
        file.write_bytes(b"no picture")
    answer = cnnlab("train", *WORDS, "trainer.epochs=1")
    assert answer.code == 1
    for file in broken:
        assert file.relative_to(own).as_posix() in answer.err
    assert "data.skip_broken=true leaves them out" in answer.err
    trained(cnnlab, "trainer.epochs=1", "data.skip_broken=true")
    result = next(run for run in find_runs(["runs"]) if run.is_done).result()
    assert result["num_broken"] == 3
    assert result["num_train"] + result["num_val"] + result["num_test"] == 57
    done = next(run for run in find_runs(["runs"]) if run.is_done)
    assert evaluate(done)["test_acc"] == result["test_acc"]
    assert int(done.metrics()["step"].iloc[-1]) == result["num_train"] // 8


def as_version_1(run: RunDir, own: Path) -> None:
    """Make a run look like one of version 1, of a folder split by position and squeezed."""
    run.path.joinpath("data.json").unlink()
    config = run.config()
    for option in ("proportions", "skip_broken"):
        del config["data"][option]
    run.config_file.write_text(yaml.safe_dump(config))
    train, val = [], []
    for name in ("cat", "dog"):
        files = sorted((own / name).iterdir())
        order = np.random.RandomState(0).permutation(len(files)).tolist()
        val += [files[i] for i in sorted(order[:4])]  # 15% of 30: for val, and as many for test
        train += [files[i] for i in sorted(order[8:])]
    names = [[f.relative_to(own).as_posix() for f in part] for part in (train, val)]
    result = run.result() | {"split": digest(*names)}
    run.result_file.write_text(json.dumps(result))


@pytest.mark.slow
def test_a_run_of_version_1_is_tested_on_its_own_split_or_not_at_all(cnnlab, own: Path) -> None:
    trained(cnnlab, "trainer.epochs=1")
    [run] = find_runs(["runs"])
    as_version_1(run, own)
    assert evaluate(run)["num_test"] == 8
    answer = cnnlab("train", f"resume={run}", "trainer.epochs=2")
    assert answer.code == 2
    assert "it comes from a version that split" in answer.err
    put(own / "cat", range(30, 31), 3)
    with pytest.raises(CnnlabError, match="train and val differ from those of its result"):
        evaluate(run)


@pytest.mark.slow
def test_everybodys_data_are_recorded_too(cnnlab) -> None:
    words = ["data=synthetic", "data.size=8", "data.num_train=40", "model=mlp", "batch_size=20"]
    assert cnnlab("train", *words, "trainer.epochs=1").code == 0
    [run] = find_runs(["runs"])
    record = DataRecord.read(run)
    assert record is not None
    assert record.parts["train"].count == 40
    assert "data files" not in run.status()["identity"]["sources"]


@pytest.mark.slow
def test_a_sweep_says_its_data_once_and_decodes_once(cnnlab, monkeypatch) -> None:
    from cnnlab.data import decode

    calls: list[int] = []
    original = decode.read_pictures

    def counted(paths, *rest):
        calls.append(len(paths))
        return original(paths, *rest)

    monkeypatch.setattr(decode, "read_pictures", counted)
    said = trained(cnnlab, "trainer.epochs=1", "seed=0,1,2", "-m")
    assert said.count(SPLIT) == 1
    assert calls == [60]
    assert len(find_runs(["runs"])) == 3


@pytest.mark.slow
def test_a_test_takes_the_batches_of_training_whatever_the_size(cnnlab, monkeypatch) -> None:
    trained(cnnlab, "trainer.epochs=1", "data.size=256")
    [run] = find_runs(["runs"])
    sizes: list[int] = []
    original = MemoryBatches.__call__

    def noted(self, indices):
        sizes.append(len(indices))
        return original(self, indices)

    monkeypatch.setattr(MemoryBatches, "__call__", noted)
    assert evaluate(run)["test_acc"] == run.result()["test_acc"]
    assert sizes == [8, 1]  # 512 before, whatever the images
