"""Which images a run was tested on, and whether two runs were tested on the same."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cnnlab.runs.data_record import DataRecord
from cnnlab.runs.run_dir import RunDir

# Options of a data set that leave the images of its test set the same ones.
OF_TRAINING = ("augment", "subset")
OF_SHAPE = ("size", "channels")
OFFICIAL = (
    *("cifar10", "cifar100", "digits", "fashion_mnist", "imagenet", "kmnist", "mnist"),
    "mnist5k",
)


@dataclass(frozen=True)
class TestSet:
    """The images that a run was tested on.

    Attributes:
        data: the data set's name.
        record: what the run recorded of its data; None for runs made before that.
        options: the data set's options that decide about its test images, for such runs.
        drawn: the training images and the split, for such runs: where these alone differ, the
            files have changed.
        count: number of images tested.
    """

    __test__ = False  # pytest: this is no test

    data: str
    record: DataRecord | None
    options: Mapping[str, Any]
    drawn: tuple[Any, str]
    count: int | None

    @classmethod
    def of(cls, folder: RunDir, config: Mapping[str, Any], result: Mapping[str, Any]) -> "TestSet":
        """From a run's config, its result and its record of the data."""
        name, options = str(config["data"]["name"]), dict(config["data"])
        left_out = {*OF_TRAINING, *(OF_SHAPE if name != "synthetic" else ())}
        left_out |= {"root"} if name in OFFICIAL else set()
        return cls(
            data=name,
            record=DataRecord.read(folder),
            options={key: value for key, value in options.items() if key not in left_out},
            drawn=(options.get("subset"), str(result["split"])),
            count=result.get("num_test"),
        )

    def difference(self, other: "TestSet") -> str | None:
        """Why two runs were not tested on the same images, in some words; None where they were."""
        if self.data != other.data:
            return "different data sets"
        if self.count != other.count and None not in (self.count, other.count):
            return f"different images ({self.count:,} and {other.count:,})"
        if self.record is None or other.record is None:
            has_changed = self.drawn[0] == other.drawn[0] and self.drawn[1] != other.drawn[1]
            is_same = self.options == other.options and not has_changed
            return None if is_same else "different images"
        classes, others = self.record.classes, other.record.classes
        if len(classes) != len(others):
            return f"different classes ({len(classes)} and {len(others)})"
        if classes != others:
            return "different classes"
        is_same = self.record.parts["test"] == other.record.parts["test"]
        return None if is_same else "different images"


def distinct(test_sets: Iterable[TestSet]) -> list[TestSet]:
    """One for each set of test images among them."""
    found: list[TestSet] = []
    for each in test_sets:
        if all(each.difference(other) is not None for other in found):
            found.append(each)
    return found


def first_difference(test_sets: Iterable[TestSet]) -> str | None:
    """What differs between the test sets of some runs; None where all are the same."""
    first, *others = distinct(test_sets)
    return first.difference(others[0]) if others else None


def caveats_on_data(ranked: Sequence[Sequence[TestSet]], labels: Sequence[str]) -> list[str]:
    """Notes on rows whose runs were tested on different images.

    Args:
        ranked: the test sets of each row's runs.
    """
    notes = []
    if len({test_set.data for row in ranked for test_set in row}) == 1:  # else it is said already
        difference = first_difference(test_set for row in ranked for test_set in row)
        if difference is not None:
            notes.append(f"the runs were tested on {difference}: compare them separately")
    for row, label in zip(ranked, labels, strict=True):
        difference = first_difference(row)
        if difference is not None:
            notes.append(f"the row {label} has runs tested on {difference}")
    return notes
