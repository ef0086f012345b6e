"""What the last word becomes: commands, flags, keys, values, lists, folders, one's own files."""

import pytest

from cnnlab.app.candidates import candidates
from cnnlab.app.names import collect
from cnnlab.config import schema
from cnnlab.config.options import GROUPS
from cnnlab.discovery import discover

discover()
NAMES = collect()


@pytest.fixture
def found(tmp_path, monkeypatch):
    """The candidates of a line, in a folder with runs and configs of one's own."""
    monkeypatch.chdir(tmp_path)
    for run in ("runs/single/one-1", "runs/sweep_1/two-2"):
        (tmp_path / run / "checkpoints").mkdir(parents=True)
        (tmp_path / run / "config.yaml").touch()
    own = {
        "conf/model/tiny.yaml": "defaults: [mlp, _self_]\nhidden: [3]\n",
        "conf/model/broken.yaml": "defaults: [",
        "conf/experiment/deep/mine.yaml": "defaults: [{override /model: resnet20}]\n",
        "elsewhere/model/other.yaml": "defaults: [resnet, _self_]\n",
        "my_nets.py": "",
        "weights.safetensors": "",
        ".hidden/config.yaml": "",
    }
    for name, text in own.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return lambda line: candidates(line.split(" "), NAMES)


RESNET = ["model.depth=", "model.preactivation=", "model.shortcut="]
KINDS = [
    *[
        "augment",
        "callbacks",
        "data",
        "logger",
        "loss",
        "metrics",
        "model",
        "optim",
        "schedule",
        "task",
    ]
]
COMPILE = ["default", "false", "max-autotune", "reduce-overhead", "true"]
LAUNCHER = ["gpus_per_job", "n_jobs", "threads_per_job"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("te", ["tensorboard", "test"]),
        ("--v", ["--version"]),
        ("zzz", []),
        ("zzz x", []),
        # flags, and what stands behind them
        ("train --p", ["--package", "--plan"]),
        ("train seed=1 --mu", ["--multirun"]),
        ("train --cfg ", ["all", "hydra", "job"]),
        ("train --info=def", ["--info=defaults", "--info=defaults-tree"]),
        ("train --import my", ["my_nets"]),
        ("runs --sort va", ["val_acc", "val_loss"]),
        ("runs --status done,fa", ["done,failed"]),
        ("runs --where trainer.comp", ["trainer.compile="]),
        ("models --data mn", ["mnist", "mnist5k"]),
        ("bench --against ", ["bare", "usual"]),
        ("completion z", ["zsh"]),
        ("components ", KINDS),
        ("components l", ["logger", "loss"]),
        # keys, up to their next dot
        ("train mo", ["model.", "model="]),
        ("layers data.augm", ["data.augment."]),
        ("train optim=adam optim.beta", ["optim.beta1=", "optim.beta2="]),
        ("train -m model=mlp mo", ["model."]),  # nothing twice
        ("train model=resnet20 model.", RESNET),
        ("train model=tiny model.dr", ["model.dropout="]),
        ("train model=broken model.", []),
        ("train experiment=deep/mine model.", RESNET),
        ("train --config-dir elsewhere model=other model.", RESNET),
        ("train hydra/launcher=joblib hydra.", ["hydra.launcher."]),
        ("train hydra/launcher=joblib hydra.launcher.", [f"hydra.launcher.{n}=" for n in LAUNCHER]),
        # values, each item of a list
        ("train model=conv_s", ["model=conv_stack"]),
        ("train model=ti", ["model=timm", "model=tiny"]),
        ("train --config-dir elsewhere model=oth", ["model=other"]),
        ("train -m model=mlp,ti", ["model=mlp,timm", "model=mlp,tiny"]),
        ("train -m optim=adam,adam", ["optim=adam,adamw"]),
        ("train logger=[csv,t", ["logger=[csv,tensorboard"]),
        ("train trainer=sm", ["trainer=smoke"]),
        ("train experiment=dee", ["experiment=deep/mine"]),
        ("train trainer.compile=", [f"trainer.compile={mode}" for mode in COMPILE]),
        ("train trainer.precision=b", ["trainer.precision=bf16"]),
        ("train batch_size=", ["batch_size=128"]),
        ("train hydra/sweeper=o", ["hydra/sweeper=optuna"]),
        # runs and folders
        ("test ", ["conf/", "elsewhere/", "runs/"]),
        ("compare runs/", ["runs/single/", "runs/sweep_1/"]),
        ("test runs/single/", ["runs/single/one-1"]),
        ("test runs/single/one-1/", []),
        ("test nowhere/", []),
        ("runs --why runs/sweep_1/", ["runs/sweep_1/two-2"]),
        ("train resume=runs/single/o", ["resume=runs/single/one-1"]),
        ("train init.from=w", ["init.from=weights.safetensors"]),
        ("train sweep.name=s", ["sweep.name=single", "sweep.name=sweep_1"]),
        ("train runs_dir=e", ["runs_dir=elsewhere/"]),
        ("compare runs --out=r", ["--out=runs/"]),
        ("ensemble runs/", ["runs/single/", "runs/sweep_1/"]),
        ("report runs/", ["runs/single/", "runs/sweep_1/"]),
        ("predict runs/single/", ["runs/single/one-1"]),
        ("predict runs/single/one-1 w", ["weights.safetensors"]),
        ("export runs/single/one-1 --format s", ["safetensors"]),
    ],
)
def test_candidates(found, line, expected):
    assert found(line) == expected


def test_every_registered_component_and_its_options_are_named():
    for kind, registry in GROUPS.items():
        assert NAMES["groups"][kind]["names"] == [entry.name for entry in registry]
        for entry in registry:
            options = NAMES["options"][f"{kind}={entry.name}"]
            for name in schema.options(entry.component):
                assert any(key.startswith(f"{kind}.{name}") for key in options)
