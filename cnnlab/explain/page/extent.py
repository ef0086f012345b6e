"""Which layers and maps go onto the page: a small network whole, a large one by stages."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cnnlab.explain.page.stages import Stage

MOST_NUMBERS = 800_000  # of 32 bits: below 5 MB of text
MOST_UNITS = 128  # of a vector
MOST_MAPS = (64, 32, 16, 8, 4, 2, 1)
WHOLE = 1_000_000


@dataclass(frozen=True)
class Extent:
    """What is shown.

    Attributes:
        stages: indices of the layers, in order.
        channels: of each of them the maps or units that are shown, in their order.
        most: how many maps of a layer are shown at most.
    """

    stages: tuple[int, ...]
    channels: dict[int, tuple[int, ...]]
    most: int


def extent(stages: Sequence[Stage]) -> Extent:
    """Everything, if that fits; else the strongest maps, at last only of some layers."""
    everything = tuple(range(len(stages)))
    tried = [(everything, most) for most in (WHOLE, *MOST_MAPS[:2])]
    tried += [(_by_size(stages), most) for most in MOST_MAPS]
    for chosen, most in tried:
        found = Extent(chosen, _channels(stages, chosen, most), most)
        if _numbers(stages, found) <= MOST_NUMBERS:
            break
    return found


def input_channels(stages: Sequence[Stage], index: int, shown: Extent) -> tuple[int, ...]:
    """The input maps of a convolution that are on the page: those of the layer before, if it is."""
    stage = stages[index]
    if stage.source in shown.channels and stages[stage.source].output.dim() == 3:
        return shown.channels[stage.source]
    return _strongest(stage.input, shown.most)


def _by_size(stages: Sequence[Stage]) -> tuple[int, ...]:
    """The first convolution, the last of every size, what follows them, and all vectors."""
    convolutions = [i for i, stage in enumerate(stages) if stage.kind == "convolution"]
    last = {stages[i].size: i for i in convolutions}
    chosen = {*convolutions[:1], *last.values()}
    for index, stage in enumerate(stages):
        is_after = stage.source in chosen and stage.kind in ("same place", "max", "average")
        if is_after or stage.output.dim() == 1:
            chosen.add(index)
    return tuple(sorted(chosen))


def _channels(
    stages: Sequence[Stage], chosen: Sequence[int], most: int
) -> dict[int, tuple[int, ...]]:
    """The strongest of each layer; what works on each map alone has those of its input."""
    channels: dict[int, tuple[int, ...]] = {}
    for index in chosen:
        stage = stages[index]
        is_same = stage.kind in ("same place", "max", "average") and stage.source in channels
        channels[index] = (
            channels[stage.source]
            if is_same and stage.source is not None
            else _strongest(stage.output, most)
        )
    return channels


def _strongest(values: Tensor, most: int) -> tuple[int, ...]:
    """The channels with the largest mean of absolute values, in the order of the network."""
    if values.dim() == 1:
        most = min(MOST_UNITS, max(most, 16))
    strength = values.abs().flatten(1).mean(1) if values.dim() == 3 else values
    order = torch.sort(strength, descending=True, stable=True).indices
    return tuple(sorted(int(channel) for channel in order[:most]))


def _numbers(stages: Sequence[Stage], shown: Extent) -> int:
    total = 0
    for index in shown.stages:
        stage = stages[index]
        number, area = len(shown.channels[index]), stage.size[0] * stage.size[1]
        total += number * area
        if stage.kind == "convolution":
            assert isinstance(stage.module, nn.Conv2d)
            inputs = input_channels(stages, index, shown)
            if stage.source not in shown.channels:
                total += len(inputs) * stage.input[0].numel()
            if len(inputs) < len(stage.input):
                total += number * area  # what the other input maps add
            kernel = stage.module.weight[0, 0].numel()
            total += number * min(len(inputs), stage.module.weight.shape[1]) * kernel
    return total
