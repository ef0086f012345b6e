"""The lecture's worked examples, and the shared layers against their definitions."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from cnnlab.models import layers
from cnnlab.models.residual import BasicBlock, PadShortcut

PICTURE = [[1, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 1, 1], [0, 0, 1, 1, 0], [0, 1, 1, 0, 0]]
CROSS = [[1, 0, 1], [0, 1, 0], [1, 0, 1]]
SQUARE = [[1, 2, 3, 0], [0, 1, 2, 3], [3, 0, 1, 2], [2, 3, 0, 1]]
KERNEL = [[2, 0, 1], [0, 1, 2], [1, 0, 2]]
DIAGONALS = [[(column - row + 1) % 4 for column in range(7)] for row in range(7)]
POOLED = [[12, 20, 30, 0], [8, 12, 2, 0], [34, 70, 37, 4], [112, 100, 25, 12]]


def as_map(rows):
    return torch.tensor(rows, dtype=torch.float32)[None, None]


def convolve(rows, kernel, **options):
    layer = layers.conv2d(1, 1, 3, **options, bias=False)
    next(layer.parameters()).data = as_map(kernel)
    return layer(as_map(rows))[0, 0].tolist()


# Convolution


def test_lecture_cross_correlation():
    assert convolve(PICTURE, CROSS) == [[4, 3, 4], [2, 4, 3], [2, 3, 4]]


def test_lecture_valid_convolution():
    assert convolve(SQUARE, KERNEL, padding="valid") == [[15, 16], [6, 15]]


@pytest.mark.parametrize("padding", ["same", 1])
def test_lecture_same_convolution(padding):
    expected = [[7, 12, 10, 2], [4, 15, 16, 10], [10, 6, 15, 6], [8, 10, 4, 3]]
    assert convolve(SQUARE, KERNEL, padding=padding) == expected


def test_lecture_convolution_with_stride_2():
    assert DIAGONALS[0] == [1, 2, 3, 0, 1, 2, 3]
    assert DIAGONALS[1] == [0, 1, 2, 3, 0, 1, 2]
    assert convolve(DIAGONALS, KERNEL, stride=2) == [[15, 17, 15], [17, 15, 17], [15, 17, 15]]


def test_lecture_output_size():
    assert layers.output_size(28, 4, stride=2, padding=1) == 14
    assert layers.conv2d(1, 64, 4, 2, 1)(torch.zeros(1, 1, 28, 28)).shape == (1, 64, 14, 14)


def test_a_stride_keeps_one_position_in_stride_squared():
    maps = torch.zeros(1, 1, 36, 36)
    assert layers.conv2d(1, 1, 3, 2, "same")(maps).numel() * 4 == maps.numel()
    assert layers.conv2d(1, 1, 3, 3, "same")(maps).numel() * 9 == maps.numel()


def test_every_kernel_spans_all_channels_and_each_gives_one_map():
    conv = layers.conv2d(3, 5, 2, padding="same")
    assert next(conv.parameters()).shape == (5, 3, 2, 2)
    assert conv(torch.zeros(1, 3, 6, 6)).shape == (1, 5, 6, 6)


def test_same_puts_the_odd_row_and_column_last_as_tensorflow_does():
    pad = layers.SamePad2d(2)
    assert pad(as_map([[1, 2], [3, 4]]))[0, 0].tolist() == [[1, 2, 0], [3, 4, 0], [0, 0, 0]]
    assert layers.SamePad2d(3, stride=2)(torch.ones(1, 1, 4, 5)).shape == (1, 1, 5, 7)


@given(
    height=st.integers(1, 20),
    width=st.integers(1, 20),
    kernel=st.integers(1, 7),
    stride=st.integers(1, 4),
    kind=st.sampled_from(["conv", "max", "avg", "min"]),
)
def test_same_gives_the_size_over_the_stride_rounded_up(height, width, kernel, stride, kind):
    if kind == "conv":
        layer = layers.conv2d(1, 1, kernel, stride, "same")
    else:
        layer = layers.pool2d(kind, kernel, stride, "same")
    output = layer(torch.randn(1, 1, height, width))
    assert output.shape[2:] == (math.ceil(height / stride), math.ceil(width / stride))
    assert output.isfinite().all()


@given(
    size=st.integers(1, 24),
    kernel=st.integers(1, 7),
    stride=st.integers(1, 4),
    padding=st.sampled_from(["valid", 0, 1, 2, 3]),
)
def test_output_size_is_what_the_layer_gives(size, kernel, stride, padding):
    expected = layers.output_size(size, kernel, stride, padding)
    conv = layers.conv2d(1, 1, kernel, stride, padding)
    if expected < 1:
        with pytest.raises(RuntimeError):
            conv(torch.zeros(1, 1, size, size))
    else:
        assert conv(torch.zeros(1, 1, size, size)).shape[2:] == (expected, expected)


# Pooling


@pytest.mark.parametrize(("kind", "expected"), [("max", 4), ("min", 1), ("avg", 2.5)])
def test_lecture_pooling(kind, expected):
    assert layers.pool2d(kind, 2)(as_map([[4, 2], [1, 3]])).item() == expected


def test_lecture_max_pooling_of_a_map():
    assert layers.pool2d("max", 2)(as_map(POOLED))[0, 0].tolist() == [[20, 30], [112, 37]]


@given(
    kernel=st.integers(1, 4),
    stride=st.integers(1, 3),
    padding=st.sampled_from(["valid", "same", 0, 1, 2]),
)
def test_min_pooling_is_max_pooling_of_the_negative(kernel, stride, padding):
    if isinstance(padding, int) and padding > kernel // 2:
        return
    maps = torch.randn(2, 3, 9, 7)
    lowest = layers.pool2d("min", kernel, stride, padding)(maps)
    assert torch.equal(lowest, -layers.pool2d("max", kernel, stride, padding)(-maps))


@pytest.mark.parametrize("padding", [1, "same"])
@pytest.mark.parametrize("kind", ["max", "avg", "min"])
def test_padding_never_counts_in_pooling(kind, padding):
    for value in (-7.0, 7.0):  # zeros of a border would win a maximum, a minimum, and pull a mean
        output = layers.pool2d(kind, 3, 2, padding)(torch.full((1, 1, 6, 6), value))
        torch.testing.assert_close(output, torch.full_like(output, value))


def test_same_average_is_over_the_pixels_within_the_map():
    average = layers.pool2d("avg", 2, 2, "same")(as_map([[1, 2, 3], [4, 5, 6], [7, 8, 9]]))
    assert average[0, 0].tolist() == [[3, 4.5], [7.5, 9]]


def test_a_padding_that_fills_a_window_is_refused():
    with pytest.raises(ValueError, match=r"^padding=2 must be at most 1, half of kernel 3$"):
        layers.pool2d("max", 3, 1, 2)


def test_global_average_is_the_mean_of_each_map():
    maps = torch.arange(8.0).reshape(1, 2, 2, 2)
    assert layers.GlobalAvgPool2d()(maps).tolist() == [[1.5, 5.5]]


# Activations, normalisation, initialisation


def test_activations_have_their_values_at_one_and_minus_one():
    values = {
        name: layers.activation_layer(name)(torch.tensor([1.0, -1.0])).tolist()
        for name in layers._ACTIVATIONS
    }
    expected = {
        "relu": [1, 0],
        "leaky_relu": [1, -0.01],
        "elu": [1, math.exp(-1) - 1],
        "gelu": [0.841345, -0.158655],
        "silu": [0.731059, -0.268941],
        "sigmoid": [0.731059, 0.268941],
        "tanh": [math.tanh(1), -math.tanh(1)],
        "scaled_tanh": [1, -1],
    }
    assert values.keys() == expected.keys()
    for name, numbers in expected.items():
        assert values[name] == pytest.approx(numbers, abs=1e-4), name


def test_local_response_norm_is_the_formula_of_alexnet():
    maps = torch.randn(1, 7, 2, 2) * 30
    output = layers.local_response_norm()(maps)
    for channel in range(7):
        window = maps[:, max(0, channel - 2) : channel + 3]
        expected = maps[:, channel] / (2 + 1e-4 * window.square().sum(1)) ** 0.75
        torch.testing.assert_close(output[:, channel], expected)


@pytest.mark.parametrize(
    ("rule", "variances"),
    [
        ("he", (2 / 400, 2 / 400)),
        ("he_fan_out", (2 / 1600, 2 / 64)),
        ("lecun", (1 / 400, 1 / 400)),
    ],
)
def test_weights_have_the_variance_of_their_rule_and_biases_are_zero(rule, variances):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(16, 64, 5), nn.Linear(400, 64))
    layers.init_weights(network, rule)
    for layer, variance in zip(network, variances, strict=True):
        assert layer.weight.var().item() == pytest.approx(variance, rel=0.05)
        assert not layer.bias.any()


def test_a_classifier_starts_from_nearly_uniform_probabilities():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(50, 200), nn.Linear(200, 100))
    layers.init_weights(network, "he", network[1])
    assert network[0].weight.std().item() == pytest.approx((2 / 50) ** 0.5, rel=0.05)
    assert network[1].weight.std().item() == pytest.approx((0.2 / 200) ** 0.5, rel=0.05)


@pytest.mark.parametrize(
    ("size", "padded"), [((28, 28), (32, 32)), ((29, 40), (32, 40)), ((27, 32), (27, 32))]
)
def test_sides_of_28_to_31_are_padded_to_32(size, padded):
    layer, *stated = layers.pad_to_32(*size)
    assert layer(torch.zeros(1, 1, *size)).shape[2:] == padded == tuple(stated)


# The residual block


def test_option_a_takes_every_second_pixel_and_adds_maps_of_zeros():
    maps = torch.arange(32.0).reshape(1, 2, 4, 4)
    output = PadShortcut(2, 4, stride=2)(maps)
    assert output.shape == (1, 4, 2, 2)
    assert output[0, 1].tolist() == [[0, 2], [8, 10]]
    assert output[0, 2].tolist() == [[16, 18], [24, 26]]
    assert not output[0, [0, 3]].any()


@pytest.mark.parametrize("shortcut", ["A", "B"])
@pytest.mark.parametrize("shape", [(4, 4, 1), (4, 8, 2), (4, 5, 1), (4, 4, 2)])
def test_a_block_with_dead_weights_is_relu_of_its_shortcut(shape, shortcut):
    block = BasicBlock(*shape, shortcut).eval()
    nn.init.zeros_(block.conv2.weight)
    maps = torch.randn(2, 4, 7, 7)
    torch.testing.assert_close(block(maps), F.relu(block.shortcut(maps)))
    parameters = sum(parameter.numel() for parameter in block.shortcut.parameters())
    in_channels, out_channels, stride = shape
    changes = in_channels != out_channels or stride != 1
    projection = in_channels * out_channels + 2 * out_channels
    assert parameters == (projection if changes and shortcut == "B" else 0)
