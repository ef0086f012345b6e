"""The multilayer perceptron: the baseline that convolutional networks are compared with."""

from typing import Annotated

from torch import Tensor, nn

from cnnlab.models.layers import Activation, activation_layer, init_weights
from cnnlab.registry import MODELS, Range
from cnnlab.spec import ImageSpec


@MODELS.register(
    "mlp",
    paper="Rumelhart et al. 1986, Learning representations by back-propagating errors",
    sgd_lr=0.04,
)
class MLP(nn.Module):
    """Fully connected layers on the flattened pixels.

    784-256-256-10 on 28x28x1 is the lecture's network (269,322 parameters). Each hidden layer is
    linear, batch norm, activation, dropout. Initialised as He et al. 2015. (N, C, H, W) -> (N, K)

    Differs: He et al. 2015 draw every layer alike; here the last has a tenth of the variance, so
    that training starts from nearly uniform probabilities; the paper has sigmoids.

    Args:
        hidden: units of each hidden layer; an empty list is softmax regression.
        activation: function after every hidden layer.
        dropout: probability of dropping each hidden unit while training.
        batch_norm: batch norm before each activation; the linear layer then has no bias.

    Raises:
        ValueError: a hidden layer of less than one unit, dropout or batch norm without any.
    """

    def __init__(
        self,
        spec: ImageSpec,
        *,
        hidden: tuple[int, ...] = (256, 256),
        activation: Activation = "relu",
        dropout: Annotated[float, Range(at_least=0, below=1)] = 0.0,
        batch_norm: bool = False,
    ) -> None:
        super().__init__()
        for width in hidden:
            if width < 1:
                raise ValueError(f"hidden={list(hidden)}: every layer needs at least 1 unit")
        if not hidden and (dropout or batch_norm):
            option = f"dropout={dropout:g}" if dropout else "batch_norm=true"
            raise ValueError(f"{option} is for hidden layers, and hidden=[] has none")
        layers: list[nn.Module] = []
        features = spec.num_features
        for width in hidden:
            layers.append(nn.Linear(features, width, bias=not batch_norm))
            if batch_norm:
                layers.append(nn.BatchNorm1d(width))
            layers.append(activation_layer(activation))
            if dropout:
                layers.append(nn.Dropout(dropout))
            features = width
        self.hidden = nn.Sequential(*layers)
        self.classifier = nn.Linear(features, spec.num_classes)
        init_weights(self, "he", self.classifier)

    def forward(self, images: Tensor) -> Tensor:
        pixels = images.flatten(1)  # (N, C * H * W)
        features = self.hidden(pixels)  # (N, 256)
        return self.classifier(features)  # type: ignore[no-any-return]  # (N, K)
