"""Layers that two or more architectures use: padding, pooling, activations, initialisation."""

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Activation = Literal["relu", "leaky_relu", "elu", "gelu", "silu", "sigmoid", "tanh", "scaled_tanh"]
Pool = Literal["max", "avg", "min"]
Padding = int | Literal["valid", "same"]
InitRule = Literal["he", "he_fan_out", "lecun"]


# Padding -------------------------------------------------------------------------------------


def output_size(size: int, kernel_size: int, stride: int = 1, padding: Padding = "valid") -> int:
    """Height or width after a sliding window: (W - F + 2P) / S + 1, rounded down.

    ``valid`` is P = 0; ``same`` gives ceil(W / S). Below 1 where the kernel does not fit.
    """
    if padding == "same":
        return math.ceil(size / stride)
    border = 0 if padding == "valid" else padding
    return (size - kernel_size + 2 * border) // stride + 1


class SamePad2d(nn.Module):
    """TensorFlow's ``same`` padding: a window then has ceil(H / S) x ceil(W / S) positions.

    If the border is odd, the extra row and column are at the end.
    (N, C, H, W) -> (N, C, H + border, W + border), filled with ``value``.
    """

    def __init__(self, kernel_size: int, stride: int = 1, value: float = 0.0) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.value = kernel_size, stride, value

    def forward(self, maps: Tensor) -> Tensor:
        height, width = maps.shape[-2:]
        return F.pad(maps, (*self._border(width), *self._border(height)), value=self.value)

    def _border(self, size: int) -> tuple[int, int]:
        positions = output_size(size, self.kernel_size, self.stride, "same")
        border = max((positions - 1) * self.stride + self.kernel_size - size, 0)
        return border // 2, border - border // 2

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, value={self.value}"


def pad_to_32(height: int, width: int) -> tuple[nn.Module, int, int]:
    """A layer that pads sides of 28 to 31 pixels with zeros to 32, and the size after it.

    So networks designed for 32x32 take 28x28 digits; every other size stays unchanged.
    """
    rows, columns = (32 - size if 28 <= size < 32 else 0 for size in (height, width))
    if rows == columns == 0:
        return nn.Identity(), height, width
    border = (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2)
    return nn.ZeroPad2d(border), height + rows, width + columns


def _symmetric(kernel_size: int, stride: int, padding: Padding) -> int | None:
    """The padding as torch's layers take it, or None if `same` depends on the map's size."""
    if padding == "same":
        return (kernel_size - 1) // 2 if stride == 1 and kernel_size % 2 else None
    return 0 if padding == "valid" else padding


def conv2d(
    in_channels: int,
    out_channels: int,
    kernel_size: int,
    stride: int = 1,
    padding: Padding = "valid",
    *,
    groups: int = 1,
    bias: bool = True,
) -> nn.Module:
    """``nn.Conv2d`` that also supports `same` with a stride and with even kernels."""
    border = _symmetric(kernel_size, stride, padding)
    conv = nn.Conv2d(
        in_channels, out_channels, kernel_size, stride, border or 0, groups=groups, bias=bias
    )
    return conv if border is not None else nn.Sequential(SamePad2d(kernel_size, stride), conv)


# Pooling -------------------------------------------------------------------------------------


class MinPool2d(nn.MaxPool2d):
    """The smallest value of each window, without padding. (N, C, H, W) -> (N, C, H', W')"""

    def forward(self, maps: Tensor) -> Tensor:
        return -super().forward(-maps)  # type: ignore[no-any-return]


class SameAvgPool2d(nn.AvgPool2d):
    """Average pooling with `same` padding: the mean of the pixels of each window within the map."""

    def __init__(self, kernel_size: int, stride: int) -> None:
        super().__init__(kernel_size, stride)
        self.pad = SamePad2d(kernel_size, stride)

    def forward(self, maps: Tensor) -> Tensor:
        coverage = super().forward(self.pad(torch.ones_like(maps[:1, :1])))  # fraction in the map
        return super().forward(self.pad(maps)) / coverage


def pool2d(
    kind: Pool, kernel_size: int, stride: int | None = None, padding: Padding = "valid"
) -> nn.Module:
    """Max, average or min pooling; ``stride`` is ``kernel_size`` by default.

    Padding does not contribute: an average is taken over the pixels within the map.

    Raises:
        ValueError: a padding of more than half the kernel, so that windows would be empty.
    """
    stride = kernel_size if stride is None else stride
    border = _symmetric(kernel_size, stride, padding)
    if border is not None and border > kernel_size // 2:
        raise ValueError(
            f"padding={border} must be at most {kernel_size // 2}, half of kernel {kernel_size}"
        )
    if kind == "avg":
        if border is None:
            return SameAvgPool2d(kernel_size, stride)
        return nn.AvgPool2d(kernel_size, stride, border, count_include_pad=False)
    pool, lowest = (nn.MaxPool2d, -math.inf) if kind == "max" else (MinPool2d, math.inf)
    if border is None:
        return nn.Sequential(SamePad2d(kernel_size, stride, lowest), pool(kernel_size, stride))
    return pool(kernel_size, stride, border)


class GlobalAvgPool2d(nn.Module):
    """The mean of every map. (N, C, H, W) -> (N, C)"""

    def forward(self, maps: Tensor) -> Tensor:
        # A mean, because the adaptive pooling layer has no deterministic gradient on CUDA.
        return maps.mean((2, 3))


# Activations and initialisation ----------------------------------------------------------------


class ScaledTanh(nn.Module):
    """1.7159 tanh(2x / 3), which maps 1 to 1 and -1 to -1 (LeCun et al. 1998, appendix A)."""

    def forward(self, inputs: Tensor) -> Tensor:
        return 1.7159 * torch.tanh(inputs * (2 / 3))


_ACTIVATIONS: dict[Activation, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "scaled_tanh": ScaledTanh,
}


def activation_layer(name: Activation) -> nn.Module:
    """The layer of that name, with torch's default constants."""
    return _ACTIVATIONS[name]()


def init_weights(network: nn.Module, rule: InitRule, classifier: nn.Linear | None = None) -> None:
    """Draw every conv and linear weight from N(0, g^2 / fan); biases become 0.

    ``he``: g^2 = 2, fan = fan_in (He et al. 2015, Delving deep into rectifiers, eq. 10).
    ``he_fan_out``: g^2 = 2, fan = fan_out (eq. 14), as in most code of residual networks.
    ``lecun``: g^2 = 1, fan = fan_in, for tanh (LeCun et al. 1998, Efficient backprop).
    The ``classifier`` gets a tenth of that variance, so that training starts from nearly uniform
    probabilities: with large initial logits a deep network without batch norm can diverge.
    """
    mode: Literal["fan_in", "fan_out"] = "fan_out" if rule == "he_fan_out" else "fan_in"
    nonlinearity: Literal["relu", "linear"] = "linear" if rule == "lecun" else "relu"
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            if layer.weight.is_meta:
                continue  # it has no data, and torch would need a second to find that out
            nn.init.kaiming_normal_(layer.weight, mode=mode, nonlinearity=nonlinearity)
            if layer is classifier:
                layer.weight.data *= 0.1**0.5
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def local_response_norm() -> nn.LocalResponseNorm:
    """AlexNet's: x / (2 + 1e-4 * sum of x^2 over 5 neighbouring maps)^0.75."""
    return nn.LocalResponseNorm(5, alpha=5 * 1e-4, beta=0.75, k=2.0)  # torch averages, so 5x
