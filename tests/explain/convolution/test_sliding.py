"""LECTURE's worked examples, and torch's own convolution, window by window."""

import pytest
import torch
import torch.nn.functional as F

from cnnlab.explain.convolution.placement import kept_share, place_windows, size_arithmetic
from cnnlab.explain.convolution.sliding import cross_correlate, pool, slide_pool
from cnnlab.registry import CnnlabError

CROSS = [[1, 0, 1], [0, 1, 0], [1, 0, 1]]
SLIDE = [[1, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 1, 1], [0, 0, 1, 1, 0], [0, 1, 1, 0, 0]]
FOUR = [[1, 2, 3, 0], [0, 1, 2, 3], [3, 0, 1, 2], [2, 3, 0, 1]]
KERNEL = [[2, 0, 1], [0, 1, 2], [1, 0, 2]]
SEVEN = [[(column - row + 1) % 4 for column in range(7)] for row in range(7)]
SAME = [[7, 12, 10, 2], [4, 15, 16, 10], [10, 6, 15, 6], [8, 10, 4, 3]]
LECTURE = [
    (SLIDE, CROSS, 1, "valid", [[4, 3, 4], [2, 4, 3], [2, 3, 4]]),
    (FOUR, KERNEL, 1, "valid", [[15, 16], [6, 15]]),
    (FOUR, KERNEL, 1, "same", SAME),
    (FOUR, KERNEL, 1, 1, SAME),
    (SEVEN, KERNEL, 2, "valid", [[15, 17, 15], [17, 15, 17], [15, 17, 15]]),
]


@pytest.mark.parametrize(("image", "kernel", "stride", "padding", "expected"), LECTURE)
def test_lecture_s_cross_correlations(image, kernel, stride, padding, expected):
    sliding = cross_correlate(
        torch.tensor(image), torch.tensor(kernel), stride=stride, padding=padding
    )
    assert sliding.output.tolist() == expected
    steps = list(sliding.steps)
    assert len(steps) == len(sliding)
    assert [float(step.products.sum()) for step in steps] == [step.result for step in steps]
    assert [step.result for step in steps] == sliding.output.flatten().tolist()


@pytest.mark.parametrize(("kind", "value"), [("max", 4), ("min", 1), ("avg", 2.5)])
def test_lecture_s_poolings_of_one_window(kind, value):
    sliding = slide_pool(torch.tensor([[4, 2], [1, 3]]), kind, 2)
    assert sliding.output.tolist() == [[value]]
    (step,) = sliding.steps
    assert step.values.tolist() == [[4, 2], [1, 3]]
    assert step.products is None


def test_lecture_s_max_pooling():
    image = [[12, 20, 30, 0], [8, 12, 2, 0], [34, 70, 37, 4], [112, 100, 25, 12]]
    sliding = slide_pool(torch.tensor(image), "max", 2)
    assert sliding.output.tolist() == [[20, 30], [112, 37]]
    assert [float(step.values.max()) for step in sliding.steps] == [20, 30, 112, 37]


def test_steps_equal_torch_for_any_shape():
    torch.manual_seed(0)
    image = torch.randn(6, 7, dtype=torch.float64)
    kernel = torch.randn(2, 3, dtype=torch.float64)
    for stride, border in ((1, 0), (2, 1), (3, 2)):
        sliding = cross_correlate(image, kernel, stride=stride, padding=border)
        expected = F.conv2d(image[None, None], kernel[None, None], stride=stride, padding=border)
        assert torch.equal(sliding.output, expected[0, 0])
        sums = torch.stack([step.products.sum() for step in sliding.steps])
        assert torch.allclose(sums, expected.flatten(), rtol=0, atol=1e-12)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
def test_same_with_an_even_kernel_is_torch_s():
    image, kernel = torch.randn(5, 6).double(), torch.randn(2, 4).double()
    expected = F.conv2d(image[None, None], kernel[None, None], padding="same")[0, 0]
    assert torch.allclose(cross_correlate(image, kernel, padding="same").output, expected)


def test_same_with_a_stride_is_tensorflow_s():
    """On 4x4 with a 3x3 kernel TensorFlow adds one row and column, at the end."""
    placement = place_windows((4, 4), (3, 3), stride=2, padding="same")
    assert placement.border == ((0, 1), (0, 1))
    assert placement.out_size == (2, 2)
    output = cross_correlate(
        torch.tensor(FOUR), torch.tensor(KERNEL), stride=2, padding="same"
    ).output
    assert output.tolist() == [[15, 10], [10, 3]]
    assert place_windows((5, 5), (1, 1), stride=2, padding="same").out_size == (3, 3)


def test_output_size_with_its_arithmetic():
    arithmetic = "(W - F + 2P)/S + 1 = (28 - 4 + 2*1)/2 + 1 = 14"
    assert size_arithmetic(place_windows((28, 28), (4, 4), stride=2, padding=1)) == arithmetic
    assert size_arithmetic(place_windows((5, 8), (3, 3), stride=2)) == (
        "(H - F + 2P)/S + 1 = (5 - 3 + 2*0)/2 + 1 = 2, "
        "(W - F + 2P)/S + 1 = floor((8 - 3 + 2*0)/2) + 1 = 3"
    )
    assert kept_share(place_windows((18, 18), (3, 3), stride=2)) == "64 of 256 positions"
    assert kept_share(place_windows((11, 11), (3, 3), stride=3)) == "9 of 81 positions"


def test_pooling_of_several_maps():
    maps = torch.arange(40.0).view(2, 4, 5)  # the last column is left out
    assert pool(maps, "max", 2)[0].tolist() == [[6, 8], [16, 18]]
    assert pool(maps, "min", 2)[1].tolist() == [[20, 22], [30, 32]]
    assert pool(maps, "avg", 2)[0].tolist() == [[3, 5], [13, 15]]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: cross_correlate(torch.ones(2, 2), torch.ones(3, 3)), "3x3 window does not fit"),
        (lambda: cross_correlate(torch.ones(2, 2), torch.ones(1, 1), stride=0), "stride 0 must"),
        (lambda: cross_correlate(torch.ones(2, 2), torch.ones(1, 1), padding=-1), "padding -1"),
        (lambda: cross_correlate(torch.ones(2), torch.ones(1, 1)), "rows and columns"),
        (lambda: slide_pool(torch.ones(3, 3), "max", 4), "4x4 window does not fit into 3x3"),
        (lambda: slide_pool(torch.ones(3, 3), "maxx", 2), "did you mean 'max'?"),
        (lambda: slide_pool(torch.ones(3, 3), "max", 0), "at least 1"),
    ],
)
def test_refuses(call, said):
    with pytest.raises(CnnlabError, match=said.replace("?", r"\?")):
        call()
