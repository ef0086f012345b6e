"""The commands `cnnlab convolve` and `cnnlab kernels`."""

import webbrowser

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from cnnlab.app.names import collect
from cnnlab.explain.convolution.kernels import KERNELS

SLIDE = "[[1,1,1,0,0],[0,1,1,1,0],[0,0,1,1,1],[0,0,1,1,0],[0,1,1,0,0]]"
CROSS = "[[1,0,1],[0,1,0],[1,0,1]]"
FOUR = "[[1,2,3,0],[0,1,2,3],[3,0,1,2],[2,3,0,1]]"
OTHER = "[[2,0,1],[0,1,2],[1,0,2]]"
SEVEN = str([[(column - row + 1) % 4 for column in range(7)] for row in range(7)])
POOLED = "[[12,20,30,0],[8,12,2,0],[34,70,37,4],[112,100,25,12]]"
SAME = "[[7, 12, 10, 2], [4, 15, 16, 10], [10, 6, 15, 6], [8, 10, 4, 3]]"


@pytest.mark.slow
def test_the_slide_s_animation(cnnlab, tmp_path):
    answer = cnnlab("convolve", "--input", SLIDE, "--kernel", CROSS)
    assert (answer.code, answer.err) == (0, "")
    lines = [line.split() for line in answer.out.splitlines()]
    assert lines[2] == [
        "1",
        "1",
        "1",
        "1*1",
        "+",
        "1*0",
        "+",
        "1*1",
        "+",
        "0*0",
        "+",
        "1*1",
        "+",
        "1*0",
        "+",
        "0*1",
        "+",
        "0*0",
        "+",
        "1*1",
        "4",
    ]
    assert [line[-1] for line in lines[2:11]] == list("434243234")
    assert "output [[4, 3, 4], [2, 4, 3], [2, 3, 4]]" in answer.out
    assert "(W - F + 2P)/S + 1 = (5 - 3 + 2*0)/1 + 1 = 3" in answer.out
    assert answer.out.splitlines()[-2:] == ["convolve.png", "convolve.gif"]
    with Image.open(tmp_path / "convolve.gif") as movie:
        assert movie.n_frames == 9


@pytest.mark.parametrize(
    ("words", "output"),
    [
        (["--input", FOUR, "--kernel", OTHER], "[[15, 16], [6, 15]]"),
        (["--input", FOUR, "--kernel", OTHER, "--padding", "same"], SAME),
        (["--input", FOUR, "--kernel", OTHER, "--padding", "1"], SAME),
        (
            ["--input", SEVEN, "--kernel", OTHER, "--stride", "2"],
            "[[15, 17, 15], [17, 15, 17], [15, 17, 15]]",
        ),
        (["--input", "[[4,2],[1,3]]", "--pool", "max", "2"], "[[4]]"),
        (["--input", "[[4,2],[1,3]]", "--pool", "min", "2"], "[[1]]"),
        (["--input", "[[4,2],[1,3]]", "--pool", "avg", "2"], "[[2.5]]"),
        (["--input", POOLED, "--pool", "max", "2"], "[[20, 30], [112, 37]]"),
    ],
)
def test_lecture_s_examples(cnnlab, monkeypatch, words, output):
    frame = [Image.new("RGB", (2, 2))]
    monkeypatch.setattr("cnnlab.explain.convolution.animation.frames", lambda _: frame)
    monkeypatch.setattr("cnnlab.explain.convolution.strip.strip_figure", lambda _: Figure())
    answer = cnnlab("convolve", *words)
    assert answer.code == 0
    assert f"output {output}\n" in answer.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "--input is missing: cnnlab convolve --input"),
        (["--input", "[[1]]"], "--kernel (or --pool max 2) is missing"),
        (["--input", "[[1,2],[3]]", "--kernel", CROSS], "--input: rows must be equally long"),
        (["--input", "[[1]]", "--kernel", "[[a]]"], "--kernel, row 1, column 1: 'a' is not"),
        (["--input", "[[1]]", "--kernel", CROSS], "a 3x3 window does not fit into 1x1"),
        (["--input", "[[1]]", "--kernel", "sobelx"], "did you mean 'sobel_x'?"),
        (["--input", "[[1]]", "--kernel", "[[1]]", "--padding", "sam"], "--padding 'sam' must be"),
        (["--input", "[[1]]", "--kernel", "[[1]]", "--padding", "-1"], "--padding '-1' must be"),
        (["--input", "[[1]]", "--kernel", "[[1]]", "--padding", "12"], "would be 25x25; at most"),
        (["--input", "[[1]]", "--kernel", "[[1]]", "--pool", "max", "1"], "cannot be combined"),
        (["--input", "[[1]]", "--pool", "maxx", "1"], "did you mean 'max'?"),
        (["--input", "[[1]]", "--pool", "max", "1", "--stride", "2"], "the stride of --pool is"),
        (["--input", str([[1] * 17]), "--kernel", "[[1]]"], "at most 16x16 is allowed"),
        (["--input", "[[1]]", "--kernel", "[[1]]", "--out", "a.txt/b.png"], "is a file"),
    ],
)
def test_convolve_refuses(cnnlab, tmp_path, words, said):
    (tmp_path / "a.txt").touch()
    answer = cnnlab("convolve", *words)
    assert answer.code == 2
    assert said in answer.err
    assert len(answer.err.splitlines()) <= 2


