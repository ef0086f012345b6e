import torch

from cnnlab.data.dataset import Images
from cnnlab.data.loading.augment import Augment
from cnnlab.data.loading.memory import MemoryBatches, epoch_order, seed_generators, step_seed
from cnnlab.data.loading.normalise import Normalise
from cnnlab.spec import ImageSpec

SPEC = ImageSpec(2, 3, 4, 5, mean=(0.5, 0.25), std=(0.5, 0.2))


def stored(count: int = 20) -> Images:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (count, *SPEC.shape), generator=generator, dtype=torch.uint8)
    return Images(pixels, torch.arange(count) % 5)


def test_normalise_by_hand() -> None:
    pixels = torch.tensor([0, 51, 102, 255], dtype=torch.uint8).view(1, 1, 1, 4).expand(1, 2, 3, 4)
    normalised = Normalise(SPEC)(pixels)
    first, second = torch.tensor([-1, -0.6, -0.2, 1.0]), torch.tensor([-1.25, -0.25, 0.75, 3.75])
    torch.testing.assert_close(normalised[0, 0], first.expand(3, 4))
    torch.testing.assert_close(normalised[0, 1], second.expand(3, 4))


def test_normalise_without_statistics_scales_to_one() -> None:
    white = torch.full((1, 2, 3, 4), 255, dtype=torch.uint8)
    torch.testing.assert_close(Normalise(ImageSpec(2, 3, 4, 5))(white), torch.ones(1, 2, 3, 4))


def test_a_batch_is_the_images_at_the_indices() -> None:
    images = stored()
    batches = MemoryBatches(images, SPEC, "cpu")
    indices = torch.tensor([7, 0, 19, 7])
    inputs, targets = batches(indices)
    assert len(batches) == 20
    assert inputs.dtype == torch.float32
    mean, std = (torch.tensor(v).view(1, 2, 1, 1) for v in (SPEC.mean, SPEC.std))
    torch.testing.assert_close(inputs, (images.pixels[indices] / 255 - mean) / std)
    assert targets.tolist() == [2, 0, 4, 2]


def test_augmentation_off_draws_no_random_number() -> None:
    state = torch.get_rng_state()
    batches = MemoryBatches(stored(), SPEC, "cpu", Augment())
    batches(torch.arange(20))
    assert torch.equal(state, torch.get_rng_state())


def test_augmentation_is_of_pixels_and_padding_is_black() -> None:
    white = Images(torch.full((200, *SPEC.shape), 255, dtype=torch.uint8), torch.arange(200) % 5)
    batches = MemoryBatches(white, SPEC, "cpu", Augment(crop=1))
    torch.manual_seed(0)
    inputs, targets = batches(torch.arange(200))
    black_and_white = {-1.0, 1.0}  # (0 - 0.5) / 0.5 and (1 - 0.5) / 0.5
    assert {round(v, 5) for v in inputs[:, 0].unique().tolist()} == black_and_white
    assert torch.equal(targets, white.labels)


def test_epoch_order_depends_on_its_arguments_alone() -> None:
    torch.manual_seed(1)
    order = epoch_order(1000, seed=0, epoch=3)
    torch.manual_seed(2)
    assert torch.equal(order, epoch_order(1000, 0, 3))
    assert order.sort().values.tolist() == list(range(1000))
    assert not torch.equal(order, epoch_order(1000, 0, 4))
    assert not torch.equal(order, epoch_order(1000, 1, 3))


def test_epoch_order_leaves_the_global_generator_alone() -> None:
    state = torch.get_rng_state()
    epoch_order(10, 0, 0)
    assert torch.equal(state, torch.get_rng_state())


def test_step_seeds_are_all_different_and_the_same_everywhere() -> None:
    # On a CPU the generator takes 32 bits of a seed, so these must differ too.
    grid = {step_seed(s, e, t) & 0xFFFFFFFF for s in range(5) for e in range(20) for t in range(20)}
    assert len(grid) == 2000
    assert step_seed(0, 1, 12) != step_seed(0, 11, 2)
    assert step_seed(3, 2, 1) == 4170679821038040682
    torch.manual_seed(step_seed(-1, 0, 0))  # a seed below zero is a seed too


def test_seed_generators_is_manual_seed_for_one_device() -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    seed_generators(7, torch.device("cpu"))
    assert torch.equal(torch.rand(3), expected)
