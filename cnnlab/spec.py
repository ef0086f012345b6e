"""What a data set declares and a model needs to know about images.

Shape legend, used in every docstring and at the ends of forward lines:
N batch, C channels, H height, W width (pixels), K classes.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class ImageSpec:
    """Shape and classes of images: (C, H, W) pixels in one of K classes.

    ``mean`` and ``std`` are per channel, of pixels scaled to 0..1; empty means 0 and 1.
    """

    channels: int
    height: int
    width: int
    num_classes: int
    class_names: tuple[str, ...] = ()
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        return self.channels, self.height, self.width

    @property
    def num_features(self) -> int:
        """Numbers in one image, C * H * W."""
        return self.channels * self.height * self.width

    def normalisation(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and standard deviation of each channel, 0 and 1 where none are stated."""
        return self.mean or (0.0,) * self.channels, self.std or (1.0,) * self.channels

    def __str__(self) -> str:
        return f"{self.height}x{self.width}x{self.channels}"
