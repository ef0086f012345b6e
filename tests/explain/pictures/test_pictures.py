"""The numbers behind the pictures, by hand; networks that work in place or use a module twice."""

import sys

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import cnnlab.models  # noqa: F401  (fills the registry)
from cnnlab.config.schema import build
from cnnlab.explain.pictures.attributions import grad_cam, integrated_gradients, occlusion
from cnnlab.explain.pictures.capture import activations, strongest_maps
from cnnlab.explain.pictures.drawing import picture
from cnnlab.explain.pictures.kernels import first_kernels
from cnnlab.explain.pictures.look import look
from cnnlab.explain.pictures.map_layers import last_convolution, map_layers
from cnnlab.explain.pictures.montage import left_out_lines, montage
from cnnlab.explain.pictures.receptive_fields import Unit, strongest_unit
from cnnlab.explain.pictures.strongest_images import strongest_images
from cnnlab.registry import MODELS
from cnnlab.spec import ImageSpec

SPEC = ImageSpec(1, 16, 16, 3, mean=(0.5,), std=(0.25,))


class InPlace(nn.Module):
    """Works on its input and its maps in place, and uses a convolution and an activation twice."""

    def __init__(self, inplace: bool = True) -> None:
        super().__init__()
        self.inplace = inplace
        self.first = nn.Conv2d(1, 4, 3, padding=1)
        self.again = nn.Conv2d(4, 4, 3, stride=2, padding=1)
        self.relu = nn.ReLU(inplace)
        self.classifier = nn.Linear(4, 3)

    def forward(self, images):
        images = images.mul_(2) if self.inplace else images * 2
        maps = self.relu(self.first(images))
        maps = self.relu(self.again(maps))
        maps = self.again(maps)
        maps = maps.relu_() if self.inplace else maps.relu()
        return self.classifier(maps.mean((2, 3)))


class Examples:
    def __init__(self, count: int) -> None:
        generator = torch.Generator().manual_seed(1)
        self.images = torch.randn(count, *SPEC.shape, generator=generator)
        self.labels = torch.arange(count) % 3

    def __len__(self) -> int:
        return len(self.labels)

    def __call__(self, indices):
        return self.images[indices], self.labels[indices]


@pytest.fixture
def image():
    return torch.randn(SPEC.shape, generator=torch.Generator().manual_seed(0))


def in_place() -> InPlace:
    torch.manual_seed(3)
    return InPlace()


def test_maps_of_a_network_that_works_in_place_and_twice(image):
    model = in_place()
    layers = map_layers(model, image)
    assert [layer.name for layer in layers] == ["first", "relu:1", "again:1", "relu:2", "again:2"]
    kept = image.clone()
    maps = activations(model, image, layers)
    assert torch.equal(image, kept)
    expected = model.first(image.unsqueeze(0) * 2)
    assert torch.equal(maps["first"], expected[0])
    expected = expected.relu()
    assert torch.equal(maps["relu:1"], expected[0])
    expected = model.again(expected)
    assert torch.equal(maps["again:1"], expected[0])
    assert torch.equal(maps["again:2"], model.again(expected.relu())[0])


def test_grad_cam_is_the_weighted_sum_of_the_maps_also_in_place(image):
    model, layer = in_place(), None
    layer = last_convolution(map_layers(model, image))
    assert layer.name == "again:2"
    maps = activations(model, image, [layer])[layer.name].requires_grad_()
    logits = model.classifier(maps.relu().mean((1, 2)))
    (gradient,) = torch.autograd.grad(logits[1], maps)
    expected = (gradient.mean((1, 2), keepdim=True) * maps).sum(0).relu().detach()
    enlarged = F.interpolate(expected[None, None], (16, 16), mode="bilinear")[0, 0]
    torch.testing.assert_close(grad_cam(model, image, 1, layer), enlarged)
    plain = InPlace(inplace=False)
    plain.load_state_dict(model.state_dict())
    for target in (0, 2):
        torch.testing.assert_close(
            integrated_gradients(model, image, target), integrated_gradients(plain, image, target)
        )


def test_attributions_of_a_linear_network_are_its_weights_times_pixels(image):
    model = nn.Sequential(nn.Flatten(), nn.Linear(256, 3))
    weights = model[1].weight.detach().view(3, 16, 16)
    for target in range(3):
        torch.testing.assert_close(
            integrated_gradients(model, image, target)[0], weights[target] * image[0]
        )
    first, second = occlusion(model, image, [2, 0])
    for found, target in ((first, 2), (second, 0)):  # 3x3 squares; only one covers the corner
        covered = (weights[target] * image[0])[:3, :3].sum()
        torch.testing.assert_close(found[0, 0], covered)


