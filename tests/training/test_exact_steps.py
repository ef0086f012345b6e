"""Chunks change nothing: the weights are those of a loop written out by hand."""

from dataclasses import replace
from functools import partial

import pytest
import small_run
import torch
import torch.nn.functional as F
from lightning.pytorch import Callback
from small_run import (
    AUGMENT,
    SPEC,
    SPLITS,
    Run,
    assert_same,
    assert_same_run,
    cross_entropy,
    network,
)
from torch import nn

from cnnlab.data.loading.augment import Augment
from cnnlab.data.loading.chunks import ChunkLoader, Position
from cnnlab.data.loading.memory import MemoryBatches, epoch_order, step_seed
from cnnlab.training.loop import train_steps
from cnnlab.training.losses import CrossEntropy
from cnnlab.training.optim import adam, sgd
from cnnlab.training.schedule import Cosine
from cnnlab.training.tasks.classify import ClassifyLoss


def by_hand(epochs: int, batch_size: int, accumulate: int, clip: float, warmup: float) -> nn.Module:
    """The whole training in plain torch."""
    model = network().train()
    optimizer = torch.optim.SGD(
        model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4, fused=True
    )
    batches = MemoryBatches(SPLITS.train, SPEC, "cpu", AUGMENT)
    steps = len(batches) // (batch_size * accumulate)
    schedule = Cosine(epochs * steps, steps, warmup_epochs=warmup)
    for epoch in range(epochs):
        order = epoch_order(len(batches), 0, epoch)
        for step in range(steps):
            torch.manual_seed(step_seed(0, epoch, step))
            for group in optimizer.param_groups:
                group["lr"] = 0.05 * schedule.factor(epoch * steps + step)
            optimizer.zero_grad()
            for part in range(accumulate):
                start = (step * accumulate + part) * batch_size
                inputs, targets = batches(order[start : start + batch_size])
                (F.cross_entropy(model(inputs), targets) / accumulate).backward()
            nn.utils.clip_grad_norm_(model.parameters(), clip)
            optimizer.step()
    return model


