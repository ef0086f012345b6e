import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from cnnlab.config.check import check
from cnnlab.data.loading.augment import (
    EIGENVECTORS,
    NO_AUGMENT,
    Augment,
    augment_batch,
    box,
    color_shift,
    mix,
    mix_lambda,
)
from cnnlab.data.loading.crop import crop
from cnnlab.data.loading.normalise import Normalise
from cnnlab.registry import CnnlabError
from cnnlab.spec import ImageSpec


def as_float(pixels: Tensor) -> Tensor:
    """Stands for normalisation."""
    return pixels.float()


def images(count: int, channels: int = 2, height: int = 7, width: int = 5) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    size = (count, channels, height, width)
    return torch.randint(1, 256, size, generator=generator, dtype=torch.uint8)


def run(augment: Augment, pixels: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
    labels = torch.zeros(len(pixels), dtype=torch.int64) if labels is None else labels
    return augment_batch(pixels, labels, augment, as_float, num_classes=4)


def test_crop_equals_slicing_the_padded_image() -> None:
    pixels, padding = images(50), 3
    top, left = torch.randint(7, (2, 50))
    mirrored = torch.rand(50) < 0.5
    cropped = crop(pixels, padding, top, left, mirrored)
    padded = F.pad(pixels, (3, 3, 3, 3))
    for i in range(50):
        y, x = int(top[i]), int(left[i])
        window = padded[i, :, y : y + 7, x : x + 5]
        assert torch.equal(cropped[i], window.flip(2) if mirrored[i] else window)


def test_crop_of_a_known_image() -> None:
    pixels = torch.tensor([[[[1, 2], [3, 4]]]], dtype=torch.uint8)
    moved = crop(pixels, 1, torch.tensor([2]), torch.tensor([1]))  # window one pixel down
    assert moved.tolist() == [[[[3, 4], [0, 0]]]]


def test_crop_draws_every_offset_alike_and_rows_and_columns_apart() -> None:
    pixels = torch.zeros(9000, 1, 5, 5, dtype=torch.uint8)
    pixels[:, :, 2, 2] = 1
    torch.manual_seed(0)
    where = run(Augment(crop=1), pixels)[0].sum(0).squeeze()
    assert where.sum() == 9000
    assert where[1:4, 1:4].sub(1000).abs().max() < 130  # 4 standard deviations of a binomial


def test_flip_mirrors_half_of_the_images() -> None:
    pixels = images(4000, 1, 2, 3)
    torch.manual_seed(0)
    flipped, labels = run(Augment(flip=True), pixels)
    same = (flipped == pixels).flatten(1).all(1)
    mirrored = (flipped == pixels.flip(3)).flatten(1).all(1)
    assert (same | mirrored).all()
    assert abs(int(mirrored.sum()) - 2000) < 130
    assert labels.dtype == torch.int64


def test_box_equals_cutting_by_hand() -> None:
    """As in the code of DeVries & Taylor: a square about a pixel, clipped at the borders."""
    torch.manual_seed(0)
    centre = torch.rand(2, 60)
    side = torch.randint(0, 9, (60,))
    boxes = box(torch.Size((7, 5)), centre, side, side)
    for i in range(60):
        by_hand = torch.zeros(7, 5, dtype=torch.bool)
        y, x, length = int(centre[0, i] * 7), int(centre[1, i] * 5), int(side[i])
        y0, x0 = y - length // 2, x - length // 2
        by_hand[max(y0, 0) : max(y0 + length, 0), max(x0, 0) : max(x0 + length, 0)] = True
        assert torch.equal(boxes[i, 0], by_hand)


def test_cutout_zeroes_one_square_of_all_channels() -> None:
    torch.manual_seed(0)
    cut, _ = run(Augment(cutout=4), images(2000, 3, 12, 12))
    zero = cut == 0
    assert torch.equal(zero[:, 0], zero[:, 1])
    assert torch.equal(zero[:, 0], zero[:, 2])
    area = zero[:, 0].flatten(1).sum(1)
    assert (area.min(), area.max()) == (4, 16)  # 2x2 in the corner that loses most, 4x4 inside
    # Along a side of 12 the square keeps 2, 3, 4 (nine times) or 3 pixels: mean 44/12, squared.
    assert abs(float(area.float().mean()) - (44 / 12) ** 2) < 0.25


@pytest.mark.parametrize("side", [1, 4, 5])
def test_cutout_takes_the_pixels_of_its_box(side) -> None:
    pixels = images(400, 1, 7, 12)
    torch.manual_seed(0)
    cut, _ = run(Augment(cutout=side), pixels)
    torch.manual_seed(0)
    extent = torch.full((400,), side)
    inside = box(pixels.shape[2:], torch.rand(2, 400), extent, extent)
    assert torch.equal(cut, pixels * ~inside)


def constant_images(count: int) -> tuple[Tensor, Tensor]:
    """Every pixel of an image is 10 times its class, so that pixels tell what was mixed."""
    labels = torch.arange(count) % 4
    grey = (10 * labels).to(torch.uint8).view(-1, 1, 1, 1)
    return grey.expand(count, 3, 8, 6).contiguous(), labels


@pytest.mark.parametrize(
    "augment", [Augment(mixup=0.4), Augment(cutmix=1.0), Augment(0, False, 0, 1.0, 1.0)]
)
def test_targets_are_weighted_like_the_pixels(augment: Augment) -> None:
    torch.manual_seed(0)
    inputs, targets = run(augment, *constant_images(200))
    assert targets.shape == (200, 4)
    assert targets.dtype == torch.float32
    torch.testing.assert_close(targets.sum(1), torch.ones(200))
    expected = targets @ torch.tensor([0.0, 10, 20, 30])
    torch.testing.assert_close(inputs.mean(dim=(1, 2, 3)), expected, atol=1e-4, rtol=0)
    assert ((targets > 0.01).sum(1) == 2).float().mean() > 0.4  # and mixing did happen


def test_mixup_blends_evenly_and_cutmix_pastes() -> None:
    pixels, labels = constant_images(200)
    assert set(run(Augment(cutmix=1.0), pixels, labels)[0].unique().tolist()) == {0, 10, 20, 30}
    blended = run(Augment(mixup=1.0), pixels, labels)[0]
    assert torch.equal(blended, blended[:, :1, :1, :1].expand_as(blended))


def test_with_both_each_image_draws_one() -> None:
    torch.manual_seed(0)
    lam = mix_lambda(torch.zeros(1000, 1, 8, 8), Augment(mixup=1.0, cutmix=1.0))
    pasted = ((lam == 0) | (lam == 1)).flatten(1).all(1)
    even = (lam == lam[:, :, :1, :1]).flatten(1).all(1)
    assert (pasted | even).all()
    assert abs(int((pasted & ~even).sum()) - 500) < 70


def test_mixup_lambda_follows_beta() -> None:
    torch.manual_seed(0)
    lam = mix_lambda(torch.zeros(20_000, 1, 1, 1), Augment(mixup=0.5))
    assert abs(float(lam.mean()) - 0.5) < 0.01
    assert abs(float(lam.var()) - 1 / (4 * (2 * 0.5 + 1))) < 0.003  # Beta(a, a): 1 / (4(2a + 1))


def test_cutmix_area_follows_its_lambda() -> None:
    """alpha 1: the box's area before clipping is uniform, so half of the image on average."""
    torch.manual_seed(0)
    lam = mix_lambda(torch.zeros(4_000, 1, 64, 64), Augment(cutmix=1.0))
    # Clipping a box of side s about a uniform centre keeps s - s^2/4 of each side.
    side = torch.rand(400_000).sqrt()  # as a fraction of the image's
    expected = 1 - float((side - side**2 / 4).square().mean())
    assert abs(float(lam.mean()) - expected) < 0.02


def test_mix_of_two_known_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "randperm", lambda _, device: torch.tensor([1, 0], device=device))
    inputs = torch.tensor([0.0, 8.0]).view(2, 1, 1, 1)
    lam = torch.tensor([0.75, 0.25]).view(2, 1, 1, 1)
    mixed, targets = mix(inputs, torch.tensor([0, 2]), lam, num_classes=3)
    assert mixed.flatten().tolist() == [2.0, 2.0]
    assert targets.tolist() == [[0.75, 0.0, 0.25], [0.75, 0.0, 0.25]]


