"""The autoencoder: a network that reconstructs its input from a short code."""

from itertools import pairwise
from typing import Annotated

import torch
from torch import Tensor, nn

from cnnlab.models.layers import Activation, activation_layer
from cnnlab.registry import MODELS, Range
from cnnlab.spec import ImageSpec


@MODELS.register(
    "autoencoder",
    task="reconstruct",
    paper="Hinton & Salakhutdinov 2006, Reducing the dimensionality of data with neural networks",
)
class Autoencoder(nn.Module):
    """Fully connected layers down to a code, and the same sizes in reverse up to the pixels.

    784-256-128-256-784 on 28x28x1 is the lecture's network (468,368 parameters). The last layer is
    a sigmoid, because its outputs are pixels. Initialised as Glorot & Bengio 2010, in front of
    sigmoids 4 times as wide (Bengio 2012, Practical recommendations for gradient-based training).
    With ``corruption`` it is a denoising autoencoder (Vincent et al. 2008, Extracting and composing
    robust features).

    Args:
        hidden: units of each layer of the encoder; the last one is the code.
        activation: function after every layer but the last, which is a sigmoid.
        corruption: fraction of the pixels set to black while training, drawn for each image.

    Normalised images (N, C, H, W) -> pixels in 0..1 (N, C, H, W)

    Differs: the paper trains each layer by itself first, as a restricted Boltzmann machine, and its
    code is linear.

    Raises:
        ValueError: no hidden layer, or one of less than one unit.
    """

    black: Tensor  # (C, 1, 1), normalised

    def __init__(
        self,
        spec: ImageSpec,
        *,
        hidden: tuple[int, ...] = (256, 128),
        activation: Activation = "sigmoid",
        corruption: Annotated[float, Range(at_least=0, below=1)] = 0.0,
    ) -> None:
        super().__init__()
        self.corruption = corruption
        mean, std = map(torch.tensor, spec.normalisation())
        black = -mean / std
        self.register_buffer("black", black.view(-1, 1, 1), persistent=False)
        self.encoder = dense_encoder(spec, hidden, activation)
        layers: list[nn.Module] = []
        for features, width in pairwise(reversed(hidden)):
            layers += [nn.Linear(features, width), activation_layer(activation)]
        layers += [nn.Linear(hidden[0], spec.num_features), nn.Sigmoid()]
        self.decoder = nn.Sequential(*layers, nn.Unflatten(1, spec.shape))
        _init_weights(self)

    def encode(self, images: Tensor) -> Tensor:
        """(N, C, H, W) -> code (N, D), D the last of ``hidden``."""
        return self.encoder(images)  # type: ignore[no-any-return]  # (N, 128)

    def forward(self, images: Tensor) -> Tensor:
        if self.training and self.corruption > 0:
            images = torch.where(torch.rand_like(images) < self.corruption, self.black, images)
        code = self.encode(images)  # (N, 128)
        return self.decoder(code)  # type: ignore[no-any-return]  # (N, C, H, W)


@MODELS.register("encoder_classifier")
class EncoderClassifier(nn.Module):
    """Softmax regression on an autoencoder's code: its encoder, and a linear layer to K logits.

    The encoder's weights have the same names as in ``autoencoder``, so ``init.from`` can load them
    from such a run; with ``init.freeze=encoder.*`` only the linear layer is trained (650 parameters
    on a code of 64). Initialised as ``autoencoder``. (N, C, H, W) -> (N, K)

    Args:
        hidden: units of each layer of the encoder; the last one is the code.
        activation: function after every layer of the encoder.

    Raises:
        ValueError: no hidden layer, or one of less than one unit.
    """

    def __init__(
        self,
        spec: ImageSpec,
        *,
        hidden: tuple[int, ...] = (256, 128),
        activation: Activation = "sigmoid",
    ) -> None:
        super().__init__()
        self.encoder = dense_encoder(spec, hidden, activation)
        self.classifier = nn.Linear(hidden[-1], spec.num_classes)
        _init_weights(self)

    def forward(self, images: Tensor) -> Tensor:
        code = self.encoder(images)  # (N, 128)
        return self.classifier(code)  # type: ignore[no-any-return]  # (N, K)


def dense_encoder(spec: ImageSpec, hidden: tuple[int, ...], activation: Activation) -> nn.Module:
    """Linear layers from the pixels to the code, an activation after each."""
    if not hidden or min(hidden) < 1:
        raise ValueError(
            f"hidden={list(hidden)}: needs at least one layer, the code, and 1 unit in every layer"
        )
    layers: list[nn.Module] = [nn.Flatten()]
    for features, width in pairwise((spec.num_features, *hidden)):
        layers += [nn.Linear(features, width), activation_layer(activation)]
    return nn.Sequential(*layers)


def _init_weights(network: nn.Module) -> None:
    """Uniform over ±gain * sqrt(6 / (fan_in + fan_out)); biases become 0."""
    layers = list(network.modules())
    for layer, following in zip(layers, [*layers[1:], None], strict=True):
        if isinstance(layer, nn.Linear) and not layer.weight.is_meta:
            gain = 4.0 if isinstance(following, nn.Sigmoid) else 1.0
            nn.init.xavier_uniform_(layer.weight, gain)
            nn.init.zeros_(layer.bias)