def test_the_first_kernels(image):
    model = in_place()
    assert torch.equal(first_kernels(model, image).kernels, model.first.weight)
    linear = nn.Sequential(nn.Flatten(), nn.Linear(256, 5))
    first = first_kernels(linear, image)
    assert (first.path, first.is_convolution) == ("1", False)
    assert torch.equal(first.kernels, linear[1].weight.view(5, 1, 16, 16))


def test_the_images_that_excite_a_map_most():
    model = nn.Sequential(nn.Conv2d(1, 2, 1, bias=False), nn.Flatten(), nn.Linear(512, 3))
    model[0].weight.data = torch.tensor([1.0, -1.0]).view(2, 1, 1, 1)
    examples = Examples(30)
    (layer,) = map_layers(model, examples.images[0])
    batches = examples.images.split(7)
    bright, dark = strongest_images(model, [(layer, 0), (layer, 1)], batches, count=4)
    values = examples.images.flatten(1).amax(1).sort(descending=True)
    assert torch.equal(bright.indices, values.indices[:4])
    assert torch.equal(bright.values, values.values[:4])
    row, column = bright.places[0]
    assert examples.images[bright.indices[0], 0, row, column] == values.values[0]
    assert torch.equal(dark.indices, examples.images.flatten(1).amin(1).sort().indices[:4])


def test_strongest_maps_and_units():
    maps = torch.zeros(3, 2, 2)
    maps[2, 1, 0], maps[0] = 5.0, -1.0
    assert strongest_maps(maps, 2) == [2, 0]
    assert strongest_unit(maps) == Unit(2, 1, 0)
    assert strongest_unit(maps, 1) == Unit(1, 0, 0)


def test_an_image_is_drawn_in_its_own_colours():
    image = torch.tensor([-2.0, 2.0, 9.0]).view(1, 1, 3)  # 0, 1 and beyond
    assert picture(image, SPEC)[0].tolist() == [[0] * 3, [1] * 3, [1] * 3]


SMALL = {
    "in place": in_place,
    "lenet5": lambda: build(MODELS, {"name": "lenet5"}, SPEC),
    "mlp": lambda: build(MODELS, {"name": "mlp", "hidden": [8]}, SPEC),
    "convnext": lambda: build(
        MODELS, {"name": "convnext", "blocks": [1, 1, 1, 1], "channels": [4, 4, 4, 4]}, SPEC
    ),
}
PARTS = {"probabilities", "kernels", "feature maps", "receptive fields"}
PARTS |= {"attributions", "strongest images"}


@pytest.mark.parametrize("name", SMALL)
def test_all_parts_are_drawn_and_the_model_stays(image, name):
    model = SMALL[name]().train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    state = torch.get_rng_state()
    found = look(model, image, SPEC, label=1, examples=Examples(10))
    missing = PARTS - set(found.panels)
    if name == "mlp":
        assert missing == {"feature maps", "receptive fields", "strongest images"}
        assert set(found.left_out) == missing | {"Grad-CAM"}
    else:
        assert not missing
        assert not found.left_out
    assert {"kernels", "integrated-gradients", "occlusion", "probabilities"} <= set(found.files)
    assert ("grad-cam" in found.files) == (name != "mlp")
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert torch.equal(state, torch.get_rng_state())
    assert all(module.training for module in model.modules())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_montage_says_what_is_left_out(image, monkeypatch):
    monkeypatch.setitem(sys.modules, "captum", None)
    found = look(SMALL["lenet5"](), image, SPEC, is_classifier=True)
    needs = "needs captum: pip install 'cnnlab[explain]'"
    assert left_out_lines(found.left_out) == [
        f"left out: Grad-CAM, integrated gradients, occlusion: {needs}",
        "left out: strongest images: no images are given",
    ]
    page = montage(list(found.panels.values()), "LeNet-5", found.left_out)
    page.draw_without_rendering()
    texts = [text.get_text() for part in page.subfigs for text in part.texts]
    assert "LeNet-5" in texts
    assert "\n".join(left_out_lines(found.left_out)) in texts


def test_a_network_without_classes_has_no_attributions(image):
    model = build(MODELS, {"name": "conv_autoencoder", "channels": [4], "code": 4}, SPEC)
    found = look(model, image, SPEC, is_classifier=False)
    assert set(found.panels) == {"kernels", "feature maps", "receptive fields"}
    assert found.left_out["occlusion"] == "the network has no classes: it is no classifier"
