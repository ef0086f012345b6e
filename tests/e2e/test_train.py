"""`cnnlab train` as its user types it: runs, sweeps, re-runs, failures, resuming."""

import json
import textwrap

import pytest
import torch
import yaml

import cnnlab as lab
from cnnlab.runs.run_dir import RunDir, find_runs

QUICK = ["data=synthetic", "data.num_train=200", "data.size=12", "batch_size=16"]
MLP = ["model=mlp", "model.hidden=[8]"]
TIMES = ["seconds", "images_per_second"]


def only_run(folder) -> RunDir:
    (run,) = find_runs([folder])
    return run


def weights(run: RunDir) -> dict[str, torch.Tensor]:
    return torch.load(run.last_checkpoint, weights_only=True)["state_dict"]


def assert_equal_runs(one: RunDir, other: RunDir) -> None:
    first, second = weights(one), weights(other)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert one.metrics().drop(columns=TIMES).equals(other.metrics().drop(columns=TIMES))


def test_a_run_leaves_a_whole_folder(cnnlab, tmp_path):
    answer = cnnlab("train", *MLP, *QUICK, "trainer.epochs=2", "optim.lr=0.1")
    assert answer.code == 0
    run = only_run("runs")
    assert run.path.parent.as_posix() == "runs/single"
    name, _, key = run.name.rpartition("-")
    assert name == "mlp_synthetic_hidden8_num_train200_size12_batch_size16_epochs2_lr0.1"
    assert len(key) == 8
    assert answer.out.splitlines()[-1] == str(run.path)
    assert answer.err.count("train loss") == 2  # one line an epoch where there is no terminal
    assert run.outputs_file("logits").stat().st_size > 0
    assert run.picture_file("confusion").stat().st_size > 0
    for file in ("env_file", "log_file", "best_checkpoint"):
        assert getattr(run, file).stat().st_size > 0, file
    result, status = run.result(), run.status()
    assert status["state"] == "done"
    assert result["params"] == (144 * 8 + 8) + (8 * 10 + 10)
    assert result["macs"] == 144 * 8 + 8 * 10
    assert result["steps"] == 2 * (result["num_train"] // 16)
    assert result["precision"] == "32-true"
    assert all(not isinstance(value, (dict, list)) for value in result.values())
    assert list(tmp_path.iterdir()) == [tmp_path / "runs"]


def test_a_saved_config_is_plain_and_composes_the_same_run(cnnlab):
    cnnlab("train", *MLP, *QUICK, "trainer=smoke")
    run = only_run("runs")
    config = yaml.safe_load(run.config_file.read_text())
    assert config["trainer"]["precision"] == "auto"
    assert "_target_" not in run.config_file.read_text()
    loaded = lab.load_run(run)
    assert loaded.config.to_dict() == config


@pytest.mark.slow
def test_the_same_command_keeps_what_is_done_and_rerun_repeats_it_bit_for_bit(cnnlab):
    words = ["train", *MLP, *QUICK, "trainer.epochs=2", "model.dropout=0.3"]
    assert cnnlab(*words).code == 0
    first = only_run("runs")
    written = first.last_checkpoint.stat().st_mtime_ns
    again = cnnlab(*words)
    assert "already done" in again.err
    assert first.last_checkpoint.stat().st_mtime_ns == written
    assert cnnlab(*words, "rerun=true").code == 0
    second = RunDir(f"{first}-2")
    assert second.is_done
    assert_equal_runs(first, second)


@pytest.mark.slow
def test_a_sweep_is_named_by_its_overrides_and_its_order_changes_no_result(cnnlab):
    words = [*MLP, *QUICK, "trainer=smoke", "model.dropout=0.3"]
    answer = cnnlab("train", "-m", *words, "seed=0,1", "data.augment.crop=2")
    assert answer.code == 0
    (sweep,) = RunDir("runs").path.iterdir()
    assert sweep.name.startswith("mlp_hidden8_synthetic")
    assert "seed0-1" in sweep.name
    cnnlab("train", "-m", *words, "seed=1,0", "data.augment.crop=2", "sweep.name=turned")
    for run in find_runs([sweep]):
        assert_equal_runs(run, RunDir(f"runs/turned/{run.name}"))
    more = cnnlab("train", "-m", *words, "seed=0,1,2", "data.augment.crop=2", "sweep.name=turned")
    assert "2 of 3 jobs are already done" in more.err
    assert len(find_runs(["runs/turned"])) == 3


@pytest.mark.slow
def test_one_identity_has_one_folder_however_it_is_spelt(cnnlab):
    cnnlab("train", "model=resnet", "model.depth=8", *QUICK, "trainer=smoke", "seed=0")
    again = cnnlab("train", "model=resnet", *QUICK, "trainer=smoke", "model.depth=8")
    assert "already done" in again.err
    assert len(find_runs(["runs"])) == 1


@pytest.mark.slow
def test_resume_goes_on_from_a_finished_run(cnnlab):
    words = [*MLP, *QUICK, "trainer.epochs=2", "schedule=constant"]
    cnnlab("train", *words)
    source = only_run("runs")
    refused = cnnlab("train", f"resume={source}")
    assert refused.code == 2
    assert "has trained 2 epochs; give trainer.epochs above 2" in refused.err
    assert cnnlab("train", f"resume={source}", "trainer.epochs=4").code == 0
    (resumed,) = [run for run in find_runs(["runs"]) if run.name != source.name]
    assert resumed.path.parent == source.path.parent
    assert list(resumed.metrics()["epoch"]) == [1, 2, 3, 4]
    # with a schedule that knows no end, going on is the same as never having stopped
    cnnlab("train", *MLP, *QUICK, "trainer.epochs=4", "schedule=constant", "sweep.name=whole")
    assert_equal_runs(resumed, only_run("runs/whole"))


def test_resume_refuses_another_model(cnnlab):
    cnnlab("train", *MLP, *QUICK, "trainer=smoke")
    refused = cnnlab("train", f"resume={only_run('runs')}", "model=lenet5")
    assert refused.code == 2
    assert "model=lenet5: resume continues with mlp" in refused.err


@pytest.mark.slow
def test_one_impossible_job_of_six_refuses_the_sweep(cnnlab, tmp_path):
    words = ["train", "-m", "model=resnet20", "model.depth=8,14,20,21,26,32", "data=digits"]
    answer = cnnlab(*words, "trainer=smoke")
    assert answer.code == 2
    assert "1 of 6 jobs refused; nothing was started" in answer.err
    assert "model.depth=21 data=digits trainer=smoke: model=resnet20: depth=21 must" in answer.err
    assert not list(tmp_path.iterdir())


def test_test_evaluates_a_run_from_its_folder_alone(cnnlab):
    cnnlab("train", *MLP, *QUICK, "trainer.epochs=2")
    run = only_run("runs")
    answer = cnnlab("test", str(run))
    assert answer.code == 0
    assert f"test accuracy {run.result()['test_acc']:.2%}" in answer.out


def test_a_conf_folder_where_the_user_stands_is_found(cnnlab, tmp_path):
    (tmp_path / "conf/model").mkdir(parents=True)
    (tmp_path / "conf/model/tiny.yaml").write_text(
        textwrap.dedent("""\
        defaults:
          - mlp
          - _self_
        hidden: [3]
        """)
    )
    answer = cnnlab("train", "model=tiny", *QUICK, "trainer=smoke")
    assert answer.code == 0
    assert only_run("runs").result()["model"] == "tiny"
    assert only_run("runs").config()["model"] == {
        **only_run("runs").config()["model"],
        "name": "mlp",
        "hidden": [3],
    }


@pytest.mark.slow
def test_glob_yields_the_classifiers_that_build_from_defaults(cnnlab):
    words = ["model=glob([m*,conv*])", *QUICK, "trainer=smoke", "sweep.name=all"]
    answer = cnnlab("train", "-m", *words)
    names = {run.result()["model"] for run in find_runs(["runs/all"])}
    assert names == {"mlp"}
    assert "left out model=conv_stack: model=conv_stack needs model.layers=..." in answer.err


@pytest.mark.slow
def test_from_python(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runs = lab.train([*MLP, *QUICK, "trainer=smoke", "seed=0,1"])
    assert [run.result()["seed"] for run in runs] == [0, 1]
    table = lab.compare(runs).table
    assert len(table) == 1
    loaded = lab.load_run(runs[0])
    assert not loaded.model.training
    logits = loaded.model(torch.zeros(2, *loaded.dataset.spec.shape))
    assert logits.shape == (2, loaded.dataset.spec.num_classes)
    with pytest.raises(lab.CnnlabError, match="no model 'lenet'"):
        lab.train(["model=lenet"])


@pytest.mark.slow
def test_max_time_ends_a_run_well(cnnlab):
    answer = cnnlab("train", *MLP, *QUICK, "trainer.epochs=100000", "trainer.max_time=1s")
    assert answer.code == 0
    assert only_run("runs").result()["epochs"] < 100000


def test_curves_and_confusion_are_in_tensorboard(cnnlab):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    cnnlab("train", *MLP, *QUICK, "trainer=smoke")
    run = only_run("runs")
    tags: dict[str, set[str]] = {"scalars": set(), "images": set()}
    for file in run.tensorboard_dir.glob("events*"):
        events = EventAccumulator(str(file)).Reload()
        for kind in tags:
            tags[kind] |= set(events.Tags()[kind])
    curves = {"train/loss", "val/loss", "train/acc", "val/acc", "train/lr"}
    assert tags["scalars"] == curves | {"wall_time/images_per_second"}
    assert tags["images"] == {"visualization/test_confusion"}


def test_the_result_can_be_read_by_anything(cnnlab):
    cnnlab("train", *MLP, *QUICK, "trainer=smoke")
    row = json.loads(only_run("runs").result_file.read_text())
    assert row["model"] == "mlp"
    assert len(row["split"]) == 12


def test_a_list_may_hold_layers_with_arguments(cnnlab):
    layers = "model.layers=[conv 4 3 padding=same, relu, maxpool 2, linear 8, relu]"
    assert cnnlab("train", "model=conv_stack", layers, *QUICK, "trainer=smoke").code == 0
    assert only_run("runs").config()["model"]["layers"][0] == "conv 4 3 padding=same"
