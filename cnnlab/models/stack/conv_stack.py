"""A network written in a config: one short line per layer, from the pixels up."""

from torch import Tensor, nn

from cnnlab.models.layers import init_weights
from cnnlab.models.stack.builders import BUILDERS, Signal
from cnnlab.models.stack.lines import parse_line
from cnnlab.registry import MODELS
from cnnlab.spec import ImageSpec


@MODELS.register("conv_stack")
class ConvStack(nn.Module):
    """A network of layers written as lines, followed by a linear layer to K logits.

    Lines are written such as (default padding `valid`, default pooling stride the kernel)::

        conv 64 4 stride=2 padding=1    conv 32 3 padding=same groups=4 bias=false
        maxpool 3 stride=2              avgpool 2, minpool 2, globalavgpool
        residual 64 stride=2            two 3x3 convolutions with batch norm, and a shortcut
        batchnorm, lrn, dropout 0.5     relu, tanh, gelu, ... (every activation)
        flatten, linear 128             linear also flattens a map

    The last linear layer is added for any number of classes; an empty list is softmax regression.
    Modules are named by line: ``layers.1_conv``. Initialised as He et al. 2015.
    (N, C, H, W) -> (N, K)

    Differs: He et al. 2015 draw every layer alike; here the last has a tenth of the variance, so
    that training starts from nearly uniform probabilities.

    Args:
        layers: one line per layer, such as "conv 64 3 stride=2 padding=same".

    Raises:
        ValueError: a line that is not valid or does not fit its input, with its number and text.
    """

    def __init__(self, spec: ImageSpec, *, layers: list[str]) -> None:
        super().__init__()
        self.layers = nn.Sequential()
        signal = Signal(spec.shape, "of the input")
        for number, text in enumerate(layers, start=1):
            try:
                # "share" is what the first edition called dropout's p: its configs still build.
                word, arguments = parse_line(text.replace("dropout share=", "dropout p="), BUILDERS)
                layer, shape = BUILDERS[word](signal, **arguments)
            except ValueError as error:
                raise ValueError(f"line {number} '{text}': {error}") from None
            self.layers.add_module(f"{number}_{word}", layer)
            signal = Signal(shape, f"from line {number}")
        self.flatten = nn.Flatten()
        self.classifier = nn.Linear(signal.num_features, spec.num_classes)
        init_weights(self, "he", self.classifier)

    def forward(self, images: Tensor) -> Tensor:
        features = self.flatten(self.layers(images))  # (N, F)
        return self.classifier(features)  # type: ignore[no-any-return]  # (N, K)
