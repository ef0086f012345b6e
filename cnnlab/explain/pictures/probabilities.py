"""The figure of an image beside the probabilities of its classes."""

import torch
from matplotlib.figure import FigureBase
from torch import Tensor, nn

from cnnlab.explain.eval_mode import eval_mode
from cnnlab.explain.network import output_tensor
from cnnlab.explain.pictures.drawing import (
    COLORS,
    MEDIUM,
    Pixels,
    class_name,
    heading,
    show_picture,
)
from cnnlab.spec import ImageSpec

MOST = 10
PREDICTED, TRUE, OTHER = COLORS[1], COLORS[2], "#BFBFBF"


def probabilities(model: nn.Module, image: Tensor) -> Tensor:
    """The softmax of a classifier's logits for one normalised image (C, H, W): float32 (K,)."""
    with eval_mode(model):
        logits = output_tensor(model(image.unsqueeze(0).clone()))
    return logits[0].float().softmax(0)


def draw_probabilities(
    figure: FigureBase, pixels: Pixels, probability: Tensor, spec: ImageSpec, label: int | None
) -> None:
    """Draw the image and a bar for each of the ten most probable classes, and the true one.

    Args:
        pixels: the image (H, W, 3).
        probability: (K,).
        label: the true class; None where it is not known.
    """
    order = [int(k) for k in torch.sort(probability, descending=True, stable=True).indices[:MOST]]
    if label is not None and label not in order:
        order[-1] = label
    predicted = order[0]
    said = f"predicted: {class_name(spec, predicted)} ({percent(probability[predicted])})"
    true = "true class not known" if label is None else f"true: {class_name(spec, label)}"
    heading(figure, f"The image and its {len(order)} most probable classes", f"{said}; {true}")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.4))
    show_picture(left, pixels)
    height, width = pixels.shape[:2]
    left.set_xlabel(f"{height}x{width} pixels, as the network sees it", fontsize=MEDIUM - 1)
    values = [float(probability[k]) for k in order]
    colors = [
        TRUE if k == label else PREDICTED if place == 0 else OTHER for place, k in enumerate(order)
    ]
    right.barh(range(len(order)), values, color=colors)
    right.set_yticks(range(len(order)), [class_name(spec, k) for k in order], fontsize=MEDIUM)
    for text, color in zip(right.get_yticklabels(), colors, strict=True):
        text.set_color("black" if color == OTHER else color)
    right.invert_yaxis()
    right.set_xlim(0, 1.15)
    right.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    right.tick_params(axis="x", labelsize=MEDIUM - 1)
    right.set_xlabel("probability (softmax)", fontsize=MEDIUM)
    for place, value in enumerate(values):
        right.text(value + 0.01, place, percent(value), va="center", fontsize=MEDIUM - 1)
    for side in ("top", "right"):
        right.spines[side].set_visible(False)


def percent(value: float | Tensor) -> str:
    """A probability as text: ``93.1 %``; not 0 or 100 % where it is not quite."""
    number = 100 * float(value)
    if 99.95 <= number < 100:
        return ">99.9 %"
    return "<0.1 %" if 0 < number < 0.05 else f"{number:.1f} %"
