import math
from unittest.mock import Mock

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torchvision.transforms import RandomResizedCrop
from torchvision.transforms.v2 import functional as reference

from cnnlab.data.dataset import Images
from cnnlab.data.loading.augment import Augment
from cnnlab.data.loading.memory import MemoryBatches
from cnnlab.data.loading.resized_crop import (
    Pictures,
    all_at_once,
    centre_boxes,
    draw_boxes,
    resized_crops,
)
from cnnlab.data.packing.images import PackedImages
from cnnlab.spec import ImageSpec

SCALE = (0.08, 1.0)


def smooth(height: int, width: int) -> Tensor:
    """A picture without edges, uint8 (h, w, 3)."""
    y, x = torch.linspace(0, 3, height).view(-1, 1, 1), torch.linspace(0, 5, width).view(1, -1, 1)
    waves = torch.sin(y + torch.tensor([0.0, 1.0, 2.0])) * torch.cos(x)
    return ((waves + 1) * 127).round().to(torch.uint8)


def stored(*sizes: tuple[int, int]) -> tuple[Pictures, list[Tensor]]:
    pictures = [smooth(*size) for size in sizes]
    counts = torch.tensor([picture.numel() for picture in pictures])
    heights, widths = torch.tensor(sizes).T
    values = torch.cat([picture.flatten() for picture in pictures])
    shorter = max(map(min, sizes))
    offsets = counts.cumsum(0) - counts
    return Pictures(values, offsets, heights, widths, 3, shorter, True), pictures


