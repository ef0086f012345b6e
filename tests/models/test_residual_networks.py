"""The residual families: shortcuts, plain nets, pre-activation, versions, stems, widths."""

import csv
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
import torchvision
import yaml
from copied_weights import outputs_of_both
from torch import nn

from cnnlab.models import ResNet, ResNetImageNet, WideResNet
from cnnlab.models.residual import BasicBlock, Bottleneck, PadShortcut, PreActBlock
from cnnlab.spec import ImageSpec

ROOT = Path(__file__).parents[2]
CIFAR10 = ImageSpec(3, 32, 32, 10)
FAMILIES = {"resnet": 14, "resnet_imagenet": 13, "wide_resnet": 4}


def modules_of(model, kind):
    return [module for module in model.modules() if isinstance(module, kind)]


def on_meta(model, spec=CIFAR10, **options):
    with torch.device("meta"):
        return model(spec, **options)


# Blocks


def test_a_plain_block_is_a_residual_one_without_its_sum():
    residual, plain = BasicBlock(4, 4).eval(), BasicBlock(4, 4, shortcut="none").eval()
    plain.load_state_dict(residual.state_dict())  # the very same tensors
    maps = torch.randn(2, 4, 6, 6)
    branch = residual.norm2(residual.conv2(F.relu(residual.norm1(residual.conv1(maps)))))
    assert torch.equal(plain(maps), F.relu(branch))
    assert torch.equal(residual(maps), F.relu(branch + maps))


def test_a_preactivated_block_has_nothing_after_its_sum():
    block = PreActBlock(4, 4).eval()
    nn.init.zeros_(block.conv2.weight)
    maps = torch.randn(2, 4, 6, 6)
    assert torch.equal(block(maps), maps)  # negative values pass, as no ReLU follows


def test_the_first_preactivated_block_of_a_stage_shares_its_activation():
    block = PreActBlock(4, 4, first=True).eval()
    nn.init.zeros_(block.conv2.weight)
    maps = torch.randn(2, 4, 6, 6)
    assert torch.equal(block(maps), F.relu(block.norm1(maps)))


def test_a_wide_block_drops_between_its_convolutions():
    block = PreActBlock(4, 4, dropout=0.5).train()
    seen = []
    block.conv2.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    block(torch.randn(8, 4, 16, 16))
    assert (seen[0] == 0).float().mean() == pytest.approx(0.75, abs=0.05)  # half by ReLU, then half


@pytest.mark.parametrize(("stride_on", "inner_size"), [(1, 4), (2, 8)])
def test_a_bottleneck_strides_where_its_version_says(stride_on, inner_size):
    block = Bottleneck(8, 2, 8, stride=2, stride_on=stride_on)
    assert block.conv1(torch.zeros(1, 8, 8, 8)).shape == (1, 2, inner_size, inner_size)
    assert block(torch.zeros(2, 8, 8, 8)).shape == (2, 8, 4, 4)


# Networks


@pytest.mark.parametrize("preactivation", [False, True])
def test_plain_nets_have_no_shortcut_at_all(preactivation):
    kind = PreActBlock if preactivation else BasicBlock
    plain = on_meta(ResNet, shortcut="none", preactivation=preactivation)
    assert [block.shortcut for block in modules_of(plain, kind)] == [None] * 9
    residual = on_meta(ResNet, preactivation=preactivation)
    shortcuts = [type(block.shortcut) for block in modules_of(residual, kind)]
    assert shortcuts.count(PadShortcut) == 2
    assert shortcuts.count(nn.Identity) == 7


def test_preactivation_ends_in_batch_norm_and_relu():
    model = ResNet(CIFAR10, preactivation=True, depth=8).eval()
    seen = []
    model.pool.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    model(torch.randn(2, 3, 32, 32))
    assert seen[0].min() == 0
    assert model.norm.num_features == 64


