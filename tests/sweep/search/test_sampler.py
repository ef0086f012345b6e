"""What is proposed: a grid point by point, and the same again from the same seed."""

import optuna
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from cnnlab.registry import CnnlabError
from cnnlab.sweep.search.options import SearchOptions
from cnnlab.sweep.search.sampler import make_sampler
from cnnlab.sweep.search.space import Space, read_space

WORDS = ["lr=tag(log, interval(1e-3, 1))", "depth=range(1, 9)", "width=interval(0.5, 2.5)"]


def space(*words: str) -> Space:
    return read_space(OverridesParser.create().parse_overrides(list(words or WORDS)))


def loss(point: dict[str, float]) -> float:
    return (point["lr"] - 0.1) ** 2 + (point["depth"] - 3) ** 2 + point["width"]


def proposals(options: SearchOptions, trials: int = 14, *, restart_at: int = 0) -> list[dict]:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    searched, storage = space(), optuna.storages.InMemoryStorage()
    several = len(options.objectives) > 1
    directions = ["minimize"] * len(options.objectives)
    for first, last in ((0, restart_at), (restart_at, trials)):
        study = optuna.create_study(
            storage=storage,
            study_name="s",
            sampler=make_sampler(options, searched),
            directions=directions,
            load_if_exists=True,
        )
        for _ in range(first, last):
            trial = study.ask(searched.distributions)
            value = loss(trial.params)
            study.tell(trial, [value, trial.params["width"]] if several else value)
    return [trial.params for trial in study.trials]


@pytest.mark.parametrize("sampler", ["tpe", "random", "cma-es", "nsga2"])
def test_a_seed_proposes_the_same_again_also_when_restarted(sampler):
    options = SearchOptions(sampler=sampler, seed=3)
    whole = proposals(options)
    assert whole == proposals(options, restart_at=12)
    assert whole != proposals(SearchOptions(sampler=sampler, seed=4))
    assert len({tuple(point.values()) for point in whole}) == len(whole)
    assert all(1e-3 <= p["lr"] <= 1 and 1 <= p["depth"] <= 8 for p in whole)


def test_tpe_comes_nearer_than_chance():
    def best(sampler):
        found = proposals(SearchOptions(sampler=sampler), 30)
        return sum(sorted(map(loss, found))[:10])

    assert best("tpe") < best("random")


def test_several_objectives():
    objectives = ("val_loss", "macs")
    assert len(proposals(SearchOptions(sampler="nsga2", objectives=objectives))) == 14
    assert len(proposals(SearchOptions(sampler="tpe", objectives=objectives))) == 14


def test_a_grid_is_walked_once_in_its_order():
    searched = space("a=1,2", "b=range(0, 0.3, 0.1)")
    sampler = make_sampler(SearchOptions(sampler="grid"), searched)
    study = optuna.create_study(sampler=sampler)
    words = []
    for _ in range(len(sampler.points)):
        trial = study.ask(searched.distributions)
        words.append(searched.words(trial.params))
        study.tell(trial, 0.0)
    expected = [[f"a={a}", f"b={b}"] for a in (1, 2) for b in (0.0, 0.1, 0.2)]
    assert words == expected


def test_refusals():
    with pytest.raises(CnnlabError, match="lr is an interval; give a list, a choice or a range"):
        make_sampler(SearchOptions(sampler="grid"), space())
    with pytest.raises(CnnlabError, match="cma-es needs at least two numbers"):
        make_sampler(SearchOptions(sampler="cma-es"), space("a=interval(0,1)", "b=x,y"))
    with pytest.raises(ValueError, match="cma-es takes one objective"):
        SearchOptions(sampler="cma-es", objectives=("val_acc", "macs"))
    with pytest.raises(ValueError, match="pruner=asha needs one objective"):
        SearchOptions(pruner="asha", objectives=("val_acc", "macs"))
    with pytest.raises(ValueError, match="at least one metric, none twice"):
        SearchOptions(objectives=("macs", "macs"))
