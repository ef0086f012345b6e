"""mistakes.npz: which test images it holds, and what becomes of a damaged one."""

import numpy as np
import pytest

from cnnlab.runs.mistakes import (
    confidences,
    most_confident_mistakes,
    read_mistakes,
    write_mistakes,
)
from cnnlab.runs.read_file import DamagedFileError

LOG = np.log(
    [
        [0.7, 0.2, 0.1],  # wrong
        [0.1, 0.8, 0.1],  # right
        [0.05, 0.05, 0.9],  # wrong
        [0.3, 0.6, 0.1],  # wrong
        [0.9, 0.05, 0.05],  # right
        [0.05, 0.9, 0.05],  # wrong, as confident as the third
    ]
)
LABELS = np.array([1, 1, 0, 2, 0, 2])


def test_the_most_confident_mistakes_by_hand():
    assert most_confident_mistakes(LOG, LABELS).tolist() == [2, 5, 0, 3]
    assert most_confident_mistakes(LOG + 5, LABELS, 2).tolist() == [2, 5]
    assert confidences(LOG) == pytest.approx([0.7, 0.8, 0.9, 0.6, 0.9, 0.9])
    assert most_confident_mistakes(LOG, LOG.argmax(1)).tolist() == []


def test_probabilities_that_are_rounded_to_one_are_still_told_apart():
    logits = np.array([[0, 30, 0], [0, 60, 0], [0, 45, 0]], np.float32)
    assert confidences(logits).tolist() == [1, 1, 1]
    assert most_confident_mistakes(logits, np.zeros(3, int)).tolist() == [1, 2, 0]


def test_an_image_without_a_probability_is_left_out():
    logits = np.array([[0, np.nan], [-np.inf, 0], [0, np.inf], [0, 1]], np.float32)
    assert most_confident_mistakes(logits, np.zeros(4, int)).tolist() == [1, 3]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((2, 3, 28, 64), (28, 64)), ((2, 1, 128, 96), (64, 48)), ((0, 3, 224, 224), (224, 224))],
)
def test_written_and_read(tmp_path, shape, expected):
    pixels = np.indices(shape).sum(0).astype(np.uint8) % 2 * 200  # a checkerboard
    count = len(pixels)
    labels, scores = np.arange(count), np.linspace(0.9, 0.5, count)
    write_mistakes(tmp_path / "m.npz", pixels, labels, labels + 1, scores, labels + 7)
    found = read_mistakes(tmp_path / "m.npz")
    assert len(found) == count
    assert found.pixels.shape == (*shape[:2], *expected)
    assert found.pixels.dtype == np.uint8
    if max(shape[2:]) <= 64:
        assert (found.pixels == pixels).all()
    elif count:
        assert np.abs(found.pixels[:, :, 4:-4, 4:-4].astype(int) - 100).max() <= 2  # antialiased
    assert found.labels.tolist() == labels.tolist()
    assert found.predicted.tolist() == (labels + 1).tolist()
    assert found.confidence == pytest.approx(scores)
    assert found.confidence.dtype == np.float32
    assert found.index.tolist() == (labels + 7).tolist()


def good() -> dict[str, np.ndarray]:
    whole = np.array([1, 2])
    pixels, confidence = np.zeros((2, 1, 8, 8), np.uint8), np.array([0.9, 0.8], np.float32)
    return {"labels": whole, "predicted": whole, "index": whole} | {
        "pixels": pixels,
        "confidence": confidence,
    }


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"labels": np.array([1.0, 2.0])}, "labels is float64 (2,)"),
        ({"labels": np.array([1, 2, 3])}, "the arrays differ in length"),
        ({"pixels": np.zeros((2, 8, 8), np.uint8)}, "pixels is uint8 (2, 8, 8)"),
        ({"predicted": np.array([1, -2])}, "a label or a position is negative"),
        ({"confidence": np.array([0.9, np.nan], np.float32)}, "a confidence is not in 0..1"),
        ({"index": np.array([{}, {}])}, "Object arrays cannot be loaded"),
        ({"pixels": np.zeros((2, 1, 4096, 4096), np.uint8)}, "is too large"),
    ],
)
def test_what_is_not_a_mistakes_file_is_refused(tmp_path, changed, fault):
    file = tmp_path / "mistakes.npz"
    np.savez_compressed(file, **good() | changed)
    with pytest.raises(DamagedFileError, match=r"mistakes\.npz: ") as caught:
        read_mistakes(file)
    assert fault in str(caught.value)


def test_missing_and_damaged_bytes(tmp_path):
    file = tmp_path / "mistakes.npz"
    with pytest.raises(DamagedFileError, match="no such file"):
        read_mistakes(file)
    np.savez_compressed(file, **good())
    whole = file.read_bytes()
    without = {name: array for name, array in good().items() if name != "index"}
    np.savez(file, **without)
    with pytest.raises(DamagedFileError, match="index"):
        read_mistakes(file)
    for content in (b"", b"PK", whole[:-30], whole[: len(whole) // 2], b"x" * 40 + whole[40:]):
        file.write_bytes(content)
        with pytest.raises(DamagedFileError):
            read_mistakes(file)
