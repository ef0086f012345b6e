"""Networks written as lines: what each line builds, and how a wrong one is refused."""

import re

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnlab.models import ConvStack
from cnnlab.models.layers import MinPool2d, output_size
from cnnlab.models.stack.builders import BUILDERS
from cnnlab.models.stack.lines import parse_line, usage
from cnnlab.spec import ImageSpec

CIFAR10 = ImageSpec(3, 32, 32, 10)
CONV = "conv CHANNELS KERNEL stride=1 padding=valid groups=1 bias=true"
WORDS = (
    "avgpool, batchnorm, conv, dropout, elu, flatten, gelu, globalavgpool, leaky_relu, linear, "
    "lrn, maxpool, minpool, relu, residual, scaled_tanh, sigmoid, silu, tanh"
)


def stack_on_meta(spec, lines):
    with torch.device("meta"):
        return ConvStack(spec, layers=lines)


def shapes(spec, lines):
    """The shape after every line, without N."""
    model = stack_on_meta(spec, lines)
    maps = torch.empty(2, *spec.shape, device="meta")
    found = []
    for layer in model.layers:
        maps = layer(maps)
        found.append(tuple(maps.shape[1:]))
    assert model(torch.empty(2, *spec.shape, device="meta")).shape == (2, spec.num_classes)
    return found


@pytest.mark.parametrize(
    ("line", "shape"),
    [
        ("conv 64 4 stride=2 padding=1", (64, 16, 16)),
        ("conv 64 5", (64, 28, 28)),
        ("conv 64 5 padding=same", (64, 32, 32)),
        ("conv 64 4 padding=same stride=3", (64, 11, 11)),
        ("conv 6 3 groups=3 bias=false", (6, 30, 30)),
        ("conv kernel=3 channels=6", (6, 30, 30)),
        ("maxpool 2", (3, 16, 16)),
        ("maxpool 3 stride=2", (3, 15, 15)),
        ("maxpool 3 stride=2 padding=same", (3, 16, 16)),
        ("avgpool 2", (3, 16, 16)),
        ("minpool 3 padding=1", (3, 11, 11)),
        ("globalavgpool", (3,)),
        ("residual 64 stride=2", (64, 16, 16)),
        ("residual 3", (3, 32, 32)),
        ("batchnorm", (3, 32, 32)),
        ("lrn", (3, 32, 32)),
        ("relu", (3, 32, 32)),
        ("scaled_tanh", (3, 32, 32)),
        ("flatten", (3072,)),
        ("linear 128", (128,)),
        ("dropout 0.5", (3, 32, 32)),
    ],
)
def test_a_line_gives_its_shape(line, shape):
    assert shapes(CIFAR10, [line]) == [shape]


def test_the_lecture_s_cifar10_pools_go_from_32_to_15_to_7():
    lines = ["conv 8 5 padding=same", "maxpool 3 stride=2"] * 2
    assert [shape[1] for shape in shapes(CIFAR10, lines)] == [32, 15, 15, 7]


def test_every_word_has_an_example_above():
    assert WORDS.split(", ") == sorted(BUILDERS)


def test_lines_are_modules_named_by_number_and_word():
    names = dict(
        ConvStack(CIFAR10, layers=["conv 8 3", "relu", "minpool 2"]).layers.named_children()
    )
    assert list(names) == ["1_conv", "2_relu", "3_minpool"]
    assert isinstance(names["3_minpool"], MinPool2d)


def test_a_stack_computes_its_lines_in_order():
    model = ConvStack(
        CIFAR10, layers=["conv 4 3 stride=2", "relu", "avgpool 3", "linear 7", "tanh"]
    )
    images = torch.randn(2, 3, 32, 32)
    conv, linear = model.layers[0], model.layers[3][1]
    maps = F.avg_pool2d(F.relu(F.conv2d(images, conv.weight, conv.bias, stride=2)), 3)
    features = torch.tanh(F.linear(maps.flatten(1), linear.weight, linear.bias))
    expected = F.linear(features, model.classifier.weight, model.classifier.bias)
    torch.testing.assert_close(model(images), expected)


def test_linear_flattens_by_itself():
    written = ConvStack(CIFAR10, layers=["maxpool 4", "flatten", "linear 5", "batchnorm"])
    short = ConvStack(CIFAR10, layers=["maxpool 4", "linear 5", "batchnorm"])
    short.load_state_dict(dict(zip(short.state_dict(), written.state_dict().values(), strict=True)))
    images = torch.randn(3, 3, 32, 32)
    assert torch.equal(written(images), short(images))


