"""The inner loop: optimiser steps on plain tensors, with no framework in the way."""

from collections.abc import Callable, Sequence

import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer

from cnnlab.data.loading.chunks import Chunk
from cnnlab.data.loading.memory import seed_generators, step_seed

# inputs (N, C, H, W) and targets -> mean loss (), and counts over the batch such as right answers
LossAndCounts = Callable[[Tensor, Tensor], tuple[Tensor, Sequence[Tensor]]]


def train_steps(
    chunk: Chunk,
    loss_and_counts: LossAndCounts,
    optimizer: Optimizer,
    learning_rates: Sequence[float],
    *,
    seed: int,
    gradient_clip: float | None = None,
    scaler: torch.amp.GradScaler | None = None,
) -> Tensor:
    """Train the steps of ``chunk``; each is one optimiser step over its micro-batches.

    Augmentation and dropout draw from torch's generators, seeded again before every step.

    Args:
        learning_rates: factor on each group's ``initial_lr``, one per step.
        gradient_clip: largest norm of the gradient of all parameters together.
        scaler: scales the loss of float16 training.

    Returns:
        float32 (steps, 1 + counts): the step's loss, and its counts over all images.
    """
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    ranks = dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1
    rank = dist.get_rank() if ranks > 1 else 0
    accumulate = chunk.indices.shape[1]
    measured = []
    for offset, micro_batches in enumerate(chunk.indices):  # (accumulate, N)
        seed_generators(
            step_seed(seed, chunk.epoch, chunk.step + offset) + rank, chunk.indices.device
        )
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"] * learning_rates[offset]
        optimizer.zero_grad()
        for indices in micro_batches:  # (N,)
            loss, counts = loss_and_counts(*chunk.batches(indices))
            part = loss / accumulate if accumulate > 1 else loss
            torch.autograd.backward(scaler.scale(part) if scaler else part)
            measured.append(torch.stack([part.detach(), *counts]))
        if ranks > 1:
            _average_gradients(parameters, ranks)
        if gradient_clip is not None:
            if scaler:
                scaler.unscale_(optimizer)
            clip_grad_norm_(parameters, gradient_clip)
        if scaler:
            scaler.step(optimizer)
            scaler.update()
        else:
            optimizer.step()
    totals: Tensor = torch.stack(measured).view(len(chunk.indices), accumulate, -1).sum(1)
    if ranks > 1:
        dist.all_reduce(totals)
        totals[:, 0] /= ranks
    return totals


def _average_gradients(parameters: Sequence[Tensor], ranks: int) -> None:
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    dist.all_reduce(flat)
    flat /= ranks
    start = 0
    for gradient in gradients:
        gradient.copy_(flat[start : start + gradient.numel()].view_as(gradient))
        start += gradient.numel()
