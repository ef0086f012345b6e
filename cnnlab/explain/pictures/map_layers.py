"""The layers of a network that return feature maps, found by one pass of an image."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from torch import Tensor, nn

from cnnlab.explain.eval_mode import eval_mode
from cnnlab.explain.network import is_leaf, layer_modules
from cnnlab.explain.trace.axes import spatial_factors
from cnnlab.explain.trace.field import Field
from cnnlab.explain.trace.operations import tensors
from cnnlab.explain.trace.receptive_field import ReceptiveFields
from cnnlab.explain.trace.torch_bridge import (
    Operation,
    OperationMode,
    multiply_adds,
    named_arguments,
    operation_name,
)
from cnnlab.registry import CnnlabError, nearest


@dataclass(frozen=True)
class MapLayer:
    """One call of a module that returns feature maps, at least 2x2 of them.

    Attributes:
        path: of the module in the network; empty for the network itself.
        call: 1 for its first call, 2 for its second in the same pass.
        calls: how many calls it has in a pass.
        shape: (C, H, W) of the maps of one image.
        channels_last: whether it returns them as (N, H, W, C).
        has_weights: whether a convolution or another layer with weights is in it.
        after: path of the last layer with weights before it, or in it.
        macs: multiply-adds of one image until here.
        field: receptive field of one number of the maps; None if it could not be followed.
        block_size: (H, W) that the block returns in which it is, such as a residual block; None
            where it is in none, or the block returns no maps.
    """

    path: str
    call: int
    calls: int
    shape: tuple[int, int, int]
    channels_last: bool
    has_weights: bool
    after: str
    macs: int
    field: Field | None
    block_size: tuple[int, int] | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) of its maps."""
        return self.shape[1], self.shape[2]

    @property
    def name(self) -> str:
        """``conv1``; ``activation:2`` for the second call of a module that is used twice."""
        path = self.path or "network"
        return path if self.calls == 1 else f"{path}:{self.call}"

    @property
    def title(self) -> str:
        """The name; of a layer without weights also the layer that it follows."""
        is_plain = self.has_weights or not self.after
        return self.name if is_plain else f"{self.name} after {self.after}"


def map_layers(model: nn.Module, image: Tensor) -> list[MapLayer]:
    """Every call of a module that returns feature maps, in order; those before any weights not.

    Args:
        image: normalised (C, H, W).
    """
    finder = _Finder(model, image.unsqueeze(0).clone())
    handles = [module.register_forward_hook(finder.leave) for module in layer_modules(model)]
    try:
        with eval_mode(model), _Operations(finder):
            model(finder.image)
    finally:
        for handle in handles:
            handle.remove()
    return finder.layers()


def stages(layers: Sequence[MapLayer]) -> list[MapLayer]:
    """The first convolution and the last layer of every size: a row of maps from edges to parts.

    The first layer is left out where only an activation or a normalisation follows it at its size.
    """
    chosen: list[MapLayer] = []
    for _, same in groupby(_in_the_chain(layers), key=lambda layer: layer.size):
        group = list(same)
        if not chosen and sum(layer.has_weights for layer in group) > 1:
            first = next(layer for layer in group if layer.has_weights)
            if len({layer.after for layer in group}) > 1:
                chosen.append(_activated(first, group))
        chosen.append(_end(group))
    return list(dict.fromkeys(chosen))


def last_convolution(layers: Sequence[MapLayer]) -> MapLayer | None:
    """The last layer with weights and what activates it; None without maps."""
    with_weights = [layer for layer in layers if layer.has_weights]
    if not with_weights:
        return None
    last = with_weights[-1]
    return _end([layer for layer in layers[layers.index(last) :] if layer.shape == last.shape])


def find_layer(layers: Sequence[MapLayer], name: str) -> MapLayer:
    """The layer of that name; without a number, the first call.

    Raises:
        CnnlabError: no layer with maps has that name.
    """
    for layer in layers:
        if name in (layer.name, layer.path):
            return layer
    names = [layer.name for layer in layers]
    near = nearest(name, names)
    shown = near or f"; such layers are {', '.join(layer.name for layer in stages(layers))}"
    hint = shown if names else "; no layer of this network does"
    raise CnnlabError(f"no layer '{name}' returns feature maps of 2x2 or more{hint}")


