"""Run folders on disk. Nothing here trains, and what lists or compares runs loads no torch.

Read in this order: ``run_dir.py`` (a folder's files), ``contents.py`` (what they must hold),
``job.py``, ``naming.py`` and ``locate.py`` (which folder a job has), ``identity.py`` (when two jobs
are the same one) with ``essential.py`` (their options), ``source_digest.py`` (their components),
``own_files.py`` and ``data_record.py`` (their data) and ``first_edition.py`` (older runs),
``claim.py`` (one process per run), ``durable.py`` (writing), ``state.py``, ``weights.py``, ``mistakes.py``. What
lists them: ``status.py``, ``status_table.py``, ``filter.py``, ``flat.py``, ``diagnose.py`` and
``clean.py``.
"""
