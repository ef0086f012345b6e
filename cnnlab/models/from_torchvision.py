"""torchvision's classification networks, for any number of channels and classes."""

from typing import Any

from torch import nn

from cnnlab.models.external import borrow
from cnnlab.registry import MODELS
from cnnlab.spec import ImageSpec


@MODELS.register("torchvision")
def torchvision_model(spec: ImageSpec, *, arch: str) -> nn.Module:
    """Any classification network of torchvision, untrained, with its own names of tensors.

    ``arch`` is torchvision's name: efficientnet_b0, convnext_tiny, vit_b_16. The last layer has
    as many outputs as there are classes, and where images are not of 3 channels the first
    convolution is a new one (He et al. 2015). Transformers are built for the images' size;
    googlenet and inception_v3 come without their auxiliary classifiers. Initialised as
    torchvision does it. (N, C, H, W) -> (N, K)

    Raises:
        ValueError: an unknown arch, or one that cannot take images of this size.
    """
    from torchvision import models  # here, since importing it takes seconds

    options: dict[str, Any] = {}
    if arch.startswith("vit_"):
        options["image_size"] = _side(arch, spec)
    elif arch.startswith("maxvit_"):
        options["input_size"] = (spec.height, spec.width)
    elif arch in ("googlenet", "inception_v3"):
        options |= {"aux_logits": False, "init_weights": True}

    def build() -> nn.Module:
        network: nn.Module = models.get_model(
            arch, weights=None, num_classes=spec.num_classes, **options
        )
        return network if spec.channels == 3 else _with_channels(network, spec.channels)

    return borrow(arch, models.list_models(module=models), spec, build)


def _side(arch: str, spec: ImageSpec) -> int:
    if spec.height != spec.width:
        raise ValueError(f"arch={arch} takes square images, not {spec}")
    return spec.height


def _with_channels(network: nn.Module, channels: int) -> nn.Module:
    """``network`` with its first convolution replaced by one for that many input channels."""
    name, old = next(
        (name, layer) for name, layer in network.named_modules() if isinstance(layer, nn.Conv2d)
    )
    new = nn.Conv2d(
        channels,
        old.out_channels,
        (old.kernel_size[0], old.kernel_size[1]),
        (old.stride[0], old.stride[1]),
        old.padding if isinstance(old.padding, str) else (old.padding[0], old.padding[1]),
        bias=old.bias is not None,
    )
    nn.init.kaiming_normal_(new.weight, nonlinearity="relu")
    if new.bias is not None:
        nn.init.zeros_(new.bias)
    parent, _, attribute = name.rpartition(".")
    setattr(network.get_submodule(parent), attribute, new)
    return network
