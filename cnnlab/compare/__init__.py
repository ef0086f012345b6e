"""Comparing run folders: one table, tests of its differences, verdicts, figures, a report.

Read ``compare.py`` first, which returns what ``comparison.py`` describes. On the way to it:
``finished.py``, ``unfinished.py`` and ``external.py`` (what is read), ``configurations.py`` (what
tells rows apart), ``axes.py`` (what was swept), ``rows.py`` and ``costs.py`` (the table),
``statistics/`` (tests and verdicts), ``fairness.py`` and ``test_set.py`` (what spoils them). Of it:
``columns.py``, ``terminal_table.py``, ``report.py``, ``per_class.py`` (confusion matrices over
seeds), ``figures/``, ``ensemble_figure.py`` and ``page/`` (the HTML report). ``dataframe.py`` is
``cnnlab.load_runs``.
"""

import os
import sys
from types import ModuleType
from typing import Any


class _Callable(ModuleType):
    # ``cnnlab.compare`` is a function of the Python API and also this package: importing any of
    # its modules would replace the function by the package, so the package itself can be called.
    def __call__(self, runs: Any, **options: Any) -> Any:
        from cnnlab.compare.compare import compare
        from cnnlab.registry import list_of

        paths = list_of("runs", runs, (str, os.PathLike), "a run's folder")
        return compare(paths, **options)


sys.modules[__name__].__class__ = _Callable
