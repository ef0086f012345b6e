"""Networks of other libraries, torchvision and timm, for any number of channels and classes."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from cnnlab.registry import MODELS, nearest
from cnnlab.spec import ImageSpec


@MODELS.register("torchvision")
def torchvision_model(spec: ImageSpec, *, arch: str) -> nn.Module:
    """Any classification network of torchvision, untrained, with torchvision's names of tensors.

    The last layer has one output per class; for images without 3 channels the first convolution
    is replaced (He et al. 2015). Transformers are built for the images' size. Initialised as
    torchvision does it. (N, C, H, W) -> (N, K)

    Differs: googlenet and inception_v3 have no auxiliary classifiers here.

    Args:
        arch: torchvision's name of the network, such as efficientnet_b0, convnext_tiny, vit_b_16.

    Raises:
        ValueError: an unknown arch, or one that cannot take images of this size.
    """
    from torchvision import models  # here, because importing it takes seconds

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

    return build_external(arch, models.list_models(module=models), spec, build)


@MODELS.register("timm", paper="Wightman 2019, PyTorch image models", packages=("timm",))
def timm_model(spec: ImageSpec, *, arch: str) -> nn.Module:
    """Any network of timm, untrained, with timm's names of tensors; needs cnnlab[timm].

    Networks with a fixed image size are built for the size of ``spec``. Initialised as timm does
    it. (N, C, H, W) -> (N, K)

    Differs: dropout and stochastic depth are off wherever timm's own defaults have them off, as in
    timm's convnext_tiny, whose paper has 0.1.

    Args:
        arch: timm's name of the network, such as convnext_tiny, resnet50d, vit_tiny_patch16_224.

    Raises:
        ValueError: an unknown arch, or one that cannot take images of this size.
    """
    import timm  # here, because it is an optional extra, and takes seconds to import

    known = timm.list_models()
    options: dict[str, Any] = {"num_classes": spec.num_classes, "in_chans": spec.channels}
    pretrained_cfg = timm.models.get_pretrained_cfg(arch) if arch in known else None
    if pretrained_cfg is not None and pretrained_cfg.fixed_input_size:
        options["img_size"] = (spec.height, spec.width)
    return build_external(
        arch, known, spec, lambda: timm.create_model(arch, pretrained=False, **options)
    )


def build_external(
    arch: str, known: Sequence[str], spec: ImageSpec, build: Callable[[], nn.Module]
) -> nn.Module:
    """The network that ``build`` returns, on torch's default device.

    Raises:
        ValueError: ``arch`` is not one of the ``known``, or refuses the images of ``spec``.
    """
    if arch not in known:
        raise ValueError(f"there is no arch '{arch}'{nearest(arch, known)}")
    try:
        try:
            return build()
        except NotImplementedError:  # reads a width from a tensor, and meta tensors have no data
            with torch.device("cpu"):
                network = build()
            return network.to(torch.get_default_device())
    except (AssertionError, ValueError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ValueError(f"arch={arch} cannot take images of {spec}: {reason}") from error


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
