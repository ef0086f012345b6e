"""The order of turns and arithmetic, with contenders that only say what they took."""

import pytest
import torch
from rich.console import Console

from cnnlab.bench.timing import Contender, EpochClock, Ratio, alternate, ratio, table

ROUNDS = [{"a": 2.0, "b": 1.0}, {"a": 9.0, "b": 3.0}, {"a": 4.0, "b": 1.0}]


def contender(name: str, calls: list[str], seconds: list[float]) -> Contender:
    remaining = iter(seconds)

    def work() -> float:
        calls.append(name)
        return next(remaining)

    return work


def test_contenders_take_turns_and_the_warm_up_is_not_given() -> None:
    calls: list[str] = []
    a = contender("a", calls, [100.0, 2.0, 3.0])
    b = contender("b", calls, [200.0, 5.0, 7.0])
    rounds = alternate({"a": a, "b": b}, rounds=2)
    assert calls == []
    assert next(rounds) == {"a": 2.0, "b": 5.0}
    assert calls == ["a", "b", "a", "b"]  # a round is given as soon as it is over
    assert list(rounds) == [{"a": 3.0, "b": 7.0}]
    assert calls == ["a", "b"] * 3


def test_warm_up_rounds_can_be_left_out_or_repeated() -> None:
    calls: list[str] = []
    seconds = [1.0, 2.0, 3.0, 4.0]
    assert list(alternate({"a": contender("a", calls, seconds)}, 1, warm_up=0)) == [{"a": 1.0}]
    assert list(alternate({"a": contender("a", calls, seconds)}, 2, warm_up=2)) == [
        {"a": 3.0},
        {"a": 4.0},
    ]


def test_ratio_is_the_median_of_the_rounds_own_ratios() -> None:
    # 2, 3 and 4; the ratio of the medians would be 4 / 1, of the sums 15 / 5 = 3.
    assert ratio(ROUNDS, "a", "b") == Ratio("a", "b", median=3.0, low=2.0, high=4.0)
    assert ratio(ROUNDS[:2], "b", "a") == Ratio(
        "b", "a", median=(1 / 2 + 1 / 3) / 2, low=1 / 3, high=1 / 2
    )
    assert str(ratio(ROUNDS, "a", "b")) == "a / b = 3.00 (2.00 to 4.00)"


def test_a_machine_that_slows_down_leaves_the_ratio_alone() -> None:
    drifting = [{"a": 6.0 * slow, "b": 2.0 * slow} for slow in (1.0, 1.5, 4.0)]
    assert ratio(drifting, "a", "b") == Ratio("a", "b", 3.0, 3.0, 3.0)


def test_table_shows_median_least_and_most_of_each() -> None:
    console = Console(width=60)
    with console.capture() as captured:
        console.print(table(ROUNDS))
    rows = [line.split() for line in captured.get().splitlines() if line.strip()]
    assert rows[0] == ["seconds", "median", "min", "max"]
    assert rows[2:] == [["a", "4.000", "2.000", "9.000"], ["b", "1.000", "1.000", "3.000"]]


@pytest.mark.parametrize(("skipped", "seconds"), [(0, 90.0), (1, 80.0)])
def test_epochs_before_the_timed_ones_do_not_count(
    monkeypatch: pytest.MonkeyPatch, skipped: int, seconds: float
) -> None:
    times = iter([10.0, 20.0, 100.0][skipped:] if skipped else [10.0, 100.0])
    monkeypatch.setattr("cnnlab.bench.timing.time.perf_counter", lambda: next(times))
    clock = EpochClock(torch.device("cpu"), skipped)
    for _ in range(3):
        clock.on_train_epoch_start()
    clock.on_train_end()
    assert clock.seconds == seconds
