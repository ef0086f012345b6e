"""No claim across different test sets, whatever they are called."""

import pytest

from cnnlab.compare.compare import compare
from cnnlab.runs.data_record import DataRecord, Part


def record(run, classes=("cat", "dog"), test="aaa", train="ttt", count=30):
    parts = {"train": Part(100, train), "val": Part(20, "vvv"), "test": Part(count, test)}
    DataRecord(tuple(classes), parts).write(run)
    return run


@pytest.fixture
def two_rows(make_run, tmp_path):
    """``two_rows(first, second)``: options of two configurations with two seeds each, compared."""

    def compared(first, second, prepare=None):
        for number, options in enumerate((first, second)):
            for seed in (0, 1):
                own = {"seed": seed, "test_acc": 0.9 - (0.3 + 0.01 * seed) * number}
                run = make_run(**own, val_acc=0.9 - 0.1 * number, **options)
                if prepare is not None:
                    prepare(run, number)
        return compare([tmp_path])

    return compared


FOLDER = {"data.name": "folder"}
OTHER = {"split": "ba9876543210"}


def test_two_folders(two_rows):
    comparison = two_rows(FOLDER | {"data.root": "a"}, FOLDER | {"data.root": "b"})
    assert comparison.verdicts[0].endswith("tested on different images, so no claim.")
    assert comparison.title == "mlp on folder, 2 test sets"
    assert "the runs were tested on different images: compare them separately" in comparison.notes


def test_two_folders_of_three_and_ten_classes(two_rows):
    names = ("abc", "abcdefghij")
    comparison = two_rows(
        FOLDER | {"data.root": "a"},
        FOLDER | {"data.root": "b"},
        lambda run, number: record(run, names[number], test=f"test{number}"),
    )
    assert comparison.verdicts[0].endswith("tested on different classes (3 and 10), so no claim.")


def test_the_same_pictures_in_two_places(two_rows):
    comparison = two_rows(
        FOLDER | {"data.root": "a"}, FOLDER | {"data.root": "b"}, lambda run, _: record(run)
    )
    assert "paired t test by seed" in comparison.verdicts[0]


def test_a_folder_that_has_changed(two_rows):
    """Runs made before the record was: the split tells."""
    comparison = two_rows(
        FOLDER | {"data.root": "a"},
        FOLDER | {"data.root": "a", "optim.lr": 0.3, "result": OTHER},
    )
    assert comparison.verdicts[0].endswith("tested on different images, so no claim.")


def test_other_pictures_of_the_same_folder(two_rows):
    comparison = two_rows(
        {}, {"optim.lr": 0.3}, lambda run, number: record(run, test=f"test{number}")
    )
    assert comparison.verdicts[0].endswith("tested on different images, so no claim.")


def test_a_part_of_the_test_set(two_rows):
    comparison = two_rows(
        {"result": {"num_test": 300}}, {"optim.lr": 0.3, "result": {"num_test": 128}}
    )
    assert comparison.verdicts[0].endswith("tested on different images (300 and 128), so no claim.")


@pytest.mark.parametrize("recorded", [True, False])
def test_another_part_of_the_training_images_is_a_fair_comparison(two_rows, recorded):
    comparison = two_rows(
        {},
        {"data.subset": 100, "result": OTHER},
        lambda run, number: record(run, train=f"t{number}") if recorded else None,
    )
    assert "paired t test by seed" in comparison.verdicts[0]
    assert comparison.notes == comparison.findings == []  # it was swept


@pytest.mark.parametrize(("option", "same"), [("data.size", True), ("data.noise", False)])
def test_options_of_a_data_set(two_rows, option, same):
    name = "digits" if same else "synthetic"
    comparison = two_rows({"data.name": name}, {"data.name": name, option: 64})
    assert ("paired t test by seed" in comparison.verdicts[0]) is same


def test_one_row_with_runs_of_different_images(make_run, tmp_path):
    for seed in (0, 1):
        record(make_run(seed=seed, test_acc=0.9 + 0.01 * seed), test=f"test{seed}")
        record(make_run(seed=seed, test_acc=0.5 + seed, val_acc=0.1, **{"optim.lr": 3.0}))
    comparison = compare([tmp_path])
    assert comparison.verdicts[0].endswith("tested on different images, so no claim.")
    assert "the row lr=0.1 has runs tested on different images" in comparison.notes


def test_a_run_with_a_damaged_record_is_left_out_by_name(make_run, tmp_path):
    make_run(seed=9)
    for i, content in enumerate((b"\xff", b"[1]", b"{}", b"[" * 100_000)):
        run = make_run(seed=i)
        (run.path / "data.json").write_bytes(content)
    comparison = compare([tmp_path])
    assert list(comparison.table["n"]) == [1]
    assert any(f"{run.path}/data.json: is nested too deeply" in note for note in comparison.notes)
