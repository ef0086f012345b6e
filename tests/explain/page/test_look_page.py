"""The page of units: its numbers add up to the network's, and it is clicked in a real browser."""

import json
import re

import numpy as np
import pytest
import torch
from browser import CHROMIUM, browser
from torch import nn

import cnnlab.models  # noqa: F401  (fills the registry)
from cnnlab.config.schema import build
from cnnlab.explain.eval_mode import eval_mode
from cnnlab.explain.page import extent as limits
from cnnlab.explain.page.numbers import unpacked
from cnnlab.explain.page.render import look_page
from cnnlab.registry import MODELS
from cnnlab.spec import ImageSpec

HOSTILE = "</script><script>alert(1)</script>\"'&"
DIGITS = ImageSpec(1, 28, 28, 10)


class Odd(nn.Module):
    """Grouped, strided, dilated, with other borders, and works in place."""

    def __init__(self) -> None:
        super().__init__()
        self.grouped = nn.Conv2d(3, 6, 3, stride=2, padding=2, dilation=2, groups=3)
        self.relu = nn.ReLU(inplace=True)
        self.depthwise = nn.Conv2d(6, 6, (3, 5), padding="same", groups=6, bias=False)
        self.around = nn.Conv2d(6, 8, 3, padding=1, padding_mode="reflect")
        self.pool = nn.AvgPool2d(3, 2, padding=1, ceil_mode=True)
        self.classifier = nn.Linear(8, 4)

    def forward(self, images):
        maps = self.relu(self.depthwise(self.relu(self.grouped(images))))
        return self.classifier(self.pool(self.around(maps)).mean((2, 3)))


def lenet5() -> tuple[nn.Module, torch.Tensor, ImageSpec]:
    torch.manual_seed(0)
    return build(MODELS, {"name": "lenet5"}, DIGITS), torch.randn(DIGITS.shape), DIGITS


def odd() -> tuple[nn.Module, torch.Tensor, ImageSpec]:
    torch.manual_seed(1)
    spec = ImageSpec(3, 15, 14, 4)
    return Odd(), torch.randn(spec.shape), spec


def script_of(text: str) -> list:
    found = re.search(r'<script type="application/json" id="numbers">(.*?)</script>', text)
    return json.loads(found[1])["stages"]


def outputs(model: nn.Module, image: torch.Tensor) -> dict[str, np.ndarray]:
    """By name of the layer, from the network itself."""
    kept: dict[str, np.ndarray] = {}

    def keep(name: str):
        def hook(_module, _inputs, output) -> None:
            kept.setdefault(name, output[0].clone().numpy())

        return hook

    handles = [module.register_forward_hook(keep(name)) for name, module in model.named_modules()]
    with eval_mode(model):
        model(image[None].clone())
    for handle in handles:
        handle.remove()
    return kept


def convolved(stages: list, stage: dict, unit: tuple[int, int, int]) -> float:
    """Products of window and kernel, what maps that are not shown add, and the bias."""
    place, row, column = unit
    window = stage["window"]
    source = stage["given"] if stage["source"] is None else stages[stage["source"]]
    maps = unpacked(source["maps"]).reshape(-1, *stage["input"][1:])
    (top, left), (height, width) = window["padding"], window["kernel"]
    mode = {"zeros": "constant", "reflect": "reflect"}[window["border"]]
    maps = np.pad(maps, [(0, 0), (top, 9), (left, 9)], mode=mode)
    (down, along), (rows, columns) = window["stride"], window["dilation"]
    seen = maps[
        window["units"][place]["inputs"],
        row * down : row * down + height * rows : rows,
        column * along : column * along + width * columns : columns,
    ]
    kernels = unpacked(window["units"][place]["kernels"]).reshape(-1, height, width)
    total = float((seen * kernels).sum(dtype="f8")) + (window["units"][place]["bias"] or 0)
    if window["rest"]:
        shape = (-1, *stage["shape"][1:])
        total += float(unpacked(window["rest"]).reshape(shape)[unit])
    return total


