"""Where a data set's images are held: decided once for every data set, before any is decoded.

On the GPU where they fit beside the training; else in the host's memory, or in a packed file that
is mapped into it, from which batches are copied. What can be in none of them is refused.
"""

import inspect
import math
from dataclasses import dataclass

import torch

from cnnlab.data.dataset import ImageDataset
from cnnlab.data.free_memory import free_memory
from cnnlab.registry import CnnlabError

USABLE = 0.9  # fraction of the host's free memory for images
ON_DEVICE = 0.6  # fraction of a GPU's: training takes the rest


@dataclass(frozen=True)
class Placement:
    """Where images are.

    Attributes:
        packed: in a packed file, which is mapped into memory.
        streamed: not on the device as a whole, or, of a packed file, not in memory either: read
            batch by batch.
    """

    packed: bool
    streamed: bool


def place(
    dataset: ImageDataset, device: torch.device | str = "cpu", *, processes: int = 1
) -> Placement:
    """Choose where images are held, by the memory that is free.

    Args:
        device: where training or a test needs them.
        processes: how many of this machine hold them at the same time; they share packed files.

    Raises:
        CnnlabError: they do not fit into memory, and cannot be packed; it names what would fit.
    """
    device, free = torch.device(device), free_memory("cpu")
    packed = dataset.packed
    needed = held_bytes(dataset)
    if not packed and free is not None:
        copies = processes * dataset.load_copies
        total = max(num_images(dataset), dataset.num_loaded)  # a subset is selected of all
        loaded = total * dataset.spec.num_features * copies
        if loaded > free * USABLE:
            if not dataset.can_pack:
                raise CnnlabError(_refusal(dataset, total, loaded, copies, free))
            packed = True
    if device.type == "cpu":
        return Placement(packed, packed and free is not None and needed > free * USABLE)
    on_device = free_memory(device)
    return Placement(packed, on_device is not None and needed > on_device * ON_DEVICE)


def num_images(dataset: ImageDataset) -> int:
    """Training, validation and test images together."""
    return dataset.num_train + dataset.num_val + dataset.num_test


def held_bytes(dataset: ImageDataset) -> int:
    """What the images take, as they are held; of whole pictures an estimate."""
    return num_images(dataset) * (dataset.stored_features or dataset.spec.num_features)


def _refusal(dataset: ImageDataset, total: int, needed: int, copies: int, free: int) -> str:
    several = f", {copies} copies at a time," if copies > 1 else ""
    return (
        f"{total:,} images of {dataset.spec}{several} take {_size(needed)} of memory, but "
        f"only {_size(free)} is free here: {_advice(dataset, free * USABLE / needed)}"
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
