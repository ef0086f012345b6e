"""The table as LaTeX: booktabs, mean ± SD, the best in bold where the tests support it."""

import math
import re
from collections.abc import Sequence

from cnnlab.compare.comparison import Comparison
from cnnlab.compare.costs import COSTS
from cnnlab.compare.statistics.pairs import BETTER, WORSE
from cnnlab.metrics import METRICS

SPECIAL = {
    **{char: rf"\{char}" for char in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\\": r"\textbackslash{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "±": r"$\pm$",
}


def latex_table(comparison: Comparison) -> str:
    """A ``tabular`` for ``\\usepackage{booktabs}``, with a comment on what it shows."""
    metric, table = comparison.metric, comparison.table
    test = f"test_{metric.column}"
    costs = [METRICS[name] for name in COSTS if METRICS[name].column in table]
    costs = [cost for cost in costs if table[cost.column].notna().any()]
    best = best_row(comparison)
    lines = []
    for label, row in zip(comparison.labels, table.to_dict("records"), strict=True):
        mean, sd = float(row[test]), float(row[f"{test}_sd"])
        number = metric.cell(mean)
        if label == best:
            number = rf"\mathbf{{{number}}}"
        score = rf"${number} \pm {metric.cell(sd)}$" if math.isfinite(sd) else f"${number}$"
        cells = [escape(label), str(row["n"]), score]
        for cost in costs:
            value = float(row[cost.column])
            cells.append(escape(cost.cell(value)) if math.isfinite(value) else "--")
        lines.append(" & ".join(cells) + r" \\")
    headings = ["Configuration", "$n$", escape(f"Test {metric.heading}")]
    headings += [escape(cost.heading) for cost in costs]
    return "\n".join(
        [
            f"% {comment(f'{comparison.title}. {_note(comparison, best)}')}",
            r"% \usepackage{booktabs}",
            rf"\begin{{tabular}}{{l{'r' * (len(headings) - 1)}}}",
            r"\toprule",
            " & ".join(headings) + r" \\",
            r"\midrule",
            *lines,
            r"\bottomrule",
            r"\end{tabular}",
            "",
        ]
    )


def best_row(comparison: Comparison) -> str | None:
    """The row that is significantly better than every other one; None where none is.

    With a reference no two others are tested against each other: then there is none, unless the
    reference itself is better than all.
    """
    pairs = comparison.pairs
    others = len(comparison.labels) - 1
    for label in comparison.labels:
        wins = ((pairs["first"] == label) & (pairs["verdict"] == BETTER)).sum()
        wins += ((pairs["second"] == label) & (pairs["verdict"] == WORSE)).sum()
        if others > 0 and wins == others:
            return label
    return None


def _note(comparison: Comparison, best: str | None) -> str:
    counts: Sequence[int] = sorted(set(comparison.table["n"]))
    n = f"n = {counts[0]}" if len(counts) == 1 else f"n from {counts[0]} to {counts[-1]}"
    bold = "Bold: better than every other row" if best else "No row is better than every other one"
    return f"Mean ± SD over {n} seeds on the test set. {bold} (5%, Holm)."


def escape(text: str) -> str:
    """Text for LaTeX, on one line."""
    return "".join(SPECIAL.get(char, char) for char in comment(text))


def comment(text: str) -> str:
    """Text on one line, without control characters."""
    return re.sub(r"[\x00-\x1f\x7f\u2028\u2029]+", " ", text)
