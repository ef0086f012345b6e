"""The same table on the terminal, as markdown, as CSV and as JSON."""

import csv
import io
import json

import pytest
import torch
import torchvision
from rich.console import Console

from cnnlab.explain.layers.table import layer_table
from cnnlab.explain.layers.terminal import print_layer_table
from cnnlab.explain.layers.text import as_csv, as_json, as_markdown, memory
from cnnlab.models import LeNet5
from cnnlab.spec import ImageSpec

SPEC = ImageSpec(1, 28, 28, 10)


@pytest.fixture(scope="module")
def table():
    with torch.device("meta"):
        return layer_table(LeNet5(SPEC), SPEC, title="lenet5 on mnist")


def printed(table, width):
    console = Console(file=io.StringIO(), width=width)
    print_layer_table(table, console)
    return console.file.getvalue()


def test_csv_has_numbers_without_separators(table):
    rows = list(csv.DictReader(io.StringIO(as_csv(table))))
    assert sum(int(row["parameters"]) for row in rows) == 61_706
    assert sum(int(row["macs"]) for row in rows) == 416_520
    c1 = next(row for row in rows if row["name"] == "c1")
    assert (c1["kernel"], c1["stride"], c1["padding"]) == ("5x5", "1", "0")
    assert c1["size_formula"] == "(32 - 5 + 2*0)/1 + 1 = 28"
    assert c1["receptive_field_height"] == "5"


def test_json_holds_totals_and_notes(table):
    page = json.loads(as_json(table))
    assert (page["parameters"], page["macs"]) == (61_706, 416_520)
    assert page["title"] == "lenet5 on mnist"
    assert [row["name"] for row in page["layers"]] == [row.name for row in table.rows]
    assert page["notes"] == ["c5: 48,120 of 61,706 parameters, 78.0%, are in this layer"]


def test_markdown_is_a_table_with_its_arithmetic(table):
    lines = as_markdown(table).splitlines()
    assert lines[0] == "# lenet5 on mnist: images of 28x28x1"
    cells = [line.count(" | ") for line in lines if line.startswith("|")]
    assert len(set(cells)) == 1
    assert "| c1 | conv 5x5 s1 p0 | (32 - 5 + 2*0)/1 + 1 = 28 | 28x28x6 |" in lines[5]
    assert "| 6*(5*5*1 + 1) = 156 | 0.3% | 28*28*6 * 5*5*1 = 117,600 | 28.2% |" in lines[5]


@pytest.mark.parametrize("width", [80, 100, 120, 200])
@pytest.mark.parametrize("arch", [None, "resnet50"])
def test_fits_the_terminal(table, width, arch):
    if arch is not None:
        with torch.device("meta"):
            model = torchvision.models.get_model(arch)
        table = layer_table(model, ImageSpec(3, 224, 224, 1000))
    text = printed(table, width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    assert "Note:" in text
    assert f"total {table.parameters:,} parameters, {table.macs:,} MACs" in text


def test_shows_the_arithmetic_at_every_width(table):
    wide, narrow = printed(table, 120), printed(table, 80)
    for formula in ("(32 - 5 + 2*0)/1 + 1 = 28", "6*(5*5*1 + 1)", "28*28*6 * 5*5*1"):
        assert formula in wide
        assert formula.replace(" ", "") in narrow
    assert "28.2%" in wide
    assert "18.4 KiB" in wide


def test_says_what_is_frozen():
    model = LeNet5(SPEC)
    model.c1.requires_grad_(False)
    assert "61,706 parameters (156 of them frozen)" in printed(layer_table(model, SPEC), 120)


@pytest.mark.parametrize(
    ("num_bytes", "text"),
    [(0, ""), (40, "40 B"), (1024, "1.0 KiB"), (18_816, "18.4 KiB"), (3 << 20, "3.0 MiB")],
)
def test_memory_is_read_at_a_glance(num_bytes, text):
    assert memory(num_bytes) == text
