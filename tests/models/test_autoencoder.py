"""Autoencoders: counted, computed by hand, and mirrored at any size."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from cnnlab.models import Autoencoder, ConvAutoencoder, EncoderClassifier
from cnnlab.spec import ImageSpec

MNIST = ImageSpec(1, 28, 28, 10)


def count(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def test_the_lecture_s_counts():
    assert count(Autoencoder(MNIST)) == 468_368
    assert count(Autoencoder(MNIST, hidden=(128, 64))) == 218_192
    classifier = EncoderClassifier(MNIST, hidden=(128, 64))
    assert count(classifier.classifier) == 650
    assert count(classifier.encoder) == 784 * 128 + 128 + 128 * 64 + 64


def test_the_convolutional_one_by_arithmetic():
    encoder = 16 * (9 + 1) + 32 * (9 * 16 + 1) + 64 * (7 * 7 * 32 + 1)
    decoder = 7 * 7 * 32 * (64 + 1) + 16 * (9 * 32 + 1) + (9 * 16 + 1)
    assert count(ConvAutoencoder(MNIST)) == encoder + decoder == 211_905


def test_the_decoder_is_the_encoder_reversed():
    model = Autoencoder(MNIST, hidden=(300, 100, 20))
    linear = [m for m in model.modules() if isinstance(m, nn.Linear)]
    widths = [(layer.in_features, layer.out_features) for layer in linear]
    inward = [(784, 300), (300, 100), (100, 20)]
    assert widths == inward + [(b, a) for a, b in reversed(inward)]


def test_two_pixels_and_one_unit_by_hand():
    model = Autoencoder(ImageSpec(1, 1, 2, 2), hidden=(1,))
    with torch.no_grad():
        model.encoder[1].weight.copy_(torch.tensor([[2.0, -1.0]]))
        model.encoder[1].bias.fill_(0.5)
        model.decoder[0].weight.copy_(torch.tensor([[4.0], [-4.0]]))
        model.decoder[0].bias.copy_(torch.tensor([0.0, 1.0]))
    images = torch.tensor([[[[1.0, 0.5]]]])
    code = 1 / (1 + math.exp(-(2 - 0.5 + 0.5)))
    pixels = [1 / (1 + math.exp(-4 * code)), 1 / (1 + math.exp(4 * code - 1))]
    assert model.encode(images).item() == pytest.approx(code)
    assert model(images).flatten().tolist() == pytest.approx(pixels)


@settings(max_examples=40)
@given(
    st.integers(1, 4),
    st.integers(2, 40),
    st.integers(2, 40),
    st.sampled_from([(4,), (3, 5), (2, 4, 8)]),
)
def test_the_reconstruction_has_the_size_of_the_image(channels, height, width, maps):
    spec = ImageSpec(channels, height, width, 10)
    images = torch.randn(2, *spec.shape)
    if len(maps) > math.ceil(math.log2(max(height, width))):
        with pytest.raises(ValueError, match="would have to halve a 1x1 map"):
            ConvAutoencoder(spec, channels=maps, code=7)
        models = [Autoencoder(spec, hidden=(9, 7))]
    else:
        models = [Autoencoder(spec, hidden=(9, 7)), ConvAutoencoder(spec, channels=maps, code=7)]
    for model in models:
        pixels = model(images)
        assert pixels.shape == images.shape
        assert pixels.min() >= 0
        assert pixels.max() <= 1
        assert model.encode(images).shape == (2, 7)


def test_the_classifier_sees_the_code():
    torch.manual_seed(0)
    autoencoder = Autoencoder(MNIST, hidden=(32, 8), activation="tanh")
    model = EncoderClassifier(MNIST, hidden=(32, 8), activation="tanh")
    weights = autoencoder.state_dict()
    encoder = {name: value for name, value in weights.items() if name.startswith("encoder.")}
    missing, unexpected = model.load_state_dict(encoder, strict=False)
    assert missing == ["classifier.weight", "classifier.bias"]
    assert unexpected == []
    images = torch.randn(3, 1, 28, 28)
    assert torch.equal(model(images), model.classifier(autoencoder.encode(images)))


@pytest.mark.parametrize("model", [Autoencoder, EncoderClassifier])
@pytest.mark.parametrize("hidden", [(), (0,), (16, -1)])
def test_a_network_without_a_code_is_refused(model, hidden):
    with pytest.raises(ValueError, match=r"hidden=\[.*\]: needs at least one layer, the code"):
        model(MNIST, hidden=hidden)


def test_impossible_convolutions_are_refused():
    with pytest.raises(ValueError, match=r"channels=\[\]: needs a convolution"):
        ConvAutoencoder(MNIST, channels=())
    with pytest.raises(ValueError, match=r"convolution 6 \(4 channels\) .* allow at most 5"):
        ConvAutoencoder(MNIST, channels=(4,) * 6)


def test_corruption_blackens_that_fraction_of_the_pixels_while_training_only():
    spec = ImageSpec(3, 20, 20, 10, mean=(0.1, 0.2, 0.5), std=(0.2, 0.4, 0.5))
    model = Autoencoder(spec, hidden=(4,), corruption=0.6)
    seen: list[torch.Tensor] = []
    model.encoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    images = torch.full((50, 3, 20, 20), 7.0)
    torch.manual_seed(0)
    model.train()(images)
    model.eval()(images)
    corrupted, whole = seen
    assert torch.equal(whole, images)
    for channel, black in enumerate((-0.5, -0.5, -1.0)):
        values, counts = corrupted[:, channel].unique(return_counts=True)
        assert values.tolist() == pytest.approx([black, 7.0])
        assert counts[0] / counts.sum() == pytest.approx(0.6, abs=0.01)
    assert not torch.equal(corrupted[0], corrupted[1])
