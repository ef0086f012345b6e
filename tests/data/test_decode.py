from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnnlab.data.decode import decode
from cnnlab.data.scan import Labelled
from cnnlab.registry import CnnlabError
from cnnlab.spec import ImageSpec

SPEC = ImageSpec(1, 4, 4, 2, ("cat", "dog"))
Parts = dict[str, Labelled]


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    """20 pictures of train, 6 of val and 6 of test, each of a grey of its own."""
    found: Parts = {"train": [], "val": [], "test": []}
    grey = 0
    for part, count in (("train", 20), ("val", 6), ("test", 6)):
        for i in range(count):
            path = tmp_path / part / ("cat", "dog")[i % 2] / f"{i:02}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (5, 6), grey := grey + 1).save(path)
            found[part].append((path, i % 2))
    return found


def test_pictures_come_with_their_labels(parts: Parts, tmp_path: Path) -> None:
    splits = decode(parts, SPEC, "keep", root=tmp_path, skip_broken=False)
    assert splits.train.pixels[:, 0, 0, 0].tolist() == list(range(1, 21))
    assert splits.test.pixels[:, 0, 3, 3].tolist() == list(range(27, 33))
    assert splits.val.labels.tolist() == [0, 1] * 3
    assert splits.num_broken is None


def break_(parts: Parts, part: str, *indices: int) -> None:
    for index in indices:
        parts[part][index][0].write_bytes(b"no picture")


def test_all_broken_pictures_are_named_at_once(parts: Parts, tmp_path: Path) -> None:
    break_(parts, "train", 3, 4)
    break_(parts, "test", 0)
    with pytest.raises(CnnlabError) as refusal:
        decode(parts, SPEC, "keep", root=tmp_path, skip_broken=False)
    assert str(refusal.value) == (
        f"cannot read 3 pictures below {tmp_path}: test/cat/00.png, train/cat/04.png, "
        "train/dog/03.png (test/cat/00.png: UnidentifiedImageError: cannot identify image file); "
        "data.skip_broken=true leaves them out"
    )


def test_of_many_ten_are_named(parts: Parts, tmp_path: Path) -> None:
    break_(parts, "train", *range(2, 18))
    with pytest.raises(CnnlabError, match="cannot read 16 pictures") as refusal:
        decode(parts, SPEC, "keep", root=tmp_path, skip_broken=False)
    [line] = str(refusal.value).splitlines()
    assert line.count(".png") == 11  # the first again, with its reason
    assert line.index(" and 6 more (train/cat/02.png: ") < line.index("; data.skip_broken=true")


def test_nothing_is_advised_that_would_be_refused(parts: Parts, tmp_path: Path) -> None:
    Image.fromarray(np.ones((5, 5), np.float32)).save(tmp_path / "float.tif")
    floats = (tmp_path / "float.tif").read_bytes()
    for path, _ in [*parts["train"], *parts["val"], *parts["test"]]:
        path.write_bytes(floats)
    with pytest.raises(CnnlabError, match="cannot read 32 pictures below") as refusal:
        decode(parts, SPEC, "keep", root=tmp_path, skip_broken=False)
    assert str(refusal.value).endswith(
        "(test/cat/00.png: ValueError: it has 32-bit pixels, whose range is "
        "unknown: save it with 8 or 16 bits); without them train has no readable picture"
    )
    with pytest.raises(CnnlabError, match=r"^train has no readable picture$"):
        decode(parts, SPEC, "keep", root=tmp_path, skip_broken=True)


def test_one_is_named_with_its_reason(parts: Parts, tmp_path: Path) -> None:
    Image.fromarray(np.ones((5, 5), np.float32)).save(tmp_path / "float.tif")
    parts["val"][1] = (tmp_path / "float.tif", 1)
    with pytest.raises(CnnlabError) as refusal:
        decode(parts, SPEC, "keep", root=tmp_path, skip_broken=False)
    assert str(refusal.value) == (
        f"cannot read the picture {tmp_path}/float.tif (ValueError: it has 32-bit pixels, "
        "whose range is unknown: save it with 8 or 16 bits); data.skip_broken=true leaves it out"
    )


def test_broken_ones_are_left_out_and_counted(parts: Parts, tmp_path: Path) -> None:
    whole = decode(parts, SPEC, "keep", root=tmp_path, skip_broken=True)
    assert whole.num_broken == 0
    break_(parts, "train", 3, 4)
    break_(parts, "test", 0)
    splits = decode(parts, SPEC, "keep", root=tmp_path, skip_broken=True)
    assert splits.num_broken == 3
    greys = [grey for grey in range(1, 21) if grey not in (4, 5)]
    assert splits.train.pixels[:, 0, 0, 0].tolist() == greys
    assert splits.train.labels.tolist() == [(grey - 1) % 2 for grey in greys]
    assert splits.test.labels.tolist() == [1, 0, 1, 0, 1]
    assert splits.digest != whole.digest


def test_each_class_needs_a_whole_picture(parts: Parts, tmp_path: Path) -> None:
    break_(parts, "train", *range(1, 20, 2))
    with pytest.raises(CnnlabError, match="class 'dog' has no readable training picture"):
        decode(parts, SPEC, "keep", root=tmp_path, skip_broken=True)
