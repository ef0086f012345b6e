"""First-edition runs recognised: their identity is computed here as the first edition did."""

import copy
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from cnnlab.config import schema
from cnnlab.config.parse import parse
from cnnlab.discovery import discover
from cnnlab.registry import DATASETS, MODELS, OPTIMIZERS
from cnnlab.runs.first_edition import bytes_digest, group_of, groups_of
from cnnlab.runs.identity import identify
from cnnlab.runs.locate import outdated, run_dir_for
from cnnlab.runs.run_dir import RunDir
from cnnlab.training.assemble import preflight

# A run of the first edition: model=mlp model.hidden=[8] trainer.epochs=2 seed=0
SOURCES = {"model": "b784f170e719", "data": "85333f5ed8f3"}
IDENTITY = {"config": "aae02d94394d", "group": "3afdc2f57d45", "sources": SOURCES}
CONFIG = yaml.safe_load("""
model: {name: mlp, hidden: [8], activation: relu, dropout: 0.0, batch_norm: false}
data:
  name: digits
  size: 32
  subset: null
  augment: {crop: 0, flip: false, cutout: 0, mixup: 0.0, cutmix: 0.0, color: 0.0}
optim:
  {name: sgd, lr: 0.05, backbone_lr: 1.0, momentum: 0.9, weight_decay: 0.0005, nesterov: false}
schedule: {name: cosine, warmup_epochs: 0.0, final_factor: 0.0}
init: {from: null, freeze: null, head: keep}
loss: {label_smoothing: 0.0, class_weights: none}
trainer:
  {epochs: 2, max_steps: null, max_time: null, precision: auto, accelerator: auto, devices: 1,
  deterministic: false, gradient_clip: null, accumulate: 1, early_stopping: null, checkpoint: auto,
  compile: false, checkpoint_every: null, max_eval_steps: null, test: true}
seed: 0
batch_size: 128
runs_dir: runs
sweep: {name: first, retry: true, fail_fast: false}
rerun: false
resume: null
""")
OWN = """
from cnnlab.registry import DATASETS, MODELS, OPTIMIZERS

@MODELS.register("own")
def model(spec: object, *, width: int = 3) -> None: ...

@DATASETS.register("own")
def data(*, root: str | None = None) -> None: ...

@OPTIMIZERS.register("own")
def optimiser(parameters: object, *, lr: float = 0.1) -> None: ...
"""


