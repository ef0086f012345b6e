"""Two models that hold the same random weights: ours and torchvision's."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from cnnlab.spec import ImageSpec


def outputs_of_both(
    ours: Callable[[ImageSpec], nn.Module], theirs: Callable[[], nn.Module], spec: ImageSpec
) -> tuple[Tensor, Tensor]:
    """Logits of both for one random image. Their tensors are matched by their order."""
    own, other = both(ours, theirs, spec)
    image = torch.randn(1, *spec.shape)
    with torch.no_grad():
        return own.eval()(image), other.eval()(image)


def both(
    ours: Callable[[ImageSpec], nn.Module], theirs: Callable[[], nn.Module], spec: ImageSpec
) -> tuple[nn.Module, nn.Module]:
    """The two models, with one memory for the parameters and one for the buffers of each."""
    torch.manual_seed(0)
    with torch.device("meta"):
        own, other = ours(spec), theirs()
    other.to_empty(device="cpu")
    for name, tensor in other.state_dict().items():
        _draw(name, tensor)
    parameters = dict(own.named_parameters())
    pairs = zip(own.state_dict().items(), other.state_dict().values(), strict=True)
    copied = {
        name: source.view_as(tensor) if name in parameters else source.clone()
        for (name, tensor), source in pairs
    }
    own.load_state_dict(copied, assign=True)
    return own, other


def _draw(name: str, tensor: Tensor) -> None:
    """Weights that keep signals at their size, norms away from the identity."""
    if not tensor.is_floating_point():
        tensor.zero_()
    elif tensor.ndim > 1 and "layer_scale" not in name:
        bound = (6 / tensor[0].numel()) ** 0.5
        tensor.uniform_(-bound, bound)
    elif "bias" in name or "mean" in name:
        tensor.uniform_(-0.1, 0.1)
    else:
        tensor.uniform_(0.5, 1.5)
