"""Ensembles of the runs of a seed sweep, from their stored logits, without training.

Read ``members.py`` first (which runs can be combined), then ``votes.py`` (the error of every number
of members), ``curve.py`` (these errors and the costs as a table) and ``save.py`` (a folder that
looks like a run's). ``network.py`` is the ensemble as one network; it alone needs torch.
"""
