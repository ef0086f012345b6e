"""Where the jobs of a sweep are run: in this process, or by joblib, submitit or Ray.

Read ``dispatch.py`` first: it takes the jobs and the launcher's options (``options.py``). In
parallel, ``resources.py`` chooses the engine and what each job gets (``gpus.py``), ``worker.py`` is
what a worker process does, ``supervise.py`` watches it, ``progress.py`` shows it; ``engine.py`` is
the interface of ``with_joblib.py``, ``with_submitit.py`` and ``with_ray.py``.
"""
