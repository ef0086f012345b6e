"""Images that do not fit on a GPU: each batch is copied there while those before it are trained."""

import itertools
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from cnnlab.data.dataset import Images
from cnnlab.data.loading.resized_crop import Pictures
from cnnlab.data.packing.images import picked

AHEAD = 2  # batches that are read before they are needed


@dataclass
class Announced:
    """A batch of a later step: its indices on the device and on the host, and its pictures."""

    asked_with: Tensor
    indices: Tensor
    reading: Future["Copy"] | None = None


class Copy(NamedTuple):
    """A batch on the device, from the moment of the event on; None: at once."""

    pictures: Pictures
    done: torch.cuda.Event | None


class HostStream:
    """Reads batches on the host, into pinned memory, and copies them on a stream beside training.

    Args:
        images: on the host.
        device: where they are needed.
        whole: whether a batch is whole pictures, for random crops; else images of one size.
    """

    def __init__(self, images: Images, device: torch.device, *, whole: bool) -> None:
        self.images, self.device, self.whole = images, device, whole
        is_gpu = device.type == "cuda"
        self._beside = torch.cuda.Stream(device) if is_gpu else None  # type: ignore[no-untyped-call]
        self._thread = ThreadPoolExecutor(1)
        self._announced: deque[Announced] = deque()

    def announce(self, indices: Tensor, asked_with: Tensor) -> None:
        """Say which images the next steps use.

        Args:
            indices: int64 (..., N), on the CPU, a batch in each row.
            asked_with: the same on the device; its rows, not copies of them, are given to `read`.
        """
        rows = zip(asked_with.flatten(0, -2), indices.flatten(0, -2), strict=True)
        self._announced.extend(Announced(*row) for row in rows)

    def read(self, indices: Tensor) -> Pictures:
        """The pictures at ``indices``, int64 (N,), on the device."""
        found: Announced | None = None
        while self._announced and found is None:  # known by their place: nothing is compared
            first = self._announced.popleft()
            if first.asked_with.data_ptr() == indices.data_ptr():
                found = first
        if found is None or found.reading is None:
            pictures, done = self._copy(indices.cpu() if found is None else found.indices)
        else:
            pictures, done = found.reading.result()
        for later in itertools.islice(self._announced, AHEAD):
            if later.reading is None:
                later.reading = self._thread.submit(self._copy, later.indices)
        if done is not None:  # not for the copies of later batches, on the same stream
            current = torch.cuda.current_stream(self.device)
            current.wait_event(done)
            for part in pictures[:4]:
                part.record_stream(current)
        return pictures

    def _copy(self, indices: Tensor) -> Copy:
        images = self.images
        found = picked(images, indices) if self.whole else Pictures.of(images.read(indices))
        if self._beside is None:
            return Copy(found.to(self.device), None)
        with torch.cuda.stream(self._beside):
            pictures = found.pinned().to(self.device, non_blocking=True)
            return Copy(pictures, self._beside.record_event())
