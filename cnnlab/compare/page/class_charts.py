"""Per-class accuracy of several rows, and confusion matrices: means over seeds."""

import numpy as np
from numpy.typing import NDArray

from cnnlab.compare.comparison import Comparison, Configuration
from cnnlab.compare.page.chart import Spec, number
from cnnlab.compare.page.sweep_chart import heat_map
from cnnlab.compare.per_class import class_names, mean_confusion

MOST_ROWS = 12
MOST_MATRICES = 4
MOST_CLASSES = 30  # in a chart; of more, those with the lowest accuracy
MOST_WITH_NUMBERS = 12
ONE_IN_A_THOUSAND = 0.0005  # a smaller share is not drawn

Matrix = NDArray[np.float64]


class ClassCharts:
    """The charts of a comparison of classifiers that have recorded their logits.

    Attributes:
        accuracy: a line for each row; None where there is none.
        matrices: the label and confusion matrix of each of the first rows.
        hidden: number of classes that are not drawn.
    """

    def __init__(self, comparison: Comparison) -> None:
        rows = [row for row in comparison.rows if row.runs][:MOST_ROWS]
        found = [(row, matrix) for row in rows if (matrix := mean_confusion(row)) is not None]
        names = class_names(found[0][0]) if found else []
        # Rows on other classes cannot share the axis.
        found = [(row, matrix) for row, matrix in found if len(matrix) == len(names)]
        order = _hardest([matrix for _, matrix in found])
        self.hidden = max(0, len(names) - MOST_CLASSES)
        self.accuracy = _accuracy(found, names, order) if found else None
        self.matrices = [
            (row.label, _confusion(matrix, names, order)) for row, matrix in found[:MOST_MATRICES]
        ]


def _hardest(matrices: list[Matrix]) -> list[int]:
    """The classes that are drawn, in their own order."""
    if not matrices:
        return []
    accuracy = np.mean([matrix.diagonal() for matrix in matrices], axis=0)
    return sorted(np.argsort(accuracy, kind="stable")[:MOST_CLASSES].tolist())


def _accuracy(
    found: list[tuple[Configuration, Matrix]], names: list[str], order: list[int]
) -> Spec:
    cells = [
        {
            "x": names[i],
            "y": row.label,
            "m": number(matrix[i, i]),
            "c": f"{100 * matrix[i, i]:.1f}",
            "n": len(row.runs),
        }
        for row, matrix in found
        for i in order
        if np.isfinite(matrix[i, i])
    ]
    return heat_map(
        cells,
        x=("x", "Class", [names[i] for i in order]),
        y=("y", "", [row.label for row, _ in found]),
        titles={"c": "accuracy (%)", "n": "n"},
        with_numbers=len(order) <= MOST_WITH_NUMBERS,
    )


def _confusion(matrix: Matrix, names: list[str], order: list[int]) -> Spec:
    shown = [names[i] for i in order]
    cells = [
        {
            "x": names[j],
            "y": names[i],
            # The diagonal would be all there is to see: it has a colour of its own.
            "m": number(matrix[i, j]),
            "r": int(i == j),
            "c": f"{100 * matrix[i, j]:.1f}",
        }
        for i in order
        for j in order
        if np.isfinite(matrix[i, j]) and matrix[i, j] >= ONE_IN_A_THOUSAND
    ]
    spec = heat_map(
        cells,
        x=("x", "Predicted class", shown),
        y=("y", "True class", shown),
        titles={"c": "of the true class (%)"},
        with_numbers=len(order) <= MOST_WITH_NUMBERS,
    )
    errors = [float(cell["m"] or 0) for cell in cells if not cell["r"]]
    opacity = {
        "field": "m",
        "type": "quantitative",
        "scale": {"domain": [0, max(errors, default=1)], "range": [0.08, 0.75], "clamp": True},
        "legend": None,
    }
    encoding = spec["layer"][0]["encoding"]
    encoding["fillOpacity"] = {"condition": {"test": "datum.r == 1", "value": 0.16}} | opacity
    encoding["fill"] = {
        "condition": {"test": "datum.r == 1", "value": "var(--s0)"},
        "value": "var(--s1)",
    }
    spec["height"] = max(240, min(440, 34 * len(order)))
    return spec
