"""A trained run put to use.

Read ``load.py`` first (a run folder becomes config, result and model), then ``data.py`` (its data
set found again), ``test_images.py`` (those of several runs), ``evaluate.py`` (models on the test
set again), ``shift.py`` (on changed images), ``mistake_pictures.py`` and ``ensemble/`` (several
models as one).
"""
