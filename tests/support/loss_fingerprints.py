"""What a loss and a task compute of four images."""

from typing import Any

import torch
import torch.nn.functional as F
from fingerprint_numbers import rounded, summary_of, wave, words

from cnnlab.config.schema import build, resolve
from cnnlab.registry import LOSSES, Entry
from cnnlab.spec import ImageSpec

WEIGHTED = ({}, {"label_smoothing": 0.1}, {"class_weights": "balanced"})


def loss_fingerprint(entry: Entry) -> dict[str, Any]:
    """The loss of four images, and along its gradient, of classes and of mixed images."""
    spec, labels = ImageSpec(1, 3, 3, 4), torch.tensor([0, 1, 1, 3])
    mixed = 0.7 * F.one_hot(labels, 4).double() + 0.3 * F.one_hot(labels.flip(0), 4)
    found: dict[str, Any] = {}
    for changed in WEIGHTED:
        loss = build(LOSSES, {"name": entry.name, **changed}, spec, labels).double()
        numbers = []
        for targets in (labels, mixed):
            logits = wave((4, 4), 0.7).requires_grad_()
            value = loss(logits, targets)
            (gradient,) = torch.autograd.grad(value, logits)
            numbers += [value.detach(), *summary_of(gradient)]
        found[words(changed)] = rounded(torch.stack(numbers).double())
    return found


def task_fingerprint(entry: Entry) -> dict[str, Any]:
    """The loss and the counts of four images, in training and in evaluation."""
    task, spec, labels = entry.component(), ImageSpec(1, 3, 3, 4), torch.tensor([0, 1, 1, 3])
    outputs = wave(task.output_shape(spec, 4), 0.7).sigmoid()
    images = wave((4, *spec.shape), 1.3).sigmoid()
    found: dict[str, Any] = {}
    for changed in WEIGHTED:
        loss = resolve(LOSSES, {"name": task.loss, **changed})
        criterion = task.criterion(loss, spec, labels).double()
        sums = [criterion.train(mode)(outputs, images, labels) for mode in (True, False)]
        numbers = [float(value) for mean, counts in sums for value in (mean, *counts)]
        options = {key: value for key, value in loss.items() if key != "name"}
        found[words(options)] = rounded(torch.tensor(numbers, dtype=torch.float64))
    return found
