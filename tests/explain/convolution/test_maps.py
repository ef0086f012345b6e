"""Activation maps against convolutions written out."""

import pytest
import torch
import torch.nn.functional as F

from cnnlab.explain.convolution.kernels import KERNELS, find_kernel
from cnnlab.explain.convolution.maps import activation_map, map_panel, picture_panel, pool_panel

PICTURE = torch.rand(3, 12, 15, generator=torch.Generator().manual_seed(0))


def test_a_signed_kernel_spans_all_channels():
    """As a convolution layer's kernel: one map, the same weights for each channel."""
    weights = KERNELS["sobel_x"].weights
    expected = F.conv2d(PICTURE.double()[None], weights.expand(1, 3, 3, 3), stride=2, padding=1)
    found = activation_map(PICTURE, KERNELS["sobel_x"], stride=2, padding=1)
    assert found.shape == (1, 6, 8)
    assert torch.allclose(found, expected[0])


def test_a_kernel_that_adds_up_to_one_filters_each_channel():
    found = activation_map(PICTURE, KERNELS["gaussian"], padding="same")
    assert found.shape == PICTURE.shape
    weights = KERNELS["gaussian"].weights[None, None]
    assert torch.allclose(found[1], F.conv2d(PICTURE[1:2].double(), weights[0][None], padding=2)[0])


def test_an_edge_is_found_where_it_is():
    """Dark on the left, bright on the right: sobel_x is positive there and 0 elsewhere."""
    picture = torch.zeros(1, 5, 6)
    picture[..., 3:] = 1
    assert activation_map(picture, KERNELS["sobel_x"])[0].tolist() == [[0, 4, 4, 0]] * 3
    assert activation_map(picture, KERNELS["sobel_y"]).abs().max() == 0


def test_colours_suit_the_values():
    signed = map_panel(PICTURE, KERNELS["laplacian"])
    assert signed.limits[0] == -signed.limits[1] == -signed.pixels.abs().max()
    positive = map_panel(PICTURE, find_kernel("[[1,0,1],[0,1,0],[1,0,1]]"))
    assert (positive.kind, positive.limits) == ("positive", (0, positive.pixels.max()))
    assert map_panel(PICTURE, KERNELS["blur"]).limits == (0, 1)
    flat = map_panel(torch.ones(1, 9, 9), KERNELS["edge"])
    assert flat.limits == (-1, 1)


def test_pooling_keeps_the_strongest_and_the_colours():
    panel = map_panel(PICTURE, KERNELS["edge"])
    pooled = pool_panel(panel, "max", 2)
    assert torch.equal(pooled.pixels, F.max_pool2d(panel.pixels, 2))
    assert pooled.pixels.max() == panel.pixels[:, :10, :12].max()
    assert pooled.limits == panel.limits
    assert pooled.name == "edge, max pooling 2x2"
    assert pooled.arithmetic[-1].endswith("floor((13 - 2 + 2*0)/2) + 1 = 6")
    assert pool_panel(picture_panel(PICTURE), "avg", 3).size == "4x5x3"


@pytest.mark.parametrize("name", KERNELS)
def test_an_even_area_stays_or_vanishes(name):
    """Weights that add up to 1 keep it, those that add up to 0 make it 0."""
    value = activation_map(torch.full((1, 7, 7), 0.5), KERNELS[name])
    expected = 0.5 if KERNELS[name].keeps_brightness else 0
    assert torch.allclose(value, torch.full_like(value, expected), atol=1e-6)
