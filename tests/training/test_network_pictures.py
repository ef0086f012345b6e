"""`trainer.pictures`: drawn at each validation, without a change of what is trained."""

from typing import Any

import numpy as np
import pytest
import torch
from small_run import SPEC, SPLITS, Run, assert_same_run

from cnnlab.app.compose import compose
from cnnlab.data.loading.normalise import Normalise
from cnnlab.registry import CnnlabError
from cnnlab.runs.identity import identify
from cnnlab.training import network_pictures
from cnnlab.training.network_pictures import NetworkPictures

NAMES = ("feature_maps", "kernels", "mistakes")


@pytest.mark.slow
def test_pictures_of_every_epoch_and_the_same_weights(tmp_path, monkeypatch) -> None:
    logged: list[tuple[str, int]] = []
    drawn: list[tuple[Any, ...]] = []

    def log(picture: Any, _loggers: Any, tag: str, *, step: int) -> None:
        assert picture.shape[2] == 3
        logged.append((tag, step))

    def mistakes_figure(*arguments: Any) -> Any:
        drawn.append(arguments)
        return original(*arguments)

    original = network_pictures.mistakes_figure
    monkeypatch.setattr(network_pictures, "log_picture", log)
    monkeypatch.setattr(network_pictures, "mistakes_figure", mistakes_figure)
    plain = Run(tmp_path / "plain", epochs=2).fit()
    run = Run(tmp_path / "drawn", epochs=2, callbacks=(NetworkPictures(NAMES),)).fit()
    assert_same_run(plain, run)
    tags = [f"visualization/{name}" for name in ("val_feature_maps", "train_kernels")]
    tags.append("visualization/val_mistakes")
    assert logged == [(tag, epoch) for epoch in (1, 2) for tag in tags]

    with torch.no_grad():
        logits = run.model.eval()(Normalise(SPEC)(SPLITS.val.pixels))
    confidence, guesses = logits.softmax(1).max(1)
    wrong = (guesses != SPLITS.val.labels).nonzero().flatten()
    order = wrong[confidence[wrong].argsort(descending=True)][:16]
    pixels, labels, predicted, confident, _ = drawn[-1]
    assert len(order) > 3
    np.testing.assert_array_equal(pixels, SPLITS.val.pixels[order].numpy())
    np.testing.assert_array_equal(labels, SPLITS.val.labels[order].numpy())
    np.testing.assert_array_equal(predicted, guesses[order].numpy())
    np.testing.assert_allclose(confident, confidence[order].numpy(), rtol=1e-5)


def test_a_part_that_does_not_apply_is_named_once(tmp_path, capfd, monkeypatch) -> None:
    logged: list[str] = []
    monkeypatch.setattr(network_pictures, "map_layers", lambda *_: [])
    monkeypatch.setattr(
        network_pictures, "log_picture", lambda _, __, tag, **_rest: logged.append(tag)
    )
    Run(tmp_path, epochs=2, callbacks=(NetworkPictures(NAMES[:2]),)).fit()
    said = [line for line in capfd.readouterr().err.splitlines() if "trainer.pictures" in line]
    assert said == [
        "trainer.pictures: no feature_maps: no layer of this network returns feature maps of 2x2 "
        "or more"
    ]
    assert logged == ["visualization/train_kernels"] * 2


def test_they_are_no_part_of_a_run() -> None:
    plain, drawn = (
        compose(["model=mlp", "data=digits", *words], preflight=False)
        for words in ([], ["trainer.pictures=[mistakes,kernels,mistakes]"])
    )
    assert drawn.trainer.pictures == ("kernels", "mistakes")
    assert identify(plain) == identify(drawn)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["trainer.pictures=[kernel]"], "did you mean 'kernels'"),
        (["trainer.pictures=[kernels]", "logger=[csv]"], "needs a logger that takes pictures"),
        (["trainer.pictures=[mistakes]", "model=autoencoder"], "has no classes to mistake"),
    ],
)
def test_useless_ones_are_refused(words, said) -> None:
    with pytest.raises(CnnlabError, match=said):
        compose(["model=mlp", "data=digits", *words])
