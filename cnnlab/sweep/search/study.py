"""The study of a search: where Optuna stores it, and how a restart opens the same one."""

import json
import os
from pathlib import Path

import optuna
from optuna.pruners import BasePruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, RandomSampler
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.study import Study
from optuna.trial import Trial

from cnnlab.metrics import metric_of_column
from cnnlab.registry import CnnlabError
from cnnlab.sweep.search.options import KEY, SearchOptions
from cnnlab.sweep.search.optuna_bridge import running_trial
from cnnlab.sweep.search.space import Space
from cnnlab.text import first_line

FOLDER = "search"  # inside the sweep's folder


def open_study(sweep: Path, options: SearchOptions, space: Space, sampler: BaseSampler) -> Study:
    """The study of this sweep folder, created or opened.

    Raises:
        CnnlabError: the folder holds another search, or the database cannot be reached.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    (sweep / FOLDER).mkdir(parents=True, exist_ok=True)
    if options.storage is None:
        _drop_torn_line(_journal(sweep))
    study = optuna.create_study(
        storage=_storage(sweep, options),
        study_name=sweep.name,
        sampler=sampler,
        pruner=make_pruner(options),
        directions=[metric_of_column(name).direction for name in options.objectives],
        load_if_exists=True,
    )
    searched = {"objectives": list(options.objectives), **space.to_dict()}
    before = study.user_attrs.get("searched")
    if before is None:
        study.set_user_attr("searched", searched)
    elif before != searched:
        changed = ", ".join(key for key in searched if searched[key] != before[key])
        was = "; ".join(json.dumps(before[key]) for key in searched if searched[key] != before[key])
        raise CnnlabError(
            f"{sweep} holds a search with different {changed} (it was {was}); "
            "sweep.name=... starts another"
        )
    return study


def open_trial(sweep: Path, options: SearchOptions, number: int) -> Trial:
    """The trial of a job, opened in the process that runs the job."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.load_study(
        study_name=sweep.name,
        storage=_storage(sweep, options),
        sampler=RandomSampler(),  # not used: nothing is suggested here
        pruner=make_pruner(options),
    )
    return running_trial(study, number)


def count_finished(sweep: Path, options: SearchOptions) -> int:
    """How many trials of the search in this folder are finished; writes nothing.

    A database is not asked, which would make its tables where it has none.
    """
    if options.storage is not None or not _journal(sweep).is_file():
        return 0
    study = optuna.load_study(study_name=sweep.name, storage=_storage(sweep, options))
    return sum(trial.state.is_finished() for trial in study.get_trials(deepcopy=False))


def _journal(sweep: Path) -> Path:
    return (sweep / FOLDER / "journal.log").absolute()


def _storage(sweep: Path, options: SearchOptions) -> BaseStorage:
    if options.storage is None:
        path = str(_journal(sweep))
        return JournalStorage(JournalFileBackend(path, lock_obj=JournalFileOpenLock(path)))
    try:
        return optuna.storages.get_storage(options.storage)
    except Exception as error:  # whatever the database's driver raises
        reason = first_line(error)
        raise CnnlabError(f"{KEY}.storage: cannot store a study there: {reason}") from error


def _drop_torn_line(path: Path) -> None:
    """Remove half a line at the end, which a power cut may leave and Optuna cannot read."""
    lock = JournalFileOpenLock(str(path))
    lock.acquire()
    try:
        if path.exists():
            whole = path.read_bytes().rfind(b"\n") + 1
            os.truncate(path, whole)
    finally:
        lock.release()


def make_pruner(options: SearchOptions) -> BasePruner:
    """ASHA decides after epochs 1, 3, 9, ... and keeps the best third; median after each epoch."""
    match options.pruner:
        case "asha":  # Li et al. 2020, A System for Massively Parallel Hyperparameter Tuning
            return SuccessiveHalvingPruner(min_resource=1, reduction_factor=3)
        case "median":  # Golovin et al. 2017, Google Vizier; the first five trials are never pruned
            return MedianPruner(n_startup_trials=5)
    return NopPruner()