def test_the_global_seed_decides_everything() -> None:
    everything = Augment(crop=2, flip=True, cutout=3, mixup=0.2, cutmix=1.0)
    pixels, labels = images(32), torch.arange(32) % 4

    def seeded(seed: int) -> tuple[Tensor, Tensor]:
        torch.manual_seed(seed)
        return run(everything, pixels, labels)

    first, again, other = seeded(1), seeded(1), seeded(2)
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert not torch.equal(first[0], other[0])
    assert torch.equal(pixels, images(32))  # the stored images are not changed


def test_off_draws_nothing_and_changes_nothing() -> None:
    pixels = images(8)
    state = torch.get_rng_state()
    inputs, _ = run(Augment(), pixels)
    assert torch.equal(inputs, pixels.float())
    assert torch.equal(state, torch.get_rng_state())


def test_color_shift_by_hand() -> None:
    """p1 a1 l1 + p2 a2 l2 + p3 a3 l3 of section 4.1, with p1 the components' first column."""
    shift = color_shift(torch.tensor([[1.0, 0, 0], [0, 2, 0], [0.1, -0.2, 0.3]]))
    assert shift.shape == (3, 3, 1, 1)
    expected = [
        [-0.5675 * 0.2175, -0.5808 * 0.2175, -0.5836 * 0.2175],
        [2 * 0.7192 * 0.0188, 2 * -0.0045 * 0.0188, 2 * -0.6948 * 0.0188],
        [-0.0145061, -0.0137142, -0.0095137],
    ]
    torch.testing.assert_close(shift.flatten(1), torch.tensor(expected), atol=1e-6, rtol=0)


