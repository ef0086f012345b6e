"""Receptive fields: how many pixels of the image one number of a tensor can depend on.

Every operation of torch is followed from the image on. Where paths meet, in a residual sum or a
concatenation, the largest field counts. Fields are not cut off at the image's border, and what a
normalisation gathers over a map is left out: both as is usual.
"""

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from cnnlab.explain.trace.axes import map_axes
from cnnlab.explain.trace.field import LOST, Field, Span
from cnnlab.explain.trace.field_rules import RULES, elementwise
from cnnlab.explain.trace.operations import Given, tensors


class ReceptiveFields:
    """The field of every tensor that comes from the image; None where one was lost track of."""

    def __init__(self, image: Tensor) -> None:
        field = Field((Span(), Span()), map_axes(image.shape))
        # The tensors are held, because an id may be given anew after its tensor has gone.
        self._known: dict[int, tuple[Tensor, Field | None]] = {id(image): (image, field)}

    def __contains__(self, tensor: Tensor) -> bool:
        return id(tensor) in self._known

    def __getitem__(self, tensor: Tensor) -> Field | None:
        return self._known[id(tensor)][1]

    def follow(self, name: str, given: Given, outputs: Sequence[Tensor]) -> None:
        """Enter the fields of an operation's outputs. ``name`` is torch's, without overload."""
        inputs = [tensor for tensor in tensors(given) if tensor in self]
        if not inputs:
            return
        fields = [self[tensor] for tensor in inputs]
        known = {id(t): field for t, field in zip(inputs, fields, strict=True) if field is not None}
        for output in outputs:
            if len(known) == len({id(tensor) for tensor in inputs}):
                field = RULES.get(name, elementwise)(given, known, output.shape)
            else:
                field = elementwise(given, known, output.shape)
                field = field and replace(field, spans=LOST)
            self._known[id(output)] = (output, field)
