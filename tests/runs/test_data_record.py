import json
from pathlib import Path

import pytest

from cnnlab.data import Digits, Synthetic
from cnnlab.runs.data_record import DataRecord, Part, difference
from cnnlab.runs.read_file import DamagedFileError
from cnnlab.spec import ImageSpec

RECORD = DataRecord(
    ("cat", "dog"), {"train": Part(70, "a" * 12), "val": Part(15, "b" * 12), "test": Part(15, "c")}
)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    assert DataRecord.read(tmp_path) is None  # a run made before
    RECORD.write(tmp_path)
    assert DataRecord.read(tmp_path) == RECORD
    assert difference(RECORD, RECORD) is None


def test_the_size_of_the_images_is_recorded_and_checked(tmp_path: Path) -> None:
    spec = ImageSpec(3, 8, 6, 2, ("cat", "dog"), mean=(0.1, 0.2, 0.3), std=(1 / 3,) * 3)
    DataRecord(RECORD.classes, RECORD.parts, spec).write(tmp_path)
    read = DataRecord.read(tmp_path)
    assert read is not None
    assert read.spec == spec
    content = json.loads((tmp_path / "data.json").read_text())
    for damage in (
        {"channels": 0}, {"height": 1.5}, {"width": True}, {"num_classes": 3}, {"mean": [1, 2]},
        {"std": None}, {"std": [1, 2, "x"]},
    ):  # fmt: skip
        damaged = {**content, "images": content["images"] | damage}
        (tmp_path / "data.json").write_text(json.dumps(damaged))
        with pytest.raises(DamagedFileError, match="does not hold classes, sizes"):
            DataRecord.read(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'{"classes": ["a"], "parts": {}}',
        b'{"classes": 3, "parts": {"test": 5}}',
        b'{"classes": ["a"], "parts": {"train": {"count": "x", "digest": 1}}}',
        b'{"classes": ["a"], "parts": {"train": {"count": 1e999, "digest": 1}}}',
    ],
)
def test_a_damaged_record_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "data.json").write_bytes(content)
    with pytest.raises(DamagedFileError, match=f"^{tmp_path}/data.json: "):
        DataRecord.read(tmp_path)


def test_what_has_changed_is_said_in_one_line() -> None:
    part = RECORD.parts
    more = DataRecord(RECORD.classes, {**part, "train": Part(80, "x"), "test": Part(15, "y")})
    assert difference(RECORD, more) == (
        "train had 70 images, now 80; test has different images or contents"
    )
    renamed = DataRecord(("cat", "hound"), part)
    assert difference(RECORD, renamed) == "classes: lost 'dog', new 'hound'"
    assert difference(RECORD, DataRecord(("dog", "cat"), part)) == "classes: in a different order"
    many = DataRecord(("cat", "dog", "a", "b", "c", "d", "e"), part)
    assert difference(RECORD, many) == "classes: new 'a', 'b', 'c' and 2 more"


def record(dataset: Digits | Synthetic) -> DataRecord:
    assert DataRecord.of(dataset) is None  # not before it is loaded
    now = DataRecord.of(dataset, dataset.load())
    assert now is not None
    return now


def test_a_subset_and_another_size_have_the_same_test_set() -> None:
    whole, part, large = record(Digits()), record(Digits(subset=500)), record(Digits(size=40))
    assert whole == large
    assert whole.parts["test"] == part.parts["test"]
    assert whole.parts["train"] != part.parts["train"]
    assert difference(whole, part) == "train had 1197 images, now 500"
    assert [whole.parts[name].count for name in ("train", "val", "test")] == [1197, 300, 300]
    assert whole.classes == tuple("0123456789")


def test_generated_images_are_told_apart_by_their_contents() -> None:
    small = Synthetic(size=8, num_train=40, num_val=20, num_test=20)
    noisy = Synthetic(size=8, num_train=40, num_val=20, num_test=20, noise=0.3)
    assert record(small) == record(small)
    assert record(small).parts["test"].digest != record(noisy).parts["test"].digest
