"""Hyper-parameter search by Optuna: trials are ordinary jobs, the study is in the sweep's folder.

Read ``search.py`` first, then ``space.py`` (overrides as distributions), ``trials.py`` (a trial as
a job), ``study.py`` and ``leases.py`` (what survives a kill, who runs which trial), ``pruning.py``
(inside a trial's job), ``sampler.py``, ``report.py`` and ``figures.py``. ``optuna_bridge.py`` holds
every private name of Optuna's.
"""
