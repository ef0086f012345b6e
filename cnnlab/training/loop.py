"""The inner loop: optimiser steps on plain tensors, with no framework in the way."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer

from cnnlab.data.loading.chunks import Chunk
from cnnlab.data.loading.memory import seed_generators, step_seed
from cnnlab.training.data_parallel import SYNCHRONISED, DataParallel

# inputs (N, C, H, W) and targets -> mean loss (), and counts over the batch such as right answers
LossAndCounts = Callable[[Tensor, Tensor], tuple[Tensor, Sequence[Tensor]]]
GradientHook = Callable[[list[nn.Parameter]], None]
ImageWeights = Callable[[Tensor], Tensor]  # labels (N,) -> the weight of each in the loss (N,)


def train_steps(
    chunk: Chunk,
    loss_and_counts: LossAndCounts,
    optimizer: Optimizer,
    learning_rates: Sequence[float],
    *,
    seed: int,
    gradient_clip: float | None = None,
    gradient_hooks: Sequence[GradientHook] = (),
    scaler: torch.amp.GradScaler | None = None,
    image_weights: ImageWeights | None = None,
    parallel: DataParallel | None = None,
) -> Tensor:
    """Train the steps of ``chunk``; each is one optimiser step over its micro-batches.

    Augmentation and dropout draw from torch's generators, seeded again before every step.

    Args:
        learning_rates: factor on each group's ``initial_lr``, one per step.
        gradient_clip: largest norm of the gradient of all parameters together.
        gradient_hooks: called with all parameters once a step's gradients are complete.
        scaler: scales the loss of float16 training.
        image_weights: what each image weighs in the mean loss; None where all weigh alike.
        parallel: the network, where several processes share each batch.

    Returns:
        float32 (steps, 1 + counts): the step's loss, the mean over the images of all its
        micro-batches and processes, and its counts over them.
    """
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    rank = parallel.rank if parallel else 0
    accumulate = chunk.indices.shape[1]
    shares = _shares(chunk, image_weights, parallel)
    measured = []
    for offset, micro_batches in enumerate(chunk.indices):  # (accumulate, N)
        seed_generators(
            step_seed(seed, chunk.epoch, chunk.step + offset) + rank, chunk.indices.device
        )
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"] * learning_rates[offset]
        optimizer.zero_grad()
        for place, indices in enumerate(micro_batches):  # (N,)
            is_last = place == accumulate - 1
            with parallel.synchronised(now=is_last) if parallel else SYNCHRONISED:
                loss, counts = loss_and_counts(*chunk.batches(indices))
                if shares is not None:
                    part = loss * shares[offset, place]
                else:
                    part = loss / accumulate if accumulate > 1 else loss
                torch.autograd.backward(scaler.scale(part) if scaler else part)
            measured.append(torch.stack([part.detach(), *counts]))
        if scaler and (gradient_hooks or gradient_clip is not None):
            scaler.unscale_(optimizer)
        for hook in gradient_hooks:
            hook(parameters)
        if gradient_clip is not None:
            clip_grad_norm_(parameters, gradient_clip)
        if scaler:
            scaler.step(optimizer)
            scaler.update()
        else:
            optimizer.step()
    totals: Tensor = torch.stack(measured).view(len(chunk.indices), accumulate, -1).sum(1)
    if parallel:
        parallel.sum(totals)
        totals[:, 0] /= parallel.processes
    return totals


def _shares(
    chunk: Chunk, image_weights: ImageWeights | None, parallel: DataParallel | None
) -> Tensor | None:
    """What to multiply each micro-batch's mean loss by, float32 (steps, accumulate).

    None where all weigh alike, or one micro-batch is the whole step. The mean of several processes'
    sums is then the weighted mean of all the step's images.
    """
    accumulate = chunk.indices.shape[1]
    whole = accumulate == 1 and parallel is None
    if image_weights is None or whole or chunk.batches.mixes_labels:
        return None
    labels = chunk.batches.labels.index_select(0, chunk.indices.flatten())
    weights = image_weights(labels).view(chunk.indices.shape).sum(2)  # (steps, accumulate)
    totals = weights.sum(1, keepdim=True)
    if parallel is None:
        return weights / totals
    return weights * parallel.processes / parallel.sum(totals)