def _in_the_chain(layers: Sequence[MapLayer]) -> Iterator[MapLayer]:
    """Without the branches of a block that are still at the size of an earlier layer."""
    seen: set[tuple[int, int]] = set()
    for layer in layers:
        if layer.block_size in (None, layer.size) or layer.size not in seen:
            yield layer
        seen.add(layer.size)


def _end(group: Sequence[MapLayer]) -> MapLayer:
    """The last layer with weights, or one without beside it that follows it.

    Not what is within the next block, such as its normalisation before a convolution.
    """
    end = next((layer for layer in reversed(group) if layer.has_weights), group[0])
    parent = end.path.rpartition(".")[0]
    for layer in group[group.index(end) + 1 :]:
        if layer.path.rpartition(".")[0] == parent:
            end = layer
    return end


def _activated(first: MapLayer, group: Sequence[MapLayer]) -> MapLayer:
    """The last layer of the group that only normalises or activates what the first returns."""
    same = [first]
    for layer in group[group.index(first) + 1 :]:
        if layer.after != first.after or layer.shape != first.shape:
            break
        same.append(layer)
    return same[-1]


class _Finder:
    """Receives the output of every module of one pass."""

    def __init__(self, model: nn.Module, image: Tensor) -> None:
        self.image = image
        self.fields = ReceptiveFields(image)
        self._model = model
        self._containers = {
            path for path, module in model.named_modules() if isinstance(module, nn.Sequential)
        }
        self._paths = {module: path for path, module in model.named_modules()}
        self._calls: Counter[str] = Counter()
        self._after = ""
        self.macs = 0
        self._found: list[MapLayer] = []

    def leave(self, module: nn.Module, _inputs: Any, output: Any) -> None:
        path = self._paths[module]
        self._calls[path] += 1
        has_weights = any(parameter.dim() > 1 for parameter in module.parameters())
        if has_weights and is_leaf(module):
            self._after = path
        if not isinstance(output, Tensor) or output.dim() != 4 or len(output) != 1:
            return
        field = None
        if output in self.fields:
            field = self.fields[output]
        channels_last = field is not None and _is_channels_last(field)
        sizes = tuple(output.shape[1:])
        channels, height, width = (sizes[2], *sizes[:2]) if channels_last else sizes
        is_whole = module is self._model and not is_leaf(module)
        if min(height, width) < 2 or not self._after or is_whole:
            return
        layer = MapLayer(
            path=path,
            call=self._calls[path],
            calls=1,
            shape=(channels, height, width),
            channels_last=channels_last,
            has_weights=has_weights,
            after=self._after,
            macs=self.macs,
            field=field,
        )
        self._found.append(layer)

    def layers(self) -> list[MapLayer]:
        """What was found, once the pass is over."""
        sizes = {layer.path: layer.size for layer in self._found}
        return [
            replace(
                layer, calls=self._calls[layer.path], block_size=sizes.get(self._block(layer.path))
            )
            for layer in self._found
        ]

    def _block(self, path: str) -> str:
        """The module around a path that is no chain of layers; the network has an empty path."""
        path = path.rpartition(".")[0]
        while path in self._containers and path:
            path = path.rpartition(".")[0]
        return path


def _is_channels_last(field: Field) -> bool:
    """Whether the second of four dimensions is a spatial one, and the last is not."""
    return bool(spatial_factors(field.axes[1:2])) and not spatial_factors(field.axes[3:])


class _Operations(OperationMode):  # type: ignore[no-untyped-call]
    """Follows the receptive fields of all tensors, and counts multiply-adds."""

    def __init__(self, finder: _Finder) -> None:
        super().__init__()
        self.finder = finder

    def run_operation(
        self, operation: Operation, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        out = super().run_operation(operation, args, kwargs)
        arguments = named_arguments(operation, args, kwargs)
        self.finder.fields.follow(operation_name(operation), arguments, list(tensors(out)))
        self.finder.macs += multiply_adds(operation, args, kwargs, out)
        return out
