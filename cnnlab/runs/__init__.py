"""Runs on disk.

Read ``run_dir.py`` first (the files of a run folder), then ``job.py`` and ``identity.py`` (what
makes two runs the same), ``claim.py`` (one process per run), ``state.py`` and ``status.py`` (done,
failed, killed ...). ``filter.py``, ``status_table.py``, ``diagnose.py`` and ``clean.py`` are
``cnnlab runs``; ``weights.py`` reads trained weights.
"""
