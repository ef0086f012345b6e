"""The rounds of a training and a step's parts, with clocks that only say what they are told."""

import pytest
import torch
from torch import Tensor, nn

from cnnlab.bench.phases import PHASES, PhaseTimer, TimedBatches
from cnnlab.bench.step_clock import Round, StepClock, shares
from cnnlab.data.dataset import Images
from cnnlab.data.loading.chunks import Chunk
from cnnlab.data.loading.memory import MemoryBatches
from cnnlab.spec import ImageSpec
from cnnlab.training.loop import train_steps


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def test_rounds_begin_after_the_warm_up_and_last_as_long_as_wanted() -> None:
    clock, seen = Clock(), list[int]()
    timing = StepClock(2, 1.0, on_round=lambda rounds: seen.append(len(rounds)), now=clock)
    timing.on_train_epoch_start()
    done, ended = 0, []
    for steps, seconds in [(1, 9.0), (1, 0.4), (5, 0.7), (6, 0.6), (4, 0.6), (8, 2.0)]:
        clock.time += seconds
        done += steps
        ended.append(timing.add(done))
    assert timing.first_step == 109.0
    # Warm-up: three chunks, and a second after the first one. Then 0.6 + 0.6 s, then 2 s.
    assert [(each.steps, each.seconds) for each in timing.rounds] == [
        (10, pytest.approx(1.2)),
        (8, pytest.approx(2.0)),
    ]
    assert ended == [False] * 5 + [True]
    assert seen == [1, 2]


def test_what_is_between_epochs_does_not_count() -> None:
    clock = Clock()
    timing = StepClock(1, 1.0, now=clock)
    timing.on_train_epoch_start()
    for done in (1, 2, 3):
        clock.time += 1
        timing.add(done)
    clock.time += 50  # the next epoch's order, say
    timing.on_train_epoch_start()
    clock.time += 2
    assert timing.add(7)
    assert (timing.rounds[0].steps, timing.rounds[0].seconds) == (4, 2.0)


def test_shares_are_of_the_chunks_whose_phases_were_timed_and_add_up() -> None:
    first, second = Round(), Round()
    first.add(10, 5.0, None)
    first.add(4, 2.0, {"data": 0.2, "forward": 0.6, "backward": 1.0, "optimizer": 0.1})
    second.add(4, 2.0, {"data": 0.0, "forward": 0.6, "backward": 1.0, "optimizer": 0.1})
    assert (first.steps, first.seconds) == (10, 5.0)
    found = shares([first, second])
    assert found == pytest.approx(
        {"data": 0.05, "forward": 0.3, "backward": 0.5, "optimizer": 0.05, "framework": 0.1}
    )
    assert sum(found.values()) == pytest.approx(1, abs=1e-12)
    second.phases = {}
    first.phases = {}
    assert shares([first, second]) is None  # a step that cannot be looked into


class SlowSGD(torch.optim.SGD):
    def __init__(self, parameters: object, clock: Clock) -> None:
        super().__init__(parameters, lr=0.1)
        self.clock = clock

    def step(self, closure: object = None) -> None:
        self.clock.time += 8
        super().step(closure)


@pytest.mark.parametrize("accumulate", [1, 3])
def test_each_phase_of_the_real_loop_gets_its_own_time(accumulate: int) -> None:
    """Of two steps; data take 1 s, forward 2, backward 4 and the optimiser 8."""
    clock = Clock()
    spec = ImageSpec(1, 2, 2, 3, mean=(0.5,), std=(0.5,))
    images = Images(torch.zeros(6, 1, 2, 2, dtype=torch.uint8), torch.arange(6) % 3)
    model = nn.Linear(4, 3)

    def late(_: Tensor) -> None:
        clock.time += 4

    model.weight.register_hook(late)

    class SlowBatches(MemoryBatches):
        def __call__(self, indices: Tensor) -> tuple[Tensor, Tensor]:
            clock.time += 1
            return super().__call__(indices)

    class Module:
        optimizer = SlowSGD(model.parameters(), clock)

        def loss_and_counts(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, list[Tensor]]:
            clock.time += 2
            return nn.functional.cross_entropy(model(inputs.flatten(1)), targets), []

        def __init__(self) -> None:
            self.step_pass = self.loss_and_counts

        def training_step(self, chunk: Chunk) -> None:
            clock.time += 0.5  # what no phase is
            train_steps(chunk, self.step_pass, self.optimizer, [1.0, 1.0], seed=0)

    for group in Module.optimizer.param_groups:
        group["initial_lr"] = 0.1
    module, timer = Module(), PhaseTimer(torch.device("cpu"), now=clock)
    timer.attach(module)  # type: ignore[arg-type]
    indices = torch.arange(2 * accumulate).view(2, accumulate, 1)
    chunk = Chunk(0, 0, indices, SlowBatches(images, spec, "cpu"))
    module.training_step(chunk)
    assert timer.collect() == {}  # not active
    timer.active = True
    before = clock.time
    module.training_step(chunk)
    taken = 2 * accumulate
    assert timer.collect() == {
        "data": taken, "forward": 2 * taken, "backward": 4 * taken, "optimizer": 16
    }  # fmt: skip
    assert clock.time - before == 7 * taken + 16 + 0.5
    assert timer.collect() == {}


def test_timed_batches_are_those_of_the_chunk() -> None:
    spec = ImageSpec(1, 2, 2, 3, mean=(0.5,), std=(0.5,))
    batches = MemoryBatches(Images(torch.zeros(4, 1, 2, 2).byte(), torch.arange(4)), spec, "cpu")
    timed = TimedBatches(batches, PhaseTimer(torch.device("cpu")))
    assert (timed.mixes_labels, timed.labels is batches.labels) == (False, True)
    assert torch.equal(timed(torch.tensor([2]))[1], torch.tensor([2]))
    assert PHASES == ("data", "forward", "backward", "optimizer")
