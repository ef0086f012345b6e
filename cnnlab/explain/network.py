"""What is asked of any network: the tensor that it returns, its classes, its layers."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from cnnlab.registry import CnnlabError

NOT_FINITE = "the output of the network is NaN or infinite for this image"
PARAMETRIZATIONS = "parametrizations"  # torch's name for what computes a weight


def output_tensor(output: Any) -> Tensor:
    """The output (N, ...) of a network; of several the first, of named ones the ``logits``.

    Raises:
        CnnlabError: there is no tensor in it.
    """
    found = output
    if isinstance(found, Mapping):
        found = found.get("logits", next(iter(found.values()), None))
    if isinstance(found, Sequence) and found:
        found = found[0]
    if not isinstance(found, Tensor):
        raise CnnlabError(f"the network returns {type(output).__name__}, in which is no tensor")
    return found


def check_label(label: int | None, outputs: int) -> None:
    """Refuse a class that the network does not have.

    Raises:
        CnnlabError: the label is not below the number of outputs.
    """
    if label is not None and not 0 <= label < outputs:
        raise CnnlabError(f"label {label}: the network has {outputs} outputs, from 0")


def is_leaf(module: nn.Module) -> bool:
    """Whether it has no layers of its own; a weight normalisation is none."""
    return all(name == PARAMETRIZATIONS for name, _ in module.named_children())


def layer_modules(model: nn.Module) -> list[nn.Module]:
    """Every module but those that only compute a weight, such as a weight normalisation."""
    return [
        module for path, module in model.named_modules() if PARAMETRIZATIONS not in path.split(".")
    ]
