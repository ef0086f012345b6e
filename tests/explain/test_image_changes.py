"""Changes of images: each kind by hand, on a few pixels."""

import pytest
import torch

from cnnlab.explain.image_changes import (
    CHANGES,
    add_noise,
    background,
    rotate,
    scale,
    thicken,
    translate,
)

BLACK, WHITE = torch.zeros(1), torch.ones(1)
PICTURE = torch.tensor([[[[0.1, 0.2, 0.3], [0.4, 0.5, 0.6], [0.7, 0.8, 0.9]]]])


def dot(side: int) -> torch.Tensor:
    image = torch.zeros(1, 1, side, side)
    image[0, 0, side // 2, side // 2] = 1
    return image


def test_translation_is_by_whole_pixels() -> None:
    down_right = translate(PICTURE, 1, 1, BLACK)
    assert (
        down_right.tolist()
        == PICTURE.new_tensor([[[[0, 0, 0], [0, 0.1, 0.2], [0, 0.4, 0.5]]]]).tolist()
    )
    left = translate(PICTURE, 0, -2, WHITE)
    assert left.tolist() == PICTURE.new_tensor([[[[0.3, 1, 1], [0.6, 1, 1], [0.9, 1, 1]]]]).tolist()
    assert translate(PICTURE, 3, 0, BLACK).sum() == 0


def test_rotation_and_scale() -> None:
    torch.testing.assert_close(rotate(PICTURE, 90, BLACK), PICTURE.rot90(1, (2, 3)))
    wide = torch.rand(2, 3, 4, 6)
    torch.testing.assert_close(rotate(wide, 180, torch.rand(3)), wide.flip(2, 3))
    torch.testing.assert_close(scale(wide, 1.0, torch.zeros(3)), wide)
    half = scale(torch.zeros(1, 1, 8, 8), 0.5, WHITE)[0, 0]  # black becomes 4x4 on white
    assert half[2:6, 2:6].sum() == 0
    assert half[[0, 1, 6, 7]].min() == 1
    turned = rotate(PICTURE, -90, BLACK)
    torch.testing.assert_close(turned, PICTURE.rot90(-1, (2, 3)))


def test_thickness_is_dilation_and_erosion() -> None:
    thick = thicken(dot(5), 2, BLACK)
    assert thick[0, 0, 1:4, 1:4].sum() == thick.sum() == 9
    torch.testing.assert_close(thicken(thick, -2, BLACK), dot(5))
    for towards_end, part in ((False, slice(2, 4)), (True, slice(1, 3))):
        found = thicken(dot(5), 1, BLACK, towards_end=towards_end)
        assert found[0, 0, part, part].sum() == found.sum() == 4
    torch.testing.assert_close(thicken(1 - dot(5), 2, WHITE), 1 - thick)  # strokes are dark


def test_noise_has_its_sd_and_is_the_same_again() -> None:
    grey = torch.full((4, 1, 64, 64), 0.5)
    noisy, again = (add_noise(grey, 0.1, torch.Generator().manual_seed(3)) for _ in range(2))
    assert float((noisy - grey).std()) == pytest.approx(0.1, rel=0.03)
    assert torch.equal(noisy, again)
    assert add_noise(grey, 5, torch.Generator()).unique().numel() > 2
    assert (add_noise(grey, 5, torch.Generator()).min(), noisy.max() <= 1) == (0, True)


def test_the_background_is_the_usual_colour_of_the_edges() -> None:
    pixels = torch.full((2, 2, 4, 4), 255, dtype=torch.uint8)
    pixels[:, 1] = torch.arange(16).view(4, 4)  # no colour has half of these edges
    pixels[0, 0, 0, :3] = 7
    assert background(pixels).tolist() == [1, 0]


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_one_size_changes_nothing(change) -> None:
    images = torch.rand(3, 1, 12, 12)
    assert change.unchanged in change.sizes(28)
    assert change.variants(change.unchanged) == 1
    same = change.apply(images, change.unchanged, 0, BLACK, torch.Generator())
    torch.testing.assert_close(same, images)
    for size in change.sizes(28):
        for variant in range(change.variants(size)):
            found = change.apply(images, size, variant, BLACK, torch.Generator())
            assert found.shape == images.shape
            assert found.data_ptr() != images.data_ptr()


def test_sizes_in_pixels_follow_the_side() -> None:
    assert CHANGES["translate"].sizes(28) == [0, 1, 2, 3, 4, 5, 6, 7, 8]
    assert CHANGES["translate"].sizes(224)[-1] == 64
    assert CHANGES["translate"].sizes(4) == [0, 1, 2, 3]
    assert CHANGES["rotate"].sizes(28)[-1] == 90
    assert CHANGES["thickness"].sizes(56) == [-4, -2, 0, 2, 4]
