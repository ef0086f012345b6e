"""Receptive fields against published figures, and against what gradients really reach."""

import pytest
import torch
import torch.nn.functional as F
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from cnnlab.explain.trace.trace import trace
from cnnlab.models import LeNet51998
from cnnlab.spec import ImageSpec

IMAGENET = ImageSpec(3, 224, 224, 1000)


def fields(model, spec=IMAGENET):
    """Height of the receptive field by the path of each call."""
    return {
        call.path: call.receptive_field and call.receptive_field.pixels[0]
        for call in trace(model, spec)
    }


@pytest.mark.parametrize(
    ("arch", "layer", "pixels"),
    [
        ("alexnet", "features.12", 195),
        ("alexnet", "features.10", 163),
        ("vgg16", "features.30", 212),
        ("resnet18", "layer4.1.relu", 435),
        ("resnet50", "layer4.2.conv3", 427),
        ("mobilenet_v2", "features.18.2", 491),
        ("inception_v3", "Mixed_7c.cat", 1311),
    ],
)
@pytest.mark.filterwarnings("ignore:The default weight initialization")
def test_published(arch, layer, pixels):
    with torch.device("meta"):
        model = torchvision.models.get_model(arch)
    assert fields(model)[layer] == pixels


LAYERS = {
    "conv": lambda k, s, p, d: nn.Conv2d(1, 1, k, s, p, d),
    "pool": lambda k, s, *_: nn.AvgPool2d(k, s),
    "grouped": lambda k, s, p, _: nn.Sequential(nn.Conv2d(1, 2, k, s, p), nn.Conv2d(2, 1, 1)),
    "transposed": lambda k, s, *_: nn.ConvTranspose2d(1, 1, k + s, s),  # without gaps
}
LAYER = st.tuples(
    st.sampled_from(sorted(LAYERS)),
    st.integers(1, 4),
    st.integers(1, 3),
    st.integers(0, 1),
    st.integers(1, 2),
)


def reached(model, size):
    """The most rows of the image that one output depends on, and the most columns."""
    image = torch.zeros(1, 1, size, size, requires_grad=True)
    output = model(image)
    most = [0, 0]
    middle = output.shape[-1] // 2
    for place in range(max(0, middle - 4), min(middle + 5, output.shape[-1])):
        (gradient,) = torch.autograd.grad(output[0, 0, place, place], image, retain_graph=True)
        for side in (0, 1):
            hit = gradient[0, 0].abs().sum(1 - side).nonzero()
            most[side] = max(most[side], int(hit.max() - hit.min()) + 1 if len(hit) else 0)
    return tuple(most)


@pytest.mark.slow
@settings(max_examples=100)
@given(st.lists(LAYER, min_size=1, max_size=3))
def test_is_what_gradients_reach(drawn):
    """Random stacks of windows with positive weights."""
    model = nn.Sequential(*(LAYERS[name](*options) for name, *options in drawn))
    for parameter in model.parameters():
        nn.init.constant_(parameter, 0.01)
    size = 97
    field = trace(model, ImageSpec(1, size, size, 1))[-1].receptive_field.pixels
    seen = reached(model, size)
    if any(name == "transposed" for name, *_ in drawn):
        assert field >= seen  # a stride behind it may choose those that see less
    else:
        assert field == seen


class Net(nn.Module):
    def __init__(self, forward, **modules):
        super().__init__()
        self.steps = forward
        for name, module in modules.items():
            self.add_module(name, module)

    def forward(self, x):
        return self.steps(self, x)


CONV3 = {"conv": nn.Conv2d(3, 3, 3, padding=1)}


