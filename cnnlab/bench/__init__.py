"""Measuring speed: ``cnnlab bench``.

Read ``measure.py`` first: one configuration, by ``fit.py`` (what is trained), ``step_clock.py``,
``phases.py``, ``inference.py``, ``peak.py``; its result is ``report.py``. ``tune.py`` compares ways
to compute, ``axes.py`` says which, ``tuned.py`` keeps the choice. ``against.py`` compares whole
epochs with ``bare.py`` and ``usual.py``, by ``timing.py``. ``workload.py`` is what they all train.
"""
