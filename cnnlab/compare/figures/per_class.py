"""Test accuracy of each class, and which classes are taken for which."""

import matplotlib
import numpy as np
from matplotlib.colors import Normalize, PowerNorm
from matplotlib.figure import Figure

from cnnlab.compare.comparison import Comparison
from cnnlab.compare.figures.cells import SMALL, draw_cells, span
from cnnlab.compare.figures.layout import arrange, new_figure, text_width, wrapped
from cnnlab.compare.figures.style import MOST_NAMED, drawable
from cnnlab.compare.per_class import class_names, mean_confusion, per_class_table
from cnnlab.registry import CnnlabError, nearest
from cnnlab.terminal import middle_cut

MOST_CLASSES = 20
MOST_NUMBERED = 30  # classes of a confusion matrix; cells of more are too small for a number
MOST_SIDE = 100  # classes of a confusion matrix whose names have space
LONGEST_CLASS = 24  # characters
CELL = (0.5, 0.3)  # inches
NAME_WIDTH = 3.3  # inches of a configuration's name, before it takes another line


def per_class_figure(comparison: Comparison) -> Figure | None:
    """Test accuracy of each class by each configuration: the mean over seeds, as a heat map.

    Of many configurations the best 12 on validation, of many classes the 20 worst by the mean of
    these configurations. None where no run has recorded its outputs, as of autoencoders.
    """
    with_outputs = [row for row in comparison.rows if row.runs]
    table = per_class_table(with_outputs[:MOST_NAMED])
    if table.empty:
        return None
    values = 100 * table.to_numpy().T  # configurations by classes
    names = _short(list(map(str, table.index)))
    count = len(names)
    if count > MOST_CLASSES:
        mean = np.nan_to_num(values.mean(axis=0), nan=np.inf)
        worst = np.argsort(mean, kind="stable")[:MOST_CLASSES]
        values, names = values[:, worst], [names[i] for i in worst]
    figure = new_figure(1, 1)
    labels = [wrapped(figure, drawable(str(label)), SMALL, NAME_WIDTH) for label in table.columns]
    lines = max(label.count("\n") + 1 for label in labels)
    beside = max(text_width(figure, part, SMALL) for name in labels for part in name.split("\n"))
    below = max(text_width(figure, name, SMALL) for name in names)
    width = beside + CELL[0] * len(names) + 1.6
    height = below + max(CELL[1], 0.16 * lines) * len(labels) + 0.6
    figure.set_size_inches(max(width, 6.5), max(height, 2))
    axes = figure.subplots()
    image = draw_cells(
        axes,
        values,
        [[f"{value:.1f}" for value in line] for line in values],
        rows=labels,
        columns=names,
        norm=span(values, 2),
        colormap=matplotlib.colormaps["cividis"],
    )
    axes.set(xlabel="Class")
    figure.colorbar(image, ax=axes, label="Test accuracy (%)", aspect=25, pad=0.02)
    said = ["Mean over seeds."]
    if count > MOST_CLASSES:
        said.append(f"The {MOST_CLASSES} of {count} classes with the worst mean.")
    if len(with_outputs) > len(labels):
        said.append(f"{len(labels)} of {len(with_outputs)} configurations.")
    arrange(figure, f"Test accuracy of each class: {comparison.title}", caption=" ".join(said))
    return figure


def confusion_figure(comparison: Comparison, label: str) -> Figure | None:
    """The confusion matrix of one configuration: percent of each true class, mean over seeds.

    None where no run of it has recorded its outputs.

    Raises:
        CnnlabError: there is no such configuration.
    """
    if label not in comparison.labels:
        raise CnnlabError(f"no configuration '{label}'{nearest(label, comparison.labels)}")
    row = comparison.rows[comparison.labels.index(label)]
    matrix = mean_confusion(row)
    if matrix is None:
        return None
    percent, k = 100 * matrix, len(matrix)
    names = class_names(row)
    names = _short(names if len(names) == k else [str(i) for i in range(k)])
    is_numbered = k <= MOST_NUMBERED
    step = -(-k // MOST_SIDE)
    shown = [name if i % step == 0 else "" for i, name in enumerate(names)]
    cell = 0.42 if is_numbered else 0.15 / step
    figure = new_figure(1, 1)
    beside = max(text_width(figure, name, SMALL) for name in shown)
    side = max(cell * k, 2.4)
    figure.set_size_inches(side + beside + 1.7, side + beside + 0.6)
    axes = figure.subplots()
    # Without numbers a colour must tell one percent from none.
    image = draw_cells(
        axes,
        percent,
        [[_percent(value) for value in line] for line in percent] if is_numbered else None,
        rows=shown,
        columns=shown,
        norm=Normalize(0, 100) if is_numbered else PowerNorm(0.5, 0, 100),
        colormap=matplotlib.colormaps["Blues"],
    )
    axes.set(xlabel="Predicted class", ylabel="True class")
    figure.colorbar(image, ax=axes, label="Percent of the true class", aspect=25, pad=0.02)
    n = len(row.runs)
    caption = f"Mean of {n} runs." if n > 1 else ""
    arrange(figure, f"Confusion matrix: {drawable(label)}", caption=caption)
    return figure


def _percent(value: float) -> str:
    """Nothing for none, one decimal below 10."""
    if not value > 0:
        return ""
    return f"{value:.1f}" if value < 9.95 else f"{value:.0f}"


def _short(names: list[str]) -> list[str]:
    """Class names, shortened; with their number where two would be the same."""
    short = [middle_cut(drawable(name), LONGEST_CLASS) for name in names]
    return [
        name if short.count(name) == 1 else f"{number} {name}" for number, name in enumerate(short)
    ]
