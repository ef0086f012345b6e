"""The convolutional autoencoder: an autoencoder of convolutions instead of linear layers."""

from typing import Annotated

from torch import Tensor, nn

from cnnlab.models.layers import Activation, activation_layer, init_weights, output_size
from cnnlab.registry import MODELS, Range
from cnnlab.spec import ImageSpec


@MODELS.register(
    "conv_autoencoder",
    task="reconstruct",
    paper="Masci et al. 2011, Stacked convolutional auto-encoders for feature extraction",
)
class ConvAutoencoder(nn.Module):
    """Convolutions 3x3 that halve the map, a linear code, and convolutions that double it again.

    28x28x1 becomes 14x14x16, 7x7x32 and a code of 64 (211,905 parameters). Maps are halved by a
    stride and doubled by repeating pixels: transposed convolutions would leave a chequered pattern
    (Odena et al. 2016). Initialised as He et al. 2015.
    Normalised images (N, C, H, W) -> pixels in 0..1 (N, C, H, W)

    Args:
        channels: output channels of each convolution of the encoder; each halves the map.
        code: units of the code.
        activation: function after every layer but the code and the last, which is a sigmoid.

    Differs: the paper halves maps by max pooling, has tanh and no linear code, and decodes by the
    encoder's weights.

    Raises:
        ValueError: no convolution, one without a map, or more halvings than the image has.
    """

    def __init__(
        self,
        spec: ImageSpec,
        *,
        channels: tuple[int, ...] = (16, 32),
        code: Annotated[int, Range(at_least=1)] = 64,
        activation: Activation = "relu",
    ) -> None:
        super().__init__()
        sizes = _halved(spec, channels)
        encoder: list[nn.Module] = []
        decoder: list[nn.Module] = []  # from the pixels inwards
        in_channels = spec.channels
        for width, size in zip(channels, sizes, strict=False):
            encoder += [nn.Conv2d(in_channels, width, 3, 2, 1), activation_layer(activation)]
            end = activation_layer(activation) if decoder else nn.Sigmoid()
            decoder += [end, nn.Conv2d(width, in_channels, 3, padding=1), nn.Upsample(size)]
            in_channels = width
        shape = (in_channels, *sizes[-1])  # (32, 7, 7)
        features = shape[0] * shape[1] * shape[2]
        self.encoder = nn.Sequential(*encoder, nn.Flatten(), nn.Linear(features, code))
        self.decoder = nn.Sequential(
            nn.Linear(code, features),
            activation_layer(activation),
            nn.Unflatten(1, shape),
            *reversed(decoder),
        )
        init_weights(self, "he")

    def encode(self, images: Tensor) -> Tensor:
        """(N, C, H, W) -> code (N, D), D = ``code``."""
        return self.encoder(images)  # type: ignore[no-any-return]  # (N, 64)

    def forward(self, images: Tensor) -> Tensor:
        code = self.encode(images)  # (N, 64)
        return self.decoder(code)  # type: ignore[no-any-return]  # (N, C, H, W)


def _halved(spec: ImageSpec, channels: tuple[int, ...]) -> list[tuple[int, int]]:
    """(H, W) of the image and of the map after each convolution."""
    if not channels or min(channels) < 1:
        raise ValueError(f"channels={list(channels)}: needs a convolution, and 1 map in each")
    sizes = [(spec.height, spec.width)]
    for number, width in enumerate(channels, start=1):
        height, columns = sizes[-1]
        if max(height, columns) == 1:
            raise ValueError(
                f"channels={list(channels)}: convolution {number} ({width} channels) would have to "
                f"halve a 1x1 map; {spec} images allow at most {number - 1}"
            )
        sizes.append((output_size(height, 3, 2, 1), output_size(columns, 3, 2, 1)))
    return sizes
