"""The whitening layer by its definition, and what airbench94 is made of."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cnnlab.data.dataset import Images
from cnnlab.data.loading.normalise import Normalise
from cnnlab.models import Airbench
from cnnlab.models.whitening import WhiteningConv2d
from cnnlab.spec import ImageSpec
from cnnlab.training.data_init import init_from_images

CIFAR10 = ImageSpec(3, 32, 32, 10)


def photographs(count: int) -> torch.Tensor:
    """Smooth images: neighbouring pixels are alike."""
    noise = torch.randn(count, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    smooth = F.avg_pool2d(noise, 5, stride=1) + 0.3 * noise[:, :, 2:-2, 2:-2]
    return (smooth - smooth.mean()) / smooth.std()


def test_whitened_patches_have_the_identity_as_their_second_moment():
    images = photographs(600)  # more than are taken at a time
    layer = WhiteningConv2d(3, 2, eps=0.0)
    layer.init_from_images(images)
    patches = F.conv2d(images, layer.weight)  # (N, 24, 11, 11)
    half, opposite = patches[:, :12].transpose(0, 1).flatten(1), patches[:, 12:]
    torch.testing.assert_close(half @ half.T / half.shape[1], torch.eye(12), atol=1e-3, rtol=0)
    torch.testing.assert_close(opposite, -patches[:, :12])
    before = F.unfold(images, 2).transpose(0, 1).flatten(1)
    assert (before @ before.T / before.shape[1] - torch.eye(12)).abs().max() > 0.3  # it was not


def test_kernels_are_given_and_biases_trained():
    model = Airbench(CIFAR10, widths=(4, 4, 4))
    pixels = torch.randint(256, (6, 3, 32, 32), dtype=torch.uint8)
    state = torch.get_rng_state()
    images = Images(pixels, torch.zeros(6, dtype=torch.long))
    init_from_images(model, images, CIFAR10, torch.device("cpu"))
    assert torch.equal(torch.get_rng_state(), state)
    alone = WhiteningConv2d(3, 2)
    alone.init_from_images(Normalise(CIFAR10)(pixels))
    assert torch.equal(model.whiten.weight, alone.weight)
    fixed = {name for name, p in model.named_parameters() if not p.requires_grad}
    norms = {f"block{block}.norm{norm}.weight" for block in (1, 2, 3) for norm in (1, 2)}
    assert fixed == {"whiten.weight", *norms}
    trained = Airbench(CIFAR10, widths=(4, 4, 4), whitening=False)
    assert trained.whiten.weight.requires_grad
    assert trained.state_dict().keys() == model.state_dict().keys()


def test_what_it_is_made_of(cost):
    assert cost(Airbench, CIFAR10) == (1_972_792, 118_147_360)
    model = Airbench(CIFAR10)
    norms = [layer for layer in model.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert {(norm.momentum, norm.eps) for norm in norms} == {(0.4, 1e-12)}
    maps = torch.randn(1, 64, 5, 5)
    assert torch.allclose(model.block2.conv1(maps)[:, :64], maps, atol=1e-6)  # the identity
    assert model.classifier.weight.std().item() == pytest.approx(1)
    seen = []
    model.pool.register_forward_hook(lambda _, args, out: seen.extend([args[0].shape, out]))
    logits = model(torch.randn(2, 3, 32, 32))
    assert seen[0] == (2, 256, 3, 3)
    torch.testing.assert_close(logits, seen[1].flatten(1) @ model.classifier.weight.T / 256)


def test_refusals():
    with pytest.raises(ValueError, match=r"^needs images of at least 9x9, not 8x9$"):
        Airbench(ImageSpec(1, 8, 9, 10))
    with pytest.raises(ValueError, match=r"^widths=\[4, 0, 4\] must be at least 1 everywhere$"):
        Airbench(CIFAR10, widths=(4, 0, 4))
    assert Airbench(ImageSpec(1, 9, 9, 10)).eval()(torch.zeros(1, 1, 9, 9)).shape == (1, 10)
