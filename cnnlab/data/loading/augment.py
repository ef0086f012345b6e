"""Random augmentation of training images, whole batches at a time on the training device.

All random numbers come from torch's global generator of that device, so that seeding it per step
makes the augmentation a function of the step. Nothing here synchronises with the device. Registered
augmentations (``augment=[...]``) are in data/augmentations; they may draw on the CPU as well.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Literal

import torch
from torch import Tensor
from torch.distributions import Beta

from cnnlab.data.loading.crop import Padding, crop, mirror
from cnnlab.data.loading.normalise import Normalise
from cnnlab.registry import Flags, Range

BatchAugmentation = Callable[[Tensor], Tensor]  # uint8 (N, C, H, W) -> the same; may change it

MAX_ALPHA = 1000  # of Beta(alpha, alpha), which is 0.5 from then on


@dataclass(frozen=True)
class Augment:
    """Random changes of the training images; each is off by default.

    Args:
        crop: pixels of padding on each side, before an H x W window is cropped at random.
        padding: what crops are padded with: black, or reflect, which mirrors the image at its edge
            (Zagoruyko & Komodakis 2016).
        flip: mirror each image left to right with probability 0.5; alternating: in every other
            epoch, half of the images in the first (Jordan 2024).
        cutout: side, in pixels, of a square set to the mean (DeVries & Taylor 2017); its centre
            is anywhere in the image, so it may be cut off at a border. 0 is off.
        mixup: alpha of Beta(alpha, alpha), the distribution of lambda, the weight of an image
            blended with another (Zhang et al. 2018). 0 is off.
        cutmix: alpha of Beta(alpha, alpha), the distribution of lambda, the fraction of an image's
            area that remains when a box of another is pasted into it (Yun et al. 2019). 0 is off.
            With mixup on as well, one of the two is drawn for each image.
        color: standard deviation of three random numbers per image, whose products with the
            principal components of ImageNet's colours are added to its pixels (Krizhevsky et al.
            2012, section 4.1: 0.1). For images of red, green and blue. 0 is off.
        random_resized_crop: smallest and largest area of a box, as a fraction of the image, that
            is cut out at random, 3/4 to 4/3 times as wide as high, and resized to the whole
            (Szegedy et al. 2015: [0.08,1]), before all other augmentations. null is off.

    Raises:
        ValueError: a padding without crops; an area that is not within the image.
    """

    crop: Annotated[int, Range(at_least=0)] = 0
    flip: bool | Literal["alternating"] = False
    cutout: Annotated[int, Range(at_least=0)] = 0
    mixup: Annotated[float, Range(at_least=0, at_most=MAX_ALPHA)] = 0.0
    cutmix: Annotated[float, Range(at_least=0, at_most=MAX_ALPHA)] = 0.0
    color: Annotated[float, Range(at_least=0, at_most=10)] = 0.0
    padding: Annotated[Padding, Flags(neutral="black")] = "black"
    random_resized_crop: Annotated[tuple[float, float] | None, Flags(neutral=None)] = None

    def __post_init__(self) -> None:
        area = self.random_resized_crop
        if area is not None and not 0 < area[0] <= area[1] <= 1:
            raise ValueError(
                f"random_resized_crop=[{area[0]:g},{area[1]:g}]: give the smallest and the largest "
                "area, above 0 and at most 1"
            )
        if self.padding != "black" and not self.crop:
            raise ValueError(f"padding={self.padding} needs crop above 0, not crop=0")


NO_AUGMENT = Augment()

# Of the covariance of red, green and blue, in 0..1, over ImageNet's training images, as facebook's
# fb.resnet.torch (datasets/imagenet.lua) has them: eigenvalues, and eigenvectors as columns.
EIGENVALUES = (0.2175, 0.0188, 0.0045)
EIGENVECTORS = (
    (-0.5675, 0.7192, 0.4009),
    (-0.5808, -0.0045, -0.8140),
    (-0.5836, -0.6948, 0.4203),
)


def augment_batch(
    pixels: Tensor,
    labels: Tensor,
    augment: Augment,
    normalise: Normalise,
    num_classes: int,
    registered: Sequence[BatchAugmentation] = (),
    mirrored: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Crop and flip pixels, apply what is registered, normalise, shift colours, cut out and mix.

    Args:
        pixels: uint8 (N, C, H, W).
        labels: int64 (N,).
        normalise: uint8 -> float32 of the same shape, with ``scale`` as the factor per channel.
        mirrored: bool (N,), which images an alternating flip mirrors.

    Returns:
        inputs, float32 (N, C, H, W), and targets: the labels (N,), or with mixup or cutmix the
        weight of each class, float32 (N, K), rows summing to 1.
    """
    count, device = len(pixels), pixels.device
    if augment.flip is True:
        mirrored = torch.rand(count, device=device) < 0.5
    if augment.crop:
        top, left = torch.randint(2 * augment.crop + 1, (2, count), device=device)
        pixels = crop(pixels, augment.crop, top, left, mirrored, augment.padding)
    elif mirrored is not None:
        pixels = mirror(pixels, mirrored)
    for augmentation in registered:
        pixels = augmentation(pixels)
    inputs = normalise(pixels)
    if augment.color:
        drawn = augment.color * torch.randn(count, 3, device=device)
        inputs += 255 * normalise.scale * color_shift(drawn)
    if augment.cutout:
        inputs.mul_(_outside_squares(inputs, augment.cutout, torch.rand(2, count, device=device)))
    if augment.mixup or augment.cutmix:
        return mix(inputs, labels, mix_lambda(inputs, augment), num_classes)
    return inputs, labels


