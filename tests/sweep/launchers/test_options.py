"""The launchers' options, and what is refused before anything starts."""

import importlib.util

import pytest

from cnnlab.registry import CnnlabError
from cnnlab.sweep.launchers import options
from cnnlab.sweep.launchers.options import EXTRAS, LAUNCHERS, Joblib, Ray, defaults, parse


def test_defaults_come_back():
    for name, kind in LAUNCHERS.items():
        assert parse(name, defaults(name)) == kind()


def test_values_are_typed():
    node = defaults("joblib") | {"n_jobs": 3, "gpus_per_job": 0.5}
    assert parse("joblib", node) == Joblib(n_jobs=3, gpus_per_job=0.5)
    found = parse("ray", {"ray": {"init": {"address": "auto"}, "remote": {"num_gpus": 0.25}}})
    assert isinstance(found, Ray)
    assert found.ray.init.address == "auto"
    assert found.ray.remote.num_gpus == 0.25
    assert found.ray.remote.num_cpus == 1.0


@pytest.mark.parametrize(
    ("launcher", "given", "message"),
    [
        ("joblib", {"n_jobs": 0}, r"n_jobs=0 must be at least 1, or -1"),
        (
            "joblib",
            {"gpus_per_job": 1.5},
            r"gpus_per_job=1.5 must be a fraction below 1 or a whole number",
        ),
        ("joblib", {"gpus_per_job": 0}, r"hydra.launcher.gpus_per_job=0 must be above 0"),
        ("joblib", {"n_job": 2}, r"n_job.*n_jobs"),
        ("submitit_slurm", {"timeout_min": "long"}, r"hydra.launcher.timeout_min=long"),
    ],
)
def test_what_cannot_be_is_refused(launcher, given, message):
    with pytest.raises(CnnlabError, match=message):
        parse(launcher, given)


@pytest.mark.parametrize("launcher", ["joblib", "submitit_local", "submitit_slurm", "ray"])
def test_a_missing_package_is_one_line_with_its_extra(launcher, monkeypatch, cnnlab, tmp_path):
    package = launcher.partition("_")[0]
    find = importlib.util.find_spec
    monkeypatch.setattr(
        options.importlib.util, "find_spec", lambda name: None if name == package else find(name)
    )
    answer = cnnlab("train", "-m", "model=mlp", "seed=0,1", f"hydra/launcher={launcher}")
    assert answer.code == 2
    extra = EXTRAS[package]
    assert answer.err == (
        f"cnnlab: hydra/launcher={launcher} needs {package}: pip install 'cnnlab[{extra}]'\n"
    )
    assert not list(tmp_path.iterdir())


def test_a_wrong_launcher_or_option_is_refused_in_a_line(cnnlab, tmp_path):
    answer = cnnlab("train", "-m", "model=mlp", "seed=0,1", "hydra/launcher=joblip")
    assert answer.code == 2
    assert "joblib" in answer.err
    assert len(answer.err.splitlines()) <= 2
    words = ["model=mlp", "seed=0,1", "hydra/launcher=joblib", "hydra.launcher.n_jobs=0"]
    answer = cnnlab("train", "-m", *words)
    assert answer.code == 2
    assert "n_jobs=0" in answer.err
    answer = cnnlab("train", "-m", *words[:3], "hydra.launcher.gpus_per_job=3")
    assert answer.code == 2
    assert "gpus_per_job=3: this machine has" in answer.err
    assert not list(tmp_path.iterdir())