def test_no_lines_are_softmax_regression():
    assert sum(p.numel() for p in ConvStack(CIFAR10, layers=[]).parameters()) == 3072 * 10 + 10


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            ["maxpool 2", "conv 8 3 padding=same", "maxpool 2", "maxpool 2", "conv 64 5"],
            "line 5 'conv 64 5': kernel 5 does not fit the 4x4 map from line 4",
        ),
        (["maxpool 33"], "line 1 'maxpool 33': kernel 33 does not fit the 32x32 map of the input"),
        (
            ["maxpool 8", "conv 8 7 padding=1"],
            "line 2 'conv 8 7 padding=1': kernel 7 with padding 1 does not fit the 4x4 map "
            "from line 1",
        ),
        (
            ["relu", "cnov 64 3"],
            f"line 2 'cnov 64 3': no layer 'cnov'; did you mean 'conv'? (one of: {WORDS})",
        ),
        (["ReLU"], f"line 1 'ReLU': no layer 'ReLU'; did you mean 'relu'? (one of: {WORDS})"),
        ([" "], f"line 1 ' ': is empty (one of: {WORDS})"),
        (["conv 64"], f"line 1 'conv 64': kernel is missing; write '{CONV}'"),
        (["conv 8 3 2"], f"line 1 'conv 8 3 2': '2' is one value too many; write '{CONV}'"),
        (["relu 3"], "line 1 'relu 3': '3' is one value too many; write 'relu'"),
        (
            ["conv 64 x"],
            "line 1 'conv 64 x': kernel=x must be a whole number at least 1 and at most 65536; "
            f"write '{CONV}'",
        ),
        (
            ["conv 0 3"],
            "line 1 'conv 0 3': channels=0 must be a whole number at least 1 and at most 65536; "
            f"write '{CONV}'",
        ),
        (
            ["conv 8 3 padding=full"],
            "line 1 'conv 8 3 padding=full': padding=full must be a whole number at least 0 "
            f"or valid or same; write '{CONV}'",
        ),
        (
            ["conv 8 3 bias=maybe"],
            f"line 1 'conv 8 3 bias=maybe': bias=maybe must be true or false; write '{CONV}'",
        ),
        (
            ["conv 8 3 strid=2"],
            "line 1 'conv 8 3 strid=2': no argument 'strid'; did you mean 'stride'? "
            f"(one of: bias, channels, groups, kernel, padding, stride); write '{CONV}'",
        ),
        (
            ["maxpool 2 stride=0"],
            "line 1 'maxpool 2 stride=0': stride=0 must be a whole number at least 1 "
            "and at most 65536; write 'maxpool KERNEL stride=KERNEL padding=valid'",
        ),
        (
            ["maxpool 2 kernel=3"],
            "line 1 'maxpool 2 kernel=3': kernel is set twice; "
            "write 'maxpool KERNEL stride=KERNEL padding=valid'",
        ),
        (
            ["dropout 1"],
            "line 1 'dropout 1': p=1 must be a number at least 0 and below 1; write 'dropout P'",
        ),
        (
            ["dropout nan"],
            "line 1 'dropout nan': p=nan must be a number at least 0 and below 1; "
            "write 'dropout P'",
        ),
        (
            ["flatten", "conv 8 3"],
            "line 2 'conv 8 3': needs a map, not the vector of 3072 numbers from line 1",
        ),
        (["linear 8", "lrn"], "line 2 'lrn': needs a map, not the vector of 8 numbers from line 1"),
        (
            ["conv 8 3 groups=3"],
            "line 1 'conv 8 3 groups=3': groups=3 must divide the channels, 3 and 8",
        ),
        (
            ["conv 8 3 padding=3"],
            "line 1 'conv 8 3 padding=3': padding=3 must be below kernel 3, "
            "or a window would hold only padding",
        ),
        (
            ["maxpool 3 padding=2"],
            "line 1 'maxpool 3 padding=2': padding=2 must be at most 1, half of kernel 3",
        ),
    ],
)
def test_a_wrong_line_is_refused_with_number_text_and_what_was_meant(lines, message):
    with pytest.raises(ValueError, match="line") as refusal:
        stack_on_meta(CIFAR10, lines)
    assert str(refusal.value) == message


def test_usage_is_a_line_that_parses_once_its_capitals_are_numbers():
    for word, builder in BUILDERS.items():
        line = usage(word, builder).replace("=KERNEL", "=2")
        for name in ("CHANNELS", "KERNEL", "UNITS"):
            line = line.replace(name, "4")
        assert parse_line(line.replace("P", "0.5"), BUILDERS)[0] == word


whole = st.integers(1, 6)
sliding = st.tuples(
    st.sampled_from(["conv", "maxpool", "avgpool", "minpool"]),
    whole,
    st.integers(1, 3),
    st.sampled_from(["valid", "same", 0]),
)


@settings(max_examples=60)
@given(windows=st.lists(sliding, max_size=5), height=st.integers(4, 40), width=st.integers(4, 40))
def test_legal_stacks_have_the_sizes_of_the_formula(windows, height, width):
    lines, expected, channels, size = [], [], 1, (height, width)
    for word, kernel, stride, padding in windows:
        after = tuple(output_size(side, kernel, stride, padding) for side in size)
        if min(after) < 1:
            continue
        channels = 4 if word == "conv" else channels
        bare = f"4 {kernel}" if word == "conv" else f"{kernel}"
        lines.append(f"{word} {bare} stride={stride} padding={padding}")
        expected.append((channels, *after))
        size = after
    assert shapes(ImageSpec(1, height, width, 3), lines) == expected


@given(lines=st.lists(st.text(alphabet="conv relu maxpool123=,.-", max_size=20), max_size=3))
def test_any_text_is_built_or_refused_in_one_line(lines):
    assert re.fullmatch(r"|line \d '.*", refusal(lines))


def refusal(lines):
    try:
        stack_on_meta(CIFAR10, lines)
    except ValueError as error:
        return str(error)
    return ""


def test_a_line_of_the_first_edition_still_builds():
    stack = ConvStack(ImageSpec(1, 4, 4, 2), layers=["dropout share=0.25"])
    assert stack.layers[0].p == 0.25