def color_shift(drawn: Tensor) -> Tensor:
    """What to add to red, green and blue, in 0..1, for random numbers (N, 3): (N, 3, 1, 1)."""
    return (drawn @ _color_components(drawn.device)).view(-1, 3, 1, 1)


@cache
def _color_components(device: torch.device) -> Tensor:
    """Rows are eigenvectors times their eigenvalues; copied to a device once, not at every step."""
    return (torch.tensor(EIGENVECTORS) * torch.tensor(EIGENVALUES)).T.to(device)


def box(size: torch.Size, centre: Tensor, height: Tensor, width: Tensor) -> Tensor:
    """Boxes of given heights and widths round random pixels, cut off at the borders.

    Args:
        size: (H, W).
        centre: (2, N) in [0, 1): row and column, as a fraction of H and W.
        height, width: int64 (N,), pixels.

    Returns:
        bool (N, 1, H, W), true inside.
    """

    rows, columns = side_of_box(size[0], centre[0], height), side_of_box(size[1], centre[1], width)
    return (rows.unsqueeze(2) & columns.unsqueeze(1)).unsqueeze(1)


def side_of_box(length: int, at: Tensor, extent: Tensor) -> Tensor:
    """Which positions of a line of pixels a box covers: bool (N, length).

    Args:
        at: (N,) in [0, 1): its centre, as a fraction of the length.
        extent: int64 (N,), pixels.
    """
    start = (at * length).long() - extent // 2
    position = torch.arange(length, device=at.device)
    return (position >= start.unsqueeze(1)) & (position < (start + extent).unsqueeze(1))


def _outside_squares(inputs: Tensor, side: int, centre: Tensor) -> Tensor:
    """1 outside squares round random pixels, 0 inside: float32 (N, 1, H, W).

    As ``box`` has them, with fewer operations: what a line of pixels shows depends on the centre's
    position in it alone.
    """
    rows, columns = (
        _outside(length, side, inputs.device).index_select(0, (at * length).long())
        for length, at in zip(inputs.shape[2:], centre, strict=True)
    )
    return torch.maximum(rows.unsqueeze(2), columns.unsqueeze(1)).unsqueeze(1)


@cache
def _outside(length: int, side: int, device: torch.device) -> Tensor:
    """For each centre the positions of a line outside a square: float32 (length, length)."""
    centres = (torch.arange(length) + 0.5) / length
    covered = side_of_box(length, centres, torch.full((length,), side))
    return (~covered).float().to(device)


def mix_lambda(inputs: Tensor, augment: Augment) -> Tensor:
    """Draw the weight of each image's own pixels: (N, 1, 1, 1) or (N, 1, H, W), in 0..1.

    Mixup has one weight for the whole image; cutmix has 1 outside a box and 0 inside.
    """
    count, device = len(inputs), inputs.device

    def draw(alpha: float) -> Tensor:
        concentration = torch.full((count,), alpha, device=device)
        return Beta(concentration, concentration, validate_args=False).sample()

    if not augment.cutmix:
        return draw(augment.mixup).view(-1, 1, 1, 1)
    side = (1 - draw(augment.cutmix)).sqrt()
    size = inputs.shape[2:]
    centre = torch.rand(2, count, device=device)
    pasted = box(size, centre, (side * size[0]).long(), (side * size[1]).long())
    if not augment.mixup:
        return (~pasted).float()
    blended = draw(augment.mixup).view(-1, 1, 1, 1)
    chosen = torch.rand(count, device=device).view(-1, 1, 1, 1) < 0.5
    return torch.where(chosen, blended, (~pasted).float())


def mix(inputs: Tensor, labels: Tensor, lam: Tensor, num_classes: int) -> tuple[Tensor, Tensor]:
    """Blend each image, and its target, with another of the batch.

    Args:
        inputs: (N, C, H, W).
        labels: int64 (N,).
        lam: weight of each image's own pixels, (N, 1, 1, 1) or (N, 1, H, W).

    Returns:
        (N, C, H, W) and float32 (N, K): classes weighted by the mean ``lam`` of their image.
    """
    partner = torch.randperm(len(inputs), device=inputs.device)
    classes = torch.arange(num_classes, device=labels.device)
    targets = (labels.unsqueeze(1) == classes).float()  # (N, K)
    own = lam.mean(dim=(1, 2, 3)).unsqueeze(1)  # (N, 1)
    return (
        torch.lerp(inputs.index_select(0, partner), inputs, lam),
        torch.lerp(targets.index_select(0, partner), targets, own),
    )
