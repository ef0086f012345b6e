"""The table of a network's layers: operation, output size, parameters and cost of each."""

import functools
from dataclasses import dataclass

from torch import nn

from cnnlab.explain.layers.folding import fold
from cnnlab.explain.layers.notes import layer_notes
from cnnlab.explain.layers.row import Row, row_of
from cnnlab.explain.trace.trace import trace
from cnnlab.spec import ImageSpec


@dataclass(frozen=True)
class LayerTable:
    """All rows in the order of the forward pass, their totals, and notes for learners."""

    title: str
    input: str  # H x W x C
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    frozen_parameters: int  # of all parameters, those that are not trained

    @functools.cached_property
    def parameters(self) -> int:
        """Number of parameters, trained or frozen, shared ones once."""
        return sum(row.parameters for row in self.rows)

    @functools.cached_property
    def macs(self) -> int:
        """Multiply-adds of convolutions and matrix products for one image."""
        return sum(row.macs for row in self.rows)

    @functools.cached_property
    def activation_bytes(self) -> int:
        """Memory of all outputs of one image together, at float32."""
        return sum(row.activation_bytes for row in self.rows)

    def parameter_share(self, row: Row) -> float:
        """The row's fraction of all parameters, 0 to 1."""
        return row.parameters / self.parameters if self.parameters else 0.0

    def mac_share(self, row: Row) -> float:
        """The row's fraction of all multiply-adds, 0 to 1."""
        return row.macs / self.macs if self.macs else 0.0


def layer_table(
    model: nn.Module, spec: ImageSpec, *, title: str = "", depth: int | None = None
) -> LayerTable:
    """Trace one image through a model, on the model's device, and tabulate its layers.

    Args:
        depth: modules whose path has more than ``depth`` names are folded into one row each, and
            so are consecutive equal rows: ``layer1.0-2``. None shows every layer.

    Raises:
        RuntimeError, ValueError, TypeError: the model cannot take such images.
    """
    calls = trace(model, spec)
    rows = [row_of(call) for call in calls]
    if depth is not None:
        rows = fold(rows, depth, {path: type(m).__name__ for path, m in model.named_modules()})
    frozen = sum(p.numel() for p in model.parameters() if not p.requires_grad)
    name = title or type(model).__name__
    return LayerTable(name, str(spec), tuple(rows), tuple(layer_notes(calls)), frozen)