def test_a_place_that_cannot_be_written(cnnlab, tmp_path):
    (tmp_path / "convolve.gif").mkdir()
    answer = cnnlab("convolve", "--input", "[[1]]", "--kernel", "[[1]]")
    assert answer.code == 2
    assert "convolve.gif: is a directory; use another place with --out PATH" in answer.err


def test_a_kernel_on_a_picture_of_the_user_s(cnnlab, tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    pixels = np.zeros((300, 600, 4), dtype=np.uint8)
    pixels[:, 300:] = 255  # on the left transparent, which is white
    pixels[:, :100, 3] = 255  # and black
    Image.fromarray(pixels).save(tmp_path / "own$.png")
    words = ["own$.png", "--kernel", "sobel_x", "--pool", "max", "2", "--out", "a/b.png", "--show"]
    answer = cnnlab("kernels", *words)
    assert (answer.code, answer.err) == (0, "")
    rows = {line.split("  ")[0]: line.split() for line in answer.out.splitlines()}
    assert rows["picture"][1:4] == ["128x256x1", "0", "1"]
    assert rows["sobel_x"][1:4] == ["126x254x1", "0", "4"]
    assert rows["sobel_x, max pooling 2x2"][4:7] == ["63x127x1", "0", "4"]
    about = "own$.png: 300x600 pixels, resized to 128x256, transparent on white"
    assert about in answer.out.splitlines()
    assert answer.out.splitlines()[-1] == "a/b.png"
    assert opened == [(tmp_path / "a/b.png").as_uri()]
    with Image.open(tmp_path / "a/b.png") as figure:
        assert min(figure.size) > 500


@pytest.mark.slow(3)
def test_without_a_picture_all_kernels_on_a_sample(cnnlab, tmp_path):
    answer = cnnlab("kernels", "--stride", "2", "--padding", "same")
    assert (answer.code, answer.err) == (0, "")
    for name in KERNELS:
        assert f"\n{name} " in answer.out
    assert "china.jpg, a sample of scikit-learn: 427x640 pixels, resized to 171x256" in answer.out
    assert "(W - F + P)/S + 1 = (256 - 3 + (0 + 1))/2 + 1 = 128" in answer.out
    assert (tmp_path / "kernels.png").stat().st_size > 100_000


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["none.png"], "none.png: No such file"),
        (["text.png"], "text.png: is not a picture"),
        (["dot.png", "--kernel", "blur"], "a 5x5 window does not fit into 1x1"),
        (["dot.png", "--pool", "max", "2"], "a 2x2 window does not fit into 1x1"),
        (["dot.png", "--kernel", "[[1,2],[3]]"], "--kernel: rows must be equally long"),
        (["dot.png", "--kernel", "gausian"], "did you mean 'gaussian'?"),
        (["dot.png", "--padding", "999"], "--padding 999 is out of range (0 to 256)"),
    ],
)
def test_kernels_refuses(cnnlab, tmp_path, words, said):
    (tmp_path / "text.png").write_text("hello")
    Image.new("I;16", (1, 1), 40_000).save(tmp_path / "dot.png")
    answer = cnnlab("kernels", *words)
    assert answer.code == 2
    assert said in answer.err
    assert len(answer.err.splitlines()) == 1


def test_help_and_completion_name_every_kernel(cnnlab):
    page = " ".join(cnnlab("kernels", "--help").out.split())
    assert ", ".join(KERNELS) in page
    flags = collect()["commands"]["kernels"]["flags"]
    assert flags["--kernel"] == [*KERNELS, "all"]
    assert flags["--pool"] == ["max", "avg", "min"]
    assert flags["--grey"] is None
