"""Which notes a network gets, and which not."""

import torch
from torch import nn

from cnnlab.explain.layers.notes import layer_notes
from cnnlab.explain.trace.trace import trace
from cnnlab.spec import ImageSpec


def notes(*layers, side=28, channels=1):
    with torch.device("meta"):
        model = nn.Sequential(*layers)
    return layer_notes(trace(model, ImageSpec(channels, side, side, 10)))


def test_no_note_if_every_stride_divides():
    assert notes(nn.Conv2d(1, 64, 4, 2, 1), nn.MaxPool2d(2)) == []


def test_rows_and_columns_that_are_dropped():
    assert notes(nn.Conv2d(1, 6, 5, 3)) == [
        "0: stride 3 does not divide 28 - 5 + 0 = 23: the last 2 rows and the last 2 columns "
        "of the map dropped, never read"
    ]
    assert notes(nn.MaxPool2d((2, 3), (2, 3))) == [
        "0: stride 3 does not divide 28 - 3 + 0 = 25: the last column of the map dropped, "
        "never read"
    ]


def test_only_border_is_dropped():
    """A border of 3 on 28 rows: the last window ends on row 32 of 34, the map on row 31."""
    (note,) = notes(nn.Conv2d(1, 6, 7, 2, 3))
    assert note == (
        "0: stride 2 does not divide 28 - 7 + 6 = 27: only padding is dropped "
        "(the last row and the last column)"
    )


def test_border_and_map_are_dropped():
    """28 - 4 + 2 = 26 leaves 2 behind: one of the border, one of the map."""
    (note,) = notes(nn.Conv2d(1, 6, 4, 3, 1))
    assert note.endswith("= 26: the last row and the last column of the map dropped, never read")


def test_a_window_beyond_the_border_drops_nothing():
    assert notes(nn.MaxPool2d(3, 2, ceil_mode=True)) == []


def test_a_stride_wider_than_its_kernel():
    (note,) = notes(nn.Conv2d(1, 6, 1, 2))
    assert note == (
        "0: stride 2 is wider than kernel 1: about 25% of the map is read, the rest skipped"
    )


def test_a_map_smaller_than_the_kernel():
    assert notes(nn.Conv2d(1, 6, 3, padding=1), side=2) == [
        "0: kernel 3x3 is larger than its map of 2x2: every window includes padding"
    ]
    (note,) = notes(nn.Conv2d(1, 6, 3, padding=3, dilation=3), side=5)
    assert note.startswith("0: kernel 3x3 is larger")  # 7x7 with its gaps


def test_layers_with_the_same_finding_share_a_line():
    (note,) = notes(*(nn.Conv2d(1, 1, 3, 1, 1) for _ in range(6)), side=2)
    assert note.endswith("; also in 1, 2, 3 and 2 more")


def test_an_unknown_field_is_noted():
    assert notes(nn.PixelShuffle(2), channels=4) == []

    class Rolled(nn.Module):
        def forward(self, x):
            return x.relu().roll(1, 2).relu()

    assert notes(Rolled()) == [
        "0: field ?: receptive fields are not tracked through maps that are "
        "split into windows, shifted or indexed"
    ]


def test_the_layer_that_holds_most_of_the_parameters():
    assert notes(nn.Flatten(), nn.Linear(784, 100), nn.Linear(100, 10)) == [
        "1: 78,500 of 79,510 parameters, 98.7%, are in this layer"
    ]
    assert notes(nn.Flatten(), nn.Linear(784, 10)) == []  # where else should they be?
    assert notes(nn.Conv2d(1, 1, 1), nn.Conv2d(1, 1, 1)) == []  # half each
