"""Many runs: a checked job is executed in its folder, a sweep's jobs are dispatched to a launcher.

Read ``execute.py`` first (one job: claim, run, final state), then ``launchers/`` (where jobs are
run), ``plan/`` (``--plan``: what they cost beforehand) and ``search/`` (Optuna). The job itself is
``runs/job.py``, because ``training/run.py`` takes one too.
"""
