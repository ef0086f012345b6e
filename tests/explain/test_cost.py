import pytest
import torch
from torch import nn

from cnnlab.explain.cost import Cost, count
from cnnlab.spec import ImageSpec

SPEC = ImageSpec(channels=3, height=8, width=6, num_classes=10)


@pytest.mark.parametrize("device", ["meta", "cpu"])
@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        # Linear: 144 inputs times 10 outputs; 10 biases, not multiplied.
        (lambda: [nn.Flatten(), nn.Linear(144, 10)], Cost(1450, 1440)),
        # 5 filters of 3x3x3 at 8x6 places, padding kept.
        (lambda: [nn.Conv2d(3, 5, 3, padding=1)], Cost(5 * 28, 8 * 6 * 5 * 27)),
        # Stride 2 without padding: 3x2 places.
        (lambda: [nn.Conv2d(3, 5, 3, stride=2, bias=False)], Cost(5 * 27, 3 * 2 * 5 * 27)),
        # Three groups: each filter spans one channel.
        (lambda: [nn.Conv2d(3, 6, 3, groups=3)], Cost(6 * 10, 6 * 4 * 6 * 9)),
        # Batch norm has 2 parameters a channel; only convolutions and linear layers multiply.
        (
            lambda: [nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.ReLU(), nn.AvgPool2d(2)],
            Cost(4 * 4 + 8, 8 * 6 * 4 * 3),
        ),
        (lambda: [nn.ReLU()], Cost(0, 0)),
    ],
)
def test_hand_computed(layers, expected, device):
    with torch.device(device):
        model = nn.Sequential(*layers())
    assert count(model, SPEC) == expected


def test_lenet5_as_usually_coded():
    """61,706 parameters and 416,520 MACs at 32x32x1."""
    with torch.device("meta"):
        model = nn.Sequential(
            *(nn.Conv2d(1, 6, 5), nn.Tanh(), nn.AvgPool2d(2)),
            *(nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten()),
            *(nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10)),
        )
    assert count(model, ImageSpec(1, 32, 32, 10)) == Cost(61_706, 416_520)


def test_a_shared_layer_costs_its_parameters_once_and_its_macs_each_time():
    layer = nn.Linear(144, 144)
    assert count(nn.Sequential(nn.Flatten(), layer, layer), SPEC) == Cost(144 * 145, 2 * 144 * 144)


def test_counting_changes_nothing():
    """Batch norm's running averages and each module's mode stay, dropout draws nothing."""
    norm, dropout = nn.BatchNorm2d(3), nn.Dropout(0.5).eval()
    model = nn.Sequential(norm, dropout)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    state = torch.get_rng_state()
    count(model, SPEC)
    assert norm.training
    assert not dropout.training
    assert torch.equal(state, torch.get_rng_state())
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name])
        assert all(p.grad is None for p in model.parameters())


def test_modes_are_restored_when_the_forward_pass_fails():
    model = nn.Sequential(nn.Linear(7, 7))
    with pytest.raises(RuntimeError):
        count(model, SPEC)
    assert model.training
