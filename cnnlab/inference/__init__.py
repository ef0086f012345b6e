"""A trained run put to use.

Read ``load.py`` first (a run folder becomes config, result and model), then ``evaluate.py`` (the
model on the test set again).
"""
