"""What survives of a study: half a line, a dead process, another space."""

import os
import socket
import threading
import time

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from optuna.trial import TrialState

from cnnlab.registry import CnnlabError
from cnnlab.runs import heartbeat
from cnnlab.sweep.search.leases import OWNER, TrialLeases
from cnnlab.sweep.search.options import SearchOptions
from cnnlab.sweep.search.optuna_bridge import running_trial, suggest
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


@pytest.fixture
def elsewhere(opened, tmp_path, monkeypatch):
    """A process on another host that has acquired the only trial of a search."""
    study, _ = opened()
    with monkeypatch.context() as there:
        there.setattr(socket, "gethostname", lambda: "elsewhere")
        leases = TrialLeases(study, tmp_path / "sweep")
        with leases.heartbeat():
            leases.acquire(limit=1)
    return leases


def set_heartbeat(study, value):
    (key,) = [key for key in study.user_attrs if key.startswith("heartbeat elsewhere")]
    study.set_user_attr(key, value)


@pytest.mark.parametrize("wrong", [0, -61, 3600])
def test_another_host_is_believed_alive_while_its_heart_beats(
    opened, elsewhere, tmp_path, monkeypatch, wrong
):
    """Its clock may be wrong: what counts is that something changes."""
    now = [1000.0]
    monkeypatch.setattr(heartbeat.time, "monotonic", lambda: now[0])
    study, here = elsewhere.study, TrialLeases(opened()[0], tmp_path / "sweep")
    for beat in range(3):
        set_heartbeat(study, 1e9 + wrong + beat)
        assert here.acquire(limit=1) is None
        now[0] += 59
        assert here.acquire(limit=1) is None
    now[0] += 2
    assert here.acquire(limit=1).number == 0


def test_a_search_with_nothing_else_to_do_watches_other_hosts(
    opened, elsewhere, tmp_path, monkeypatch, capsys
):
    here = TrialLeases(opened()[0], tmp_path / "sweep")
    set_heartbeat(elsewhere.study, 1.0)
    threading.Timer(0.2, set_heartbeat, (elsewhere.study, 2.0)).start()
    monkeypatch.setattr("cnnlab.sweep.search.leases.POLL_SECONDS", 0.02)
    assert not here.watch()  # it has shown a heartbeat
    assert "alive on elsewhere" in capsys.readouterr().err
    monkeypatch.setattr("cnnlab.runs.claim.LOST_AFTER", 0.3)
    time.sleep(0.4)
    assert here.watch()
    assert here.acquire(limit=1).number == 0


def test_a_suspended_process_concludes_no_trial_of_another(opened, elsewhere, tmp_path):
    with elsewhere.owned(0) as is_ours:
        assert is_ours
    here = TrialLeases(opened()[0], tmp_path / "sweep")
    here.study.get_trials()  # as acquire does once the other is taken for dead
    running_trial(here.study, 0).set_user_attr(OWNER, here._owner)
    with elsewhere.owned(0) as is_ours:
        assert not is_ours
    with here.owned(0) as is_ours:
        assert is_ours


def test_the_heartbeat_of_a_search_survives_an_error(opened, tmp_path, monkeypatch):
    study, _ = opened()
    monkeypatch.setattr("cnnlab.sweep.search.leases.HEARTBEAT", 0.01)
    failures = []

    def fail_thrice(key, value):
        if len(failures) < 3:
            failures.append(value)
            raise OSError(28, "No space left on device")
        type(study).set_user_attr(study, key, value)

    monkeypatch.setattr(study, "set_user_attr", fail_thrice)
    with TrialLeases(study, tmp_path / "sweep").heartbeat():
        time.sleep(0.3)
    assert len(failures) == 3
    assert any(key.startswith("heartbeat ") for key in study.user_attrs)


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


@pytest.mark.slow
def test_a_database_keeps_the_study_as_well(opened, tmp_path):
    options = SearchOptions(storage=f"sqlite:///{tmp_path}/studies.db")
    study, _ = opened(options)
    study.tell(study.ask(), 0.5)
    assert [trial.value for trial in opened(options)[0].trials] == [0.5]
    with pytest.raises(CnnlabError, match=r"hydra.sweeper.storage: cannot store a study there"):
        opened(SearchOptions(storage="nothing://here"))
