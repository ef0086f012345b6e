"""Run folders compared: one table, its statistics, its pictures and what may be said of them.

Read ``compare.py`` first, then ``configurations.py`` (what tells rows apart), ``statistics.py``
and ``verdict.py`` (what may be claimed), ``report.py`` and ``figures.py`` (how it is shown).
"""

import sys
from types import ModuleType
from typing import Any


class _Callable(ModuleType):
    """``cnnlab.compare(runs)`` works whether or not this room has been imported by then."""

    def __call__(self, runs: Any) -> Any:
        from cnnlab.compare.compare import compare

        return compare(list(runs)).table


sys.modules[__name__].__class__ = _Callable