def first_edition_identity(config: dict[str, Any], sources: dict[str, str]) -> dict[str, Any]:
    def digest(content: Any) -> str:
        text = json.dumps(content, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    outside = ("runs_dir", "sweep", "rerun")
    essential = {key: copy.deepcopy(value) for key, value in config.items() if key not in outside}
    for key in ("logger", "callbacks", "metrics", "augment"):  # options of the second edition
        essential.pop(key, None)
    essential["loss"].pop("name", None)
    later = "checkpoint_every val_every overfit profile pictures nodes sync_batchnorm tta"
    for key in f"{later} channels_last tf32".split():
        essential["trainer"].pop(key, None)
    root = schema.options(DATASETS[config["data"]["name"]].component).get("root")
    if root is not None and not root.required:
        essential["data"].pop("root")
    resume, init = config["resume"], config["init"]["from"]
    if resume is not None:
        essential["resume"] = Path(resume).name
    start: dict[str, Any] = {}
    if not resume and init:
        past = RunDir(init).status()["identity"]
        start = {"whole": [past["config"], past["sources"]], "group": past["group"]}
    essential["init"]["from"] = start.get("whole")
    without_seed = {key: value for key, value in essential.items() if key != "seed"}
    if resume is not None:
        without_seed["resume"] = RunDir(resume).status()["identity"]["group"]
    without_seed["init"] = {**essential["init"], "from": start.get("group")}
    group = digest([without_seed, sources])
    return {"config": digest(essential), "group": group, "sources": sources}


@pytest.fixture(autouse=True)
def registries():
    discover()
    with MODELS.temporary(), DATASETS.temporary(), OPTIMIZERS.temporary():
        yield


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A person's module with a model, a data set and an optimiser, all named own."""
    name = "own_components"
    (tmp_path / f"{name}.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))
    __import__(name)
    yield tmp_path / f"{name}.py"
    del sys.modules[name]


@pytest.fixture
def write(tmp_path):
    """``write({"seed": 1})`` is a first-edition run; keys may have dots."""

    def make(changes: dict[str, Any], sources: dict[str, str] | None = None) -> RunDir:
        config = changed(changes)
        for option in ("padding", "random_resized_crop"):  # options that came later
            config["data"].get("augment", {}).pop(option, None)
        for option in ("lr_factors", "no_decay"):
            config["optim"].pop(option, None)
        identity = first_edition_identity(config, sources or SOURCES)
        key = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:8]
        run = RunDir(tmp_path / "runs" / f"old-{key}")
        run.path.mkdir(parents=True)
        run.write_config(config)
        run.update_status(state="done", identity=identity)
        return run

    return make


def changed(changes: dict[str, Any]) -> dict[str, Any]:
    config: dict[str, Any] = copy.deepcopy(CONFIG)
    for key, value in changes.items():
        *groups, leaf = key.split(".")
        node = config
        for group in groups:
            node = node[group]
        node[leaf] = value
    return config


def job(changes: dict[str, Any]):
    return identify(parse(changed(changes)))


def test_the_config_digest_is_the_first_editions():
    assert first_edition_identity(CONFIG, SOURCES) == IDENTITY
    assert job({}).config == IDENTITY["config"]
    assert job({"seed": 1}).config == "0d739954c5b1"


RUNS = [
    {},
    {"seed": 3, "batch_size": 32, "trainer.checkpoint_every": 100},
    {"data": {"name": "cifar10", "root": "/there"}},
    {"model": {"name": "autoencoder"}},
]


@pytest.mark.parametrize("changes", RUNS)
def test_the_same_job_finds_the_old_folder(changes, write):
    changes = parse(changed(changes)).to_dict()
    run = write(changes)
    assert job(changes).differences(run.status()["identity"]) == []
    assert run_dir_for(run.path.parent, "new", job(changes)).path == run.path
    assert outdated(RunDir(run.path.parent / "new"), job(changes)) == []
    assert group_of(run) == job(changes).group
    rerun = run_dir_for(run.path.parent, "new", job(changes), rerun=True)
    assert rerun.path == Path(f"{run.path}-2")
    other = job({**changes, "seed": 77})
    assert run_dir_for(run.path.parent, "new", other).name == f"new-{other.key}"
    assert other.group == group_of(run)


def test_whose_pictures_a_run_saw_is_part_of_what_it_is(tmp_path, write):
    from PIL import Image

    for place in ("a", "b"):
        for name in ("cat", "dog"):
            (tmp_path / place / name).mkdir(parents=True)
            for i in range(3):
                Image.new("RGB", (8, 8)).save(tmp_path / place / name / f"{i}.png")
    of = {
        place: parse(changed({"data": {"name": "folder", "root": str(tmp_path / place)}})).to_dict()
        for place in ("a", "b")
    }
    run = write(of["a"])
    for place in ("a", "b"):  # its pictures are split and resized otherwise now
        assert run_dir_for(run.path.parent, "new", job(of[place])).path != run.path
        assert group_of(run) != job(of[place]).group
    assert job(of["a"]).group != job(of["b"]).group
    before = job(of["a"])
    (tmp_path / "a" / "cat" / "0.png").write_bytes(b"another")
    assert job(of["a"]).group != before.group
    assert job(of["a"]).config == before.config


def test_a_component_that_has_changed_since_is_another(write):
    run = write({})
    MODELS.register("mlp", version=2)(MODELS["mlp"].component)
    OPTIMIZERS.register("sgd", version=2)(OPTIMIZERS["sgd"].component)
    assert run_dir_for(run.path.parent, "new", job({})).name == f"new-{job({}).key}"
    found = outdated(RunDir(run.path.parent / "new"), job({}))
    assert [(other.name, kind) for other, kind in found] == [
        (run.name, "model"),
        (run.name, "optim"),
    ]
    assert group_of(run) != job({}).group


def test_a_name_that_the_package_took_later_was_a_persons_own(write):
    MODELS.register("later")(MODELS["mlp"].component)
    run = write({"model.name": "later"})
    assert job({"model.name": "later"}).differences(run.status()["identity"]) == ["model"]
    assert group_of(run) != job({"model.name": "later"}).group


def test_a_run_of_a_persons_own_components(own, write):
    changes = parse(
        changed({"model": {"name": "own"}, "data": {"name": "own"}, "optim": {"name": "own"}})
    ).to_dict()
    digest = bytes_digest(MODELS["own"].component)
    assert digest == hashlib.sha256(own.read_bytes()).hexdigest()[:12]
    run = write(changes, {"model": digest, "data": digest})
    identity = job(changes)
    assert set(identity.sources) == {"model", "data", "optim"}
    assert run_dir_for(run.path.parent, "new", identity).path == run.path
    new = RunDir(run.path.parent / f"new-{identity.key}")
    new.path.mkdir()
    new.update_status(state="done", identity=identity.to_dict())
    assert groups_of([run, new]) == [identity.group] * 2
    assert groups_of([new]) == [identity.group]
    own.write_text(OWN.replace("width: int = 3", "width: int = 4"))
    assert job(changes).differences(run.status()["identity"]) == ["model", "data"]
    assert job(changes).differences(new.status()["identity"]) == ["model", "data", "optim"]


@pytest.mark.parametrize("how", ["init.from", "resume"])
def test_runs_that_began_from_another_run(how, write, tmp_path):
    sources = [write({"seed": seed}) for seed in (0, 1)]
    first, second = (write({how: str(source), "batch_size": 64}) for source in sources)
    assert (
        job({how: str(sources[0]), "batch_size": 64}).config
        == (first.status()["identity"]["config"])
    )
    folder = first.path.parent
    found = run_dir_for(folder, "new", job({how: str(sources[0]), "batch_size": 64}))
    assert found.path == first.path
    # A run of this edition that began from one of this edition, with the same config.
    new = job({"seed": 2})
    start = RunDir(tmp_path / "runs" / f"new-{new.key}")
    start.path.mkdir()
    start.update_status(state="done", identity=new.to_dict())
    continued = job({how: str(start), "batch_size": 64})
    assert group_of(first) == group_of(second) == continued.group


def test_a_group_that_cannot_be_computed_stands_as_it_is(write):
    run = write({})
    group = run.status()["identity"]["group"]
    config = run.config()
    config["batch_size"] = 1  # edited by hand
    run.write_config(config)
    assert group_of(run) == group
    for broken in ("[1, 2]", "model: 3", "model: {name: mlp}", ": :"):
        run.config_file.write_text(broken)
        assert group_of(run) == group


def test_a_sweep_of_many_reads_each_status_once(tmp_path, write, monkeypatch):
    runs = [write({"seed": seed}) for seed in range(20)]
    reads = []
    status = RunDir.status
    monkeypatch.setattr(RunDir, "status", lambda run: reads.append(run.name) or status(run))
    jobs = [job({"seed": seed}) for seed in range(40)]
    found = [run_dir_for(tmp_path / "runs", "new", each).name for each in jobs]
    assert found[:20] == [run.name for run in runs]
    assert found[20:] == [f"new-{each.key}" for each in jobs[20:]]
    for each in jobs:
        assert outdated(RunDir(tmp_path / "runs" / "new"), each) == []
    assert sorted(reads) == sorted(run.name for run in runs)


def test_a_folder_that_is_gone_is_not_found(tmp_path, write):
    run = write({})
    folder = run.path.parent
    assert run_dir_for(folder, "new", job({})).path == run.path
    run.path.rename(tmp_path / "elsewhere")
    assert run_dir_for(folder, "new", job({})).name == f"new-{job({}).key}"


@pytest.mark.parametrize("steps", [3, 90])
def test_a_run_that_steps_alone_ended_is_recognised(write, steps):
    run = write({"trainer.epochs": 10, "trainer.max_steps": steps})  # 9 steps an epoch
    now = changed({"trainer.epochs": None, "trainer.max_steps": steps})
    identity = identify(preflight(parse(now))[0])
    assert identity.differences(run.status()["identity"]) == []
