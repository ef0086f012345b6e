import torch
from torch import nn

from cnnlab.data import Synthetic
from cnnlab.data.loading.memory import MemoryBatches, epoch_order


def test_sizes_are_those_of_the_options() -> None:
    data = Synthetic(
        size=20, channels=3, num_classes=5, num_train=50, num_val=20, num_test=10, subset=30
    )
    splits = data.load()
    assert data.spec.shape == (3, 20, 20)
    assert data.num_train == len(splits.train) == 30
    assert (len(splits.val), len(splits.test)) == (20, 10)
    assert splits.train.pixels.shape == (30, 3, 20, 20)
    assert splits.train.labels.bincount().tolist() == [6] * 5
    assert splits.test.labels.bincount().tolist() == [2] * 5


def test_the_same_images_whatever_the_global_seed() -> None:
    torch.manual_seed(1)
    first = Synthetic().load()
    torch.manual_seed(2)
    again = Synthetic().load()
    assert torch.equal(first.train.pixels, again.train.pixels)
    assert first.digest == again.digest


def test_a_class_is_an_angle() -> None:
    """Without noise, class 0 varies along columns only and class 5 of 10 along rows only."""
    splits = Synthetic(noise=0.0).load()
    pixels, labels = splits.train.pixels.float(), splits.train.labels
    upright, lying = pixels[labels == 0], pixels[labels == 5]
    assert upright.std(dim=2).max() == 0
    assert upright.std(dim=3).min() > 10
    assert lying.std(dim=3).max() <= 1  # cos(pi / 2) is not quite 0
    assert lying.std(dim=2).min() > 10


def test_mean_and_std_are_near_the_spec() -> None:
    data = Synthetic(channels=3)
    pixels = data.load().train.pixels / 255
    torch.testing.assert_close(
        pixels.mean((0, 2, 3)), torch.tensor(data.spec.mean), atol=0.01, rtol=0
    )
    torch.testing.assert_close(
        pixels.std((0, 2, 3)), torch.tensor(data.spec.std), atol=0.02, rtol=0
    )


def test_a_convolution_learns_it_and_a_linear_model_does_not() -> None:
    data = Synthetic(size=16, num_classes=4, num_train=800)
    splits = data.load()
    train, test = (MemoryBatches(part, data.spec, "cpu") for part in (splits.train, splits.test))

    def accuracy(model: nn.Module) -> float:
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        for epoch in range(5):
            for indices in epoch_order(len(train), 0, epoch).split(50):
                inputs, labels = train(indices)
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(inputs), labels).backward()
                optimizer.step()
        inputs, labels = test(torch.arange(len(test)))
        return float((model(inputs).argmax(1) == labels).float().mean())

    torch.manual_seed(0)
    convolution = nn.Sequential(
        nn.Conv2d(1, 16, 7), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 4)
    )
    linear = nn.Sequential(nn.Flatten(), nn.Linear(256, 4))
    assert accuracy(convolution) > 0.95
    assert accuracy(linear) < 0.6
