"""The page: its sections filled in, everything in one file.

All text goes through the template's escaping. A content security policy lets nothing but the
page's own two scripts run, and nothing be loaded from anywhere.
"""

import datetime
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cnnlab.compare.columns import warnings_on_n
from cnnlab.compare.comparison import Comparison
from cnnlab.compare.configurations import label
from cnnlab.compare.figures.style import MOST_NAMED
from cnnlab.compare.page.bundle import javascript
from cnnlab.compare.page.cells import configuration_columns, pair_columns, run_columns
from cnnlab.compare.page.chart import THEME, css_colors, styles
from cnnlab.compare.page.class_charts import ClassCharts
from cnnlab.compare.page.cost_chart import KINDS, cost_charts, kind_of
from cnnlab.compare.page.curves_chart import curves_charts
from cnnlab.compare.page.mistake_pictures import mistake_pictures
from cnnlab.compare.page.overview import overview
from cnnlab.compare.page.provenance import Provenance
from cnnlab.compare.page.references import references
from cnnlab.compare.page.sweep_chart import sweep_charts
from cnnlab.compare.unfinished import UnfinishedRun
from cnnlab.metrics import METRICS
from cnnlab.text import as_script, render_page, script_hash

FOLDER = Path(__file__).parent
MOST_FAILURES = 50


class Charts:
    """The specs of the page, by the id of the element in which each is drawn."""

    def __init__(self) -> None:
        self.specs: dict[str, Any] = {}

    def add(self, spec: Any) -> str:
        """Its id."""
        name = f"chart-{len(self.specs)}"
        self.specs[name] = spec
        return name


def render(comparison: Comparison, title: str, command: str) -> str:
    """The text of report.html.

    Args:
        command: that makes it, as typed.
    """
    charts = Charts()
    context = _sections(comparison, charts) | {
        "title": title,
        "about": overview(comparison),
        "comparison": comparison,
        "captions": captions(comparison),
        "provenance": Provenance(comparison),
        "references": references(comparison),
        "command": command,
        "today": datetime.date.today().isoformat(),
        "version": version("cnnlab"),
        "series_colors": css_colors(),
        "style": (FOLDER / "report.css").read_text(encoding="utf-8"),
        "bundle": javascript(),
        "script": (FOLDER / "report.js").read_text(encoding="utf-8"),
        "charts": as_script({"specs": charts.specs, "theme": THEME}),
    }
    context["hashes"] = " ".join(script_hash(context[name]) for name in ("bundle", "script"))
    return render_page(FOLDER / "report.html.jinja", context)


def _sections(comparison: Comparison, charts: Charts) -> dict[str, Any]:
    """Tables, charts and pictures."""
    trained = [row.label for row in comparison.rows if row.runs and not row.members]
    pairs, pairs_left_out = pair_columns(comparison)
    every_run, runs_left_out = run_columns(comparison)
    classes = ClassCharts(comparison)
    curves = [(text, charts.add(spec)) for text, spec in curves_charts(comparison)]
    return {
        "columns": configuration_columns(comparison),
        "kinds": [kind_of(row) for row in comparison.rows],
        "pairs": pairs,
        "pairs_left_out": pairs_left_out,
        "every_run": every_run,
        "runs_left_out": runs_left_out,
        "curves": curves,
        "curve_styles": styles(trained),
        "others": max(0, len(trained) - MOST_NAMED),
        "sweeps": [(s.title, charts.add(s.spec), s.lines) for s in sweep_charts(comparison)],
        "costs": [
            (cost, METRICS[cost.name].label, charts.add(cost.spec))
            for cost in cost_charts(comparison)
        ],
        "marks": KINDS,
        "class_accuracy": charts.add(classes.accuracy) if classes.accuracy else None,
        "matrices": [(label, charts.add(spec)) for label, spec in classes.matrices],
        "hidden_classes": classes.hidden,
        "mistakes": mistake_pictures(comparison),
        "failures": comparison.unfinished[:MOST_FAILURES],
        "failures_left_out": max(0, len(comparison.unfinished) - MOST_FAILURES),
        "failure_names": [
            _failure_name(comparison, run) for run in comparison.unfinished[:MOST_FAILURES]
        ],
    }


def _failure_name(comparison: Comparison, run: UnfinishedRun) -> str:
    keys = [axis.key for axis in comparison.axes] or ["model"]
    seed = f", seed {run.shown['seed']}" if "seed" in run.shown else ""
    return f"{label(run.shown, keys)}{seed}" if run.shown else run.folder.name


def captions(comparison: Comparison) -> Sequence[str]:
    """Which error of the table is which: one sentence or two each."""
    metric, table = comparison.metric, comparison.table
    said = []
    if (table["n"] > 1).any():
        said.append(
            "± SD: the standard deviation over seeds, what another seed would change on the same "
            "test images."
        )
        said.append(
            "95% interval: the t interval of the mean over seeds; it shrinks with more seeds."
        )
    said += [f"{text[0].upper()}{text[1:]}." for text in warnings_on_n(comparison)]
    if table[f"test_{metric.column}_binomial"].notna().any():
        said.append(
            "Binomial ±: the test set's own sampling error, the standard error of one accuracy on "
            "this number of images. It is what other test images would change, and does not "
            "shrink with more seeds."
        )
    if table.get("partial") is not None:
        said.append("Some rows were measured on a sample of the images.")
    said.append("Costs are means over the runs of a row.")
    return said
