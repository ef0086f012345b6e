"""The recipe of cifar10_94 as a bare loop: plain torch and images on the device.

The reference for its speed and for its accuracy. It shares the network and the images with the
ordinary command, and none of its loop, its data path or its optimiser. Like the author's script
it normalises and pads all images once, and crops a whole epoch at a time.
"""

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnnlab.bench.timing import now
from cnnlab.data.dataset import Images
from cnnlab.models import Airbench
from cnnlab.spec import ImageSpec

PADDING = 2  # pixels that images are moved by, at most
WHITENED = 5000  # images


def train(
    images: Images,
    spec: ImageSpec,
    *,
    widths: tuple[int, int, int],
    epochs: int,
    batch_size: int,
    label_smoothing: float,
    options: Mapping[str, Any],
    seed: int,
    device: torch.device,
    dtype: torch.dtype,
) -> tuple[nn.Module, float]:
    """Train on images that are on ``device``, in ``dtype`` by autocast.

    Args:
        options: the recipe's of Muon.

    Returns:
        the network, and seconds from its untrained weights to the last step.
    """
    torch.manual_seed(seed)
    torch.backends.cudnn.benchmark = True
    model = Airbench(spec, widths=widths).to(device, memory_format=torch.channels_last)
    begin = now(device)
    inputs = normalised(images.pixels, spec, dtype)
    model.whiten.init_from_images(inputs[:WHITENED].float())
    padded = F.pad(inputs, (PADDING,) * 4, "reflect")
    mirrored = torch.rand(len(inputs), device=device) < 0.5
    kernels = [p for p in model.parameters() if p.ndim == 4 and p.requires_grad]
    velocities = [torch.zeros_like(kernel) for kernel in kernels]
    biases = [p for p in model.parameters() if p.ndim == 1 and p.requires_grad]
    lr, decay = options["sgd_lr"], options["sgd_weight_decay"]
    (factor,) = options["lr_factors"].values()  # of the last layer
    head = {"lr": lr * factor, "weight_decay": decay / factor}
    sgd = torch.optim.SGD(
        [{"params": biases}, {"params": [model.classifier.weight], **head}],
        lr=lr,
        weight_decay=decay,
        momentum=options["sgd_momentum"],
        nesterov=True,
        fused=True,
    )
    rates = [group["lr"] for group in sgd.param_groups]
    steps = len(inputs) // batch_size
    model.train()
    for epoch in range(epochs):
        views = cropped(padded, spec.height)
        if epoch:
            mirrored = ~mirrored
        views = torch.where(mirrored.view(-1, 1, 1, 1), views.flip(3), views)
        order = torch.randperm(len(inputs), device=device)
        for step, batch in enumerate(order[: steps * batch_size].view(steps, batch_size)):
            with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
                logits = model(views[batch])
                loss = F.cross_entropy(
                    logits, images.labels[batch], label_smoothing=label_smoothing
                )
            model.zero_grad()
            loss.backward()
            left = 1 - (epoch * steps + step) / (epochs * steps)
            for group, rate in zip(sgd.param_groups, rates, strict=True):
                group["lr"] = rate * left
            sgd.step()
            muon(kernels, velocities, options, left, dtype)
    return model, now(device) - begin


def normalised(pixels: Tensor, spec: ImageSpec, dtype: torch.dtype) -> Tensor:
    """uint8 (N, C, H, W) -> (N, C, H, W) in ``dtype``, channels_last."""
    mean, std = (
        torch.tensor(values, device=pixels.device).view(1, -1, 1, 1)
        for values in spec.normalisation()
    )
    parts = [(part / 255 - mean) / std for part in pixels.split(5000)]
    return torch.cat([part.to(dtype) for part in parts]).to(memory_format=torch.channels_last)


def cropped(padded: Tensor, size: int) -> Tensor:
    """A window of each image at random: (N, C, H, W) -> (N, C, size, size)."""
    views = padded.new_empty(len(padded), padded.shape[1], size, size)
    views = views.to(memory_format=torch.channels_last)
    corners = torch.randint(2 * PADDING + 1, (2, len(padded)), device=padded.device)
    for top in range(2 * PADDING + 1):
        for left in range(2 * PADDING + 1):
            here = (corners[0] == top) & (corners[1] == left)
            views[here] = padded[here, :, top : top + size, left : left + size]
    return views


@torch.no_grad()
def muon(
    kernels: list[nn.Parameter],
    velocities: list[Tensor],
    options: Mapping[str, Any],
    factor: float,
    dtype: torch.dtype,
) -> None:
    """A step of Muon with normalised weights, kernel by kernel, at ``factor`` of its rate."""
    momentum = options["momentum"]
    for kernel, velocity in zip(kernels, velocities, strict=True):
        velocity.mul_(momentum).add_(kernel.grad)
        x = kernel.grad.add(velocity, alpha=momentum).flatten(1).to(dtype)
        x = x / (x.norm() + 1e-7)
        x = x.T if x.shape[0] > x.shape[1] else x
        for _ in range(options["ns_steps"]):
            gram = x @ x.T
            x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
        x = x.T if kernel.shape[0] > kernel[0].numel() else x
        kernel.mul_(len(kernel) ** 0.5 / kernel.norm())
        kernel.add_(x.view(kernel.shape), alpha=-factor * options["lr"])


@torch.no_grad()
def accuracy(model: nn.Module, images: Images, spec: ImageSpec, dtype: torch.dtype) -> float:
    """The share of right answers, as the mean of six views of each image."""
    model.eval()
    device, right = images.pixels.device, 0
    inputs = normalised(images.pixels, spec, dtype)
    for views, labels in zip(inputs.split(2000), images.labels.split(2000), strict=True):
        edges = F.pad(views, (1,) * 4, "reflect")
        size = spec.height
        moved = [edges[:, :, at : at + size, at : at + size] for at in (0, 2)]
        with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            outputs = sum(
                weight * (model(view) + model(view.flip(3)))
                for weight, view in zip((0.25, 0.125, 0.125), (views, *moved), strict=True)
            )
        right += (outputs.argmax(1) == labels).sum()
    return int(right) / len(images)
