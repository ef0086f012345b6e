"""channels_last: chosen by option, precision and network; the same training but for rounding."""

import pytest
import small_run
import torch
from small_run import AccidentError, CrashAt, network
from torch import nn

from cnnlab.config.options import TrainerConfig
from cnnlab.data.dataset import Images
from cnnlab.data.loading.augment import Augment
from cnnlab.data.loading.memory import MemoryBatches
from cnnlab.spec import ImageSpec
from cnnlab.training import trainer
from cnnlab.training.memory_format import memory_format
from cnnlab.training.optim import adam, rmsprop, sgd

LAST, CONTIGUOUS = torch.channels_last, torch.contiguous_format
SPEC = ImageSpec(3, 8, 8, 4, mean=(0.4, 0.5, 0.6), std=(0.3, 0.2, 0.1))


@pytest.mark.parametrize(
    ("options", "chosen"),
    [
        ({}, CONTIGUOUS),  # results of default runs on a CPU stay as they were, to the last bit
        ({"precision": "bf16"}, LAST),
        ({"precision": "bf16", "channels_last": "false"}, CONTIGUOUS),
        ({"channels_last": "true"}, LAST),
    ],
)
def test_the_choice(options, chosen) -> None:
    assert memory_format(TrainerConfig(accelerator="cpu", **options), network()) == chosen
    mlp = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    assert memory_format(TrainerConfig(accelerator="cpu", **options), mlp) == CONTIGUOUS


def test_a_gpu_in_its_own_precision_takes_channels_last(monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    for native in (True, False):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda native=native, **_: native)
        expected = LAST if native else CONTIGUOUS
        assert memory_format(TrainerConfig(), network()) == expected
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(trainer.torch.backends.mps, "is_available", lambda: True)
    assert memory_format(TrainerConfig(precision="16"), network()) == CONTIGUOUS


@pytest.mark.parametrize(
    "augment",
    [
        None,
        Augment(crop=2, flip=True, cutout=3, color=0.1),
        Augment(flip=True, mixup=0.5, cutmix=0.5),
    ],
)
def test_batches_are_made_in_the_format_and_hold_the_same(augment) -> None:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (20, 3, 8, 8), generator=generator, dtype=torch.uint8)
    images = Images(pixels, torch.arange(20) % 4)
    made = []
    for layout in (CONTIGUOUS, LAST):
        torch.manual_seed(1)
        batches = MemoryBatches(images, SPEC, "cpu", augment, memory_format=layout)
        inputs, targets = batches(torch.arange(0, 20, 2))
        assert inputs.is_contiguous(memory_format=layout)
        made.append((inputs, targets))
    assert torch.equal(made[0][0], made[1][0])
    assert torch.equal(made[0][1], made[1][1])


def two_convolutions(seed: int = 0) -> nn.Sequential:
    """The weights of the second lie otherwise in each format. Biases have gradients."""
    torch.manual_seed(seed)
    convolutions = nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 8, 3), nn.ReLU()
    return nn.Sequential(*convolutions, nn.Flatten(), nn.Linear(128, 4))


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", [sgd, adam, rmsprop])
def test_a_checkpoint_of_one_format_continues_in_the_other(run, optimizer, monkeypatch) -> None:
    """And as if there were one: state in another order would go to other weights."""
    monkeypatch.setattr(small_run, "network", two_convolutions)
    options = {"epochs": 2, "optimizer": lambda params: optimizer(params, lr=0.003), "every": 10}
    whole = run("whole", **options).fit().model.state_dict()
    last = run("last", channels_last="true", **options).fit()
    assert last.model[2].weight.is_contiguous(memory_format=LAST)
    for before, after in (("true", "false"), ("false", "true")):
        crash = (CrashAt("on_train_batch_end", 11),)
        with pytest.raises(AccidentError):
            run(before, channels_last=before, callbacks=crash, **options).fit()
        resumed = run(before, channels_last=after, **options).fit().model.state_dict()
        for name, weights in whole.items():
            torch.testing.assert_close(resumed[name], weights, rtol=1e-3, atol=1e-4)
            torch.testing.assert_close(last.model.state_dict()[name], weights, rtol=1e-3, atol=1e-4)
