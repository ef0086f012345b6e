"""The notebook of experiments/, run from its first cell to its last as a reader does."""

import json
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from cnnlab.runs.run_dir import find_runs

TOUR = Path(__file__).parents[2] / "experiments" / "tour.ipynb"
NAMES = {"mlp", "lenet5", "conv_stack"}
CHANCE = 0.1
ASK = """
import json
print(json.dumps({
    "registered": len(MODELS),
    "layers": [layers.parameters, layers.macs],
    "table": table[["model", "n", "val_acc", "test_acc", "params"]].to_dict("records"),
    "verdicts": comparison.verdicts,
    "wrong": len(np.flatnonzero(predicted != labels)),
    "probabilities": probabilities.tolist(),
}))
"""


def pictures(notebook: nbformat.NotebookNode) -> int:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return sum("image/png" in output.get("data", {}) for output in outputs)


@pytest.mark.slow(20)
def test_the_tour(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")  # else jupyter_core warns of its old folders
    place = tmp_path / "experiments"
    place.mkdir()
    notebook = nbformat.read(TOUR, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(ASK))
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(place)}}).execute()

    found = json.loads(notebook.cells[-1].outputs[0].text)
    assert found["registered"] > 10
    assert found["layers"] == [61_706, 416_520]  # LeNet-5 on 32x32x1
    results = {run.result()["model"]: run.result() for run in find_runs([tmp_path / "runs"])}
    assert set(results) == {row["model"] for row in found["table"]} == NAMES
    for row in found["table"]:
        result = results[row["model"]]
        assert (row["n"], row["params"]) == (1, result["params"])
        assert row["val_acc"] == pytest.approx(result["val_acc"])
        assert row["test_acc"] == pytest.approx(result["test_acc"])
        assert row["test_acc"] > 5 * CHANCE
    validation = [row["val_acc"] for row in found["table"]]
    assert validation == sorted(validation, reverse=True)
    assert len(found["verdicts"]) == 3
    assert all("of these two networks alone" in said for said in found["verdicts"])  # one seed
    best = results[found["table"][0]["model"]]
    assert 1 - found["wrong"] / best["num_test"] == pytest.approx(best["test_acc"])
    assert sum(found["probabilities"]) == pytest.approx(1, abs=1e-5)
    assert pictures(notebook) == 7
