"""The feature maps of named layers, by forward hooks that are removed again."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

import torch
from torch import Tensor, nn

from cnnlab.explain.eval_mode import eval_mode
from cnnlab.explain.pictures.map_layers import MapLayer


class _LastLayer(Exception):  # noqa: N818  (it ends a pass, and is no error)
    """What is behind the last layer is not needed."""


@contextmanager
def replacing_outputs(
    model: nn.Module, layers: Sequence[MapLayer], change: Callable[[MapLayer, Tensor], Tensor]
) -> Iterator[None]:
    """Within the block every pass gives what these layers return to ``change``, and continues with
    what that returns. Calls are counted within a pass, so that a module may be used twice.
    """
    calls: Counter[str] = Counter()
    wanted = {(layer.path, layer.call): layer for layer in layers}

    def restart(_module: nn.Module, _inputs: object) -> None:
        calls.clear()

    def watch(path: str) -> Callable[[nn.Module, object, Tensor], Tensor]:
        def leave(_module: nn.Module, _inputs: object, output: Tensor) -> Tensor:
            calls[path] += 1
            layer = wanted.get((path, calls[path]))
            return output if layer is None else change(layer, output)

        return leave

    handles = [model.register_forward_pre_hook(restart)]
    for path in dict.fromkeys(layer.path for layer in layers):
        handles.append(model.get_submodule(path).register_forward_hook(watch(path)))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def capture(model: nn.Module, layers: Sequence[MapLayer], images: Tensor) -> dict[str, Tensor]:
    """The maps of these layers, by name, each (N, C, H, W); the pass ends behind the last of them.

    Args:
        images: normalised (N, C, H, W).
    """
    maps: dict[str, Tensor] = {}

    def keep(layer: MapLayer, output: Tensor) -> Tensor:
        # A copy: the next layer may work in place.
        found = output.permute(0, 3, 1, 2) if layer.channels_last else output
        maps[layer.name] = found.clone(memory_format=torch.contiguous_format)
        if len(maps) == len(set(layers)):
            raise _LastLayer
        return output

    with eval_mode(model), replacing_outputs(model, layers, keep), suppress(_LastLayer):
        model(images.clone())
    return maps


def activations(model: nn.Module, image: Tensor, layers: Sequence[MapLayer]) -> dict[str, Tensor]:
    """The feature maps of one image, by the layers' names, each (C, H, W).

    The model is unchanged: in eval mode for this pass, without gradients.

    Args:
        image: normalised (C, H, W).
        layers: from `map_layers`.
    """
    return {name: maps[0] for name, maps in capture(model, layers, image.unsqueeze(0)).items()}


def strongest_maps(maps: Tensor, count: int) -> list[int]:
    """The channels of (C, H, W) with the largest mean of absolute values, the largest first."""
    strength = maps.abs().mean((1, 2))
    order = torch.sort(strength, descending=True, stable=True).indices
    return [int(channel) for channel in order[:count]]