@pytest.mark.parametrize(
    ("forward", "pixels"),
    [
        (lambda net, x: x + net.conv(x), 3),  # the longest path counts
        (lambda net, x: net.conv(x) + x, 3),
        (lambda net, x: torch.cat([x, net.conv(net.conv(x))], 1), 5),
        (lambda net, x: net.conv(x[:, :, ::2, ::2]), 5),  # every second pixel: steps of 2
        (lambda net, x: net.conv(F.interpolate(x, scale_factor=2)), 2),  # 3 places of 2 pixels
        (lambda net, x: net.conv(x).mean((2, 3)), 18),  # 16 places of 3, one pixel apart
        (lambda net, x: net.conv(x) * x.mean((2, 3), keepdim=True), 16),  # squeeze, excite
        (lambda net, x: net.conv(x)[:, [2, 0]].relu(), 3),  # channels picked
        (lambda net, x: net.conv(x).index_select(1, torch.tensor([2, 0])), 3),
        (lambda net, x: net.conv(x)[:, :, [2, 0]].relu(), None),  # rows picked: not followed
        (lambda net, x: net.conv(x).roll(1, 2), None),
        (lambda net, x: net.conv(x) + net.conv(x).roll(1, 2), None),
        (lambda _, x: F.linear(x.permute(0, 2, 3, 1), torch.ones(5, 3)), 1),  # 1x1, really
        (lambda _, x: F.linear(x, torch.ones(5, 16)), (1, 16)),  # along the width
        (lambda _, x: F.linear(x.flatten(1), torch.ones(5, 768)), 16),
        (lambda net, x: F.local_response_norm(net.conv(x), 3), 3),
        (lambda _, x: F.conv2d(x, torch.ones(1, 3, 3, 3), padding="same", dilation=2), 5),
        (lambda net, x: F.interpolate(net.conv(x), scale_factor=3), 3),
        (lambda _, x: F.interpolate(x, scale_factor=2, mode="bilinear"), 2),
        (lambda net, x: net.conv(F.linear(x.flatten(1), torch.ones(48, 768)).view(1, 3, 4, 4)), 16),
        (lambda _, x: F.adaptive_avg_pool2d(x, 3), 6),  # 16 in 3 parts: 6, 6 and 6
    ],
)
def test_follows_functions_and_shapes(forward, pixels):
    *_, last = (c for c in trace(Net(forward, **CONV3), ImageSpec(3, 16, 16, 10)) if c.is_used)
    field = last.receptive_field and last.receptive_field.pixels
    assert field == ((pixels, pixels) if isinstance(pixels, int) else pixels)


def test_channels_picked_by_a_table_as_in_lenet5():
    with torch.device("meta"):
        seen = fields(LeNet51998(ImageSpec(1, 32, 32, 10)), ImageSpec(1, 32, 32, 10))
    layers = ("c1", "s2", "c3.on_three", "c3.on_four", "c3.on_six", "c3.cat", "s4", "c5", "f6")
    assert [seen[layer] for layer in layers] == [5, 6, 14, 14, 14, 14, 16, 32, 32]


def test_after_a_split_into_windows_only_the_shape_is_known():
    """The steps of a Swin transformer around its attention within windows."""

    def windows(_, x):
        maps = F.pad(x.permute(0, 2, 3, 1), (0, 0, 0, 1, 0, 2))  # (1, 6, 7, C) -> (1, 8, 8, C)
        cut = maps.roll((-2, -2), (1, 2)).view(1, 2, 4, 2, 4, 5).transpose(2, 3).reshape(4, 16, 5)
        seen = cut @ cut.transpose(1, 2) + x.new_zeros(4, 16, 16)
        joined = (seen.softmax(-1) @ cut).view(1, 2, 2, 4, 4, 5).transpose(2, 3)
        return joined.reshape(1, 8, 8, 5).relu()

    *_, padded, last = (
        call for call in trace(Net(windows), ImageSpec(5, 6, 7, 10)) if call.word in ("pad", "relu")
    )
    assert padded.receptive_field.pixels == (1, 1)
    assert last.receptive_field.pixels is None
    assert last.out_shape == (8, 8, 5)
    assert last.channels_last


def test_channels_shuffled_between_groups_keep_their_field():
    def shuffled(_, x):
        n, c, h, w = x.shape
        return x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w).relu()

    last = trace(Net(shuffled), ImageSpec(4, 6, 7, 10))[-1]
    assert last.receptive_field.pixels == (1, 1)
    assert last.out_shape == (4, 6, 7)
