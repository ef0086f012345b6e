"""Each private name of Hydra's does what cnnlab needs of it."""

from cnnlab.app.compose import Composer
from cnnlab.app.hydra_bridge import apply_values, config_loader, group_exists
from cnnlab.app.overrides import CONF


def test_groups_are_known():
    Composer()
    loader = config_loader(str(CONF))
    assert group_exists(loader, "model")
    assert group_exists(loader, "hydra/launcher")
    assert not group_exists(loader, "seed")
    assert not group_exists(loader, "trainer.epochs")


def test_values_are_set_in_place_with_hydras_checks():
    composer = Composer()
    composed = composer([])
    apply_values(composer.parse(["seed=7", "optim.lr=0.25"]), composed)
    assert composed.seed == 7
    assert composed.optim.lr == 0.25
