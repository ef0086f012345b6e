"""Measuring speed: ``cnnlab bench``.

Read ``bench.py`` first. ``workload.py`` is what is trained, ``timing.py`` how it is timed,
``bare.py`` and ``standard.py`` are the two references.
"""
