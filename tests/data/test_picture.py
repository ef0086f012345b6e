import struct
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from PIL import Image

from cnnlab.data.picture import read_picture
from cnnlab.inference.preprocess.opening import open_picture
from cnnlab.registry import CnnlabError


def test_shapes_and_values(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (30, 20), (10, 200, 90)).save(path)
    colour = read_picture(path, 8, 3)
    assert colour.shape == (3, 8, 8)
    assert colour.dtype == torch.uint8
    assert colour[:, 4, 4].tolist() == [10, 200, 90]
    grey = read_picture(path, 8, 1)
    assert grey.shape == (1, 8, 8)
    assert grey.unique().tolist() == [round(0.299 * 10 + 0.587 * 200 + 0.114 * 90)]


def test_channels_and_rows_stay_in_order(tmp_path: Path) -> None:
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert np.array_equal(read_picture(tmp_path / "a.png", 4, 3), pixels.transpose(2, 0, 1))


def test_shrinking_averages_over_all_pixels(tmp_path: Path) -> None:
    """Without antialiasing, a checkerboard shrinks to white or black; with it, to grey."""
    board = (np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8)
    Image.fromarray(board).save(tmp_path / "a.png")
    small = read_picture(tmp_path / "a.png", 8, 1).float()
    assert (small - 127.5).abs().max() < 3


def test_sixteen_bits_are_scaled_not_clipped(tmp_path: Path) -> None:
    Image.fromarray(np.full((5, 5), 128 * 256, dtype=np.uint16)).save(tmp_path / "a.png")
    assert read_picture(tmp_path / "a.png", 5, 1).unique().tolist() == [128]


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_is_white(tmp_path: Path, mode: str) -> None:
    clear = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    path = tmp_path / "a.png"
    if mode == "P":
        indexed = Image.new("P", (4, 4), 1)
        indexed.putpalette([0, 0, 0, 90, 90, 90])
        indexed.save(path, transparency=1)
    else:
        clear.convert(mode).save(path)
    assert read_picture(path, 4, 3).unique().tolist() == [255]


def test_a_photograph_is_turned_upright(tmp_path: Path) -> None:
    picture = Image.new("L", (8, 8), 0)
    picture.paste(255, (0, 0, 8, 4))  # white above
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    picture.save(tmp_path / "a.jpg", exif=exif)
    upright = read_picture(tmp_path / "a.jpg", 8, 1).float()
    assert upright[0, :3].mean() < 5
    assert upright[0, 5:].mean() > 250


@pytest.mark.parametrize(
    "read", [lambda path: read_picture(path, 8, 3), lambda path: open_picture(path, (8, 8))]
)
def test_a_photograph_whose_exif_alone_is_damaged_is_upright(tmp_path: Path, read) -> None:
    path = tmp_path / "a.jpg"
    Image.new("RGB", (64, 64)).save(path, exif=b"Exif\0\0II*\0", dpi=(72, 72))
    read(path)


def test_a_large_photograph_decoded_in_part_looks_the_same(tmp_path: Path) -> None:
    row = np.linspace(0, 255, 1600).astype(np.uint8)
    Image.fromarray(np.tile(row, (1200, 1))).save(tmp_path / "a.jpg", quality=95)
    small = read_picture(tmp_path / "a.jpg", 16, 1).float()
    expected = torch.linspace(0.5, 15.5, 16) / 16 * 255
    assert (small[0] - expected).abs().max() < 4


@pytest.mark.parametrize("kind", ["text", "empty", "cut short"])
def test_a_file_that_is_not_a_picture_is_named(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "holiday.png"
    Image.fromarray(np.random.RandomState(0).randint(0, 255, (40, 40), dtype=np.uint8)).save(path)
    whole = path.read_bytes()
    path.write_bytes({"text": b"hello", "empty": b"", "cut short": whole[: len(whole) // 2]}[kind])
    with pytest.raises(CnnlabError, match="cannot read the picture") as refusal:
        read_picture(path, 8, 3)
    assert str(refusal.value).count(str(path)) == 1
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("error", [struct.error, IndexError, KeyError, EOFError, ZeroDivisionError])
def test_whatever_is_raised_of_a_damaged_file_it_is_named(
    error: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "open", Mock(side_effect=error("odd")))
    with pytest.raises(CnnlabError, match=r"cannot read the picture .*odd\.png \(.*odd"):
        read_picture(tmp_path / "odd.png", 8, 3)


def test_a_crop_keeps_the_middle_seven_eighths_of_the_shorter_side(tmp_path: Path) -> None:
    picture = np.full((32, 64, 3), 255, dtype=np.uint8)
    picture[2:30, 18:46] = 10  # 28 pixels square: 7/8 of 32, in the middle
    Image.fromarray(picture).save(tmp_path / "framed.png")
    cropped = read_picture(tmp_path / "framed.png", 28, 3, "crop")
    assert cropped.shape == (3, 28, 28)
    assert (cropped == 10).all()
    assert not (read_picture(tmp_path / "framed.png", 28, 3) == 10).all()


def test_keep_takes_the_square_in_the_middle_and_squeeze_all(tmp_path: Path) -> None:
    picture = np.full((20, 60, 3), 255, dtype=np.uint8)
    picture[:, 20:40] = 10  # the square in the middle
    for name, pixels in (("wide.png", picture), ("high.png", picture.transpose(1, 0, 2))):
        Image.fromarray(pixels).save(tmp_path / name)
        assert (read_picture(tmp_path / name, 20, 3, "keep") == 10).all()
        assert (read_picture(tmp_path / name, 20, 3, "squeeze") == 255).float().mean() > 0.5


@pytest.mark.parametrize(("kind", "suffix"), [("int32", ".tif"), ("float32", ".tiff")])
def test_thirty_two_bits_are_refused_not_clipped(tmp_path: Path, kind: str, suffix: str) -> None:
    path = tmp_path / f"scan{suffix}"
    Image.fromarray(np.full((5, 5), 1000, dtype=kind)).save(path)
    with pytest.raises(
        CnnlabError, match=r"32-bit pixels, whose range is unknown: save it with 8 or 16"
    ):
        read_picture(path, 5, 1)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".pgm"])
def test_sixteen_bits_of_every_format_are_scaled(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"scan{suffix}"
    Image.fromarray(np.full((5, 5), 128 * 256, dtype=np.uint16)).save(path)
    assert read_picture(path, 5, 1).unique().tolist() == [128]


def test_a_jfif_is_a_jpeg(tmp_path: Path) -> None:
    Image.new("L", (8, 8), 90).save(tmp_path / "a.jfif", format="JPEG")
    assert read_picture(tmp_path / "a.jfif", 4, 1).unique().tolist() == [90]


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Image, "open", refuse)
    with pytest.raises(CnnlabError) as refusal:
        read_picture(tmp_path / "a.png", 8, 3)
    assert str(refusal.value) == f"cannot read the picture {tmp_path}/a.png (Permission denied)"
