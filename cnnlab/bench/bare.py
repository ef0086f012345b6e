"""The bare loop: as little as it takes to train on images in memory. The reference for speed.

Nothing here but PyTorch: no framework, no files, no option that its author did not need. It takes
the images in cnnlab's order and evaluates as many at a time, so that both do the same work and end
at the same weights, bit for bit.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cnnlab.data.dataset import Images, Splits
from cnnlab.data.loading.datamodule import eval_batch_size
from cnnlab.data.loading.memory import epoch_order
from cnnlab.spec import ImageSpec


def train(
    model: nn.Module,
    splits: Splits,
    spec: ImageSpec,
    *,
    epochs: int,
    batch_size: int,
    seed: int,
    lr: float,
    momentum: float,
    weight_decay: float,
    device: torch.device | str = "cpu",
) -> list[tuple[float, float, float, float]]:
    """Train by SGD under a cosine schedule, in 32 bit. ``model`` is on ``device``.

    Returns:
        training loss, training accuracy, validation loss and validation accuracy of each epoch.
    """
    train_images, val_images = (
        Images(part.pixels.to(device), part.labels.to(device))
        for part in (splits.train, splits.val)
    )
    mean, std = (
        torch.tensor(values, device=device).view(1, -1, 1, 1) for values in spec.normalisation()
    )
    scale, shift = 1 / (255 * std), -mean / std

    def batch(images: Images, indices: Tensor) -> tuple[Tensor, Tensor]:
        pixels = images.pixels.index_select(0, indices)  # uint8 (N, C, H, W)
        return pixels.float().mul_(scale).add_(shift), images.labels.index_select(0, indices)

    optimizer = torch.optim.SGD(
        model.parameters(), lr=lr, momentum=momentum, weight_decay=weight_decay, fused=True
    )
    steps, eval_size = len(splits.train) // batch_size, eval_batch_size(spec, batch_size)
    history = []
    for epoch in range(epochs):
        model.train()
        order = epoch_order(len(splits.train), seed, epoch)[: steps * batch_size].to(device)
        loss_sum, right = (
            torch.zeros((), device=device),
            torch.zeros((), dtype=torch.int64, device=device),
        )
        for step, indices in enumerate(order.view(steps, batch_size)):
            done = (epoch * steps + step) / (epochs * steps)
            optimizer.param_groups[0]["lr"] = lr * (1 + math.cos(math.pi * done)) / 2
            inputs, labels = batch(train_images, indices)
            logits = model(inputs)  # (N, K)
            loss = F.cross_entropy(logits, labels)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            loss_sum += loss.detach()
            right += (logits.argmax(1) == labels).sum()
        trained = loss_sum.item() / steps, right.item() / (steps * batch_size)

        model.eval()
        loss_sum, right = (
            torch.zeros((), device=device),
            torch.zeros((), dtype=torch.int64, device=device),
        )
        with torch.no_grad():
            for indices in torch.split(torch.arange(len(splits.val), device=device), eval_size):
                inputs, labels = batch(val_images, indices)
                logits = model(inputs)  # (N, K)
                loss_sum += F.cross_entropy(logits, labels, reduction="sum")
                right += (logits.argmax(1) == labels).sum()
        count = len(splits.val)
        history.append((*trained, loss_sum.item() / count, right.item() / count))
    return history
