"""Parameters and MACs against experiments/architectures/published.csv, to the last digit."""

import csv
import re
from pathlib import Path

import pytest
import torch
import yaml

from cnnlab.app.listing import variants
from cnnlab.config import schema
from cnnlab.discovery import discover
from cnnlab.explain.cost import count
from cnnlab.registry import MODELS
from cnnlab.spec import ImageSpec

FILE = Path(__file__).parents[2] / "experiments" / "architectures" / "published.csv"
with FILE.open(encoding="utf-8", newline="") as _file:
    ROWS = list(csv.DictReader(_file, strict=True))
discover()
VARIANTS = dict(variants(MODELS))
DEEP = re.compile(r"1202|densenet(169|201|_bc_190)|resnet152")
FAMILIES = {"mlp", "lenet5", "lenet5_1998", "alexnet", "vgg", "densenet", "convnext"}


def config_of(words):
    """The model's config that ``model=vgg model.depth=11`` asks for."""
    (_, name), *changes = (word.split("=") for word in words.split())
    base = VARIANTS.get(name, {"name": name})
    return base | {key.removeprefix("model."): yaml.safe_load(value) for key, value in changes}


def spec_of(row):
    height, width, channels = map(int, row["input"].split("x"))
    return ImageSpec(channels, height, width, int(row["classes"]))


def case(row):
    marks = pytest.mark.slow if DEEP.search(row["model"]) else ()
    return pytest.param(row, marks=marks, id=f"{row['model']} {row['input']}")


@pytest.mark.parametrize("row", [case(row) for row in ROWS])
def test_parameters_and_macs_are_the_published_ones(row):
    spec = spec_of(row)
    with torch.device("meta"):
        cost = count(schema.build(MODELS, config_of(row["model"]), spec), spec)
    assert str(cost.params) == row["params"]
    assert not row["macs"] or str(cost.macs) == row["macs"]


def test_every_row_is_complete_and_unique():
    keys = [(row["model"], row["input"]) for row in ROWS]
    assert len(keys) == len(set(keys)) >= 35
    for row in ROWS:
        assert None not in row, "a comma too many"
        assert row["source"]
        assert not row["year"] or 1986 <= int(row["year"]) <= 2030


def test_every_architecture_and_variant_of_these_families_has_a_row():
    named = {row["model"].split()[0].removeprefix("model=") for row in ROWS}
    ours = {name for name, config in VARIANTS.items() if config["name"] in FAMILIES}
    assert FAMILIES - {"vgg", "densenet"} <= named  # those two stand there under their variants
    assert ours <= named
    assert len(ours) == 18
