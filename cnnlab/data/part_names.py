"""Folders that are named after train, val or test."""

import itertools
import re
from collections.abc import Iterable
from pathlib import Path

PART_NAMES = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
ENDINGS = ("", "set", "data", "images")  # train_set, TestData
WORDS = {word: part for part, words in PART_NAMES.items() for word in words}
WORDS |= dict.fromkeys(("pred", "prediction", "predictions"), "pred")  # without labels


def part_named(folder: str) -> str | None:
    """Which of train, val and test a folder is named after, in any case: ``Train``, ``test_set``.

    None: it is not.
    """
    word = re.sub(r"[-_. ]", "", folder.lower())
    for part, names in PART_NAMES.items():
        if any(word == name + ending for name in names for ending in ENDINGS):
            return part
    return None


def refuse_part_names(root: Path, classes: Iterable[str]) -> None:
    """Refuse class folders of which two are named like parts: ``train`` and ``test1``.

    One alone may be a class, as may be ``bullet_train`` and ``freight_train``.

    Raises:
        ValueError: there are two.
    """
    words = {name: set(re.split(r"[-_. \d]+", name.lower())) for name in sorted(classes)}
    parts = {name: {WORDS[word] for word in of & WORDS.keys()} for name, of in words.items()}
    called = [name for name in parts if parts[name]]
    for one, other in itertools.combinations(called, 2):
        if parts[one] != parts[other] or words[one] - {""} == words[other] - {""}:
            raise ValueError(
                f"root={root}: '{one}' and '{other}' look like splits, not classes; "
                "name splits train, val and test, with class folders inside"
            )
