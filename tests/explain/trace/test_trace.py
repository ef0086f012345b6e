"""Networks written in every manner: what becomes a row, and whose the parameters are."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cnnlab.explain.cost import count
from cnnlab.explain.trace.trace import trace
from cnnlab.spec import ImageSpec

SPEC = ImageSpec(1, 12, 12, 10)


class Functional(nn.Module):
    """All functions and bare parameters, as a student may write it."""

    def __init__(self):
        super().__init__()
        self.kernels = nn.Parameter(torch.randn(4, 1, 3, 3))
        self.gain = nn.Parameter(torch.ones(4, 1, 1))
        self.weight = nn.Parameter(torch.randn(10, 100))
        self.spare = nn.Parameter(torch.ones(7))

    def forward(self, x):
        x = F.max_pool2d(F.relu(F.conv2d(x, self.kernels)), 2)  # (N, 4, 5, 5)
        x = x * self.gain
        return F.linear(x.view(x.shape[0], -1), self.weight)


def traced(model, spec=SPEC):
    return [
        (call.path, call.word, call.out_shape, sum(p.numel() for p in call.parameters.values()))
        for call in trace(model, spec)
    ]


def test_functions_become_rows():
    assert traced(Functional()) == [
        ("conv", "conv", (4, 10, 10), 36),
        ("relu", "relu", (4, 10, 10), 0),
        ("maxpool", "maxpool", (4, 5, 5), 0),
        ("mul", "mul", (4, 5, 5), 4),
        ("flatten", "flatten", (100,), 0),
        ("linear", "linear", (10,), 1000),
        ("", "parameters", (), 7),
    ]


class Block(nn.Module):
    """Does two things with weights, without a module for either."""

    def __init__(self):
        super().__init__()
        self.first = nn.Parameter(torch.randn(2, 1, 3, 3))
        self.second = nn.Parameter(torch.randn(2, 2, 3, 3))

    def forward(self, x):
        return F.conv2d(F.conv2d(x, self.first), self.second)


class Pool(nn.Module):
    """One thing, with bare parameters around it."""

    def __init__(self):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(2, 1, 1))
        self.bias = nn.Parameter(torch.zeros(2, 1, 1))

    def forward(self, x):
        return F.avg_pool2d(x, 2) * self.gain + self.bias


def test_a_module_that_does_one_thing_is_one_row():
    assert traced(nn.Sequential(Block(), Pool())) == [
        ("0.conv", "conv", (2, 10, 10), 18),
        ("0.conv", "conv", (2, 8, 8), 36),
        ("1", "pool", (2, 4, 4), 4),
    ]


def test_a_shared_layer_is_a_row_each_time_and_owns_its_parameters_once():
    layer = nn.Linear(144, 144)
    model = nn.Sequential(nn.Flatten(), layer, layer)
    assert [n for *_, n in traced(model)] == [0, 144 * 145, 0]
    assert sum(call.macs for call in trace(model, SPEC)) == count(model, SPEC).macs


def test_tied_weights_count_once():
    model = nn.Sequential(nn.Flatten(), nn.Linear(144, 144), nn.Linear(144, 144))
    model[2].weight = model[1].weight
    assert [n for *_, n in traced(model)] == [0, 144 * 145, 144]


def test_weights_made_of_weights_cost_their_products():
    """Each weight matrix is the product of two thin ones, multiplied anew for every batch."""

    class LowRank(nn.Module):
        def __init__(self):
            super().__init__()
            self.left = nn.Parameter(torch.randn(10, 3))
            self.right = nn.Parameter(torch.randn(3, 144))

        def forward(self, x):
            return F.linear(x.flatten(1), self.left @ self.right)

    model = LowRank()
    calls = trace(model, SPEC)
    assert sum(call.macs for call in calls) == count(model, SPEC).macs == 10 * 3 * 144 + 1440
    assert sum(p.numel() for call in calls for p in call.parameters.values()) == 462


def test_views_and_work_in_place_take_no_memory():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(inplace=True), nn.ReLU(), nn.Flatten())
    assert [call.num_new for call in trace(model, SPEC)] == [200, 0, 200, 0]


def test_attention_s_products_are_counted():
    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.attend = nn.MultiheadAttention(12, 3, batch_first=True)

        def forward(self, x):
            rows = x.squeeze(1)  # (N, 12, 12)
            return self.attend(rows, rows, rows, need_weights=False)[0]

    with torch.device("meta"):
        model = Attention()
    (call,) = trace(model, SPEC)
    assert call.macs == count(model, SPEC).macs > 0
    assert sum(p.numel() for p in call.parameters.values()) == 4 * 12 * 13


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_leaves_the_model_as_it_was(device):
    with torch.device(device):
        model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2).eval(), nn.Flatten())
    trace(model, SPEC)
    assert [module.training for module in model] == [True, False, True]
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    with pytest.raises(RuntimeError, match="channel"):
        trace(model, ImageSpec(3, 12, 12, 10))
    assert model.training
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_both_devices_give_the_same_trace():
    layers = lambda: nn.Sequential(  # noqa: E731
        *(nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6), nn.GELU(), nn.AdaptiveAvgPool2d(2)),
        *(nn.Flatten(), nn.LayerNorm(24), nn.Linear(24, 5), nn.Tanh()),
    )
    with torch.device("meta"):
        model = layers()
    assert traced(model) == traced(layers())
