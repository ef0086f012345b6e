"""Shapes worked out here are those that torch works out."""

import pytest
import torch

from cnnlab.explain.trace.meta_shapes import meta_output
from cnnlab.explain.trace.operations import tensors
from cnnlab.explain.trace.torch_bridge import named_arguments

aten = torch.ops.aten
MAPS = torch.empty(2, 4, 5, 6, device="meta")
VECTOR = torch.empty(4, device="meta")
MATRIX = torch.empty(4, 7, device="meta")


def conv(*kernels, stride=(1, 1), padding=(0, 0), dilation=(1, 1), transposed=False, groups=1):
    weight = torch.empty(*kernels, device="meta")
    return (MAPS, weight, None, stride, padding, dilation, transposed, [0, 0], groups)


@pytest.mark.parametrize(
    ("operation", "args"),
    [
        (aten.relu.default, (MAPS,)),
        (aten.gelu.default, (MAPS,)),
        (aten.hardtanh.default, (MAPS, 0.0, 6.0)),
        (aten.add.Tensor, (MAPS, MAPS)),
        (aten.mul.Tensor, (MAPS, 2.0)),
        (aten.mean.dim, (MAPS, [2, 3])),
        (aten.mean.dim, (MAPS, [-1, -2], True)),
        (aten.mean.dim, (MAPS, [])),
        (aten.cat.default, ([MAPS, MAPS, MAPS], 1)),
        (aten.cat.default, ([MAPS, MAPS], -1)),
        (
            aten.addmm.default,
            (torch.empty(7, device="meta"), torch.empty(3, 4, device="meta"), MATRIX),
        ),
        (
            aten.native_batch_norm.default,
            (MAPS, VECTOR, VECTOR, VECTOR, VECTOR, False, 0.1, 1e-5),
        ),
        (aten.convolution.default, conv(4, 4, 3, 3)),
        (aten.convolution.default, conv(6, 2, 3, 2, stride=[2, 3], padding=[1, 0], groups=2)),
        (aten.convolution.default, conv(6, 4, 2, 3, padding=[3, 2], dilation=[3, 2])),
        (aten.max_pool2d_with_indices.default, (MAPS, [2, 3], [2, 1], [1, 0])),
        (aten.max_pool2d_with_indices.default, (MAPS, [2], [], [0], [2])),
        (aten.native_layer_norm.default, (MAPS, [6], None, None, 1e-5)),
    ],
)
def test_shapes_are_those_of_torch(operation, args):
    named = named_arguments(operation, args, {})
    ours = next(tensors(meta_output(operation.overloadpacket.__name__, named)))
    theirs = next(tensors(operation(*args)))
    assert (ours.shape, ours.dtype, ours.device) == (theirs.shape, theirs.dtype, theirs.device)


@pytest.mark.parametrize(
    ("operation", "args"),
    [
        (aten.relu.default, (torch.zeros(2),)),  # has data
        (aten.add.Tensor, (MAPS, MAPS[:1])),  # broadcast
        (aten.add.Tensor, (MAPS, MAPS.long())),
        (aten.mean.default, (MAPS,)),
        (aten.sort.default, (MAPS,)),
        (aten.max_pool2d_with_indices.default, (MAPS, [3, 3], [2, 2], [0, 0], [1, 1], True)),
        (aten.max_pool2d_with_indices.default, (MAPS, [2, 2], [2, 2], [2, 2])),  # refused
        (aten.convolution.default, conv(6, 3, 1, 1)),  # 3 channels of 4
        (aten.convolution.default, conv(6, 4, 7, 1)),  # 7 rows of 5
        (aten.convolution.default, conv(4, 4, 3, 3, transposed=True)),
    ],
)
def test_other_operations_are_left_to_torch(operation, args):
    named = named_arguments(operation, args, {})
    assert meta_output(operation.overloadpacket.__name__, named) is None
