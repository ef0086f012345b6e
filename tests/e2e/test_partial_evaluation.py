"""trainer.max_eval_steps: a sample of every class, and a mark wherever its scores are shown."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

SMALL = (
    *("model=mlp", "model.hidden=[4]", "batch_size=10", "trainer.max_steps=2"),
    *("trainer.accelerator=cpu", "logger=[]"),
)


def result(folder: Path) -> dict[str, Any]:
    (file,) = folder.rglob("result.json")
    return json.loads(file.read_text())


@pytest.mark.slow
def test_scores_of_a_sample_are_marked_everywhere(cnnlab, tmp_path):
    words = ("data=digits", "data.size=8", *SMALL)
    part = cnnlab("train", *words, "trainer.max_eval_steps=3", "runs_dir=part")
    assert "(30 images)" in part.out
    said = " ".join(part.out.split())
    assert "measured on a sample of the images (trainer.max_eval_steps)" in said
    assert result(tmp_path / "part")["partial"] is True
    listed = cnnlab("runs", "part")
    assert f"{100 * result(tmp_path / 'part')['val_acc']:.2f}*" in listed.out
    assert "* on a sample of the images" in listed.out
    compared = cnnlab("compare", "part")
    assert "1*" in compared.out
    assert "* measured on a sample of the images." in " ".join(compared.out.split())

    whole = cnnlab("train", *words, "runs_dir=whole", "trainer.max_eval_steps=1000")
    assert "sample" not in whole.out
    assert result(tmp_path / "whole")["partial"] is False
    assert "*" not in cnnlab("runs", "whole").out
    assert "*" not in cnnlab("compare", "whole").out


@pytest.mark.slow
def test_a_sample_of_a_folder_has_every_class(cnnlab, tmp_path):
    rng = np.random.default_rng(0)
    for kind in ("ant", "bee", "cat"):
        (tmp_path / "PICS" / kind).mkdir(parents=True)
        for number in range(40):
            pixels = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "PICS" / kind / f"{number}.png")
    small = [word for word in SMALL if word != "batch_size=10"]
    words = ("data=folder", "data.root=PICS", "data.size=8", *small, "batch_size=6")
    assert cnnlab("train", *words, "trainer.max_eval_steps=1").code == 0
    (file,) = tmp_path.rglob("test_logits.npz")
    count = np.bincount(np.load(file)["labels"], minlength=3)
    assert count.sum() == 6
    assert count.min() >= 1
