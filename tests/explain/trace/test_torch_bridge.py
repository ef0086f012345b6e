"""The private names of torch still behave as this room needs them."""

import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F

from cnnlab.explain.trace.torch_bridge import (
    OperationMode,
    multiply_adds,
    named_arguments,
    operation_name,
    storage_id,
)

aten = torch.ops.aten


class Names(OperationMode):
    def __init__(self):
        super().__init__()
        self.names = []

    def run_operation(self, operation, args, kwargs):
        self.names.append(operation_name(operation))
        return super().run_operation(operation, args, kwargs)


def test_a_mode_sees_the_operations_below_functions_and_passes_them_on():
    maps, kernels = torch.randn(1, 2, 5, 5), torch.randn(3, 2, 3, 3)
    expected = F.conv2d(maps, kernels).relu_()
    with torch.no_grad(), Names() as mode:
        out = F.conv2d(maps, kernels).relu_()
    assert mode.names == ["convolution", "relu_"]
    assert torch.equal(out, expected)


def test_a_mode_may_give_another_output():
    class Zeros(OperationMode):
        def run_operation(self, operation, args, kwargs):
            return super().run_operation(operation, args, kwargs).zero_()

    with Zeros():
        assert (torch.ones(3) + 1).tolist() == [0, 0, 0]


@pytest.mark.slow
def test_a_mode_does_not_import_torch_s_compiler():
    script = (
        "import sys, torch\n"
        "from cnnlab.explain.trace.torch_bridge import OperationMode\n"
        "with torch.no_grad(), OperationMode(): torch.ones(2) + 1\n"
        "print('torch._dynamo' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr


def test_arguments_have_names_and_defaults():
    named = named_arguments(aten.max_pool2d_with_indices.default, ("maps", [2, 2]), {})
    assert named == {
        "self": "maps",
        "kernel_size": [2, 2],
        "stride": [],
        "padding": [0, 0],
        "dilation": [1, 1],
        "ceil_mode": False,
    }
    assert named_arguments(aten.add.Tensor, (1, 2), {"alpha": 3}) == {
        "self": 1,
        "other": 2,
        "alpha": 3,
    }


@pytest.mark.parametrize(
    ("operation", "name"),
    [(aten.add.Tensor, "add"), (aten.relu_.default, "relu_"), (aten._softmax.default, "_softmax")],
)
def test_names_are_without_overload(operation, name):
    assert operation_name(operation) == name


def test_multiply_adds_of_products_and_convolutions():
    a, b = torch.empty(2, 3, device="meta"), torch.empty(3, 4, device="meta")
    assert multiply_adds(aten.mm.default, (a, b), {}, a @ b) == 2 * 3 * 4
    maps, kernels = torch.empty(1, 2, 5, 5, device="meta"), torch.empty(3, 2, 3, 3, device="meta")
    args = (maps, kernels, None, [1, 1], [0, 0], [1, 1], False, [0, 0], 1)
    out = torch.empty(1, 3, 3, 3, device="meta")
    assert multiply_adds(aten.convolution.default, args, {}, out) == (3 * 3 * 3) * (3 * 3 * 2)
    assert multiply_adds(aten.relu.default, (a,), {}, a) == 0


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_views_share_their_storage_and_copies_do_not(device):
    tensor = torch.zeros(4, 6, device=device)
    assert storage_id(tensor.view(-1)) == storage_id(tensor[1:]) == storage_id(tensor.relu_())
    assert storage_id(tensor.clone()) != storage_id(tensor)
    assert storage_id(torch.zeros(4, 6, device=device)) != storage_id(tensor)