def test_the_depth_of_imagenet_s_family_counts_its_weighted_layers():
    for depth in (18, 34, 50, 101, 152):
        model = on_meta(ResNetImageNet, depth=depth)
        projections = sum(  # which the paper does not count
            isinstance(block.shortcut, nn.Sequential)
            for block in modules_of(model, (BasicBlock, Bottleneck))
        )
        assert len(modules_of(model, (nn.Conv2d, nn.Linear))) - projections == depth


@pytest.mark.parametrize(("stem", "size"), [("imagenet", 8), ("small", 32)])
def test_the_small_stem_keeps_the_size_of_the_image(stem, size):
    model = on_meta(ResNetImageNet, stem=stem)
    seen = []
    model.stage1.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape))
    model(torch.empty(2, 3, 32, 32, device="meta"))
    assert seen == [(2, 64, size, size)]


def test_a_wide_resnet_multiplies_channels_and_counts_its_projections():
    model = on_meta(WideResNet, depth=28, width=10, dropout=0.3)
    widths = [stage[-1].conv2.out_channels for stage in (model.stage1, model.stage2, model.stage3)]
    assert widths == [160, 320, 640]
    assert len(modules_of(model, nn.Conv2d)) == 28
    assert {layer.p for layer in modules_of(model, nn.Dropout)} == {0.3}


@pytest.mark.parametrize(("width", "shared"), [(1, [False, True, True]), (2, [True] * 3)])
def test_only_wide_blocks_that_change_channels_share_their_activation(width, shared):
    model = on_meta(WideResNet, depth=16, width=width)
    stages = [model.stage1, model.stage2, model.stage3]
    assert [[block.first for block in stage] for stage in stages] == [[s, False] for s in shared]


def test_impossible_options_are_refused():
    with pytest.raises(ValueError, match=r"^version=v1 moves the stride of bottlenecks, .*=18 "):
        ResNetImageNet(CIFAR10, depth=18, version="v1")
    with pytest.raises(ValueError, match=r"^depth=27 must be 6n\+4 .*; the nearest is 28$"):
        WideResNet(CIFAR10, depth=27)
    with pytest.raises(ValueError, match=r"^width=2 widens bottlenecks, and depth=18 has none"):
        ResNetImageNet(CIFAR10, width=2)


# Against torchvision


def assert_equal_outputs(name, **options):
    spec = ImageSpec(3, 64, 64, 1000)
    ours, theirs = outputs_of_both(
        lambda spec: ResNetImageNet(spec, **options), getattr(torchvision.models, name), spec
    )
    scale = theirs.std()
    assert scale > 0.1
    torch.testing.assert_close(ours / scale, theirs / scale, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("depth", [18, 34, 50])
def test_equal_outputs_with_torchvision(depth):
    assert_equal_outputs(f"resnet{depth}", depth=depth)


@pytest.mark.slow
@pytest.mark.parametrize("depth", [101, 152])
def test_equal_outputs_with_torchvision_s_deep_ones(depth):
    assert_equal_outputs(f"resnet{depth}", depth=depth)


@pytest.mark.slow
def test_equal_outputs_with_torchvision_s_wide_one():
    assert_equal_outputs("wide_resnet50_2", depth=50, width=2)


def test_version_1_differs_from_torchvision_s():
    with pytest.raises(AssertionError, match="not close"):
        assert_equal_outputs("resnet50", depth=50, version="v1")


# Variants


def test_every_variant_of_these_families_has_its_published_cost():
    with (ROOT / "experiments/architectures/published.csv").open(newline="") as file:
        rows = {row["model"].removeprefix("model=") for row in csv.DictReader(file)}
    found = dict.fromkeys(FAMILIES, 0)
    for path in (ROOT / "conf/model").glob("*.yaml"):
        base = yaml.safe_load(path.read_text())["defaults"][0]
        if base in FAMILIES:
            found[base] += 1
            assert path.stem in rows
    assert found == FAMILIES
