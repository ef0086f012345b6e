"""timm's networks, more than a thousand, for any number of channels and classes."""

from typing import Any

from torch import nn

from cnnlab.models.external import borrow
from cnnlab.registry import MODELS
from cnnlab.spec import ImageSpec


@MODELS.register("timm", paper="Wightman 2019, PyTorch image models", packages=("timm",))
def timm_model(spec: ImageSpec, *, arch: str) -> nn.Module:
    """Any network of timm, untrained, with its own names of tensors; needs cnnlab[timm].

    ``arch`` is timm's name: convnext_tiny, resnet50d, vit_tiny_patch16_224. Networks that are
    made for one size of image are built for this one. Initialised as timm does it.
    (N, C, H, W) -> (N, K)

    Raises:
        ValueError: an unknown arch, or one that cannot take images of this size.
    """
    import timm  # here, since it is an optional extra, and takes seconds

    known = timm.list_models()
    options: dict[str, Any] = {"num_classes": spec.num_classes, "in_chans": spec.channels}
    made_for = timm.models.get_pretrained_cfg(arch) if arch in known else None
    if made_for is not None and made_for.fixed_input_size:
        options["img_size"] = (spec.height, spec.width)
    return borrow(arch, known, spec, lambda: timm.create_model(arch, pretrained=False, **options))
