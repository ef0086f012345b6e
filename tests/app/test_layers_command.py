"""The command `cnnlab layers`."""

import json
import subprocess
import sys

import pytest

from cnnlab.registry import MODELS


def test_the_slide_s_exercise(cnnlab):
    answer = cnnlab("layers", "conv 64 4 stride=2 padding=1", "--input", "28x28x1")
    assert answer.code == 0
    assert answer.out.startswith(
        "conv 64 4 stride=2 padding=1\n"
        "  input 28x28x1\n"
        "  W = 28, F = 4, P = 1, S = 2\n"
        "  (W - F + 2P)/S + 1 = (28 - 4 + 2*1)/2 + 1 = 26/2 + 1 = 13 + 1 = 14\n"
        "  64 kernels of 4x4x1, each of which gives a map: K = 64\n"
        "  parameters 64*(4*4*1 + 1) = 1,088\n"
        "  MACs 14*14*64 * 4*4*1 = 200,704\n"
        "  output H x W x K = 14x14x64\n"
        "\n"
        "28x28x1 -> 14x14x64\n"
    )


def test_several_layers_and_a_stride_that_does_not_divide(cnnlab):
    lines = ["conv 8 5 stride=3", "maxpool 3 stride=2", "relu", "linear 10"]
    out = cnnlab("layers", *lines, "--input", "28x30x3").out
    assert "floor((28 - 5 + 2*0)/3) + 1 = floor(23/3) + 1 = floor(7.667) + 1 = 7 + 1 = 8" in out
    assert "(H - F + 2P)/S + 1" in out  # the sides differ, so each is worked out
    assert "28x30x3 -> 10\n" in out
    assert "the last 2 rows" in out


def test_lecture_s_alexnet(cnnlab):
    words = ("model=alexnet_ungrouped", "data=imagenet", "data.size=227")
    answer = cnnlab("layers", *words, "--json")
    page = json.loads(answer.out)
    assert page["parameters"] == 62_378_344
    assert page["title"] == "alexnet_ungrouped on imagenet size=227"
    weighty = ("conv", "maxpool", "linear")
    assert [row["output"] for row in page["layers"] if row["operation"] in weighty] == [
        *("55x55x96", "27x27x96", "27x27x256", "13x13x256", "13x13x384", "13x13x384"),
        *("13x13x256", "6x6x256", "4096", "4096", "1000"),
    ]


def test_torchvision_s_models(cnnlab):
    words = ("model=torchvision", "model.arch=squeezenet1_1", "data=cifar10")
    answer = cnnlab("layers", *words, "--csv")
    assert answer.code == 0
    assert answer.out.startswith("name,operation,output,size_formula")


def test_a_model_of_the_user_s(cnnlab, tmp_path):
    (tmp_path / "net_of_a_user.py").write_text(
        "import torch.nn.functional as F\n"
        "from torch import nn\n"
        "from cnnlab.registry import MODELS\n"
        "from cnnlab.spec import ImageSpec\n"
        "@MODELS.register('mine_to_look_at')\n"
        "class Mine(nn.Module):\n"
        "    def __init__(self, spec: ImageSpec, *, width: int = 3) -> None:\n"
        "        super().__init__()\n"
        "        self.conv = nn.Conv2d(spec.channels, width, 3)\n"
        "    def forward(self, images):\n"
        "        return F.avg_pool2d(self.conv(images), 2)\n"
    )
    words = [
        "layers",
        "--import",
        "net_of_a_user",
        "model=mine_to_look_at",
        "model.width=5",
        "--markdown",
    ]
    with MODELS.temporary():
        answer = cnnlab(*words)
    assert answer.code == 0, answer.err
    assert "| conv | conv 3x3 s1 p0 |" in answer.out
    assert "| avgpool | avgpool 2x2 s2 p0 |" in answer.out


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["model=lenett5"], ["no model 'lenett5'", "did you mean 'lenet5'?"]),
        (["model=resnet", "model.depth=21"], ["depth=21", "the nearest is 20"]),
        (["model=mlp,lenet5"], ["model=mlp,lenet5 has several values; give one"]),
        (["conv 64 4"], ["'conv 64 4' is not KEY=VALUE", "--input 28x28x1"]),
        (["conv 64 4", "--input", "28x28"], ["--input 28x28 must be height x width x channels"]),
        (["conv 64 4", "--input", "0x28x1"], ["--input 0x28x1 must be"]),
        (["conv 64 7", "--input", "5x5x1"], ["line 1 'conv 64 7'", "kernel 7", "5x5 map"]),
        (["cnv 64 7", "--input", "9x9x1"], ["line 1", "no layer 'cnv'", "did you mean 'conv'?"]),
        (["--input", "9x9x1"], ["--input needs layers"]),
        (["model=mlp", "--input", "9x9x1"], ["'model=mlp' is not a layer"]),
        (["model=mlp", "--csv", "--json"], ["--csv and --json cannot be combined"]),
        (["model=alexnet_2012", "data=cifar10"], ["model=alexnet_2012: needs", "not 32x32"]),
        (["model=resnet20", "model.depth=21"], ["model=resnet20: depth=21 must be"]),
        (["model=mlp", "model=resnet20"], ["model=mlp model=resnet20: model is given twice"]),
    ],
)
def test_refuses(cnnlab, words, parts):
    answer = cnnlab("layers", *words)
    assert answer.code == 2
    assert len(answer.err.splitlines()) <= 2
    for part in parts:
        assert part in answer.err


LIGHT = """
import sys
sys.argv = ["cnnlab", "layers", "model=resnet152", "data=imagenet", "--csv"]
from cnnlab.app.cli import main
try:
    main()
except SystemExit:
    pass
heavy = {"lightning", "sklearn", "sympy", "torchvision", "torch._dynamo"} & set(sys.modules)
print(*sorted(heavy), file=sys.stderr)
"""


@pytest.mark.slow
def test_152_layers_need_none_of_the_heavy_packages(tmp_path):
    """Which is what keeps the command under two seconds beyond importing torch."""
    done = subprocess.run(
        [sys.executable, "-c", LIGHT], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert len(done.stdout.splitlines()) > 500
    assert done.stderr.split() == []
