"""Operations on the colours of images, each image by its own strength, as torchvision's.

All take pixels uint8 (N, C, H, W), C being 1 or 3, and a strength per image, float64 (N,) on the
CPU, where it was drawn: images are sorted by operation without waiting for the device.
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from cnnlab.spec import ImageSpec

Operation = Callable[[Tensor, Tensor], Tensor]
LUMA = (0.2989, 0.587, 0.114)  # of red, green and blue


def refuse_other_channels(spec: ImageSpec) -> None:
    """Refuse images that are neither grey nor red, green and blue.

    Raises:
        ValueError: they are not.
    """
    if spec.channels not in (1, 3):
        raise ValueError(f"images of {spec} have {spec.channels} channels; it takes 1 or 3")


def apply_chosen(
    pixels: Tensor, operations: Sequence[Operation], chosen: Tensor, strength: Tensor
) -> Tensor:
    """Apply to each image the operation that was chosen for it.

    Args:
        chosen: int64 (N,) on the CPU: places in ``operations``.
        strength: float64 (N,) on the CPU.
    """
    order = chosen.argsort(stable=True)
    counts = chosen.bincount(minlength=len(operations)).tolist()
    images = torch.split(pixels.index_select(0, on_device(order, pixels)), counts)
    strengths = torch.split(strength[order], counts)
    changed = [
        operation(part, by)
        for operation, part, by in zip(operations, images, strengths, strict=True)
        if len(part)
    ]
    return torch.cat(changed).index_select(0, on_device(order.argsort(), pixels))


def on_device(values: Tensor, pixels: Tensor) -> Tensor:
    """Values from the CPU on the device of ``pixels``, which is not waited for."""
    return values.to(pixels.device, non_blocking=True)


def per_image(values: Tensor, pixels: Tensor) -> Tensor:
    """float64 (N,) on the CPU as float32 (N, 1, 1, 1) on the device of ``pixels``."""
    return on_device(values.float(), pixels).view(-1, 1, 1, 1)


def blend(pixels: Tensor, other: Tensor, factor: Tensor) -> Tensor:
    """factor * pixels + (1 - factor) * other, cut off at 0 and 255, decimals dropped."""
    own = per_image(factor, pixels) * pixels
    return own.add_(per_image(1 - factor, pixels) * other).clamp_(0, 255).to(torch.uint8)


def identity(pixels: Tensor, _: Tensor) -> Tensor:
    """The images as they are."""
    return pixels


def brightness(pixels: Tensor, factor: Tensor) -> Tensor:
    """Blend with black."""
    return blend(pixels, torch.zeros((), device=pixels.device), factor)


def saturation(pixels: Tensor, factor: Tensor) -> Tensor:
    """Blend with the image in grey; a grey image stays."""
    return pixels if pixels.shape[1] == 1 else blend(pixels, grey(pixels), factor)


def contrast(pixels: Tensor, factor: Tensor) -> Tensor:
    """Blend with the mean grey of the image."""
    return blend(pixels, grey(pixels).float().mean((1, 2, 3), keepdim=True), factor)


def sharpness(pixels: Tensor, factor: Tensor) -> Tensor:
    """Blend with the image smoothed; its border of one pixel stays."""
    channels, height, width = pixels.shape[1:]
    if min(height, width) <= 2:
        return pixels
    kernel = torch.ones(3, 3, device=pixels.device)
    kernel[1, 1] = 5
    kernel = (kernel / 13).expand(channels, 1, 3, 3)
    smooth = pixels.clone()
    inner = F.conv2d(pixels.float(), kernel, groups=channels)
    smooth[..., 1:-1, 1:-1] = inner.round_().to(torch.uint8)
    return blend(pixels, smooth, factor)


def posterize(pixels: Tensor, bits: Tensor) -> Tensor:
    """Keep the ``bits`` highest of eight bits."""
    mask = 256 - 2 ** (8 - bits.long())
    return pixels & on_device(mask.to(torch.uint8), pixels).view(-1, 1, 1, 1)


def solarize(pixels: Tensor, threshold: Tensor) -> Tensor:
    """Invert pixels that are not below the threshold."""
    return torch.where(pixels >= per_image(threshold, pixels), 255 - pixels, pixels)


def autocontrast(pixels: Tensor, _: Tensor) -> Tensor:
    """Stretch each channel linearly from its darkest and lightest pixel to 0 and 255."""
    darkest = pixels.amin((2, 3), keepdim=True).float()
    lightest = pixels.amax((2, 3), keepdim=True).float()
    is_flat = darkest == lightest
    scale = torch.where(is_flat, 1, 255 / (lightest - darkest))
    return ((pixels - darkest.masked_fill(is_flat, 0)) * scale).clamp_(0, 255).to(torch.uint8)


def equalize(pixels: Tensor, _: Tensor) -> Tensor:
    """Make the histogram of each channel level."""
    flat = pixels.flatten(2).flatten(0, 1).int()  # (NC, HW)
    ordered = flat.sort(1).values
    values = torch.arange(256, device=pixels.device, dtype=torch.int32).repeat(len(flat), 1)
    counts = torch.searchsorted(ordered, values, right=True)  # of pixels up to each value
    below_lightest = torch.searchsorted(ordered, ordered[:, -1:].contiguous())
    step = below_lightest // 255
    table = (counts + step // 2) // step.clamp(min=1)
    table = F.pad(table, (1, 0))[:, :-1].clamp_(0, 255)
    table = torch.where(step == 0, values, table)
    return table.gather(1, flat.long()).to(torch.uint8).view_as(pixels)


def grey(pixels: Tensor) -> Tensor:
    """uint8 (N, 1, H, W)."""
    if pixels.shape[1] == 1:
        return pixels
    red, green, blue = pixels.unbind(1)
    luma = LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue
    return luma.to(torch.uint8).unsqueeze(1)
