"""Each private name of Hydra's does what cnnlab needs of it."""

import copy

from hydra.core.config_store import ConfigStore

from cnnlab.app.compose import Composer
from cnnlab.app.hydra_bridge import apply_values, config_loader, group_exists, store_node
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


def test_what_is_stored_already_is_not_made_again():
    store = ConfigStore.instance()
    store_node({"depth": 1}, "deep", "made_up/group")
    place = store.repo["made_up"]["group"]
    try:
        first = place["deep.yaml"]
        store_node({"depth": 1}, "deep", "made_up/group")
        assert place["deep.yaml"] is first
        store_node({"depth": True}, "deep", "made_up/group")  # equal to 1, and another
        assert place["deep.yaml"].node == {"depth": True}
        assert place["deep.yaml"] is not first
        again = place["deep.yaml"]
        store_node({"depth": True}, "deep", "made_up/group", package="other")
        assert place["deep.yaml"].package == "other"
        assert place["deep.yaml"] is not again
    finally:
        del store.repo["made_up"]


def test_compositions_share_the_store_and_change_nothing_in_it():
    composer = Composer()
    store = ConfigStore.instance()
    assert copy.deepcopy(store) is store
    composed = composer(composer.parse(["model=mlp", "model.hidden=[3]"]))
    assert composed.model.hidden == [3]
    composed.model.dropout = 0.7
    assert store.load("model/mlp.yaml").node.dropout == 0.0
    assert composer(composer.parse(["model=mlp"])).model.dropout == 0.0
