"""Exported files: loaded again without cnnlab, equal to the network, and what is inside them."""

import importlib.util
import json
import shutil
from pathlib import Path

import onnx
import onnxruntime
import pytest
import torch
import yaml
from safetensors import safe_open

from cnnlab.config.schema import build
from cnnlab.discovery import discover
from cnnlab.inference.export.export import export
from cnnlab.inference.export.facts import facts
from cnnlab.inference.export.formats import FORMATS
from cnnlab.inference.load import Run, load_run
from cnnlab.registry import DATASETS, MODELS, CnnlabError
from cnnlab.runs.run_dir import RunDir
from cnnlab.runs.state import RunState
from cnnlab.runs.weights import read_weights
from cnnlab.spec import ImageSpec

discover()
NAMES = list("0123456789")
LINES = ["conv 8 3 padding=1", "lrn", "tanh", "minpool 3 stride=2", "avgpool 3 stride=2 padding=1"]
LINES += ["batchnorm", "residual 16", "globalavgpool", "dropout 0.5", "linear 10"]


@pytest.mark.slow(8)
def test_onnx_on_the_command_line(cnnlab, two_runs) -> None:
    answer = cnnlab("export", str(two_runs[0]), "--format", "onnx", "--out", "net.onnx")
    assert (answer.code, answer.err) == (0, "")
    said, normalisation, written = answer.out.splitlines()
    assert said.startswith("largest difference ")
    assert float(said.split()[2]) < 1e-4
    assert said.endswith(" on 300 test images; same top-1: 100.00%")
    assert normalisation.startswith("input: float32 (N, 1, 32, 32), normalised: (pixels / 255 - ")
    assert written == "net.onnx"
    inside = {prop.key: prop.value for prop in onnx.load("net.onnx").metadata_props}
    assert json.loads(inside["classes"]) == NAMES
    assert (json.loads(inside["mean"]), json.loads(inside["std"])) == ([0.3055], [0.3245])
    assert inside["data_licence"] == "CC BY 4.0"
    session = onnxruntime.InferenceSession("net.onnx", providers=["CPUExecutionProvider"])
    run = load_run(two_runs[0])
    for count in (1, 7):
        images = torch.rand(count, 1, 32, 32)
        (found,) = session.run(None, {session.get_inputs()[0].name: images.numpy()})
        with torch.no_grad():
            torch.testing.assert_close(torch.from_numpy(found), run.model(images))


def test_torch_export(two_runs, tmp_path: Path) -> None:
    run = load_run(two_runs[0])
    (file,), comparison = export(run, "torch", tmp_path / "new" / "net.pt2")
    assert (comparison.images, comparison.difference, comparison.agreement) == (
        "300 test images",
        0.0,
        1.0,
    )
    inside = {"cnnlab.json": ""}
    network = torch.export.load(file, extra_files=inside).module()
    assert json.loads(inside["cnnlab.json"]) == json.loads(json.dumps(facts(run)))
    for count in (1, 5):
        images = torch.rand(count, 1, 32, 32)
        torch.testing.assert_close(network(images), run.model(images))


def test_safetensors_have_a_model_card_and_can_be_trained_from(two_runs, tmp_path: Path) -> None:
    run = load_run(two_runs[0])
    files, comparison = export(run, "safetensors", tmp_path / "net.safetensors")
    assert [file.name for file in files] == ["net.safetensors", "README.md"]
    assert comparison.difference == 0
    with safe_open(files[0], "pt") as opened:
        inside = opened.metadata()
    assert json.loads(inside["classes"]) == NAMES
    assert json.loads(inside["config"])["model"]["hidden"] == [8]
    weights = read_weights(str(files[0]))
    assert all(torch.equal(weights[name], value) for name, value in run.model.state_dict().items())
    _, head, text = files[1].read_text().split("---\n", 2)
    fields = yaml.safe_load(head)
    assert (fields["datasets"], fields["license"]) == (["digits"], "unknown")
    assert fields["data_licence"] == "CC BY 4.0"
    accuracy = f"accuracy {run.result['test_acc']:.2%}"
    for said in (
        accuracy,
        f"on {run.result['num_test']} test images",
        "0.3055",
        "0, 1, 2, 3, 4, 5, 6, 7, 8, 9",
    ):
        assert said in text
    assert str(two_runs[0].path.parent.parent) not in text


