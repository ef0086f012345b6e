"""Pictures of every kind become what a network takes, or are refused in one line."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFilter

from cnnlab.data.picture import read_picture
from cnnlab.data.sets.digits import Digits
from cnnlab.data.sets.mnist import MNIST, FashionMNIST
from cnnlab.inference.preprocess.ink import is_on_light
from cnnlab.inference.preprocess.preprocess import Preprocess
from cnnlab.registry import CnnlabError
from cnnlab.spec import ImageSpec

COLOUR = Preprocess(ImageSpec(3, 8, 8, 2, mean=(0.5,) * 3, std=(0.5,) * 3))
DIGIT = Preprocess(MNIST.spec, ink=MNIST.ink)
ORANGE = (250, 120, 10)


def seven(size: tuple[int, int], *, left: int, top: int, height: int, width: int) -> Image.Image:
    """The drawing of a 7: white on black."""
    drawing = Image.new("L", size)
    right = left + int(0.6 * height)
    points = [(left, top), (right, top), (left + int(0.2 * height), top + height)]
    ImageDraw.Draw(drawing).line(points, fill=255, width=width, joint="curve")
    return drawing


def photograph(drawing: Image.Image) -> Image.Image:
    """Dark ink on grainy yellow paper, three times as bright on the left as on the right."""
    width, height = drawing.size
    ink = np.asarray(drawing.filter(ImageFilter.GaussianBlur(1)))[..., None] / 255
    light = np.linspace(230, 80, width)[None, :, None]
    grain = np.random.RandomState(0).normal(0, 3, (height, width, 1))
    paper = (light + grain) * np.array([1, 0.95, 0.8])
    return Image.fromarray((paper * (1 - 0.7 * ink)).clip(0, 255).astype(np.uint8))


def turned(path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 20), ORANGE).save(path, quality=95, exif=exif)


def indexed(path: Path) -> None:
    picture = Image.new("P", (20, 20), 1)
    picture.putpalette([0, 0, 0, *ORANGE])
    picture.save(path)


def animated(path: Path) -> None:
    frames = [Image.new("RGB", (20, 20), colour) for colour in (ORANGE, (0, 0, 0), (9, 9, 9))]
    frames[0].save(path, save_all=True, append_images=frames[1:])


def cmyk(path: Path) -> None:
    Image.new("RGB", (20, 20), ORANGE).convert("CMYK").save(path, quality=95)


def transparent(path: Path) -> None:
    Image.new("RGBA", (20, 20), (0, 0, 0, 0)).save(path)


KINDS: dict[str, tuple[str, Callable[[Path], None], tuple[int, ...], list[str]]] = {
    "CMYK": ("a.jpg", cmyk, ORANGE, ["from CMYK"]),
    "palette": ("a.png", indexed, ORANGE, ["from palette"]),
    "transparent": ("a.png", transparent, (255,) * 3, ["transparent on white"]),
    "EXIF": ("a.jpg", turned, ORANGE, ["turned upright (EXIF)", "cropped to the middle 20x20"]),
    "animated": ("a.gif", animated, ORANGE, ["from palette", "first of 3 frames"]),
    "1x1": ("a.png", lambda path: Image.new("RGB", (1, 1), ORANGE).save(path), ORANGE, []),
    "16 bits": (
        "a.png",
        lambda path: Image.fromarray(np.full((20, 20), 128 * 256, np.uint16)).save(path),
        (128,) * 3,
        ["16 bits to 8"],
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_formats(tmp_path: Path, kind: str) -> None:
    name, save, colour, notes = KINDS[kind]
    save(tmp_path / name)
    prepared = COLOUR.prepare(tmp_path / name)
    found = prepared.pixels.float().mean((1, 2))
    assert (found - torch.tensor(colour)).abs().max() < 6, found
    assert set(notes) <= set(prepared.notes)
    assert prepared.notes[-1] == "resized to 8x8"
    assert prepared.thumbnail.shape[2] == 3
    inputs = COLOUR(tmp_path / name)
    assert inputs.shape == (1, 3, 8, 8)
    assert inputs.min() >= -1
    torch.testing.assert_close(inputs[0], (prepared.pixels / 255 - 0.5) / 0.5)


def test_the_pictures_of_a_folder_are_as_in_training(tmp_path: Path) -> None:
    noise = np.random.RandomState(0).randint(0, 255, (60, 90, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png")
    Image.fromarray(noise).resize((900, 600)).save(tmp_path / "a.jpg")
    for name in ("a.png", "a.jpg"):
        for fit in ("keep", "squeeze", "crop"):
            found = Preprocess(COLOUR.spec, fit).prepare(tmp_path / name).pixels
            assert torch.equal(found, read_picture(tmp_path / name, 8, 3, fit))


def test_a_large_photograph(tmp_path: Path) -> None:
    Image.new("L", (6000, 4000), 90).save(tmp_path / "a.jpg")
    prepared = COLOUR.prepare(tmp_path / "a.jpg")
    assert prepared.pixels.unique().tolist() == [90]
    assert prepared.notes == (
        "colour from grey",
        "cropped to the middle 4000x4000",
        "resized to 8x8",
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"hello", "is not a picture"),
        (b"", "is not a picture"),
        ("truncated", "truncated"),
        ("bomb", "more than 100 pixels: it may be a decompression bomb"),
        (None, "is not a file"),
    ],
)
def test_refused_in_one_line(tmp_path: Path, monkeypatch, content, said: str) -> None:
    path = tmp_path / "a.png"
    if content is None:
        path.mkdir()
    elif isinstance(content, bytes):
        path.write_bytes(content)
    else:
        noise = np.random.RandomState(0).randint(0, 255, (12, 12), dtype=np.uint8)
        Image.fromarray(noise).save(path)
        if content == "truncated":
            path.write_bytes(path.read_bytes()[:-60])
        else:  # 144 pixels: Pillow would only warn, of twice as many it refuses
            monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(CnnlabError, match=said) as refusal:
        COLOUR(path)
    assert str(refusal.value).startswith(f"{path}: ")
    assert "\n" not in str(refusal.value)


def test_colours_that_no_picture_is_converted_from(tmp_path: Path) -> None:
    """Pillow opens LAB and converts it to nothing; both ways to a network refuse it."""
    path = tmp_path / "a.tiff"
    Image.new("LAB", (20, 20), (90, 128, 128)).save(path)
    for prepared in (COLOUR.prepare, DIGIT.prepare, lambda file: read_picture(file, 8, 3)):
        with pytest.raises(CnnlabError, match="it is in LAB colour: save it as RGB"):
            prepared(path)


def test_a_telephone_s_format_is_named(tmp_path: Path) -> None:
    path = tmp_path / "IMG_1.HEIC"
    path.write_bytes(b"\0\0\0\x18ftypheic")
    with pytest.raises(CnnlabError, match=r"IMG_1\.HEIC: HEIC cannot be read: save it as JPEG"):
        COLOUR(path)


def test_a_grey_picture_with_transparency_is_grey() -> None:
    clear = Image.new("LA", (20, 20), (90, 255))
    clear.putpixel((0, 0), (0, 0))
    assert "grey" not in DIGIT.prepare(clear).notes
    found = COLOUR.prepare(clear)
    assert found.notes == ("transparent on white", "colour from grey", "resized to 8x8")


@pytest.mark.parametrize("width", [40, 3])
def test_a_photographed_digit_becomes_one_of_mnist(tmp_path: Path, width: int) -> None:
    """20 pixels high, its centre of mass in the middle, white on black, strokes two wide."""
    drawing = seven((800, 600), left=560, top=90, height=240, width=width)
    photograph(drawing).save(tmp_path / "7.jpg", quality=85)
    prepared = DIGIT.prepare(tmp_path / "7.jpg")
    digit = prepared.pixels[0].float()
    rows, columns = (torch.nonzero(digit.amax(axis) > 60).flatten() for axis in (1, 0))
    assert len(rows) == 20
    assert 10 <= len(columns) <= 16
    assert digit[0].max() == digit[:, 0].max() == digit[:, -1].max() == 0
    assert digit.max() == 255
    place = torch.arange(28.0)
    for axis in (0, 1):
        assert float((digit.sum(axis) * place).sum() / digit.sum()) == pytest.approx(13.5, abs=0.6)
    assert 1.5 <= float((digit / 255).sum(1)[10:18].mean()) <= 3.5
    assert prepared.notes[:2] == ("grey", "inverted (dark on light)")
    assert prepared.notes[2].startswith("cropped to the ink (1")
    assert ("strokes thickened" in prepared.notes) == (width == 3)
    assert prepared.notes[-2:] == ("centred by mass", "resized to 28x28")


def test_what_is_white_on_black_is_not_inverted() -> None:
    small = np.asarray(seven((28, 28), left=8, top=5, height=18, width=3))
    assert torch.equal(DIGIT.prepare(small).pixels[0], torch.from_numpy(small.copy()))
    assert DIGIT.prepare(small).notes == ()
    inverted = DIGIT.prepare(255 - small)
    assert torch.equal(inverted.pixels[0], torch.from_numpy(small.copy()))
    assert inverted.notes == ("inverted (dark on light)",)
    large = seven((300, 300), left=20, top=20, height=240, width=30)
    assert "inverted (dark on light)" not in DIGIT.prepare(large).notes
    clear = Image.new("RGBA", (300, 300), (255, 255, 255, 0))
    clear.paste(Image.new("RGBA", (300, 300), "white"), mask=large)
    found = DIGIT.prepare(clear)
    assert "transparent on black" in found.notes
    assert (found.pixels.float() - DIGIT.prepare(large).pixels.float()).abs().max() < 9
    blank = DIGIT.prepare(Image.new("L", (50, 50), 200))
    assert blank.notes == ("no ink found", "inverted (dark on light)", "resized to 28x28")


def test_light_that_falls_off_is_no_ink() -> None:
    """The corners are as dark as the ink, which is a thousandth of the picture."""
    y, x = np.mgrid[-1:1:120j, -1:1:160j]
    paper = 220 - 70 * (x**2 + y**2)
    paper[60:66, 80:83] -= 100
    assert is_on_light(paper)
    assert not is_on_light(255 - paper)


def test_a_digit_on_a_whole_page() -> None:
    """Three hundredths of a per cent of the picture are ink, and the light is dim."""
    page = photograph(seven((1280, 960), left=800, top=400, height=48, width=4))
    notes = DIGIT.prepare(page.point(lambda value: value // 2)).notes
    assert notes[:3] == ("grey", "inverted (dark on light)", "cropped to the ink (30x50)")


def test_other_sets_of_white_on_black() -> None:
    """Clothes are inverted and not cropped; the digits of 8x8 are as coarse as those."""
    picture = Image.new("L", (56, 56), 255)
    picture.paste(20, (14, 14, 42, 42))
    found = Preprocess(FashionMNIST.spec, ink=FashionMNIST.ink).prepare(picture)
    assert found.pixels[0, 14, 14] == 235
    assert found.pixels[0, 2, 2] == 0
    assert found.notes == ("inverted (dark on light)", "resized to 28x28")
    digit = Preprocess(Digits.spec, ink=Digits.ink).prepare(
        seven((90, 90), left=20, top=10, height=60, width=9)
    )
    coarse = torch.nn.functional.avg_pool2d(digit.pixels[None].float(), 4)
    again = torch.nn.functional.interpolate(coarse, 32, mode="bilinear")
    assert (again - digit.pixels).abs().mean() < 12


@pytest.mark.parametrize(
    "array",
    [
        np.full((9, 7), 90, np.uint8),
        np.full((9, 7, 1), 90, np.uint8),
        np.full((9, 7, 3), 90 / 255),
        torch.full((3, 9, 7), 90, dtype=torch.uint8),
        torch.full((1, 9, 7), 90 / 255),
        np.full((9, 7), 90 * 256, np.uint16),
    ],
)
def test_arrays_and_tensors(array) -> None:
    assert COLOUR.prepare(array).pixels.unique().tolist() == [90]


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((0, 4), np.uint8), r"\(0, 4\)"),
        (np.zeros((2, 4, 4, 3), np.uint8), r"\(2, 4, 4, 3\)"),
        (np.full((4, 4), 255.0), r"must be in 0\.\.1"),
        (np.full((4, 4), np.nan), r"must be in 0\.\.1"),
        (np.zeros((4, 4), np.int64), "int64"),
        (7, "int is not a path"),
    ],
)
def test_arrays_that_are_no_pictures(array, said: str) -> None:
    with pytest.raises(CnnlabError, match=said):
        COLOUR.prepare(array)
