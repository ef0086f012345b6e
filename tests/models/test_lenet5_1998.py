"""LeNet-5 as printed: table I, the counts of section II-B, the subsampling, the codes."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cnnlab.models import LeNet51998
from cnnlab.models.lenet5_1998 import DigitCodes, Subsampling
from cnnlab.spec import ImageSpec

MNIST = ImageSpec(1, 28, 28, 10)
GRAY32 = ImageSpec(1, 32, 32, 10)
# Table I of the paper: rows are the maps of S2, columns those of C3.
TABLE_I = """
X...XXX..XXXX.XX
XX...XXX..XXXX.X
XXX...XXX..X.XXX
.XXX..XXXX..X.XX
..XXX..XXXX.XX.X
...XXX..XXXX.XXX
"""


def layers_and_shapes(model):
    """(name, (C, H, W) of its output) of the layers of the paper."""
    seen = []
    for name in ("c1", "s2", "c3", "s4", "c5", "f6", "rbf"):
        model.get_submodule(name).register_forward_hook(
            lambda layer, _inputs, output, name=name: seen.append((name, layer, output.shape[1:]))
        )
    model(torch.zeros(1, 1, 32, 32))
    return seen


def connections(layer, shape):
    """Every number that enters a unit, biases among them."""
    places = shape[1] * shape[2] if len(shape) == 3 else 1
    if isinstance(layer, Subsampling):
        return shape.numel() * (4 + 1)
    if isinstance(layer, DigitCodes):
        return layer.codes.numel()
    return places * sum(parameter.numel() for parameter in layer.parameters())


def test_maps_parameters_and_connections_are_those_of_the_paper():
    seen = layers_and_shapes(LeNet51998(GRAY32))
    assert [(name, *shape) for name, _, shape in seen] == [
        ("c1", 6, 28, 28),
        ("s2", 6, 14, 14),
        ("c3", 16, 10, 10),
        ("s4", 16, 5, 5),
        ("c5", 120, 1, 1),
        ("f6", 84),
        ("rbf", 10),
    ]
    parameters = [sum(p.numel() for p in layer.parameters()) for _, layer, _ in seen]
    assert parameters == [156, 12, 1516, 32, 48_120, 10_164, 0]
    assert sum(parameters) == sum(p.numel() for p in LeNet51998(GRAY32).parameters()) == 60_000
    counted = [connections(layer, shape) for _, layer, shape in seen]
    assert counted == [122_304, 5_880, 151_600, 2_000, 48_120, 10_164, 840]
    assert sum(counted) == 340_908


def test_c3_sees_the_maps_of_table_1():
    torch.manual_seed(0)
    c3 = LeNet51998(GRAY32).c3
    silent = c3(torch.zeros(1, 6, 5, 5))
    for number, row in enumerate(TABLE_I.split()):
        maps = torch.zeros(1, 6, 5, 5)
        maps[0, number] = torch.randn(5, 5)
        answers = (c3(maps) != silent).flatten().tolist()
        assert "".join(".X"[answer] for answer in answers) == row


def test_subsampling_is_coefficient_times_sum_plus_bias_per_map():
    layer = Subsampling(2)
    nn.init.constant_(layer.bias, 1.0)
    layer.coefficient.data = torch.tensor([[[2.0]], [[-1.0]]])
    window = torch.tensor([[4.0, 2.0], [1.0, 3.0]])
    assert layer(window.expand(1, 2, 2, 2)).flatten().tolist() == [21.0, -9.0]


def test_the_logits_are_minus_the_squared_distances_to_the_codes():
    rbf = LeNet51998(GRAY32).rbf
    assert rbf.codes.shape == (10, 84)
    assert set(rbf.codes.unique().tolist()) == {-1.0, 1.0}
    on_codes = rbf(rbf.codes)
    assert on_codes.argmax(1).tolist() == list(range(10))
    assert on_codes.diagonal().tolist() == [0.0] * 10
    differing = (rbf.codes[3] != rbf.codes[8]).sum().item()
    assert on_codes[3, 8].item() == -4 * differing < 0


def test_the_codes_are_upright_digits():
    one, seven = LeNet51998(GRAY32).rbf.codes[[1, 7]].reshape(2, 12, 7) > 0
    assert one[1:11, 3].all()  # an upright stroke
    assert seven[1].all()  # a bar on top
    assert not seven[2:11, 0].sum() > 1


def test_the_codes_are_not_trained():
    model = LeNet51998(GRAY32)
    assert "rbf.codes" in dict(model.named_buffers())
    model(torch.randn(2, 1, 32, 32)).sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_28_pixels_are_padded_by_2():
    model = LeNet51998(MNIST)
    images = torch.randn(2, 1, 28, 28)
    on_32 = LeNet51998(GRAY32)
    on_32.load_state_dict(model.state_dict())
    assert torch.equal(model(images), on_32(F.pad(images, (2, 2, 2, 2))))


def test_weights_are_uniform_within_2_4_over_the_inputs_of_a_unit():
    torch.manual_seed(0)
    model = LeNet51998(GRAY32)
    for layer, inputs in [(model.c1, 25), (model.c5, 400), (model.f6, 120)]:
        assert layer.weight.abs().max().item() == pytest.approx(2.4 / inputs, rel=0.05)
        assert not layer.bias.any()
    assert model.c3.on_three.weight.abs().max().item() == pytest.approx(2.4 / 75, rel=0.05)
    assert model.s4.coefficient.abs().max().item() <= 2.4 / 4


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (ImageSpec(3, 32, 32, 10), "needs images of 28x28x1 to 32x32x1, not 32x32x3"),
        (ImageSpec(1, 27, 32, 10), "needs images of 28x28x1 to 32x32x1, not 27x32x1"),
        (ImageSpec(1, 33, 33, 10), "needs images of 28x28x1 to 32x32x1, not 33x33x1"),
        (ImageSpec(1, 32, 32, 47), "has codes for 10 classes, the digits, not for 47"),
    ],
)
def test_other_image_sizes_and_class_counts_are_refused(spec, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        LeNet51998(spec)