def test_a_readme_that_is_no_model_card_is_not_replaced(cnnlab, two_runs, tmp_path: Path) -> None:
    words = ["export", str(two_runs[0]), "--format", "safetensors", "--out", "."]
    (tmp_path / "README.md").write_text("My project")
    answer = cnnlab(*words)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("cnnlab: README.md: the model card would replace this file; ")
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]
    assert (tmp_path / "README.md").read_text() == "My project"
    (tmp_path / "README.md").unlink()
    assert [cnnlab(*words).code for _ in range(2)] == [0, 0]


def test_of_an_unfinished_run_it_is_said(cnnlab, two_runs, tmp_path: Path) -> None:
    shutil.copytree(two_runs[0].path, tmp_path / "run")
    RunDir(tmp_path / "run").update_status(state=RunState.FAILED)
    answer = cnnlab("export", "run", "--format", "safetensors")
    assert answer.code == 0
    assert answer.err == "run is not finished: exported is its best epoch so far\n"


@pytest.mark.slow(15)
@pytest.mark.parametrize(
    ("config", "spec"),
    [
        ({"name": "lenet5_1998"}, ImageSpec(1, 28, 28, 10)),
        ({"name": "conv_stack", "layers": LINES}, ImageSpec(3, 20, 20, 10)),
    ],
    ids=["RBF and subsampling", "LRN, pooling, residual"],
)
def test_architectures_in_onnx(two_runs, tmp_path: Path, config, spec: ImageSpec) -> None:
    torch.manual_seed(0)
    model = build(MODELS, config, spec).eval()
    for layer in model.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.running_mean.normal_(0, 0.1)
    run = load_run(two_runs[0])
    run = Run(run.folder, run.config, run.result, spec, model)
    (file,), comparison = export(run, "onnx", tmp_path / "net.onnx")
    assert comparison.images.startswith("16 random images, as no test images: they are of ")
    assert comparison.difference < 1e-4
    network = FORMATS["onnx"].load(file, run)
    images = torch.randn(3, *spec.shape)
    with torch.no_grad():
        torch.testing.assert_close(network(images), model(images), atol=1e-4, rtol=0)


def test_licences_are_those_that_the_listing_shows() -> None:
    licences = {entry.name: getattr(entry.component, "licence", "") for entry in DATASETS}
    for name, licence in licences.items():
        assert licence.lower() in (DATASETS[name].component.__doc__ or "").lower()
    assert {name for name, licence in licences.items() if licence} >= {
        "mnist",
        "cifar100",
        "digits",
    }


def test_one_that_differs_is_not_written(cnnlab, two_runs, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("cnnlab.inference.export.export.TOLERANCE", -1)
    monkeypatch.setattr("cnnlab.inference.export.export.ROUNDING", -1)
    answer = cnnlab("export", str(two_runs[0]), "--format", "torch", "--out", "new")
    assert (answer.code, answer.out) == (1, "")
    assert "as torch its outputs differ by 0.0e+00, more than" in answer.err
    assert len(answer.err.splitlines()) == 1
    assert list((tmp_path / "new").iterdir()) == []


def test_what_cannot_be_exported_is_named(two_runs, tmp_path: Path, monkeypatch) -> None:
    class Branches(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images.flatten(1)[:, :10] if images.sum() > 0 else images.flatten(1)[:, 1:11]

    run = load_run(two_runs[0])
    other = Run(run.folder, run.config, run.result, run.spec, Branches())
    with pytest.raises(CnnlabError, match="model=mlp cannot be exported: ") as refusal:
        export(other, "torch", tmp_path / "net.pt2")
    assert "\n" not in str(refusal.value)
    with pytest.raises(CnnlabError, match="no format 'onyx'; did you mean 'onnx'"):
        export(run, "onyx", tmp_path / "net")
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "onnxscript" else find(name)
    )
    with pytest.raises(CnnlabError, match=r"needs onnxscript: pip install 'cnnlab\[explain\]'"):
        export(run, "onnx", tmp_path / "net.onnx")
