"""The memory format of images and convolutions: (N, C, H, W), or channels_last, (N, H, W, C).

Shapes are the same in both, and so are checkpoints: either loads under the other.
"""

import torch
from torch import nn
from torch.optim import Optimizer

from cnnlab.config.options import TrainerConfig
from cnnlab.training.trainer import lightning_precision, trains_on_mps


def memory_format(options: TrainerConfig, network: nn.Module) -> torch.memory_format:
    """By ``trainer.channels_last``; of a network without convolutions always contiguous.

    ``auto`` is channels_last in mixed precision: tensor cores and a CPU's bfloat16 units want it,
    and would else convert each convolution's images. In 32 bit a CPU gains or loses by network, so
    ``cnnlab bench --tune`` measures it. Kernels of Apple's GPU are written for (N, C, H, W).
    """
    chosen = options.channels_last
    if chosen == "auto":
        is_mixed = lightning_precision(options.precision, options.accelerator) != "32-true"
        chosen = "true" if is_mixed and not trains_on_mps(options.accelerator) else "false"
    has_convolutions = any(parameter.dim() == 4 for parameter in network.parameters())
    is_last = chosen == "true" and has_convolutions
    return torch.channels_last if is_last else torch.contiguous_format


def set_memory_format(
    network: nn.Module, optimizer: Optimizer, memory_format: torch.memory_format
) -> None:
    """Lay out a network's weights so, and its optimiser's state like them, when loaded too.

    torch's fused optimisers take the numbers of weights, gradients and state in the order in which
    they lie in memory, and a checkpoint brings that of the run that wrote it.
    """
    if memory_format == torch.channels_last:
        network.to(memory_format=memory_format)
    _lay_out_state(optimizer)
    optimizer.register_load_state_dict_post_hook(_lay_out_state)


def _lay_out_state(optimizer: Optimizer) -> None:
    for parameter, state in optimizer.state.items():
        for key, value in state.items():
            is_like_it = isinstance(value, torch.Tensor) and value.shape == parameter.shape
            if is_like_it and value.stride() != parameter.stride():
                state[key] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
