"""``cnnlab pack``, and runs on what it made."""

import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnnlab.data.packing.pack_file import Stored

WORDS = [
    "data=folder",
    "data.root=photos",
    "data.size=28",
    "data.augment.random_resized_crop=[0.08,1]",
    "model=mlp",
    "model.hidden=[2]",
    "trainer.epochs=1",
    "batch_size=4",
    "trainer.accelerator=cpu",
]


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """24 photographs in two classes, of which packs are below tmp_path/data."""
    monkeypatch.setenv("CNNLAB_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    random = np.random.RandomState(0)
    for i in range(24):
        path = tmp_path / "photos" / ("cat", "dog")[i % 2] / f"{i}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.randint(0, 255, (50, 60, 3), dtype=np.uint8)).save(path)
    return tmp_path / "photos"


def test_a_packed_folder_is_not_decoded_again(
    cnnlab, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = cnnlab("pack", "photos", "--size", "32", "--out", "photos.pack")
    assert answer.code == 0, answer.err
    assert "24 pictures packed: whole pictures, the shorter side 32 pixels, colour" in answer.out
    assert "data.size=28 'data.augment.random_resized_crop=[0.08,1]'" in answer.out
    assert (photos.parent / "photos.pack").stat().st_size > 24 * 32 * 32 * 3
    again = cnnlab("pack", "photos", "--size", "32")
    assert "24 pictures packed already, and as they were written" in again.out

    monkeypatch.delattr(Stored, "read")
    done = cnnlab("train", *WORDS)
    assert done.code == 0, done.err
    # An own picture is cut as those of the test set are: 28 of 32 pixels.
    run = next((photos.parent / "runs").rglob("result.json")).parent
    predicted = cnnlab("predict", str(run), "photos/cat/0.jpg")
    assert predicted.code == 0, predicted.err


@pytest.mark.parametrize(
    ("size", "name", "channels"), [("32", "photos", "3"), ("36", "my photos, [1]", "1")]
)
def test_the_words_that_are_printed_use_the_pack(
    cnnlab, photos: Path, monkeypatch: pytest.MonkeyPatch, size: str, name: str, channels: str
) -> None:
    photos.rename(photos.with_name(name))
    answer = cnnlab("pack", name, "--size", size, "--channels", channels)
    assert answer.code == 0, answer.err
    *_, crops, centres = answer.out.splitlines()
    monkeypatch.delattr(Stored, "read")
    for line in (crops.removeprefix("used by "), centres.removeprefix("or without crops by ")):
        done = cnnlab("train", "data=folder", *shlex.split(line), *WORDS[4:])
        assert done.code == 0, done.err


def test_broken_pictures_are_tried_again(
    cnnlab, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, words = Image.open, ("pack", photos.name, "--size", "32")

    def away(path: Path) -> Image.Image:
        return whole(path.with_name("away") if path.name == "0.jpg" else path)

    with monkeypatch.context() as patch:
        patch.setattr(Image, "open", away)
        answer = cnnlab(*words, "--skip-broken")
    assert "23 pictures packed: " in answer.out
    answer = cnnlab(*words)
    assert answer.code == 0, answer.err
    assert "24 pictures packed: " in answer.out


def test_a_pack_is_replaced_once_there_is_another(cnnlab, photos: Path) -> None:
    words = ["pack", "photos", "--size", "32"]
    assert cnnlab(*words).code == 0
    [first] = (photos.parent / "data" / "packed").glob("*.pack")
    content = first.read_bytes()
    notes, moved, other = (photos.parent / name for name in ("notes", "moved.pack", "b.pack"))
    notes.write_text("no pack")
    refused = cnnlab(*words, "--out", "notes")
    assert refused.code == 2
    assert "--out notes: that file is no pack; give a new one, or a pack" in refused.err
    assert notes.read_text() == "no pack"
    assert first.read_bytes() == content
    answer = cnnlab(*words, "--out", "moved.pack")
    assert "24 pictures packed already" in answer.out
    assert moved.read_bytes() == content
    assert first.resolve() == moved.resolve()

    other.write_bytes(content[:99])  # an earlier one that is not whole
    broken = photos / "cat" / "0.jpg"
    whole = broken.read_bytes()
    broken.write_bytes(b"no picture")
    assert cnnlab(*words, "--out", "b.pack").code == 2
    assert first.read_bytes() == content
    broken.write_bytes(whole)
    assert cnnlab(*words, "--out", "b.pack").code == 0
    assert first.resolve() == other.resolve()


@pytest.mark.slow
def test_mistakes_are_said(cnnlab, photos: Path) -> None:
    (photos / "cat" / "0.jpg").write_bytes(b"no picture")
    answer = cnnlab("pack", "photos", "--size", "32")
    assert answer.code == 2
    assert "cannot be read: photos/cat/0.jpg (UnidentifiedImageError" in answer.err
    assert "1 picture below photos cannot be read; --skip-broken leaves it out" in answer.err
    assert cnnlab("pack", "photos", "--size", "32", "--skip-broken").code == 0
    refused = cnnlab("train", *WORDS)
    assert refused.code == 1
    assert "cannot read the picture photos/cat/0.jpg" in refused.err
    left_out = cnnlab("train", *WORDS, "data.skip_broken=true")
    assert left_out.code == 0, left_out.err
    for words, said in (
        (["nowhere"], "nowhere: no such folder"),
        (["data"], "data: no pictures in it or below it"),
        (["photos", "--out", "no/where.pack"], "give a file in a folder that exists"),
    ):
        answer = cnnlab("pack", *words)
        assert answer.code == 2
        assert said in answer.err
    for words, said in (
        (["data.resize=27"], "resize=27 is less than size=28; give at least that"),
        (["data.proportions=squeeze"], "proportions=squeeze cannot be combined"),
    ):
        answer = cnnlab("train", *WORDS, *words)
        assert answer.code == 2
        assert said in answer.err