@pytest.mark.parametrize("chunk_steps", [1, 7, 50])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_equals_a_bare_loop(run, chunk_steps: int, accumulate: int) -> None:
    options = {"accumulate": accumulate, "gradient_clip": 0.5}
    schedule = partial(Cosine, warmup_epochs=0.5)
    trained: Run = run(chunk_steps=chunk_steps, schedule=schedule, **options).fit()
    expected = by_hand(3, 16, accumulate, clip=0.5, warmup=0.5)
    assert_same(dict(trained.model.state_dict()), dict(expected.state_dict()))
    assert trained.trainer.global_step == 3 * (331 // (16 * accumulate))


@pytest.mark.slow
def test_chunks_do_not_change_metrics(run) -> None:
    first = run("one", chunk_steps=1, optimizer=adam).fit()
    assert_same_run(first, run("seven", chunk_steps=7, optimizer=adam).fit())
    assert_same_run(first, run("timed", chunk_seconds=0.01, optimizer=adam).fit())


def test_clipping_and_seed_matter(run) -> None:
    """What the equalities above would not see if it were ignored."""
    plain = run("plain", epochs=1).fit().model[6].weight
    assert not torch.equal(plain, run("clip", epochs=1, gradient_clip=0.1).fit().model[6].weight)
    assert not torch.equal(plain, run("seed", epochs=1, seed=1).fit().model[6].weight)
    assert not torch.equal(plain, run("still", epochs=1, augment=None).fit().model[6].weight)


class Watch(Callback):
    """Notes what Lightning believes at each chunk's end."""

    def __init__(self) -> None:
        self.steps: list[int] = []
        self.logged: list[int] = []

    def on_train_batch_end(self, trainer, *_) -> None:
        self.steps.append(trainer.global_step)
        self.logged.append(trainer.fit_loop.epoch_loop._batches_that_stepped)


def test_lightning_counts_optimiser_steps(run) -> None:
    """Stands on private attributes of Lightning; this test is what tells when they change."""
    watch = Watch()
    run(epochs=2, chunk_steps=7, every=5, callbacks=(watch,)).fit()  # 20 steps an epoch
    assert watch.steps == [5, 10, 15, 20, 25, 30, 35, 40]
    assert watch.logged == [step - 1 for step in watch.steps]  # Lightning's is 0-based here


def test_accumulation_equals_a_larger_batch(run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without batch norm and randomness, whose results depend on the batch by nature."""

    def plain(seed: int) -> nn.Module:
        torch.manual_seed(seed)
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 4))

    monkeypatch.setattr(small_run, "network", plain)
    large = run("large", epochs=2, augment=None, batch_size=32).fit().model
    parts = run("parts", epochs=2, augment=None, batch_size=8, accumulate=4).fit().model
    assert not torch.equal(large[1].weight, plain(0)[1].weight)
    assert torch.allclose(large[1].weight, parts[1].weight, rtol=0, atol=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_a_weighted_mean_is_that_of_the_whole_batch(
    run, monkeypatch: pytest.MonkeyPatch, smoothing: float
) -> None:
    """Micro-batches count by the weights of their images: sum(w * loss) / sum(w) over all."""

    def plain(seed: int) -> nn.Module:
        torch.manual_seed(seed)
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 4))

    monkeypatch.setattr(small_run, "network", plain)
    labels = SPLITS.train.labels
    rare = (labels > 0) | (torch.arange(len(labels)) % 8 == 0)
    splits = replace(SPLITS, train=SPLITS.train.select(rare.nonzero()[:, 0]))
    options = {"epochs": 2, "augment": None, "splits": splits}
    options["loss"] = cross_entropy(label_smoothing=smoothing, class_weights="balanced")
    large = run("large", batch_size=16, **options).fit()
    parts = run("parts", batch_size=4, accumulate=4, **options).fit()
    assert torch.allclose(large.model[1].weight, parts.model[1].weight, rtol=0, atol=1e-6)
    assert large.rows()[1]["train_loss"] == pytest.approx(parts.rows()[1]["train_loss"], abs=1e-6)


def loader(position: Position, **options) -> ChunkLoader:
    batches = MemoryBatches(SPLITS.train, SPEC, "cpu", Augment())
    return ChunkLoader(batches, position, batch_size=16, seed=3, **options)


def test_chunks_cover_an_epoch_once() -> None:
    chunks = list(loader(Position(20), chunk_steps=7, chunk_seconds=None, cut_every=5))
    assert [(chunk.step, len(chunk.indices)) for chunk in chunks] == [
        (0, 5), (5, 5), (10, 5), (15, 5)
    ]  # fmt: skip
    indices = torch.cat([chunk.indices.flatten() for chunk in chunks])
    assert torch.equal(indices, epoch_order(331, 3, 0)[:320])


def test_chunks_go_on_from_the_position_and_end_at_max_steps() -> None:
    position = Position(20, max_steps=55, epoch=2, step=3)
    chunks = list(loader(position, chunk_steps=8, chunk_seconds=None))
    assert [(chunk.epoch, chunk.step, len(chunk.indices)) for chunk in chunks] == [
        (2, 3, 8), (2, 11, 4)
    ]  # fmt: skip


def test_ranks_share_every_batch() -> None:
    whole = next(iter(loader(Position(20), chunk_seconds=None))).indices
    parts = [
        next(iter(loader(Position(20), chunk_seconds=None, rank=rank, world_size=2))).indices
        for rank in (0, 1)
    ]
    assert torch.equal(torch.stack(parts, dim=3).flatten(2), whole)
    with pytest.raises(ValueError, match="batch_size=16 is not divisible by 3 devices"):
        loader(Position(20), world_size=3)


def test_chunk_length_follows_the_clock() -> None:
    """At 8 steps a second and a second a chunk, 8 steps follow the first, a single one."""
    position = Position(20)
    lengths = []
    for chunk in loader(position, chunk_seconds=1.0):
        lengths.append(len(chunk.indices))
        position.step += len(chunk.indices)
        position.seconds += 0.125 * len(chunk.indices)
    assert lengths == [1, 8, 8, 3]


def test_the_loss_of_mixed_images_is_divided_by_their_number() -> None:
    """As torch has it: class weights shape each image's loss, and all images count alike."""
    losses = []
    batches = MemoryBatches(SPLITS.train, SPEC, "cpu", Augment(mixup=0.2))
    for weigh in (lambda labels: labels.float(), None):
        model = network().train()
        optimizer = sgd(model.parameters())
        optimizer.param_groups[0]["initial_lr"] = 0.05
        loss = CrossEntropy(SPEC, SPLITS.train.labels)
        loss.class_weights = torch.tensor([8.0, 1.0, 1.0, 1.0])
        criterion = ClassifyLoss(loss)

        def measure(inputs, targets, model=model, criterion=criterion):
            return criterion(model(inputs), inputs, targets)

        chunk = next(iter(ChunkLoader(batches, Position(10), 16, 3, accumulate=2, chunk_steps=2)))
        options = {"seed": 0, "image_weights": weigh}
        losses.append(train_steps(chunk, measure, optimizer, [1.0] * 2, **options))
    assert torch.equal(*losses)


@pytest.mark.parametrize("clip", [None, 0.5])
def test_loss_scaling_changes_nothing(clip: float | None) -> None:
    """float16 needs a GPU; its scaler, by a power of two, must leave 32-bit training as it is."""
    weights = []
    for scaler in (None, torch.amp.GradScaler("cpu", init_scale=2.0**12)):
        model = network().train()
        optimizer = sgd(model.parameters())
        optimizer.param_groups[0]["initial_lr"] = 0.05

        def measure(inputs, targets, model=model):
            return F.cross_entropy(model(inputs), targets), []

        chunk = next(iter(loader(Position(20), chunk_steps=5, chunk_seconds=None)))
        options = {"seed": 0, "gradient_clip": clip, "scaler": scaler}
        losses = train_steps(chunk, measure, optimizer, [1.0] * 5, **options)
        assert losses.shape == (5, 1)
        weights.append(model[6].weight.detach().clone())
    assert torch.equal(*weights)
