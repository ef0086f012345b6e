"""Many trials, side by side in processes: counted, timed, and written down."""

import argparse
import json
import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TextIO
from warnings import catch_warnings

ROOT = Path(__file__).resolve().parents[2]
RECORDS = ROOT / "experiments" / "torture"
MAX_FAULTS = 50  # of a record; all are counted


@dataclass(frozen=True)
class Outcome:
    """How one trial ended: ``kind`` is counted; a fault also says what was tried and seen."""

    kind: str
    fault: str = ""


class OutOfTime(BaseException):
    """A trial took longer than its limit; no ``except Exception`` may hide it."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """End the block by ``OutOfTime`` after seconds of processor time, or ten times as many."""

    def end(_number: int, _frame: FrameType | None) -> None:
        raise OutOfTime

    timers = ((signal.SIGPROF, signal.ITIMER_PROF, 1), (signal.SIGALRM, signal.ITIMER_REAL, 10))
    before = [(number, signal.signal(number, end)) for number, _, _ in timers]
    for _, timer, times in timers:
        signal.setitimer(timer, seconds * times)
    try:
        yield
    finally:
        for _, timer, _ in timers:
            signal.setitimer(timer, 0)
        for number, handler in before:
            signal.signal(number, handler)


def run_to_end(
    call: Callable[[], object], seconds: float, out: TextIO, err: TextIO
) -> tuple[object, Outcome | None]:
    """The exit code of a command and what it printed, or the fault that ended it.

    Args:
        seconds: of processor time that it may take.
        out: where its standard output goes.
        err: where its standard error goes.
    """
    try:
        with time_limit(seconds), redirect_stderr(err), redirect_stdout(out), catch_warnings():
            call()
    except SystemExit as exit_:
        return exit_.code or 0, None
    except OutOfTime:
        return 0, Outcome("hang", f"more than {seconds:g} s")
    except BaseException as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(where.filename).name}:{where.lineno}"
        return 0, Outcome("traceback", f"{type(error).__name__} at {place}: {str(error)[:300]}")
    return 0, None


def torture(
    name: str,
    trial: Callable[[str], Outcome],
    *,
    count: int,
    prepare: Callable[[], None] | None = None,
) -> None:
    """Run the trials, each of a seed of its own; write the record and exit, 1 if there was a fault.

    Args:
        name: of the record, ``experiments/torture/NAME.json``.
        trial: from a seed to its outcome; runs in a worker process.
        count: how many by default.
        prepare: called first in each worker.
    """
    parser = argparse.ArgumentParser(prog=f"python -m torture.{name}")
    parser.add_argument("--count", type=int, default=count)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    seeds = [f"{options.seed}/{number}" for number in range(options.count)]
    kinds: Counter[str] = Counter()
    faults: list[str] = []
    began = time.monotonic()
    with multiprocessing.get_context("spawn").Pool(options.processes, prepare) as pool:
        for number, outcome in enumerate(pool.imap_unordered(trial, seeds, chunksize=8), 1):
            kinds[outcome.kind] += 1
            if outcome.fault:
                faults.append(outcome.fault)
                print(outcome.fault, flush=True)
            if number % max(1, options.count // 20) == 0 or number == options.count:
                said = ", ".join(f"{kind} {many}" for kind, many in sorted(kinds.items()))
                print(f"{number} of {options.count}: {said}", flush=True)
    record = {
        "command": f"python -m torture.{name} --count {options.count} --seed {options.seed}",
        "trials": options.count,
        "outcomes": dict(sorted(kinds.items())),
        "faults": len(faults),
        "first_faults": faults[:MAX_FAULTS],
        "seconds": round(time.monotonic() - began, 1),
        "python": sys.version.split()[0],
    }
    RECORDS.mkdir(parents=True, exist_ok=True)
    text = json.dumps(record, indent=1, ensure_ascii=True)
    (RECORDS / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    print(f"{len(faults)} faults in {options.count} trials; {RECORDS / name}.json")
    sys.exit(1 if faults else 0)
