"""The parts of a look at a network: what each computes, how high its panel is, or why it is not."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import torch
from torch import Tensor, nn

from cnnlab.explain.eval_mode import eval_mode
from cnnlab.explain.network import NOT_FINITE, check_label
from cnnlab.explain.pictures.attribution_figure import draw_attributions
from cnnlab.explain.pictures.attributions import (
    FEW_STEPS,
    FEW_STOPS,
    STEPS,
    STOPS,
    MissingCaptumError,
    grad_cam,
    integrated_gradients,
    occlusion,
)
from cnnlab.explain.pictures.drawing import class_name, picture
from cnnlab.explain.pictures.feature_maps import draw_stage, draw_stages
from cnnlab.explain.pictures.kernels import draw_kernels, first_kernels
from cnnlab.explain.pictures.map_layers import MapLayer
from cnnlab.explain.pictures.montage import WIDTH, Panel
from cnnlab.explain.pictures.probabilities import draw_probabilities, probabilities
from cnnlab.explain.pictures.receptive_fields import Unit, draw_receptive_fields
from cnnlab.explain.pictures.strongest_images import draw_strongest_images, strongest_images
from cnnlab.explain.trace.torch_bridge import MultiplyAdds
from cnnlab.registry import CnnlabError
from cnnlab.spec import ImageSpec
from cnnlab.text import first_line

MOST_ROWS = 6  # layers beside or above each other
MAX_MACS = 60e9  # multiply-adds for the images that excite a map most: seconds
HEAVY = 2.5e9  # multiply-adds of an image, above which fewer passes must do for attributions
BATCH = 2_000_000  # numbers in a batch of images
COUNT = 8  # of the strongest images
HEADING, TITLE = 0.55, 0.28  # inches
NO_MAPS = "no layer of this network returns feature maps of 2x2 or more"
NO_CLASSES = "the network has no classes: it is no classifier"
GRAD_CAM = "Grad-CAM"
METHODS = ("integrated gradients", "occlusion")


class Examples(Protocol):
    """Labelled images: called with indices, int64 (n,), returns them normalised and labelled."""

    def __len__(self) -> int: ...

    def __call__(self, indices: Tensor) -> tuple[Tensor, Tensor]: ...


@dataclass
class Parts:
    """A network and an image, and what is drawn of them: a method for each part.

    Attributes:
        panels, files, left_out: as of `Look`.
        classes: the classes that are attributed, by what is written at them.
    """

    model: nn.Module
    image: Tensor
    spec: ImageSpec
    label: int | None
    panels: dict[str, Panel] = field(default_factory=dict)
    files: dict[str, Panel] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.pixels = picture(self.image, self.spec)
        self.ratio = self.pixels.shape[0] / self.pixels.shape[1]  # of height and width
        self.classes: dict[str, int] = {}

    def add(self, name: str, panel: Panel, full: Panel | None = None) -> None:
        self.panels[name] = panel
        self.files[name.replace(" ", "-").lower()] = full or panel

    def probabilities(self) -> None:
        probability = probabilities(self.model, self.image)
        predicted, label = int(probability.argmax()), self.label
        check_label(label, len(probability))
        if not probability.isfinite().all():
            self.left_out["probabilities"] = NOT_FINITE
            return
        said = "predicted and true" if predicted == label else "predicted"
        self.classes = {f"{said}: {class_name(self.spec, predicted)}": predicted}
        if label is not None and label != predicted:
            self.classes[f"true: {class_name(self.spec, label)}"] = label
        panel = Panel(
            3.4, lambda f: draw_probabilities(f, self.pixels, probability, self.spec, label)
        )
        self.add("probabilities", panel)

    def kernels(self) -> None:
        try:
            first = first_kernels(self.model, self.image)
        except CnnlabError as error:
            self.left_out["kernels"] = str(error)
            return

        def panel(most: int, per_row: int) -> Panel:
            kernels = first.kernels
            number = min(most, len(kernels))
            columns = min(per_row, number)
            side = min(1.0, (WIDTH - 1) / columns)
            height = HEADING + -(-number // columns) * side * kernels.shape[2] / kernels.shape[3]
            return Panel(
                height + 0.2,
                lambda f: draw_kernels(f, first, most=most, per_row=per_row),
            )

        self.add("kernels", panel(32, 16), panel(64, 8))

    def feature_maps(self, layers: Sequence[MapLayer], maps: Mapping[str, Tensor]) -> None:
        some = evenly(layers)
        rows = [_row_height(layer.shape[1] / layer.shape[2]) for layer in some]
        self.panels["feature maps"] = Panel(
            HEADING + sum(rows), lambda f: draw_stages(f, some, maps, heights=rows)
        )
        for number, layer in enumerate(layers, start=1):
            rows_of_8 = -(-min(16, layer.shape[0]) // 8)
            height = HEADING + rows_of_8 * 0.97 * layer.shape[1] / layer.shape[2]
            name = re.sub(r"[^\w.-]+", "-", layer.name)
            draw = partial(draw_stage, layer=layer, maps=maps[layer.name])
            self.files[f"feature-maps-{number}-{name}"] = Panel(height + 0.1, draw)

    def receptive_fields(
        self, layers: Sequence[MapLayer], maps: Mapping[str, Tensor], units: Mapping[str, Unit]
    ) -> None:
        known = [
            layer
            for layer in layers
            if layer.field is not None
            and layer.field.box(units[layer.name].row, units[layer.name].column) is not None
        ]
        if lacking := [layer.name for layer in layers if layer not in known]:
            self.left_out[f"receptive fields of {', '.join(lacking)}"] = (
                "their place in the image could not be followed"
            )
        if known:
            side = min(2.2, WIDTH / len(known) - 0.1)
            height = HEADING + side * (1 + self.ratio) + 0.8
            panel = Panel(
                height, lambda f: draw_receptive_fields(f, self.pixels, known, maps, units)
            )
            self.add("receptive fields", panel)

    def attributions(self, layer: MapLayer | None) -> None:
        model, image, targets = self.model, self.image, list(self.classes.values())
        if not targets:
            self.left_out |= dict.fromkeys((GRAD_CAM, *METHODS), NOT_FINITE)
            return
        is_heavy = self._multiply_adds() > HEAVY
        steps, stops = (FEW_STEPS, FEW_STOPS) if is_heavy else (STEPS, STOPS)
        methods: dict[str, Callable[[], list[Tensor]]] = {
            METHODS[0]: lambda: [
                integrated_gradients(model, image, k, steps=steps) for k in targets
            ],
            METHODS[1]: lambda: occlusion(model, image, targets, stops=stops),
        }
        if layer is None:
            self.left_out[GRAD_CAM] = NO_MAPS
        else:
            cam = lambda: [grad_cam(model, image, k, layer) for k in targets]  # noqa: E731
            methods = {f"{GRAD_CAM}\nat {layer.name}": cam, **methods}
        found: dict[str, list[Tensor]] = {}
        for method, attribute in methods.items():
            try:
                found[method] = attribute()
            except MissingCaptumError as error:
                self.left_out |= dict.fromkeys((GRAD_CAM, *METHODS), str(error))
                return
            except RuntimeError as error:  # such as a network through which no gradient comes
                reason = f"this network does not allow it: {first_line(str(error))}"
                self.left_out[method.partition("\n")[0]] = reason
        if not found:
            return
        names = list(self.classes)

        def panel(some: Mapping[str, Sequence[Tensor]]) -> Panel:
            side = (WIDTH - 1.2) / (1 + len(some))
            return Panel(
                HEADING + 0.45 + len(names) * (side * self.ratio + 0.05),
                lambda f: draw_attributions(f, self.pixels, names, some),
            )

        self.panels["attributions"] = panel(found)
        for method, values in found.items():
            file = method.partition("\n")[0].replace(" ", "-").lower()
            self.files[file] = panel({method: values})

    def _multiply_adds(self) -> int:
        with eval_mode(self.model), MultiplyAdds() as counter:
            self.model(self.image.unsqueeze(0).clone())
        return int(counter.total)

    def strongest_images(
        self, layers: Sequence[MapLayer], units: Mapping[str, Unit], examples: Examples
    ) -> None:
        macs = max(1, *(layer.macs for layer in layers))
        number = min(len(examples), max(COUNT, int(MAX_MACS / macs)))
        size = max(1, min(256, BATCH // self.spec.num_features))
        batches = (
            examples(torch.arange(first, min(first + size, number)))[0].to(self.image)
            for first in range(0, number, size)
        )
        wanted = [(layer, units[layer.name].channel) for layer in layers]
        found = strongest_images(self.model, wanted, batches, count=COUNT)
        pixels, labels = [], []
        for strongest in found:
            images, classes = examples(strongest.indices)
            pixels.append([picture(image, self.spec) for image in images])
            labels.append([class_name(self.spec, int(k)) for k in classes])
        few = f"the first {number:,} of " if number < len(examples) else ""
        said = f"of {few}{len(examples):,} test images; bright: the unit's receptive field"
        height = HEADING + len(found) * _row_height(self.ratio)
        self.add(
            "strongest images",
            Panel(height, lambda f: draw_strongest_images(f, found, pixels, labels, said)),
        )


def evenly(layers: Sequence[MapLayer]) -> list[MapLayer]:
    """At most six of them, evenly, with the first and the last."""
    if len(layers) <= MOST_ROWS:
        return list(layers)
    step = (len(layers) - 1) / (MOST_ROWS - 1)
    return [layers[round(i * step)] for i in range(MOST_ROWS)]


def _row_height(ratio: float) -> float:
    """Inches of a row of eight tiles and its title."""
    return TITLE + 0.93 * ratio
