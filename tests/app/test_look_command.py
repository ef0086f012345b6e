"""``cnnlab look``: files, what is left out, and refusals."""

import re
from pathlib import Path

import pytest
from PIL import Image

from cnnlab.data.dataset import ImageDataset
from cnnlab.data.loading import load
from cnnlab.registry import CnnlabError

FILES = {
    *("montage", "probabilities", "kernels", "receptive-fields", "strongest-images"),
    *("grad-cam", "integrated-gradients", "occlusion"),
}


def written(answer) -> set[str]:
    paths = [Path(line) for line in answer.out.splitlines()]
    for path in paths:
        with Image.open(path) as picture:
            assert picture.width >= 900
    return {path.stem for path in paths}


@pytest.mark.slow(12)
def test_look(cnnlab, monkeypatch):
    trained = cnnlab("train", "model=lenet5", "data=digits", "trainer.epochs=1")
    run = Path(trained.out.split()[-1])
    answer = cnnlab("look", str(run), "--index", "7")
    assert (answer.code, answer.err) == (0, "")
    assert written(answer) == FILES | {
        "feature-maps-1-activation-1",
        "feature-maps-2-s2",
        "feature-maps-3-activation-2",
        "feature-maps-4-s4",
    }
    assert {path.stem for path in (run / "look").iterdir()} == written(answer)

    Image.new("RGB", (70, 50), "white").save("own.png")
    words = ("--image", "own.png", "--layer", "c3", "--map", "5", "--out", "there")
    answer = cnnlab("look", str(run), *words)
    assert answer.code == 0
    assert answer.err.startswith("own.png: grey, no ink found, inverted (dark on light)")
    assert written(answer) == FILES | {"feature-maps-1-c3"}
    assert {path.stem for path in Path("there").iterdir()} == written(answer)

    answer = cnnlab("look", str(run), "--index", "7", "--html")
    assert (answer.code, answer.err) == (0, "")
    page = run / "look" / "test-image-7.html"
    assert Path(answer.out.strip()) == page
    assert f"<h1>{run.name}: test image 7</h1>" in page.read_text()

    for words, said in (
        (("--html", "--layer", "c3"), "--html and --layer cannot be combined"),
        (("--html", "--out", "page.png"), "--out page.png: what is written is a .html file"),
        (("--image", "own.png", "--index", "0"), "--image own.png|--image and --index cannot"),
        (("--index", "999"), r"--index 999: the test set has \d+ images, 0 to \d+"),
        (
            ("--layer", "c4"),
            "no layer 'c4' returns feature maps of 2x2 or more .one of: activation:1, ",
        ),
        (("--layer", "c3", "--map", "16"), "layer c3 has no map 16: its maps are 0 to 15"),
        (("--image", "none.png"), "none.png: No such file or directory"),
    ):
        answer = cnnlab("look", str(run), *words)
        assert answer.code == 2
        assert re.search(said, answer.err), answer.err
        assert not answer.out
    assert len(answer.err.splitlines()) == 1

    def missing(_dataset):
        raise CnnlabError("the files are not there")

    monkeypatch.setattr(ImageDataset, "needs_download", lambda _: True)
    answer = cnnlab("look", str(run), "--image", "own.png", "--out", "there")
    assert "left out: strongest images: the files of data=digits are not there" in answer.err
    monkeypatch.setattr(load, "load_images", missing)
    answer = cnnlab("look", str(run))
    refusal = f"the files are not there; without the data: cnnlab look {run} --image FILE"
    assert (answer.code, answer.err) == (2, f"cnnlab: {refusal}\n")
