"""Everything that knows the terminal or Hydra. Nothing else of cnnlab imports this room.

Read ``cli.py`` first (the commands), then the way of ``cnnlab train``: ``arguments.py``,
``overrides.py`` (words before Hydra reads them), ``command.py`` (parsed once), ``compose.py``
(Hydra is called), ``prepare.py`` (a checked job), ``train.py`` or ``sweep.py`` (run). ``errors.py``
says Hydra's errors in plain words; ``hydra_bridge.py`` holds every private name of Hydra's. The
other commands have a file each. Completion: ``start.py``, ``completion.py``, ``name_cache.py``.
"""
