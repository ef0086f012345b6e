"""Receptive fields: how many pixels of the image one number of a tensor can depend on.

Every operation of torch is followed from the image on. For several paths, as in a residual sum or
a concatenation, the largest field counts. As usual, fields are not cut off at the image's border,
and the statistics that a normalisation takes over a map are not counted.
"""

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from cnnlab.explain.trace.axes import map_axes
from cnnlab.explain.trace.axis_rules import elementwise
from cnnlab.explain.trace.field import UNKNOWN, Field, Span
from cnnlab.explain.trace.field_rules import RULES
from cnnlab.explain.trace.operations import tensors
from cnnlab.explain.trace.torch_bridge import Arguments


class ReceptiveFields:
    """The field of every tensor computed from the image; None if it could not be followed."""

    def __init__(self, image: Tensor) -> None:
        field = Field((Span(), Span()), map_axes(image.shape))
        # The tensors are kept alive, because Python may reuse the id of a deleted one.
        self._known: dict[int, tuple[Tensor, Field | None]] = {id(image): (image, field)}

    def __contains__(self, tensor: Tensor) -> bool:
        return id(tensor) in self._known

    def __getitem__(self, tensor: Tensor) -> Field | None:
        return self._known[id(tensor)][1]

    def follow(self, name: str, args: Arguments, outputs: Sequence[Tensor]) -> None:
        """Record the fields of an operation's outputs. ``name`` is torch's, without overload."""
        inputs = [tensor for tensor in tensors(args) if tensor in self]
        if not inputs:
            return
        fields = [self[tensor] for tensor in inputs]
        known = {id(t): field for t, field in zip(inputs, fields, strict=True) if field is not None}
        for output in outputs:
            if len(known) == len({id(tensor) for tensor in inputs}):
                field = RULES.get(name, elementwise)(args, known, output.shape)
            else:
                field = elementwise(args, known, output.shape)
                field = field and replace(field, spans=UNKNOWN)
            self._known[id(output)] = (output, field)