class Gathered(TorchDispatchMode):
    """Counts the bytes that are gathered."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        found = func(*args, **kwargs or {})
        if func.overloadpacket.__name__ == "index" and found.dtype == torch.uint8:
            self.count += found.numel()
        return found


def test_boxes_are_resized_as_torchvision_does() -> None:
    pictures, each = stored((60, 90), (100, 50), (64, 64))
    rows = torch.tensor([2, 0, 1, 1, 0, 2, 0, 1, 2] * 3)
    torch.manual_seed(0)
    boxes = draw_boxes(pictures.heights[rows], pictures.widths[rows], SCALE)
    cut = resized_crops(pictures, rows, boxes, (56, 48))
    assert cut.shape == (27, 3, 56, 48)
    assert cut.is_contiguous()
    for row, box, found in zip(rows.tolist(), boxes.tolist(), cut, strict=True):
        picture = each[row].permute(2, 0, 1)
        expected = reference.resized_crop(picture, *box, size=[56, 48], antialias=True)
        assert (found.int() - expected.int()).abs().max() <= 1
    # As on a GPU.
    gathered = all_at_once(pictures, rows, boxes, (56, 48))
    assert (gathered.int() - cut.int()).abs().max() <= 1
    picked = all_at_once(pictures.pick(rows), torch.arange(27), boxes, (56, 48))
    assert torch.equal(picked, gathered)


def test_boxes_are_mirrored() -> None:
    pictures, _ = stored((60, 90), (100, 50), (48, 56))
    rows = torch.arange(3).repeat(8)
    torch.manual_seed(0)
    boxes = draw_boxes(pictures.heights[rows], pictures.widths[rows], SCALE)
    boxes[2] = torch.tensor([0, 0, 48, 56])  # as large as what is asked for
    mirrored = torch.rand(24) < 0.5
    mirrored[2] = True
    plain = resized_crops(pictures, rows, boxes, (48, 56))
    flipped = resized_crops(pictures, rows, boxes, (48, 56), mirrored)
    assert torch.equal(flipped, torch.where(mirrored.view(-1, 1, 1, 1), plain.flip(3), plain))


def test_boxes_of_the_size_itself_are_gathered_once() -> None:
    pictures, _ = stored((60, 90), (100, 50), (64, 64))
    rows, size = torch.tensor([2, 0, 1, 1]), (48, 40)
    boxes = centre_boxes(pictures.heights[rows], pictures.widths[rows], size)
    expected = resized_crops(pictures, rows, boxes, size)
    assert torch.equal(all_at_once(pictures, rows, boxes, size, exact=True), expected)
    assert torch.equal(all_at_once(pictures, rows, boxes, size), expected)
    elsewhere = pictures.to("meta")
    images = PackedImages(Mock(), rows.to("meta"), rows.to("meta"), 48, elsewhere)
    assert images.to("meta") is images
    with Gathered() as gathered:
        assert images.read(torch.arange(4, device="meta")).shape == (4, 3, 48, 48)
    assert gathered.count == 4 * 3 * 48 * 48  # as many as there are


def test_images_of_one_size_are_pictures_too() -> None:
    pixels = torch.stack([smooth(40, 40).permute(2, 0, 1), smooth(40, 40).permute(2, 0, 1).flip(2)])
    pictures, rows = Pictures.of(pixels), torch.tensor([1, 0])
    boxes = torch.tensor([[3, 5, 30, 20], [0, 0, 40, 40]])
    cut = resized_crops(pictures, rows, boxes, (40, 40))
    assert torch.equal(cut[1], pixels[0])
    assert (all_at_once(pictures, rows, boxes, (40, 40)).int() - cut.int()).abs().max() <= 1
    grey = Pictures.of(pixels[:, :1].contiguous())
    one = resized_crops(grey, rows, boxes, (40, 40))
    assert (one.int() - cut[:, :1].int()).abs().max() <= 1


def test_boxes_are_drawn_as_torchvision_draws_them() -> None:
    height, width, count = 50, 80, 2000
    torch.manual_seed(0)
    picture = torch.empty(3, height, width)
    scale, ratio = list(SCALE), [3 / 4, 4 / 3]
    drawn = [RandomResizedCrop.get_params(picture, scale, ratio) for _ in range(count)]
    expected = torch.tensor(drawn).double()
    full = torch.ones(count, dtype=torch.int64)
    boxes = draw_boxes(full * height, full * width, SCALE).double()
    error = 4 * expected.std(0) / math.sqrt(count)
    assert ((boxes.mean(0) - expected.mean(0)).abs() < 2 * error).all()
    assert ((boxes.std(0) - expected.std(0)).abs() < 2 * error).all()
    top, left, high, wide = boxes.unbind(1)
    assert (top >= 0).all()
    assert (left >= 0).all()
    assert (top + high <= height).all()
    assert (left + wide <= width).all()
    assert (top + high == height).any()
    assert (left == 0).any()


def test_a_long_picture_gives_its_centre() -> None:
    boxes = draw_boxes(torch.tensor([10, 1000]), torch.tensor([1000, 10]), (0.9, 1.0))
    assert boxes.tolist() == [[0, 493, 10, 13], [493, 0, 13, 10]]  # as torchvision's
    centre = centre_boxes(torch.tensor([10]), torch.tensor([13]), (8, 8))
    assert centre.tolist() == [[1, 2, 8, 8]]


def test_as_an_augmentation_of_any_data_set() -> None:
    pixels = torch.arange(256, dtype=torch.uint8).repeat(24).view(24, 1, 16, 16)
    spec = ImageSpec(1, 16, 16, 2)
    augment = Augment(random_resized_crop=(0.25, 0.25))
    batches = MemoryBatches(Images(pixels, torch.zeros(24)), spec, "cpu", augment)
    torch.manual_seed(0)
    inputs, _ = batches(torch.arange(24))
    assert inputs.shape == (24, 1, 16, 16)
    # A quarter of the area spans about half of the 16 rows, which differ by 16 grey levels each.
    spans = 255 * (inputs.amax((1, 2, 3)) - inputs.amin((1, 2, 3)))
    assert spans.min() > 95
    assert spans.max() < 170
    torch.manual_seed(0)
    assert torch.equal(batches(torch.arange(24))[0], inputs)


@pytest.mark.parametrize("scale", [(0.0, 1.0), (0.5, 0.4), (0.5, 1.5)])
def test_an_area_outside_of_the_image_is_refused(scale: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match=r"random_resized_crop=\[.*\]: give the smallest"):
        Augment(random_resized_crop=scale)


def test_half_of_the_crops_are_mirrored() -> None:
    pixels = torch.arange(16, dtype=torch.uint8).mul(16).expand(2000, 1, 16, 16).contiguous()
    augment = Augment(random_resized_crop=(0.25, 1.0), flip=True)
    images = Images(pixels, torch.zeros(2000))
    batches = MemoryBatches(images, ImageSpec(1, 16, 16, 2), "cpu", augment)
    torch.manual_seed(0)
    inputs, _ = batches(torch.arange(2000))
    falling = (inputs[..., 0] > inputs[..., -1]).flatten(1)
    assert torch.equal(falling.all(1), falling.any(1))
    assert abs(int(falling.all(1).sum()) - 1000) < 90
