"""Lists of override words: each is refused in at most three lines, or composes to a plan.

No traceback, no foreign voice, no hang, nothing written. ``cnnlab train WORDS`` is run in this
process, with ``--plan`` where no question is asked; only the timing of steps is left out.
"""

import contextlib
import io
import os
import random
import resource
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from override_words import draw_words

from torture.trials import Outcome, run_to_end, torture

SECONDS = 60.0  # of processor time for a list
MEMORY = 4 * 2**30  # bytes beyond what the process has when it begins
MAX_LINES = 3
FOREIGN = (
    *("Traceback", "Error executing job", "hydra.cc/docs", "HYDRA_FULL_ERROR", "Warning:"),
    *("Could not", "Error merging", "Either remove", "Recursive interpolation", "must hold"),
)
_runs: list[str] = []


def prepare() -> None:
    """Once for each process: an empty working directory, a run to resume, and no timing."""
    os.environ.update(CNNLAB_DATA="/nowhere", CNNLAB_IMPORT="", OMP_NUM_THREADS="1")
    os.environ.pop("CNNLAB_DEBUG", None)
    from cnnlab.app import sweep, train
    from cnnlab.sweep.plan import search

    top = Path(tempfile.mkdtemp(prefix="cnnlab-torture-"))
    for place in ("empty", "tmp"):
        (top / place).mkdir()
    os.chdir(top)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        runs = train.train(["model=mlp", "trainer=smoke", "logger=[]", f"runs_dir={top}/made"])
    _runs.extend(str(run.path) for run in runs)
    for module, name in (
        (train, "print_plan"),
        (sweep, "print_plan"),
        (search, "print_search_plan"),
    ):
        setattr(module, name, _no_plan)
    tempfile.tempdir = str(top / "tmp")
    os.chdir(top / "empty")
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, resource.RLIM_INFINITY))


def _no_plan(*_: Any, **__: Any) -> None:
    """In the place of what measures steps."""


def trial(seed: str) -> Outcome:
    """The command with the words of one seed."""
    words = draw_words(random.Random(seed), _runs)
    outcome = answer(words)
    if outcome.fault:
        return Outcome(
            outcome.kind, f"{seed} {words}: {outcome.fault}".encode(errors="replace").decode()
        )
    return outcome


def answer(words: list[str]) -> Outcome:
    """``cnnlab train WORDS``, judged."""
    from cnnlab.app import cli

    asks = any(word.startswith(("--cfg", "-c", "--info", "-i", "--hydra")) for word in words)
    before, environment = _everything(), dict(os.environ)
    sys.argv = ["cnnlab", "train", *words, *([] if asks or "--plan" in words else ["--plan"])]
    said = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="backslashreplace")
    shown = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="strict")
    try:
        code, fault = run_to_end(cli.main, SECONDS, shown, said)
    finally:
        os.environ.clear()
        os.environ.update(environment)
        changed = _everything() != before
        for left in Path.cwd().iterdir():
            shutil.rmtree(left) if left.is_dir() else left.unlink()
    if fault is not None:
        return fault
    if changed:
        return Outcome("written", "something was written")
    said.flush()
    lines = said.buffer.getvalue().decode().splitlines()
    return _judged(code, [line for line in lines if line.strip()])


def _judged(code: object, lines: list[str]) -> Outcome:
    foreign = [line for line in lines if any(voice in line for voice in FOREIGN)]
    if foreign:
        return Outcome("foreign", foreign[0][:300])
    if code == 0:
        return Outcome("composed")
    if code != 2:
        return Outcome("exit code", f"{code}: {lines[:3]}")
    if len(lines) > MAX_LINES:
        return Outcome("long", f"{len(lines)} lines: {lines[:2]}"[:600])
    if not lines or not lines[0].startswith(("cnnlab: ", "Usage: cnnlab", "Error: ")):
        return Outcome("silent", f"{lines[:1]}")
    return Outcome("refused")


def _everything() -> list[tuple[str, int, int]]:
    """What lies beside and in the working directory: names, sizes, times."""
    files = sorted(Path.cwd().parent.rglob("*"))
    return [(str(f), (s := f.stat()).st_size, s.st_mtime_ns) for f in files if f.is_file()] + [
        (str(f), 0, 0) for f in files if f.is_dir()
    ]


if __name__ == "__main__":
    torture("overrides", trial, count=10_000, prepare=prepare)