@pytest.mark.parametrize("network", [lenet5, odd])
@pytest.mark.parametrize("most", [800_000, 500, 1])
def test_the_numbers_of_the_page_add_up(network, most, monkeypatch):
    monkeypatch.setattr(limits, "MOST_NUMBERS", most)
    model, image, spec = network()
    text = look_page(model, image, spec, "A title")
    stages, real = script_of(text), outputs(model, image)
    assert ("only the strongest maps" in text) == (most < 800_000)
    seen = set()
    for stage in stages:
        seen.add(stage["kind"])
        maps = unpacked(stage["maps"]).reshape(-1, *stage["shape"][1:])
        if ":" not in stage["name"]:
            expected = real[stage["name"]][list(stage["channels"])].reshape(maps.shape)
            np.testing.assert_array_equal(maps, expected)
        corners = [(m, r, c) for m in (0, len(maps) - 1) for r in (0, -1) for c in (0, 1)]
        if stage["kind"] == "convolution":
            for m, r, c in corners:
                unit = (m, r % maps.shape[1], c % maps.shape[2])
                assert convolved(stages, stage, unit) == pytest.approx(maps[unit], abs=2e-5)
        if stage["kind"] == "linear":
            for unit, value in zip(stage["units"], maps.flatten(), strict=True):
                total = sum(x * w for _, x, w in unit["top"]) + unit["others"] + unit["bias"]
                assert total == pytest.approx(value, abs=2e-5)
    assert {"convolution", "linear"} <= seen
    if most > 1:
        assert "same place" in seen


@pytest.mark.slow(8)
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium: the page was not opened in a browser")
def test_units_are_clicked_in_a_browser(tmp_path):
    model, image, spec = lenet5()
    file, other = tmp_path / "look.html", tmp_path / "odd.html"
    file.write_text(look_page(model, image, spec, HOSTILE, label=3))
    other.write_text(look_page(*odd(), HOSTILE))
    real = outputs(model, image)
    with browser(tmp_path / "profile") as page:
        for width, dark in ((1280, False), (400, True)):
            page.look(width, dark=dark)
            page.open(file)
            assert page.value("document.documentElement.scrollWidth") == width
        assert page.value("document.querySelector('h1').textContent") == HOSTILE
        assert page.value("document.querySelectorAll('#classes li').length") == 10
        page.look(1280, dark=False)

        # Row 4, column 5 of map 7 of c3: its 5x5 window is in maps of half the size.
        canvas = "stages.find((s) => s.name === 'c3').canvases[7]"
        page.value(f"{canvas}.scrollIntoView({{behavior: 'instant', block: 'center'}})")
        box = page.value(f"{canvas}.getBoundingClientRect().toJSON()")
        at = {
            "x": box["left"] + box["width"] * 5.5 / 10,
            "y": box["top"] + box["height"] * 4.5 / 10,
        }
        for kind in ("mousePressed", "mouseReleased"):
            page.call("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **at)
        title = "document.querySelector('#unit h2').textContent"
        assert page.value(title) == "c3: map 7, row 4, column 5"
        total = "+document.getElementById('total').dataset.total"
        assert page.value(total) == pytest.approx(float(real["c3"][7, 4, 5]), abs=1e-5)
        assert "the network's number" in page.value("document.getElementById('total').textContent")
        # A 14x14 field, 2 pixels further for each unit, from the border of 2 pixels on.
        assert page.value("picture.dataset.field") == "6,8,20,22"
        context = "picture.getContext('2d')"
        corner = f"[...{context}.getImageData(8 * enlarged, 6 * enlarged, 1, 1).data]"
        assert page.value(corner) == [230, 0, 126, 255]

        key = {"key": "ArrowDown", "code": "ArrowDown", "windowsVirtualKeyCode": 40}
        page.call("Input.dispatchKeyEvent", type="keyDown", **key)
        assert page.value(title) == "c3: map 7, row 5, column 5"
        page.value("document.getElementById('next').click()")
        assert page.value("selected.input") == 1
        assert page.value(total) == pytest.approx(float(real["c3"][7, 5, 5]), abs=1e-5)

        # Every kind of unit, at the first and the last place: what is shown adds up.
        for opened in (file, other):
            page.open(opened)
            wrong = page.value(
                """stages.flatMap((stage, index) => [0, 1].map((end) => {
                    const map = end * (stage.channels.length - 1), row = end * (stage.height - 1);
                    const column = end * (stage.width - 1);
                    select({ stage: index, map, row, column });
                    const total = document.getElementById("total")?.dataset.total;
                    const value = valueAt(stage, map, row, column);
                    return total === undefined || Math.abs(total - value) < 1e-4 ? "" : stage.name;
                })).filter(Boolean)"""
            )
            assert wrong == []
        assert page.errors == []
        assert page.remote_requests == []
