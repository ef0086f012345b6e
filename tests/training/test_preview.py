"""What `cnnlab show` draws is what training gets; its means are those of numpy."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from small_run import SPEC, SPLITS, Run, SmallDataset

from cnnlab.data.dataset import Images
from cnnlab.data.loading.normalise import Normalise
from cnnlab.spec import ImageSpec
from cnnlab.training.preview import Preview, channel_statistics, preview


class FirstInputs(pl.Callback):
    """Keeps what the network gets first."""

    def on_train_start(self, _: Any, pl_module: Any) -> None:
        self.inputs: list[torch.Tensor] = []
        pl_module.model.register_forward_pre_hook(
            lambda _, inputs: self.inputs.append(inputs[0].clone())
        )


def previewed(run: Run, *, images: int, draws: int = 2) -> Preview:
    parts: Any = SimpleNamespace(
        dataset=SmallDataset(run.splits, run.augment), augmentations=(), steps_per_epoch=20
    )
    return preview(run.config(), parts, run.splits, images=images, draws=draws)


def test_the_first_draw_is_the_first_step_s(tmp_path) -> None:
    for overfit in (None, 2):
        first = FirstInputs()
        run = Run(tmp_path / str(overfit), max_steps=1, overfit=overfit, callbacks=(first,)).fit()
        found = previewed(run, images=16)
        assert torch.equal(found.draws[0], first.inputs[0])
        assert found.augmented == (overfit is None)
        assert torch.equal(found.draws[0], found.draws[1]) == (overfit is not None)
        if overfit is not None:
            assert torch.equal(found.draws[0], Normalise(SPEC)(found.pixels))


def test_it_depends_on_the_seed_alone_and_shows_all_classes(tmp_path) -> None:
    run = Run(tmp_path)
    before = torch.get_rng_state()
    one, same = previewed(run, images=4), previewed(run, images=4)
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(one.draws[1], same.draws[1])
    assert set(one.labels.tolist()) == {0, 1, 2, 3}
    assert not torch.equal(one.draws[0], previewed(replace(run, seed=1), images=4).draws[0])


def test_means_and_deviations_are_numpys() -> None:
    spec = ImageSpec(3, 8, 8, 4, mean=(0.4, 0.5, 0.3), std=(0.3, 0.2, 0.1))
    pixels = SPLITS.train.pixels.repeat(1, 3, 1, 1) * torch.tensor([1, 2, 1]).view(1, 3, 1, 1)
    images = Images(pixels.to(torch.uint8), SPLITS.train.labels)
    found = channel_statistics(images, spec)
    plain, inputs = images.pixels.numpy() / 255, Normalise(spec)(images.pixels).double().numpy()
    for values, mean, std in (
        (plain, found.mean, found.std),
        (inputs, found.normalised_mean, found.normalised_std),
    ):
        np.testing.assert_allclose(mean, values.mean((0, 2, 3)), rtol=1e-9)
        np.testing.assert_allclose(std, values.std((0, 2, 3)), rtol=1e-9)
