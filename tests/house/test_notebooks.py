"""Notebooks are kept without outputs: what they show, a reader makes again."""

import json
import re
from pathlib import Path

import pytest
from source_tree import ROOT, assert_none

OF_A_MACHINE = r"/(?:home|root|Users|tmp|mnt|work)/|[A-Z]:\\\\"
CELL = {"cell_type": "code", "execution_count": None, "outputs": [], "source": ["1 + 1"]}


def notebooks(root: Path) -> list[Path]:
    return sorted(root.glob("experiments/**/*.ipynb"))


def leftovers(root: Path) -> list[str]:
    """Cells with an output or an execution count, and notebooks with the path of a machine."""
    found = []
    for file in notebooks(root):
        text = file.read_text(encoding="utf-8")
        found += [f"{file.name}: {path}" for path in re.findall(OF_A_MACHINE, text)]
        for number, cell in enumerate(json.loads(text)["cells"]):
            if cell.get("outputs") or cell.get("execution_count") is not None:
                found.append(f"{file.name}: cell {number} was run")
    return found


def test_no_notebook_was_run():
    assert notebooks(ROOT)
    assert_none(leftovers(ROOT))


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({}, []),
        ({"execution_count": 1}, ["a.ipynb: cell 0 was run"]),
        ({"outputs": [{"output_type": "stream", "text": ["2"]}]}, ["a.ipynb: cell 0 was run"]),
        ({"source": ["open('/home/me/runs')"]}, ["a.ipynb: /home/"]),
    ],
)
def test_planted_leftovers_are_found(tmp_path, fault, said):
    (tmp_path / "experiments").mkdir()
    file = tmp_path / "experiments" / "a.ipynb"
    file.write_text(json.dumps({"cells": [CELL | fault]}))
    assert leftovers(tmp_path) == said
