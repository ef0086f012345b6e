"""Networks of every kind: several outputs, computed weights, compiled, without gradients."""

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from cnnlab.explain.features.penultimate import penultimate_features
from cnnlab.explain.network import is_leaf, layer_modules, output_tensor
from cnnlab.explain.page.render import look_page
from cnnlab.explain.page.stages import passage
from cnnlab.explain.pictures import parts
from cnnlab.explain.pictures.kernels import first_kernels
from cnnlab.explain.pictures.look import look
from cnnlab.explain.pictures.map_layers import map_layers
from cnnlab.explain.trace.torch_bridge import as_written
from cnnlab.registry import CnnlabError
from cnnlab.spec import ImageSpec

SPEC = ImageSpec(1, 8, 8, 3)
IMAGE = torch.linspace(-1, 1, 64).view(1, 8, 8)


class Net(nn.Module):
    def __init__(self, returns: str = "tensor") -> None:
        super().__init__()
        torch.manual_seed(0)
        self.returns = returns
        self.conv = nn.Conv2d(1, 4, 3)
        self.classifier = nn.Linear(4, 3)

    def forward(self, images):
        maps = self.conv(images).relu()
        if self.returns == "detached":
            maps = maps.detach()
        logits = self.classifier(input=maps.mean((2, 3)))
        if self.returns == "tuple":
            return logits, maps
        return {"maps": maps, "logits": logits} if self.returns == "mapping" else logits


def test_the_tensor_of_an_output() -> None:
    one, two = torch.zeros(1), torch.ones(1)
    for output in (one, (one, two), [one], {"logits": one, "x": two}, {"x": one}, {"x": (one,)}):
        assert output_tensor(output) is one
    for output in (None, (), {}, "text"):
        with pytest.raises(CnnlabError, match=f"returns {type(output).__name__}, in which is no"):
            output_tensor(output)


@pytest.mark.parametrize("returns", ["tuple", "mapping"])
def test_a_network_with_several_outputs_is_shown_as_its_logits(returns: str) -> None:
    plain, model = Net(), Net(returns)
    assert torch.equal(passage(model, IMAGE).output, plain(IMAGE[None])[0])
    assert look_page(model, IMAGE, SPEC, "x") == look_page(plain, IMAGE, SPEC, "x")
    found = look(model, IMAGE, SPEC, label=2, examples="none")
    assert found.left_out == {"strongest images": "none"}
    features, layer = penultimate_features(model, [IMAGE[None]])
    assert (layer, features.shape) == ("classifier", (1, 4))


def test_a_weight_that_is_computed_is_no_layer() -> None:
    model = Net()
    weight_norm(model.conv)
    assert is_leaf(model.conv)
    assert len(layer_modules(model)) == 3
    assert first_kernels(model, IMAGE).path == "conv"
    assert [layer.name for layer in map_layers(model, IMAGE)] == ["conv"]
    assert [stage.kind for stage in passage(model, IMAGE).stages] == ["convolution", "linear"]


def test_what_has_no_gradient_or_is_not_finite_is_left_out() -> None:
    found = look(Net("detached"), IMAGE, SPEC, examples="")
    for method in ("Grad-CAM", "integrated gradients"):
        assert "this network does not allow it: " in found.left_out[method]
        assert "differentiated Tensor" in found.left_out[method]
    assert "occlusion" in found.files
    model = Net()
    model.classifier.bias.data[0] = torch.nan
    said = "the output of the network is NaN or infinite for this image"
    found = look(model, IMAGE, SPEC, examples="")
    methods = ("Grad-CAM", "integrated gradients", "occlusion")
    assert {name for name, why in found.left_out.items() if why == said} == {
        "probabilities",
        *methods,
    }
    with pytest.raises(CnnlabError, match=said):
        look_page(model, IMAGE, SPEC, "x")
    for show in (look, lambda *a, **k: look_page(*a, "x", **k)):
        with pytest.raises(CnnlabError, match="label 3: the network has 3 outputs, from 0"):
            show(Net(), IMAGE, SPEC, label=3)


def test_a_large_network_is_attributed_by_fewer_passes(monkeypatch) -> None:
    monkeypatch.setattr(parts, "HEAVY", 0)
    seen: dict[str, int] = {}
    monkeypatch.setattr(
        parts, "integrated_gradients", lambda *_, steps: seen.update(steps=steps) or IMAGE
    )
    monkeypatch.setattr(
        parts, "occlusion", lambda *_, stops: seen.update(stops=stops) or [IMAGE[0]]
    )
    look(Net(), IMAGE, SPEC, examples="")
    assert seen == {"steps": 12, "stops": 7}


def test_half_precision() -> None:
    model, image = Net().bfloat16(), IMAGE.bfloat16()
    found = look(model, image, SPEC, examples="")
    assert found.left_out == {"strongest images": ""}
    assert first_kernels(model, image).kernels.dtype == torch.float32
    assert "conv" in look_page(model, image, SPEC, "x")


def test_a_compiled_network_is_shown_as_it_is_written() -> None:
    model = Net()
    compiled = torch.compile(model, backend="eager")
    with as_written(compiled) as network:
        assert network is model
    assert look_page(compiled, IMAGE, SPEC, "x") == look_page(model, IMAGE, SPEC, "x")
    assert penultimate_features(compiled, [IMAGE[None]])[1] == "classifier"
