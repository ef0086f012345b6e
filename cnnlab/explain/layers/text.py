"""A table of layers as text for other programs: markdown, CSV and JSON."""

import csv
import dataclasses
import io
import json
from typing import Any

from cnnlab.explain.layers.formulas import equation
from cnnlab.explain.layers.row import Row
from cnnlab.explain.layers.table import LayerTable

LEGEND = (
    "s stride, p padding, d dilation, g groups. MACs: multiply-adds of convolutions and matrix "
    "products. Field: pixels of the image that an output can depend on, border included. "
    "Memory: outputs of one image at float32; nothing if an output is a view or computed in place."
)
_HEADINGS = (
    *("layer", "operation", "size", "output", "parameters", "share", "MACs", "share"),
    *("field", "memory"),
)


def as_markdown(table: LayerTable) -> str:
    """A page with title, table, totals and notes."""
    lines = [_line(_HEADINGS), _line(["---"] * 4 + ["---:"] * 6)]
    for row in table.rows:
        lines.append(
            _line(
                (
                    f"{row.name} x{row.repeats}" if row.repeats > 1 else row.name,
                    f"{row.operation} {row.window}".strip(),
                    row.size_formula,
                    row.output,
                    equation(row.parameter_formula, row.parameters),
                    percent(table.parameter_share(row)),
                    equation(row.mac_formula, row.macs),
                    percent(table.mac_share(row)),
                    row.field,
                    memory(row.activation_bytes),
                )
            )
        )
    sums = (f"{table.parameters:,}", "", f"{table.macs:,}", "", "", memory(table.activation_bytes))
    lines.append(_line(("**total**", "", "", "", *sums)))
    notes = "\n".join(f"- {note}" for note in table.notes)
    blocks = (f"# {table.title}: images of {table.input}", "\n".join(lines), notes, LEGEND)
    return "\n\n".join(block for block in blocks if block)


def as_csv(table: LayerTable) -> str:
    """One line per row, numbers without separators; no totals."""
    records = [_record(row, table) for row in table.rows]
    text = io.StringIO()
    fields = list(_record(Row("", "", ""), table))
    writer = csv.DictWriter(text, fields, lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue().rstrip("\n")


def as_json(table: LayerTable) -> str:
    """Rows, totals and notes."""
    page = {
        "title": table.title,
        "input": table.input,
        "layers": [_record(row, table) for row in table.rows],
        "parameters": table.parameters,
        "frozen_parameters": table.frozen_parameters,
        "macs": table.macs,
        "activation_bytes": table.activation_bytes,
        "notes": list(table.notes),
    }
    return json.dumps(page, indent=2)


def _record(row: Row, table: LayerTable) -> dict[str, Any]:
    record = dataclasses.asdict(row)
    height, width = record.pop("receptive_field") or (None, None)
    return record | {
        "receptive_field_height": height,
        "receptive_field_width": width,
        "parameter_share": table.parameter_share(row),
        "mac_share": table.mac_share(row),
    }


def _line(cells: Any) -> str:
    return f"| {' | '.join(cells)} |"


def percent(share: float) -> str:
    """``61.8%``; nothing for 0."""
    return f"{share:.1%}" if share else ""


def memory(num_bytes: int) -> str:
    """``18.4 KiB``; nothing for 0."""
    if num_bytes < 1024:
        return f"{num_bytes} B" if num_bytes else ""
    kibibytes = num_bytes / 1024
    return f"{kibibytes:.1f} KiB" if kibibytes < 1024 else f"{kibibytes / 1024:.1f} MiB"
