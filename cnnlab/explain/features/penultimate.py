"""The penultimate features of any classifier: the input of its last linear layer."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from cnnlab.explain.eval_mode import eval_mode
from cnnlab.explain.trace.torch_bridge import as_written


def penultimate_features(model: nn.Module, batches: Iterable[Tensor]) -> tuple[Tensor, str]:
    """The input of the linear layer that is called last, and the layer's name in the model.

    Found by a hook, in eval mode, without a change to the model. An input with more than two axes
    is flattened.

    Args:
        model: a classifier.
        batches: normalised images (N, C, H, W), at least one.

    Returns:
        float32 (all N, D), on the CPU.

    Raises:
        ValueError: the model calls no linear layer.
    """
    last: list[tuple[str, Tensor]] = []
    found, name = [], ""

    def keep(layer_name: str) -> Any:
        def hook(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            last[:] = [(layer_name, kwargs["input"] if "input" in kwargs else args[0])]

        return hook

    handles = []
    try:
        with as_written(model) as network, eval_mode(network):
            for layer_name, module in network.named_modules():
                if isinstance(module, nn.Linear):
                    hook = keep(layer_name)
                    handles.append(module.register_forward_pre_hook(hook, with_kwargs=True))
            for batch in batches:
                last.clear()
                network(batch.clone())  # it may work in place
                if not last:
                    raise ValueError("the model calls no linear layer")
                name, features = last[0]
                found.append(features.flatten(1).float().cpu().clone())
    finally:
        for handle in handles:
            handle.remove()
    return torch.cat(found), name
