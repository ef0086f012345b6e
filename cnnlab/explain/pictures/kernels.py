"""The kernels of a network's first layer, as pictures, and the figure that shows them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from matplotlib.figure import FigureBase
from torch import Tensor, nn

from cnnlab.explain.eval_mode import eval_mode
from cnnlab.explain.network import is_leaf, layer_modules
from cnnlab.explain.pictures.drawing import SIGNED, color_bar, heading, mosaic, show_mosaic
from cnnlab.registry import CnnlabError

MOST = 64
PER_ROW = 8


@dataclass(frozen=True)
class FirstLayer:
    """The weights (K, C, h, w) of the first layer: kernels, or all weights of each unit."""

    path: str
    kernels: Tensor
    is_convolution: bool


def first_kernels(model: nn.Module, image: Tensor) -> FirstLayer:
    """The kernels of the first layer, if it is a convolution.

    Of a fully connected layer the weights of each unit, which are as large as the image.

    Args:
        image: normalised (C, H, W).

    Raises:
        CnnlabError: the first layer with weights is of another kind.
    """
    found: list[tuple[str, nn.Module]] = []
    paths = {module: path for path, module in model.named_modules()}

    def enter(module: nn.Module, _inputs: Any) -> None:
        if is_leaf(module) and any(p.dim() > 1 for p in module.parameters()):
            found.append((paths[module], module))

    handles = [module.register_forward_pre_hook(enter) for module in layer_modules(model)]
    try:
        with eval_mode(model):
            model(image.unsqueeze(0).clone())
    finally:
        for handle in handles:
            handle.remove()
    for path, module in found[:1]:
        if isinstance(module, nn.Conv2d):
            return FirstLayer(path, _drawn(module.weight), True)
        if isinstance(module, nn.Linear) and module.in_features == image.numel():
            return FirstLayer(path, _drawn(module.weight).view(-1, *image.shape), False)
    what = type(found[0][1]).__name__ if found else "none"
    raise CnnlabError(
        f"the first layer with weights is no convolution and no layer of all pixels ({what})"
    )


def _drawn(weight: Tensor) -> Tensor:
    """A copy that numpy takes, of a half-precision network on a GPU, too."""
    return weight.detach().cpu().float().clone()


def draw_kernels(
    figure: FigureBase, first: FirstLayer, *, most: int = MOST, per_row: int = PER_ROW
) -> None:
    """Draw the kernels with the largest norm.

    Those of 3 channels in colour, each scaled to its own range with 0 as medium grey; of others the
    mean over channels, blue below 0 and red above, all on one scale.
    """
    kernels = first.kernels
    norms = kernels.flatten(1).norm(dim=1)
    order = torch.sort(norms, descending=True, stable=True).indices[:most].sort().values
    chosen = kernels[order]
    number, channels, height, width = kernels.shape
    is_color = channels == 3
    axes = figure.subplots()
    per_row = min(per_row, len(chosen))
    if is_color:
        limits = chosen.abs().amax((1, 2, 3), keepdim=True).clamp(min=1e-12)
        tiles = ((chosen / limits + 1) / 2).permute(0, 2, 3, 1).numpy()
        said = "each scaled to its own range; medium grey is 0"
    else:
        values = chosen.mean(1).numpy()
        limit = float(np.abs(values).max()) or 1.0
        tiles = SIGNED((values / limit + 1) / 2)[..., :3]
        said = "all on one scale" + ("" if channels == 1 else f"; mean over {channels} channels")
        color_bar(figure, axes, SIGNED, -limit, limit, "weight")
    labels = [str(int(i)) for i in order] if per_row <= PER_ROW else []
    show_mosaic(axes, mosaic(tiles, per_row), labels)
    noun = "kernels" if first.is_convolution else "units' weights"
    few = f"{len(chosen)} of {number} {noun} (largest norm)"
    what = few if len(chosen) < number else f"{number} {noun}"
    where = first.path or "the network itself"
    heading(figure, f"First layer, {where}: {what}, {height}x{width}x{channels}", said)
