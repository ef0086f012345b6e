"""The images of a part in a pack: read by index, from a file that may be larger than memory."""

from functools import cached_property

import torch
from torch import Tensor

from cnnlab.data.dataset import Images
from cnnlab.data.loading.resized_crop import Pictures, centre_boxes, resized_crops
from cnnlab.data.packing.pack_file import Pack


class PackedImages(Images):
    """Rows of a pack. Of whole pictures an image is the square of ``size`` in the centre.

    Args:
        rows: int64 (N,), which pictures.
        labels: int64 (N,).
        pictures: those of the pack, on the device where the rows are; None: mapped, on the CPU.
    """

    def __init__(
        self, pack: Pack, rows: Tensor, labels: Tensor, size: int, pictures: Pictures | None = None
    ) -> None:
        # Frozen as its base; the pixels are read when they are first used.
        vars(self).update(pack=pack, rows=rows, labels=labels, size=size)
        vars(self)["pictures"] = pack.pictures if pictures is None else pictures

    pack: Pack
    rows: Tensor
    size: int
    pictures: Pictures

    @cached_property
    def pixels(self) -> Tensor:
        """All of them, uint8 (N, C, H, W): copied, and kept."""
        return self.read(torch.arange(len(self), device=self.rows.device))

    def select(self, indices: Tensor) -> "PackedImages":
        """The images at ``indices``; nothing is read for it."""
        rows, labels = self.rows.index_select(0, indices), self.labels.index_select(0, indices)
        return PackedImages(self.pack, rows, labels, self.size, self.pictures)

    def between(self, start: int, stop: int) -> "PackedImages":
        """The images from ``start`` on to before ``stop``."""
        return self.select(torch.arange(start, stop, device=self.rows.device))

    def read(self, indices: Tensor) -> Tensor:
        """The pixels of the images at ``indices``, uint8 (M, C, H, W)."""
        rows, size = self.rows.index_select(0, indices), (self.size, self.size)
        boxes = centre_boxes(self.pictures.heights[rows], self.pictures.widths[rows], size)
        return resized_crops(self.pictures, rows, boxes, size, exact=True)

    def to(self, device: torch.device | str) -> Images:
        """The same; in the memory of a GPU, only the pictures of these rows."""
        device = torch.device(device)
        if device.type == "cpu" or device == self.pictures.values.device:
            return self
        pictures = self.pictures.pick(self.rows, device)
        rows = torch.arange(len(self), device=device)
        return PackedImages(self.pack, rows, self.labels.to(device), self.size, pictures)

    def will_need(self, indices: Tensor) -> None:
        """Have the operating system read images ahead of the steps that use them."""
        self.pack.will_need(self.rows[indices.flatten()].tolist())


def located(images: Images, indices: Tensor) -> tuple[Pictures, Tensor]:
    """What random crops of the images at ``indices`` are cut from: pictures, and which of them."""
    if isinstance(images, PackedImages):
        return images.pictures, images.rows.index_select(0, indices)
    return picked(images, indices), torch.arange(len(indices), device=indices.device)


def picked(images: Images, indices: Tensor) -> Pictures:
    """The pictures of the images at ``indices`` alone."""
    if isinstance(images, PackedImages):
        return images.pictures.pick(images.rows.index_select(0, indices))
    return Pictures.of(images.read(indices))
