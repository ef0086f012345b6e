"""A data set's images, loaded once they are known to fit into memory; a sweep decodes once."""

import inspect
import math
import os
from collections.abc import Hashable

import torch

from cnnlab.data.dataset import ImageDataset, Splits
from cnnlab.data.free_memory import free_memory
from cnnlab.registry import CnnlabError

USABLE = 0.9  # fraction of the free memory for images: training needs some, too

# The images loaded last, or why they are refused, for the next job of this process. A packed file
# that all processes map would take its place here.
_last: dict[Hashable, Splits | CnnlabError] = {}


def load_images(
    dataset: ImageDataset, device: torch.device | str = "cpu", *, processes: int = 1
) -> Splits:
    """All images of a data set, which has their numbers from then on.

    Args:
        device: where training or a test will hold them too.
        processes: how many of this machine load them at the same time.

    Raises:
        CnnlabError: they do not fit into memory, or files are missing or damaged.
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
        check_memory(dataset, "cpu", processes=processes)
    if torch.device(device).type != "cpu":
        check_memory(dataset, device)
    if splits is None:
        splits = _load(dataset, known)
    dataset.num_train, dataset.num_val = len(splits.train), len(splits.val)
    dataset.num_test = len(splits.test)
    return splits


def _load(dataset: ImageDataset, known: Hashable | None) -> Splits:
    try:
        splits = dataset.load()
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


def check_memory(
    dataset: ImageDataset, device: torch.device | str = "cpu", *, processes: int = 1
) -> None:
    """Refuse images that do not fit into the memory of the machine or of a GPU, before they load.

    Raises:
        CnnlabError: they do not; it names what would.
    """
    device = torch.device(device)
    free, copies = free_memory(device), processes
    if device.type == "cpu":
        copies *= dataset.load_copies
    total = dataset.num_train + dataset.num_val + dataset.num_test
    if device.type == "cpu":
        total = max(total, dataset.num_loaded)  # a subset is selected of all
    needed = total * dataset.spec.num_features * copies
    if free is None or needed <= free * USABLE:
        return
    where = "on the GPU" if device.type == "cuda" else "here"
    several = f", {copies} copies at a time," if copies > 1 else ""
    raise CnnlabError(
        f"{total:,} images of {dataset.spec}{several} take {_size(needed)} of memory, but "
        f"only {_size(free)} is free {where}: {_advice(dataset, free * USABLE / needed)}"
    )


def _size(number: int) -> str:
    return f"{number / 1e9:,.1f} GB" if number >= 1e8 else f"{number / 1e6:,.1f} MB"


def _advice(dataset: ImageDataset, share: float) -> str:
    """What makes the images take ``share`` of their memory, of the options that this set has."""
    options = inspect.signature(type(dataset)).parameters
    evaluated, spec = dataset.num_val + dataset.num_test, dataset.spec
    smaller = []
    if "size" in options and (size := int(spec.height * math.sqrt(share))) >= 8:
        smaller.append(f"data.size={size} or less")
    if "channels" in options and spec.channels == 3 and share >= 1 / 3:
        smaller.append("data.channels=1")
    most = int((dataset.num_train + evaluated) * share) - evaluated
    if "subset" in options and most > 0 and dataset.load_copies == 1:
        smaller.append(f"data.subset={most} or less")
    said = f"set {' or '.join(smaller)}" if smaller else "fewer or smaller images are needed"
    return f"{said} (batch_size makes no difference)"
