"""ConvNeXt: its block, its stages, its constants, what is refused."""

import pytest
import torch
import torch.nn.functional as F

from cnnlab.models import ConvNeXt
from cnnlab.models.convnext import Block, LayerNorm2d, StochasticDepth
from cnnlab.spec import ImageSpec

CIFAR10 = ImageSpec(3, 32, 32, 10)


@pytest.mark.parametrize(("side", "patch"), [(28, 2), (32, 2), (64, 4), (224, 4), (8, 1)])
def test_stages_halve_the_map_of_patches(side, patch):
    spec = ImageSpec(1, side, side, 7)
    with torch.device("meta"):
        model = ConvNeXt(spec, patch=patch)
        images = torch.empty(2, *spec.shape)
    shapes = []
    for number in range(1, 5):
        stage = model.get_submodule(f"stage{number}")
        stage.register_forward_hook(lambda _l, _i, output: shapes.append(tuple(output.shape[1:])))
    assert model(images).shape == (2, 7)
    start = (32 if side == 28 else side) // patch
    assert shapes == [(40 * 2**i, start // 2**i, start // 2**i) for i in range(4)]


def test_a_block_begins_almost_as_the_identity():
    maps = torch.randn(2, 4, 5, 5)
    assert torch.equal(Block(4, layer_scale=1e-30)(maps), maps)


def test_a_block_is_depthwise_norm_expand_gelu_project_scaled_by_map():
    torch.manual_seed(0)
    block, maps = Block(2, layer_scale=1.0), torch.randn(1, 2, 9, 9)
    block.scale.data = torch.tensor([0.0, 3.0])
    pixel = F.conv2d(maps, block.depthwise.weight, block.depthwise.bias, padding=3, groups=2)
    pixel = pixel[0, :, 4, 4]
    pixel = (pixel - pixel.mean()) / (pixel.var(correction=0) + 1e-6).sqrt()
    hidden = F.gelu(block.expand.weight @ pixel + block.expand.bias)
    answer = block.project.weight @ hidden + block.project.bias
    output = block(maps)
    assert torch.equal(output[:, 0], maps[:, 0])
    torch.testing.assert_close(output[0, 1, 4, 4], maps[0, 1, 4, 4] + 3 * answer[1])


def test_stochastic_depth_drops_whole_images_and_keeps_the_mean():
    torch.manual_seed(0)
    drop, residuals = StochasticDepth(0.25), torch.ones(4000, 2, 3, 3)
    dropped = drop(residuals)
    assert torch.equal(
        dropped, dropped[:, :1, :1, :1].expand_as(dropped)
    )  # all of an image or none
    assert dropped.unique().tolist() == pytest.approx([0, 1 / 0.75])
    assert (dropped == 0).float().mean().item() == pytest.approx(0.25, abs=0.03)
    assert drop.eval()(residuals) is residuals
    assert StochasticDepth(0.0).train()(residuals) is residuals


def test_stochastic_depth_rises_from_0_at_the_first_block_to_its_value_at_the_last():
    def of_blocks(**options):
        with torch.device("meta"):
            model = ConvNeXt(CIFAR10, blocks=(1, 2, 1, 2), **options)
        return [layer.p for layer in model.modules() if isinstance(layer, StochasticDepth)]

    assert of_blocks(stochastic_depth=0.5) == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5])
    assert of_blocks() == [0] * 6


def test_layer_norm_is_over_the_maps_of_each_pixel():
    normed = LayerNorm2d(6)(torch.randn(2, 6, 3, 3) * 5 + 2)
    torch.testing.assert_close(normed.mean(1), torch.zeros(2, 3, 3), atol=1e-6, rtol=0)
    torch.testing.assert_close(normed.var(1, correction=0), torch.ones(2, 3, 3))


def test_weights_are_those_of_the_paper_s_code():
    torch.manual_seed(0)
    model = ConvNeXt(CIFAR10)
    assert model.down3[1].weight.std().item() == pytest.approx(0.02, rel=0.02)
    assert not model.stem[0].bias.any()
    assert model.stage4[1].scale.unique().tolist() == pytest.approx([1e-6])


@pytest.mark.parametrize(
    ("spec", "options", "message"),
    [
        (CIFAR10, {"patch": 5}, "patch=5 needs images of at least 40x40, not 32x32"),
        (
            ImageSpec(1, 27, 64, 2),
            {"patch": 4},
            "patch=4 needs images of at least 28x28, not 27x64",
        ),
        (
            CIFAR10,
            {"blocks": (2, 2)},
            "blocks=[2, 2] must be 4 numbers of at least 1, one per stage",
        ),
        (
            CIFAR10,
            {"channels": (8, 0, 8, 8)},
            "channels=[8, 0, 8, 8] must be 4 numbers of at least 1, one per stage",
        ),
    ],
)
def test_impossible_options_are_refused(spec, options, message):
    with pytest.raises(ValueError, match=r"must be|needs") as refusal:
        ConvNeXt(spec, **options)
    assert str(refusal.value) == message
