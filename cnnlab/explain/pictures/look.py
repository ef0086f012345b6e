"""All pictures of what a network does with one image, and the reasons for those left out."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from cnnlab.explain.pictures.capture import activations
from cnnlab.explain.pictures.map_layers import (
    MapLayer,
    find_layer,
    last_convolution,
    map_layers,
    stages,
)
from cnnlab.explain.pictures.montage import Panel
from cnnlab.explain.pictures.parts import (
    GRAD_CAM,
    METHODS,
    NO_CLASSES,
    NO_MAPS,
    Examples,
    Parts,
    evenly,
)
from cnnlab.explain.pictures.receptive_fields import strongest_unit
from cnnlab.explain.trace.torch_bridge import as_written
from cnnlab.registry import CnnlabError
from cnnlab.spec import ImageSpec


@dataclass(frozen=True)
class Look:
    """The pictures of one image.

    Attributes:
        panels: of the montage, by name.
        files: the same in full, one for each file, by the file's name without its ending.
        left_out: what does not apply, and why.
    """

    panels: dict[str, Panel]
    files: dict[str, Panel]
    left_out: dict[str, str]


def look(
    model: nn.Module,
    image: Tensor,
    spec: ImageSpec,
    *,
    label: int | None = None,
    layers: Sequence[str] = (),
    channel: int | None = None,
    is_classifier: bool = True,
    examples: Examples | str = "no images are given",
) -> Look:
    """All that can be drawn of a network and one image; the model is unchanged.

    Args:
        image: normalised (C, H, W).
        label: its true class; None where it is not known.
        layers: names of layers whose maps are drawn, by `map_layers`; none are the `stages`.
        channel: the map whose receptive fields and images are drawn; None is the strongest of each.
        is_classifier: whether the outputs are logits (N, K).
        examples: among which those are looked for that excite a map most; or why there are none.

    Raises:
        CnnlabError: there is no such layer, map or class, or no tensor in what it returns.
    """
    with as_written(model) as network:
        return _look(network, image, spec, label, layers, channel, is_classifier, examples)


def _look(
    model: nn.Module,
    image: Tensor,
    spec: ImageSpec,
    label: int | None,
    layers: Sequence[str],
    channel: int | None,
    is_classifier: bool,
    examples: Examples | str,
) -> Look:
    found = map_layers(model, image)
    named = [find_layer(found, name) for name in layers]
    shown = list(dict.fromkeys(named)) or stages(found)
    maps = activations(model, image, shown)
    units = {layer.name: strongest_unit(maps[layer.name], _map(layer, channel)) for layer in shown}
    parts = Parts(model, image, spec, label)
    if is_classifier:
        parts.probabilities()
    else:
        parts.left_out["probabilities"] = NO_CLASSES
    parts.kernels()
    if shown:
        parts.feature_maps(shown, maps)
        parts.receptive_fields(evenly(shown), maps, units)
    else:
        parts.left_out |= dict.fromkeys(("feature maps", "receptive fields"), NO_MAPS)
    if is_classifier:
        parts.attributions(shown[-1] if layers else last_convolution(found))
    else:
        parts.left_out |= dict.fromkeys((GRAD_CAM, *METHODS), NO_CLASSES)
    if not shown:
        parts.left_out["strongest images"] = NO_MAPS
    elif isinstance(examples, str):
        parts.left_out["strongest images"] = examples
    else:
        distinct = {layer.after: layer for layer in shown}  # maxpool has the same ones
        chosen = shown if layers else list(distinct.values())
        parts.strongest_images(evenly(chosen), units, examples)
    return Look(parts.panels, parts.files, parts.left_out)


def _map(layer: MapLayer, channel: int | None) -> int | None:
    if channel is not None and not 0 <= channel < layer.shape[0]:
        raise CnnlabError(
            f"layer {layer.name} has no map {channel}: its maps are 0 to {layer.shape[0] - 1}"
        )
    return channel
