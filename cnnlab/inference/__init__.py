"""A trained run put to use.

Read ``load.py`` first (a run folder becomes config, result and model), then ``data.py`` (its data
set found again), ``test_images.py`` (those of several runs), ``evaluate.py`` (models on the test
set again), ``shift.py`` (on changed images), ``mistake_pictures.py``, ``ensemble/`` (several models
as one), ``preprocess/`` and ``predict.py`` (anybody's pictures, their classes; drawn in
``contact_sheet.py``) and ``export/`` (files for other programs).
"""
