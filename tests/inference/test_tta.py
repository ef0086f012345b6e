"""A run with test-time augmentation and a whitened first layer: tested, stored, predicted alike."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import cnnlab as api
from cnnlab.app.compose import compose
from cnnlab.data.loading.memory import MemoryBatches
from cnnlab.data.sets.digits import Digits
from cnnlab.inference.evaluate import evaluate
from cnnlab.inference.export.card import model_card
from cnnlab.inference.export.facts import facts
from cnnlab.inference.load import load_run
from cnnlab.models.whitening import WhiteningConv2d
from cnnlab.registry import CnnlabError
from cnnlab.runs.run_dir import find_runs

WORDS = ["model=airbench", "model.widths=[4,8,8]", "data=digits", "data.size=16", "logger=[]"]
WORDS += ["optim=muon", "trainer=smoke", "trainer.max_eval_steps=null", "trainer.accelerator=cpu"]
WORDS += ["trainer.tta=flip_shift", "data.augment.flip=alternating", "callbacks=[lookahead]"]


def views(images: torch.Tensor) -> list[torch.Tensor]:
    padded = F.pad(images, (1, 1, 1, 1), mode="reflect")
    shifted = padded[:, :, :-2, :-2], padded[:, :, 2:, 2:]
    return [view for each in (images, images, *shifted) for view in (each, each.flip(3))]


@pytest.mark.slow
def test_whatever_tests_the_run_means_over_the_views(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    api.train(WORDS)
    (folder,) = find_runs([tmp_path])
    run, splits = load_run(folder), Digits(size=16).load()

    inputs, _ = MemoryBatches(splits.test, run.spec, "cpu")(torch.arange(300))
    with torch.no_grad():  # the image itself counts twice
        expected = torch.stack([run.model(view) for view in views(inputs)]).mean(0)
        alone = run.model(inputs)
    with np.load(folder.outputs_file("logits")) as stored:
        logits = torch.from_numpy(stored["logits"])
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(logits, alone, atol=1e-3)
    again, result = evaluate(folder), folder.result()
    for column in ("test_acc", "test_loss", "test_macro_f1"):
        assert again[column] == pytest.approx(result[column], abs=1e-6)
    loss = F.cross_entropy(expected, splits.test.labels).item()
    assert result["test_loss"] == pytest.approx(loss, rel=1e-4)

    (prediction,) = run.predict(splits.test.pixels[0, 0].numpy(), top=1)
    share = logits[0].softmax(0)[int(prediction.classes[0])].item()
    assert prediction.probabilities[0] == pytest.approx(share, rel=1e-3)
    assert "(trainer.tta=flip_shift), which is not exported" in model_card(facts(run), result, "w")

    layer = WhiteningConv2d(1, 2)  # the run has whitened its own training images
    layer.init_from_images(MemoryBatches(splits.train, run.spec, "cpu")(torch.arange(1197))[0])
    torch.testing.assert_close(run.model.whiten.weight, layer.weight, rtol=1e-3, atol=1e-3)


@pytest.mark.usefixtures("cnnlab")
def test_pixels_have_no_views() -> None:
    with pytest.raises(CnnlabError, match=r"trainer\.tta=flip: model=autoencoder reconstr"):
        compose(["model=autoencoder", "data=digits", "trainer.tta=flip"])
    with pytest.raises(CnnlabError, match=r"callbacks=\[ema,lookahead\]: choose one"):
        compose(["callbacks=[ema,lookahead]"])
