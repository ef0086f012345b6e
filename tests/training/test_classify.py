"""Classify: what is minimised, what is reported, and that nonsense stops at once."""

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from lightning.pytorch import Callback
from small_run import SPEC, SPLITS

from cnnlab.data.dataset import stratified_order
from cnnlab.data.loading.augment import Augment
from cnnlab.data.loading.memory import MemoryBatches
from cnnlab.training.losses import balanced_weights
from cnnlab.training.optim import sgd
from cnnlab.training.schedule import Constant
from cnnlab.training.stopping import TrainingDivergedError
from cnnlab.training.tasks.classify import Classify

LOGITS = torch.tensor([[2.0, 0.0, -1.0, 0.5], [0.1, 0.2, 0.3, 0.4], [1.0, 3.0, 0.0, 0.0]])
LABELS = torch.tensor([0, 1, 1])


def measured(
    logits=LOGITS,
    targets=LABELS,
    training: bool = True,
    class_weights=None,
    name="cross_entropy",
    **options,
) -> list[float]:
    criterion = Classify().criterion({"name": name, **options}, SPEC, LABELS).train(training)
    criterion.loss.class_weights = class_weights
    loss, (right,) = criterion(logits, torch.empty(0), targets)
    return [loss.item(), right.item()]


def test_cross_entropy_by_hand() -> None:
    log_p = LOGITS - LOGITS.exp().sum(1, keepdim=True).log()
    expected = -(log_p[0, 0] + log_p[1, 1] + log_p[2, 1]) / 3
    assert measured() == pytest.approx([expected.item(), 2])


def test_label_smoothing_by_hand() -> None:
    """0.1 of the target is spread over all four classes."""
    log_p = LOGITS.log_softmax(1)
    smooth = F.one_hot(LABELS, 4) * 0.9 + 0.1 / 4
    expected = -(smooth * log_p).sum(1).mean()
    assert measured(label_smoothing=0.1)[0] == pytest.approx(expected.item())


def test_class_weights_by_hand() -> None:
    """A weighted mean: the weights' sum divides it."""
    weights = torch.tensor([1.0, 3.0, 1.0, 1.0])
    log_p = LOGITS.log_softmax(1)
    expected = -(log_p[0, 0] + 3 * log_p[1, 1] + 3 * log_p[2, 1]) / 7
    assert measured(class_weights=weights)[0] == pytest.approx(expected.item())


def test_validation_reports_the_plain_loss() -> None:
    weights = torch.tensor([1.0, 3.0, 1.0, 1.0])
    plain = measured(training=False)
    assert measured(training=False, label_smoothing=0.1, class_weights=weights) == plain


def test_soft_targets() -> None:
    shares = torch.tensor([[0.7, 0.3, 0, 0], [0, 0.4, 0.6, 0], [0, 0.1, 0.9, 0]])
    expected = -(shares * LOGITS.log_softmax(1)).sum(1).mean()
    assert measured(targets=shares) == pytest.approx([expected.item(), 1])


def test_balanced_weights_by_hand() -> None:
    labels = torch.tensor([0, 0, 0, 1, 3, 3])  # 6 images, 4 classes, none of class 2
    assert torch.allclose(balanced_weights(labels, 4), torch.tensor([0.5, 1.5, 1.5, 0.75]))


def test_rows_are_means_over_images(run) -> None:
    """With a learning rate of nearly nothing every number can be had from the first weights."""
    made = run(epochs=1, batch_size=331, augment=None, optimizer=partial(sgd, lr=1e-12)).fit()
    batches = MemoryBatches(SPLITS.val, SPEC, "cpu")
    inputs, labels = batches(torch.arange(90))
    logits = made.model.eval()(inputs)
    (row,) = made.rows()
    assert row["val_acc"] == (logits.argmax(1) == labels).sum().item() / 90
    assert row["val_loss"] == pytest.approx(F.cross_entropy(logits, labels).item(), rel=1e-6)
    assert row["step"] == 1
    assert (row["train_acc"] * 331) % 1 == pytest.approx(0, abs=1e-9)


def test_test_gives_the_logits(run) -> None:
    made = run(epochs=1).fit()
    made.trainer.test(made.module, made.data, verbose=False)
    inputs, labels = MemoryBatches(SPLITS.test, SPEC, "cpu")(torch.arange(70))
    expected = made.model.eval()(inputs)
    assert torch.equal(made.module.test_outputs, expected)
    assert torch.equal(made.module.test_indices, torch.arange(70))
    accuracy = (expected.argmax(1) == labels).sum().item() / 70
    loss = F.cross_entropy(expected, labels).item()
    assert made.module.test_metrics == pytest.approx({"test_acc": accuracy, "test_loss": loss})
    made.data.max_eval_steps = 2
    made.trainer.test(made.module, made.data, verbose=False)
    sample = stratified_order(labels)[:32].sort().values
    assert torch.equal(made.module.test_outputs, expected[sample])


def test_mixed_images_train(run) -> None:
    made = run(epochs=2, augment=Augment(mixup=0.4, cutmix=1.0)).fit()
    assert made.rows()[1]["train_loss"] < made.rows()[0]["train_loss"]


class Poison(Callback):
    """Makes a weight infinite before the chunk that begins at that step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_start(self, trainer, task, *_) -> None:
        if trainer.global_step == self.step:
            task.model[6].weight.data.fill_(float("inf"))


def test_a_loss_that_is_no_number_stops_training(run) -> None:
    made = run(chunk_steps=3, every=3, callbacks=(Poison(24),))
    with pytest.raises(
        TrainingDivergedError, match=r"loss (nan|inf) in epoch 2 at step 24"
    ) as error:
        made.fit()
    assert error.value.step == 24
    saved = torch.load(made.checkpoints / "last.ckpt", weights_only=True)
    assert saved["state_dict"]["model.6.weight"].isfinite().all()
    assert saved["global_step"] == 24


def test_bfloat16_trains_nearly_alike(run) -> None:
    plain = run("plain", schedule=Constant).fit().rows()[-1]
    made = run("half", schedule=Constant, precision="bf16").fit()
    assert made.trainer.precision == "bf16-mixed"
    assert made.model[6].weight.dtype == torch.float32
    row = made.rows()[-1]
    assert row["train_loss"] != plain["train_loss"]
    assert row["train_loss"] == pytest.approx(plain["train_loss"], rel=0.05)
