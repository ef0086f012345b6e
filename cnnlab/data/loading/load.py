"""A data set's images, loaded once it is known where they are held; a sweep decodes once."""

import os
from collections.abc import Hashable
from dataclasses import replace

import torch

from cnnlab.data.dataset import ImageDataset, Splits
from cnnlab.data.loading.placement import place
from cnnlab.registry import CnnlabError

# The images loaded last, or why they are refused, for the next job of this process.
_last: dict[Hashable, Splits | CnnlabError] = {}


def load_images(
    dataset: ImageDataset, device: torch.device | str = "cpu", *, processes: int = 1
) -> Splits:
    """All images of a data set, which has their numbers from then on.

    Args:
        device: where training or a test will hold them too.
        processes: how many of this machine load them at the same time.

    Raises:
        CnnlabError: they do not fit into memory and cannot be packed, or files are missing or
            damaged.
    """
    digests, key = dataset.part_digests(), dataset.decoded_key()
    known = None
    if key is not None:
        known = (type(dataset), key, *sorted((digests or {}).items()))
    splits = _last.get(known)
    if isinstance(splits, CnnlabError):
        raise splits.with_traceback(None)
    if splits is None:
        _last.clear()  # before free memory is measured
        dataset.ensure_files()
        placement = place(dataset, device, processes=processes)
        dataset.packed = placement.packed
        splits = _load(dataset, known, streamed=placement.streamed)
    dataset.num_train, dataset.num_val = len(splits.train), len(splits.val)
    dataset.num_test = len(splits.test)
    return splits


def _load(dataset: ImageDataset, known: Hashable | None, *, streamed: bool) -> Splits:
    try:
        splits = replace(dataset.load(), streamed=streamed)
    except CnnlabError as error:
        if known is not None:
            _last[known] = error
        raise
    if known is not None:
        _last[known] = splits
    return splits


def accelerator_device(accelerator: str) -> torch.device:
    """Where a run with this ``trainer.accelerator`` holds its images, in this process."""
    if accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available():
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
    return torch.device("cpu")
