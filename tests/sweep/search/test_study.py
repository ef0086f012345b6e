"""What survives of a study: half a line, a dead process, another space."""

import os
import socket

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from optuna.trial import TrialState

from cnnlab.registry import CnnlabError
from cnnlab.sweep.search.leases import OWNER, TrialLeases
from cnnlab.sweep.search.options import SearchOptions
from cnnlab.sweep.search.optuna_bridge import suggest
from cnnlab.sweep.search.sampler import make_sampler
from cnnlab.sweep.search.space import read_space
from cnnlab.sweep.search.study import FOLDER, open_study, open_trial


@pytest.fixture
def opened(tmp_path):
    def call(options=SearchOptions(), words=("lr=interval(0.1, 0.9)",)):  # noqa: B008
        space = read_space(OverridesParser.create().parse_overrides(list(words)))
        return open_study(tmp_path / "sweep", options, space, make_sampler(options, space)), space

    return call


def test_a_dead_process_leaves_its_trial_to_the_next_with_its_point(opened, tmp_path):
    study, space = opened()
    first = TrialLeases(study, tmp_path / "sweep").acquire(limit=2)
    lr = first.suggest_float("lr", 0.1, 0.9)
    first.set_user_attr(OWNER, [socket.gethostname(), os.getpid(), "before the last start"])
    study, space = opened()
    again = TrialLeases(study, tmp_path / "sweep")
    taken = again.acquire(limit=2)
    assert taken.number == 0
    assert suggest(taken, "lr", space.distributions["lr"]) == lr
    assert again.acquire(limit=2).number == 1
    assert again.acquire(limit=2) is None  # both are on their way
    assert TrialLeases(study, tmp_path / "sweep").acquire(limit=2).number == 0  # as after Ctrl-C


def test_another_host_is_believed_alive_while_its_heart_beats(opened, tmp_path, monkeypatch):
    study, _ = opened()
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(socket, "gethostname", lambda: "elsewhere")
        leases = TrialLeases(study, tmp_path / "sweep")
        with leases.heartbeat():
            leases.acquire(limit=1)
    here = TrialLeases(study, tmp_path / "sweep")
    assert here.acquire(limit=1) is None
    (key,) = [key for key in study.user_attrs if key.startswith("heartbeat elsewhere")]
    study.set_user_attr(key, study.user_attrs[key] - 61)
    assert here.acquire(limit=1).number == 0


def test_half_a_line_at_the_end_is_forgotten(opened, tmp_path):
    study, _ = opened()
    study.tell(study.ask(), 0.5)
    journal = tmp_path / "sweep" / FOLDER / "journal.log"
    with journal.open("a") as file:
        file.write('{"op_code": 4, "wor')
    study, _ = opened()
    assert [trial.value for trial in study.trials] == [0.5]
    study.tell(study.ask(), 0.6)
    assert len(opened()[0].trials) == 2


def test_a_job_reports_to_its_own_trial(opened, tmp_path):
    study, _ = opened()
    study.ask()
    number = study.ask().number
    open_trial(tmp_path / "sweep", SearchOptions(), number).report(0.25, 1)
    assert study.trials[0].intermediate_values == {}
    assert study.trials[1].intermediate_values == {1: 0.25}
    assert study.trials[1].state == TrialState.RUNNING


def test_another_space_or_objective_needs_another_folder(opened):
    opened()
    opened(SearchOptions(n_trials=40, sampler="random", pruner="asha"))
    with pytest.raises(
        CnnlabError, match=r"a search with different varied .*sweep.name=... starts"
    ):
        opened(words=["lr=interval(0.1, 0.8)"])
    with pytest.raises(CnnlabError, match="a search with different fixed"):
        opened(words=["lr=interval(0.1, 0.9)", "model=mlp"])
    with pytest.raises(CnnlabError, match="a search with different objectives"):
        opened(SearchOptions(objectives=("val_loss",)))


def test_a_database_keeps_the_study_as_well(opened, tmp_path):
    options = SearchOptions(storage=f"sqlite:///{tmp_path}/studies.db")
    study, _ = opened(options)
    study.tell(study.ask(), 0.5)
    assert [trial.value for trial in opened(options)[0].trials] == [0.5]
    with pytest.raises(CnnlabError, match=r"hydra.sweeper.storage: cannot store a study there"):
        opened(SearchOptions(storage="nothing://here"))
