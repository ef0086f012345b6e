"""The page of a comparison in a real browser: its console, its requests, its table, its charts."""

import json

import numpy as np
import pytest
from browser import CHROMIUM, browser

from cnnlab.compare.compare import compare
from cnnlab.compare.page.bundle import cache_folder, javascript
from cnnlab.compare.page.render import render
from cnnlab.runs.mistakes import write_mistakes

HOSTILE = "</script><script>alert(1)</script>\"'&"

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium: the report was not opened in a browser"
)


@pytest.fixture
def report(make_run, tmp_path, monkeypatch):
    """The report of three models by two learning rates, with all sections."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    random = np.random.default_rng(0)
    for i, name in enumerate(("mlp", "resnet", HOSTILE)):
        for lr in (0.01, 0.1):
            for seed in (0, 1):
                run = make_run(
                    seed=seed,
                    test_acc=0.8 + 0.05 * i + lr / 10 + seed / 100,
                    curve=[(0.3, 2.0), (0.6, 0.8), (0.8 + 0.05 * i, 0.3)],
                    result={
                        "params": 1000 * 10**i,
                        "macs": 5000 * 3**i,
                        "num_test": 40,
                        "latency_seconds": 0.001,
                    },
                    **{"model.name": name, "optim.lr": lr},
                )
                logits = random.normal(size=(40, 3)).astype("f4")
                np.savez(run.outputs_file("logits"), logits=logits, labels=np.arange(40) % 3)
                parts = {part: {"count": 40, "digest": "aa"} for part in ("train", "val", "test")}
                classes = [HOSTILE, "dog", "cat"]
                run.data_file.write_text(json.dumps({"classes": classes, "parts": parts}))
                one = np.array([0])
                pixels = random.integers(0, 255, (1, 3, 8, 8)).astype(np.uint8)
                write_mistakes(run.path / "mistakes.npz", pixels, one, one + 1, one + 0.9, one)
    make_run(state="failed", **{"model.name": "mlp", "optim.lr": 1.0})
    file = tmp_path / "report.html"
    file.write_text(render(compare([tmp_path / "sweep"]), HOSTILE, "cnnlab report runs"))
    return file


FIRST_COLUMN = "[...document.querySelectorAll('#configurations tbody th')].map(e => e.textContent)"
HEADINGS = "[...document.querySelectorAll('#configurations thead th')]"
ROWS = "[...document.querySelectorAll('#configurations tbody tr')]"


@pytest.mark.slow(8)
def test_the_page_in_a_browser(report, tmp_path):
    with browser(tmp_path / "profile") as page:
        for width, dark in ((1280, False), (400, True)):
            page.look(width, dark=dark)
            page.open(report)
            assert page.errors == []
            assert page.remote_requests == []
            assert page.value("document.documentElement.scrollWidth") == width
            dark_ink = page.value("getComputedStyle(document.body).color") != "rgb(28, 33, 38)"
            assert dark_ink == dark
        assert page.value("document.querySelector('h1').textContent") == HOSTILE
        assert page.value("document.title") == HOSTILE
        assert page.value("document.querySelectorAll('script').length") == 3
        assert page.value("document.querySelectorAll('.chart svg').length") == 9

        column = page.value(f"{HEADINGS}.findIndex(e => e.textContent == 'test acc %')")
        for direction, in_order in (("descending", lambda v: v[::-1]), ("ascending", lambda v: v)):
            page.value(f"{HEADINGS}[{column}].querySelector('button').click()")
            values = page.value(f"{ROWS}.map(e => +e.cells[{column}].dataset.value)")
            assert values == in_order(sorted(values))
            assert len(set(values)) == 6
            heading = "document.querySelector('#configurations [aria-sort]')"
            assert page.value(f"{heading}.ariaSort") == direction
        assert page.value(FIRST_COLUMN)[0].startswith("mlp")

        # The values at the epoch below the pointer.
        chart = "document.querySelector('#curves .chart')"
        page.value(f"{chart}.scrollIntoView({{behavior: 'instant'}})")
        box = page.value(f"{chart}.getBoundingClientRect().toJSON()")
        place = {"x": box["left"] + 0.6 * box["width"], "y": box["top"] + 80}
        page.call("Input.dispatchMouseEvent", type="mouseMoved", **place)
        tooltip = "document.getElementById('vg-tooltip-element')?.textContent ?? ''"
        page.wait_for(f"({tooltip}).includes('epoch')")
        assert HOSTILE in page.value(tooltip)
        assert "60.00" in page.value(tooltip)

        page.value("(e => { e.selectedIndex = 1; e.dispatchEvent(new Event('change')); })"
                   "(document.getElementById('cost'))")  # fmt: skip
        page.wait_for("!!document.querySelector('.cost:not([hidden]) svg')")
        assert page.errors == []
        assert page.remote_requests == []
    (kept,) = cache_folder().iterdir()
    assert kept.read_text() == javascript()
