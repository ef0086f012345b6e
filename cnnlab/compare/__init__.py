"""Comparing run folders: one table, its statistics, a verdict and figures.

Read ``compare.py`` first, then ``configurations.py`` (the columns that distinguish rows),
``statistics.py`` and ``verdict.py`` (which differences are significant), ``report.py`` (columns and
files), ``terminal_table.py``, ``per_class.py`` (confusion matrices over seeds) and ``figures/``.
"""

import os
import sys
from types import ModuleType
from typing import Any


class _Callable(ModuleType):
    # ``cnnlab.compare`` is a function of the Python API and also this package: importing any of
    # its modules would replace the function by the package, so the package itself can be called.
    def __call__(self, runs: Any) -> Any:
        from cnnlab.compare.compare import compare
        from cnnlab.registry import list_of

        return compare(list_of("runs", runs, (str, os.PathLike), "a run's folder")).table


sys.modules[__name__].__class__ = _Callable
