"""Crops out of reflected padding, against torch's own padding of whole images."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from cnnlab.data.loading.augment import Augment, augment_batch
from cnnlab.data.loading.crop import copied_windows, crop, gathered_windows


def images(count: int, height: int = 7, width: int = 5) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    size = (count, 2, height, width)
    return torch.randint(1, 256, size, generator=generator, dtype=torch.uint8)


@pytest.mark.parametrize(("height", "width", "padding"), [(7, 5, 3), (7, 5, 4), (2, 9, 1)])
def test_reflected_crops_equal_slices_of_the_reflected_image(height, width, padding) -> None:
    pixels, places = images(50, height=height, width=width), 2 * padding + 1
    top, left = torch.randint(places, (2, 50))
    mirrored = torch.rand(50) < 0.5
    cropped = crop(pixels, padding, top, left, mirrored, "reflect")
    padded = F.pad(pixels.float(), (padding,) * 4, mode="reflect").to(torch.uint8)
    for i in range(50):
        y, x = int(top[i]), int(left[i])
        window = padded[i, :, y : y + height, x : x + width]
        assert torch.equal(cropped[i], window.flip(2) if mirrored[i] else window)


def test_windows_are_the_same_copied_and_gathered() -> None:
    pixels = images(50)
    top, left = torch.randint(3, (50,)), torch.randint(2, (50,))
    copied = copied_windows(pixels, top, left, (5, 4))
    assert copied.shape == (50, 2, 5, 4)
    assert torch.equal(copied, gathered_windows(pixels, top, left, (5, 4)))


def test_reflection_beyond_the_image_goes_back_and_forth() -> None:
    pixels = torch.tensor([[[[1, 2, 3]], [[4, 5, 6]]]], dtype=torch.uint8)
    far = crop(pixels, 4, torch.tensor([0]), torch.tensor([0]), mode="reflect")
    assert far.tolist() == [[[[1, 2, 3]], [[4, 5, 6]]]]  # one whole period to the left
    near = crop(pixels, 1, torch.tensor([2]), torch.tensor([2]), mode="reflect")
    assert near.tolist() == [[[[2, 3, 2]], [[5, 6, 5]]]]


def test_the_padding_is_an_option_and_black_by_default() -> None:
    pixels, labels = images(200), torch.zeros(200, dtype=torch.int64)
    torch.manual_seed(0)
    black, _ = augment_batch(pixels, labels, Augment(crop=2), Tensor.float, num_classes=4)
    torch.manual_seed(0)
    augment = Augment(crop=2, padding="reflect")
    reflected, _ = augment_batch(pixels, labels, augment, Tensor.float, num_classes=4)
    assert reflected.min() >= 1  # no pixel is black
    inside = black > 0
    assert 0 < (~inside).sum() < inside.sum()
    assert torch.equal(black[inside], reflected[inside])  # the same windows
