"""The figures of a comparison, each a function that returns a matplotlib figure.

Read ``curves.py`` first, then ``pareto.py`` (the test metric against costs), ``sweep.py`` and
``grid.py`` (against one and two swept numbers) and ``per_class.py``. ``style.py`` holds colours,
``layout.py`` the places of title, legend and caption, ``ticks.py``, ``cells.py`` and
``label_placement.py`` what several figures draw. Nothing uses pyplot: no global state is left.
"""

from cnnlab.compare.figures.curves import curves_figure
from cnnlab.compare.figures.pareto import cost_figure, pareto_figure
from cnnlab.compare.figures.per_class import confusion_figure, per_class_figure
from cnnlab.compare.figures.sweep import sweep_figure

__all__ = [
    "confusion_figure",
    "cost_figure",
    "curves_figure",
    "pareto_figure",
    "per_class_figure",
    "sweep_figure",
]
