"""A trained run put to use.

Read ``load.py`` first (a run folder becomes config, result and model), then ``data.py`` (its data
set found again), ``evaluate.py`` (models on the test set again) and ``ensemble/`` (several models
as one).
"""
