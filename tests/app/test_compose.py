"""The jobs of a sweep are composed as Hydra would, at a fraction of the time."""

import pytest
from hydra.types import RunMode
from omegaconf import OmegaConf

from cnnlab.app.compose import Composer
from cnnlab.app.errors import COMPOSING_ERRORS, composition_error
from cnnlab.app.hydra_bridge import config_loader
from cnnlab.app.overrides import CONF
from cnnlab.registry import CompositionError


@pytest.fixture(scope="module")
def hydras_own():
    """What Hydra composes of words by itself."""
    Composer()  # registers what there is to compose
    loader = config_loader(str(CONF))
    master = loader.load_configuration("config", [], RunMode.MULTIRUN)
    return lambda words: loader.load_sweep_config(master, words)


JOBS = [
    ["seed=1"],
    ["seed=2"],
    ["model=mlp", "seed=1", "model.hidden=[16,8]"],
    ["model=mlp", "seed=1", "model.hidden=[]"],
    ["seed=1", "model=mlp"],
    ["model=resnet20", "model.depth=32", "data=cifar10", "data.augment.crop=4"],
    ["model=resnet20", "model={depth: 44}"],
    ["experiment=lecture_mnist_cnn", "optim.lr=0.5", "trainer=smoke"],
    ["experiment=lecture_mnist_cnn", "optim.lr=0.25", "trainer=smoke"],
    ["trainer.max_time=10m", "sweep.name='a b'", "data.subset=null"],
    ["+model.more=1", "seed=3"],
    ["~model.activation"],
    ["optim=adam", "~schedule"],
    ["hydra.job.name=other", "seed=4"],
]


@pytest.mark.slow
def test_it_is_what_hydra_composes(hydras_own):
    composer = Composer()
    for words in JOBS:
        expected, ours = hydras_own(words), composer(composer.parse(words))
        for node in (expected, ours):  # Hydra's list also has the words of the master config
            node.hydra.overrides.hydra = []
            node.hydra.overrides.task = []
        del expected.hydra.job.override_dirname, ours.hydra.job.override_dirname
        assert OmegaConf.to_container(ours) == OmegaConf.to_container(expected), words
    again = composer(composer.parse(JOBS[0]))
    assert again.seed == 1  # no job's values stay for the next
    assert again.model.name == "lenet5"


@pytest.mark.parametrize(
    "words",
    [
        ["model=mlq"],
        ["model.deep=3"],
        ["seed.a=1"],
        ["model=mlp", "model.width=3", "seed=1"],
        ["+seed=1"],
        ["~model.none"],
    ],
)
def test_it_refuses_what_hydra_refuses(hydras_own, words):
    with pytest.raises(COMPOSING_ERRORS) as theirs:
        hydras_own(words)
    composer = Composer()
    with pytest.raises(CompositionError) as ours:
        composer(composer.parse(words))
    assert str(ours.value) == str(composition_error(theirs.value))


def test_it_composes_once_for_every_choice_of_groups(monkeypatch):
    composer = Composer()
    asked: list[list[str]] = []
    compose = composer._loader.load_configuration
    monkeypatch.setattr(
        composer._loader,
        "load_configuration",
        lambda name, words, **options: asked.append(words) or compose(name, words, **options),
    )
    for model in ("mlp", "lenet5"):
        for seed in range(5):
            composer(composer.parse([f"model={model}", f"seed={seed}", "optim.lr=0.1"]))
    assert asked == [["model=mlp"], ["model=lenet5"]]
