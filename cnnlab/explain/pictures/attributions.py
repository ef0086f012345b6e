"""Which pixels a class was decided by: Grad-CAM, integrated gradients and occlusion, by captum.

Each is for one image and one output of the network, in eval mode; no gradient of a parameter is
kept. Networks may work in place and use a module twice.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnnlab.explain.eval_mode import eval_mode
from cnnlab.explain.network import output_tensor
from cnnlab.explain.pictures.capture import replacing_outputs
from cnnlab.explain.pictures.map_layers import MapLayer
from cnnlab.registry import CnnlabError

STEPS, FEW_STEPS = 24, 12  # of the integral; pictures differ little (correlation 0.998)
BATCH = 8  # images in a pass with gradients
WINDOWS = 5  # squares of an occlusion beside each other
STOPS, FEW_STOPS = 10, 7  # of the square along a side, at least; it overlaps


def grad_cam(model: nn.Module, image: Tensor, target: int, layer: MapLayer) -> Tensor:
    """Where the maps of a layer speak for a class, at the image's size: (H, W), 0 and above.

    The maps weighted by the mean gradient of the class's logit, summed, without what is below 0
    (Selvaraju et al. 2017, Grad-CAM).

    Args:
        image: normalised (C, H, W).
        layer: usually the last convolution, `last_convolution`.

    Raises:
        MissingCaptumError: it is not installed.
    """
    attr = _captum()
    probe = nn.Identity()  # called once in a pass, whatever the network does with its own modules

    def through_probe(layer: MapLayer, output: Tensor) -> Tensor:
        maps = output.permute(0, 3, 1, 2) if layer.channels_last else output
        seen: Tensor = probe(maps)
        seen = seen.permute(0, 2, 3, 1) if layer.channels_last else seen
        return seen.clone()  # the next layer may work in place

    with _evaluated(model) as network, replacing_outputs(model, [layer], through_probe):
        found = attr.LayerGradCam(network, probe).attribute(
            _input(image), target, relu_attributions=True
        )
    size = tuple(image.shape[1:])
    enlarged: Tensor = F.interpolate(found.detach(), size, mode="bilinear")
    return enlarged[0, 0]


def integrated_gradients(
    model: nn.Module,
    image: Tensor,
    target: int,
    baseline: Tensor | None = None,
    *,
    steps: int = STEPS,
) -> Tensor:
    """How much each pixel adds to the logit of a class: (C, H, W), signed.

    The gradient, averaged on the straight way from a baseline to the image, times their difference;
    the sum is about the difference of the two logits (Sundararajan, Taly & Yan 2017, Axiomatic
    attribution for deep networks).

    Args:
        image: normalised (C, H, W).
        baseline: of the same shape; None is the mean colour of the data set, 0.
        steps: points of the way.

    Raises:
        MissingCaptumError: it is not installed.
    """
    attr = _captum()
    start = torch.zeros_like(image) if baseline is None else baseline
    with _evaluated(model) as network:
        found = attr.IntegratedGradients(network).attribute(
            _input(image),
            start.unsqueeze(0),
            target,
            n_steps=steps,
            internal_batch_size=BATCH,
        )
    return torch.as_tensor(found).detach()[0].to(image.dtype)


def occlusion(
    model: nn.Module,
    image: Tensor,
    targets: Sequence[int],
    baseline: Tensor | None = None,
    *,
    stops: int = STOPS,
) -> list[Tensor]:
    """How much the logit of each class falls where a square is covered: (H, W) each, signed.

    The square has a fifth of the image's side and stops at several places along it (Zeiler &
    Fergus 2014, Visualizing and understanding convolutional networks); pixels get the mean of
    all that cover them.

    Args:
        image: normalised (C, H, W).
        targets: the classes.
        baseline: what it is covered by, of the same shape; None is the mean colour, 0.
        stops: places along a side, at least.

    Raises:
        MissingCaptumError: it is not installed.
    """
    attr = _captum()
    channels, *sides = image.shape
    window = [max(1, min(side, max(3, round(side / WINDOWS)))) for side in sides]
    strides = [max(1, (n - w) // (stops - 1)) for n, w in zip(sides, window, strict=True)]
    cover = torch.zeros_like(image) if baseline is None else baseline
    found = []
    with _evaluated(model) as network, torch.no_grad():
        network = _computed_once(network)
        for target in targets:
            attributed = attr.Occlusion(network).attribute(
                image.unsqueeze(0),
                (channels, *window),
                (channels, *strides),
                cover.unsqueeze(0),
                target,
                perturbations_per_eval=2 * BATCH,
            )
            found.append(torch.as_tensor(attributed)[0, 0].detach())
    return found


def _computed_once(network: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """The network, which remembers its outputs: the covered images are the same for each class."""
    known: dict[bytes, Tensor] = {}

    def outputs(images: Tensor) -> Tensor:
        key = hashlib.sha256(images.detach().float().cpu().numpy().tobytes()).digest()
        if key not in known:
            known[key] = network(images)
        return known[key].clone()

    return outputs


class MissingCaptumError(CnnlabError):
    """Captum is not installed."""


def _captum() -> ModuleType:
    try:
        from captum import attr
    except ImportError as error:
        raise MissingCaptumError("needs captum: pip install 'cnnlab[explain]'") from error
    module: ModuleType = attr
    return module


@contextmanager
def _evaluated(model: nn.Module) -> Iterator[Callable[[Tensor], Tensor]]:
    """The network in eval mode with gradients, of inputs that it cannot change."""
    with eval_mode(model), torch.enable_grad():
        yield lambda images: output_tensor(model(images.clone()))


def _input(image: Tensor) -> Tensor:
    return image.detach().clone().unsqueeze(0).requires_grad_()
