"""A loss and metrics tried on two images, so that a mistake in one is found before any training."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F

from cnnlab.config.extra_metrics import ExtraMetrics
from cnnlab.config.options import RunConfig
from cnnlab.data.dataset import ImageDataset
from cnnlab.registry import CnnlabError
from cnnlab.text import first_line


def try_criterion(config: RunConfig, dataset: ImageDataset) -> None:
    """Compute the loss and the metrics of two images, on the CPU.

    Raises:
        CnnlabError: one of them fails, or gives something else than it should.
    """
    task, spec, augment = config.task, dataset.spec, dataset.augment
    labels = torch.arange(2) % spec.num_classes
    targets = labels
    if augment.mixup or augment.cutmix:
        targets = F.one_hot(labels, spec.num_classes).float()
    outputs = torch.zeros(task.output_shape(spec, 2)).requires_grad_()
    loss_name = f"loss={config.loss['name']}"
    with _named(loss_name):
        criterion = task.criterion(config.loss, spec, torch.arange(spec.num_classes))
        loss, _ = criterion.train()(outputs, torch.zeros(2, *spec.shape), targets)
    if tuple(loss.shape) != ():
        raise CnnlabError(f"{loss_name} gives {tuple(loss.shape)}; it must be one number, the mean")
    if not loss.requires_grad:
        raise CnnlabError(f"{loss_name} has no gradient: it must be computed from the outputs")
    taken = dict.fromkeys(task.val_columns, "every run")
    for name, options in config.metrics.items():
        with _named(f"metrics=[{name}]"):
            metrics = ExtraMetrics.of({name: options}, spec)
            metrics.reset()
            metrics.update(outputs.detach(), labels)
            columns = metrics.columns("val")
        for column in columns:
            if column in taken:
                raise CnnlabError(
                    f"metrics=[{name}]: {column} is already a column of {taken[column]}; rename it"
                )
            taken[column] = f"metrics=[{name}]"


@contextmanager
def _named(component: str) -> Iterator[None]:
    """Turn whatever a component raises into a refusal that names it."""
    try:
        yield
    except CnnlabError:
        raise
    except Exception as error:  # of somebody's own code
        raise CnnlabError(f"{component}: {type(error).__name__}: {first_line(error)}") from error
