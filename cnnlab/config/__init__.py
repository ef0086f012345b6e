"""The configuration of a run: options as signatures and dataclasses, checked in one place.

Read in this order:
- ``options.py``: the run-level options, each with its default and documentation; two groups of
  them are in ``init_options.py`` and ``sweep_options.py``.
- ``schema.py``: a component's signature as its config: read, completed, built.
- ``check.py``: a value against its annotation, and annotations in plain words.
- ``flags.py``: which options make a run's identity, its name, a comparison's columns.
- ``docs.py``: documentation of options, for listings.
"""
