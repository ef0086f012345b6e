"""Whatever can be chosen by name: all of it is listed, and a misspelt name names the nearest."""

import pytest

from cnnlab import registry as registries
from cnnlab.app.compose import compose
from cnnlab.app.listing import print_components
from cnnlab.config.options import GROUPS, LISTS
from cnnlab.discovery import discover
from cnnlab.registry import TASKS, CnnlabError, Registry
from cnnlab.task import task_named

discover()
EVERY = {found.kind: found for found in vars(registries).values() if isinstance(found, Registry)}
MISSPELT = {
    "model": ("lenet", "lenet5"),
    "data": ("cifra10", "cifar10"),
    "optim": ("adm", "adam"),
    "schedule": ("cosin", "cosine"),
    "task": ("clasify", "classify"),
    "loss": ("focl", "focal"),
    "metrics": ("macrof1", "macro_f1"),
    "augment": ("rand_augment", "randaugment"),
    "callbacks": ("emma", "ema"),
    "logger": ("tensorbord", "tensorboard"),
}


def test_every_registry_is_chosen_from_somewhere():
    assert set(EVERY) == {*GROUPS, *LISTS, TASKS.kind} == set(MISSPELT)


@pytest.mark.parametrize("kind", MISSPELT)
def test_a_misspelt_name_is_refused_with_the_nearest(kind):
    wrong, right = MISSPELT[kind]
    assert right in EVERY[kind]
    word = f"{kind}=[{wrong}]" if kind in LISTS else f"{kind}={wrong}"
    with pytest.raises(CnnlabError, match=rf"'{wrong}'; did you mean '{right}'\?") as refusal:
        task_named(wrong) if kind == TASKS.kind else compose([word])  # a model names its task
    assert len(str(refusal.value).splitlines()) == 1


@pytest.mark.parametrize("kind", MISSPELT)
def test_every_component_is_listed(kind, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    print_components(kind)
    lines = capsys.readouterr().out.splitlines()
    headings = {line.split()[0] for line in lines if line and not line.startswith(" ")}
    assert {entry.name for entry in EVERY[kind]} <= headings