def test_colors_components_are_orthonormal_and_the_first_is_grey() -> None:
    vectors = torch.tensor(EIGENVECTORS)
    torch.testing.assert_close(vectors.T @ vectors, torch.eye(3), atol=2e-4, rtol=0)
    assert (vectors[:, 0] < -0.5).all()  # light and dark differ most


def test_color_adds_one_shift_to_all_pixels_of_an_image_before_normalisation() -> None:
    spec = ImageSpec(3, 4, 4, 10, mean=(0.5, 0.4, 0.3), std=(0.25, 0.2, 0.5))
    pixels, labels = images(3000, 3, 4, 4), torch.zeros(3000, dtype=torch.int64)
    normalise = Normalise(spec)
    torch.manual_seed(0)
    inputs, _ = augment_batch(pixels, labels, Augment(color=0.1), normalise, 10)
    shift = (inputs - normalise(pixels)) * torch.tensor(spec.std).view(3, 1, 1)  # in 0..1
    torch.testing.assert_close(shift, shift[:, :, :1, :1].expand_as(shift), atol=1e-6, rtol=0)
    drawn = shift[:, :, 0, 0] @ torch.tensor(EIGENVECTORS) / torch.tensor([0.2175, 0.0188, 0.0045])
    assert drawn.mean(0).abs().max() < 0.008  # 4 standard errors of 0.1 / sqrt(3000)
    torch.testing.assert_close(drawn.std(0), torch.full((3,), 0.1), atol=0.006, rtol=0)


def test_a_padding_without_crops_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^padding=reflect needs crop above 0"):
        Augment(padding="reflect")
    assert Augment(padding="black") == NO_AUGMENT
    with pytest.raises(CnnlabError, match=r"^data\.augment\.padding=reflect needs crop"):
        check("data.augment", {"padding": "reflect"}, Augment)
