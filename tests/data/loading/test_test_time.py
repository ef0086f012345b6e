"""Test-time augmentation: the mean over views, by hand."""

from typing import get_args, get_type_hints

import pytest
import torch
import torch.nn.functional as F

from cnnlab.config.options import TrainerConfig
from cnnlab.data.loading.test_time import MeanOverViews, mean_over_views

IMAGES = torch.randn(3, 2, 4, 5, generator=torch.Generator().manual_seed(0))
WEIGHTS = torch.randn(6, 40, generator=torch.Generator().manual_seed(1))


class Network(torch.nn.Module):
    """Not linear, so that the mean of outputs is not the output of a mean."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return (images.flatten(1) @ WEIGHTS.T).relu()


def test_a_flip_by_hand() -> None:
    network = Network()
    expected = (network(IMAGES) + network(IMAGES.flip(3))) / 2
    torch.testing.assert_close(mean_over_views(network, IMAGES, "flip"), expected)


def test_a_flip_and_a_shift_by_hand() -> None:
    network = Network()
    padded = F.pad(IMAGES, (1, 1, 1, 1), mode="reflect")
    views = [IMAGES, padded[:, :, :-2, :-2], padded[:, :, 2:, 2:]]
    weights = [1 / 2, 1 / 4, 1 / 4]
    expected = sum(
        weight * (network(view) + network(view.flip(3))) / 2
        for weight, view in zip(weights, views, strict=True)
    )
    torch.testing.assert_close(MeanOverViews(network, "flip_shift")(IMAGES), expected)


@pytest.mark.parametrize("tta", get_args(get_type_hints(TrainerConfig)["tta"]))
def test_every_choice_is_known(tta: str) -> None:
    """Of images of one pixel, too; a network that sees nothing of them gives what it gave."""
    one = torch.ones(2, 1, 1, 1)
    assert torch.equal(mean_over_views(torch.nn.Flatten(), one, tta), torch.ones(2, 1))
