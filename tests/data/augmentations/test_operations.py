"""Each operation equals torchvision's function, image by image, at strengths of their own."""

import math
from collections.abc import Callable

import pytest
import torch
import torchvision.transforms.functional as tv
from torch import Tensor

from cnnlab.data.augmentations import operations, warp
from cnnlab.data.augmentations.color_jitter import ColorJitter
from cnnlab.data.augmentations.hue import hue
from cnnlab.data.augmentations.operations import apply_chosen
from cnnlab.data.augmentations.policies import OPERATIONS, RandAugment, TrivialAugment
from cnnlab.data.augmentations.random_erasing import RandomErasing
from cnnlab.spec import ImageSpec

SPEC = ImageSpec(3, 20, 23, 4, mean=(0.2, 0.5, 0.7))
COUNT = 12


def images(channels: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    noise = torch.randint(256, (COUNT, channels, 20, 23), generator=generator)
    noise[1] = noise[1] // 4 + 60  # of little contrast
    noise[2] = 77  # of none
    noise[3, :, :, 3:] = noise[3, :1, :, 3:]  # partly grey
    return noise.to(torch.uint8)


def affine(image: Tensor, *, move=(0, 0), shear=(0.0, 0.0), center=None) -> Tensor:
    degrees = [math.degrees(math.atan(slope)) for slope in shear]
    return tv.affine(image, 0.0, list(move), 1.0, degrees, center=center)


SPREAD = torch.linspace(-1, 1, COUNT, dtype=torch.float64)
FACTORS = 1 + 0.95 * SPREAD
BITS = torch.arange(COUNT) % 9
CASES: dict[str, tuple[Callable, Tensor, Callable]] = {
    "brightness": (operations.brightness, FACTORS, tv.adjust_brightness),
    "saturation": (operations.saturation, FACTORS, tv.adjust_saturation),
    "contrast": (operations.contrast, FACTORS, tv.adjust_contrast),
    "sharpness": (operations.sharpness, FACTORS, tv.adjust_sharpness),
    "posterize": (operations.posterize, BITS, lambda x, bits: tv.posterize(x, int(bits))),
    "solarize": (operations.solarize, 127.5 * (1 + SPREAD), tv.solarize),
    "autocontrast": (operations.autocontrast, SPREAD, lambda x, _: tv.autocontrast(x)),
    "equalize": (operations.equalize, SPREAD, lambda x, _: tv.equalize(x)),
    "hue": (hue, SPREAD / 2, tv.adjust_hue),
    "rotate": (warp.rotate, 135 * SPREAD, tv.rotate),
    "shear_x": (warp.shear_x, SPREAD, lambda x, s: affine(x, shear=(s, 0), center=[0, 0])),
    "shear_y": (warp.shear_y, SPREAD, lambda x, s: affine(x, shear=(0, s), center=[0, 0])),
    "translate_x": (warp.translate_x, 16 * SPREAD, lambda x, s: affine(x, move=(int(s), 0))),
    "translate_y": (warp.translate_y, 16 * SPREAD, lambda x, s: affine(x, move=(0, int(s)))),
}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", CASES)
def test_it_is_torchvisions(name: str, channels: int) -> None:
    """To the last bit, but where float32 sums in another order: there by 1, or a pixel's tie."""
    operation, strength, reference = CASES[name]
    pixels = images(channels)
    ours = operation(pixels, strength).int()
    theirs = torch.stack(
        [reference(image, by) for image, by in zip(pixels, strength.tolist(), strict=True)]
    ).int()
    if name in ("hue", "contrast"):
        assert (ours - theirs).abs().max() <= 1
        assert (ours != theirs).float().mean() < 0.01
    elif name in ("rotate", "shear_x", "shear_y"):
        assert (ours != theirs).float().mean() < 0.01
    else:
        assert torch.equal(ours, theirs)


def test_each_image_gets_the_operation_chosen_for_it() -> None:
    pixels = images()
    chosen, by = torch.tensor([2, 0, 1, 2, 2, 0] * 2), torch.full((COUNT,), 2.0).double()
    parts = [operations.identity, operations.brightness, warp.translate_x]
    changed = apply_chosen(pixels, parts, chosen, by)
    for i, place in enumerate(chosen):
        assert torch.equal(changed[i], parts[place](pixels[i : i + 1], by[i : i + 1])[0])


@pytest.mark.parametrize("magnitude", [0, 9, 13, 30])
@pytest.mark.parametrize("make", [RandAugment, TrivialAugment])
def test_strengths_are_torchvisions(make, magnitude: int) -> None:
    """torchvision/transforms/autoaugment.py, _augmentation_space of each."""
    made, wide = make(SPEC), make is TrivialAugment
    m = magnitude / 30
    slope, blend, turn = (0.99, 0.99, 135) if wide else (0.3, 0.9, 30)
    across, down = (32, 32) if wide else (150 / 331 * 23, 150 / 331 * 20)
    bits = 8 - int(torch.tensor(magnitude / (30 / (6 if wide else 4))).round())
    expected = {
        "identity": 0,
        "shear_x": m * slope,
        "shear_y": m * slope,
        "translate_x": m * across,
        "translate_y": m * down,
        "rotate": m * turn,
        **dict.fromkeys(("brightness", "color", "contrast", "sharpness"), m * blend),
        "posterize": bits,
        "solarize": 255 * (1 - m),
        "autocontrast": 0,
        "equalize": 0,
    }
    assert list(OPERATIONS) == list(expected)
    assert made.table[:, magnitude].tolist() == pytest.approx(list(expected.values()))


def test_a_drawn_policy_is_torchvisions_functions_one_after_another() -> None:
    pixels, made = images(), RandAugment(SPEC)
    chosen = torch.arange(COUNT) + 2
    is_negative = torch.arange(COUNT) % 2 == 0
    magnitude = torch.full((COUNT,), 20)
    changed = made.apply_drawn(pixels, chosen, magnitude, is_negative)
    names = [list(OPERATIONS)[place] for place in chosen]
    assert names[3:5] == ["rotate", "brightness"]
    rotated = tv.rotate(pixels[3], 20.0)  # 20 of 30 magnitudes, of 30 degrees
    assert (changed[3] != rotated).float().mean() < 0.01
    assert torch.equal(changed[4], tv.adjust_brightness(pixels[4], 1 - 0.6))
    assert torch.equal(changed[8], tv.posterize(pixels[8], 5))  # 8 - round(4 * 2 / 3)
    assert torch.equal(changed[9], tv.solarize(pixels[9], 85.0))


def test_jitter_draws_in_its_ranges_and_in_every_order() -> None:
    torch.manual_seed(0)
    grey = torch.full((4000, 3, 2, 2), 100, dtype=torch.uint8)
    jittered = ColorJitter(SPEC, brightness=0.4, contrast=0, saturation=0, hue=0)(grey)
    assert (jittered.min(), jittered.max()) == (60, 139)  # decimals are dropped
    assert abs(float(jittered.float().mean()) - 99.5) < 1
    assert torch.equal(jittered[:, :1, :1, :1].expand_as(jittered), jittered)
    # A dark and a light pixel: brightness 2 cuts off before contrast 0 averages, or after
    pair = torch.tensor([50, 250], dtype=torch.uint8).view(1, 1, 1, 2).expand(400, 1, 1, 2)
    made = ColorJitter(ImageSpec(1, 1, 2, 2), brightness=1, contrast=1, saturation=0, hue=0)
    made.low = made.high = torch.tensor([2.0, 0.0]).double()
    found = {tuple(row) for row in made(pair.contiguous()).flatten(1).tolist()}
    assert found == {(177, 177), (255, 255)}


def test_erased_rectangles_are_those_of_the_paper() -> None:
    torch.manual_seed(0)
    pixels = torch.zeros(6000, 1, 32, 32, dtype=torch.uint8)
    made = RandomErasing(ImageSpec(1, 32, 32, 2), p=0.75)
    erased = made.rectangles(pixels).squeeze(1)
    rows, columns = erased.any(2).sum(1), erased.any(1).sum(1)
    area = erased.flatten(1).sum(1)
    assert torch.equal(area, rows * columns)  # one whole rectangle
    hit = area > 0
    assert abs(float(hit.float().mean()) - 0.75) < 0.025
    share, ratio = area[hit] / 1024, rows[hit] / columns[hit]
    assert (share.min() >= 0.015) & (share.max() <= 0.345)  # sides are rounded
    assert abs(float(share.mean()) - 0.175) < 0.01
    assert (ratio.min() > 0.22) & (ratio.max() < 4.5)
    assert abs(float(ratio.log().mean())) < 0.05  # tall as often as wide
    assert erased.any(0).all()  # every place


def test_erasing_fills_what_it_says_and_nothing_else() -> None:
    pixels = images()
    for fill, expected in (("black", (0, 0, 0)), ("mean", (51, 128, 178))):
        torch.manual_seed(1)
        made = RandomErasing(SPEC, p=1, fill=fill)
        changed = made(pixels)
        torch.manual_seed(1)
        erased = made.rectangles(pixels).expand_as(pixels)
        assert torch.equal(changed[~erased], pixels[~erased])
        color = torch.tensor(expected, dtype=torch.uint8).view(1, 3, 1, 1).expand_as(pixels)
        assert torch.equal(changed[erased], color[erased])
        top, left = erased[0, 0].nonzero()[0].tolist()
        height, width = erased[0, 0].any(1).sum(), erased[0, 0].any(0).sum()
        by_hand = tv.erase(pixels[0], top, left, height, width, color[0, :, :1, :1])
        assert torch.equal(changed[0], by_hand)


@pytest.mark.parametrize("make", [RandAugment, TrivialAugment, ColorJitter, RandomErasing])
def test_the_seed_decides_and_images_differ(make) -> None:
    pixels = images()[:1].expand(64, 3, 20, 23)
    made = make(SPEC)

    def drawn(seed: int) -> Tensor:
        torch.manual_seed(seed)
        return made(pixels.clone())

    assert torch.equal(drawn(1), drawn(1))
    assert not torch.equal(drawn(1), drawn(2))
    assert len({image.numpy().tobytes() for image in drawn(1)}) > 15
    assert drawn(1).dtype == torch.uint8
    if make is not RandomErasing:
        with pytest.raises(ValueError, match="have 2 channels"):
            make(ImageSpec(2, 20, 23, 4))
