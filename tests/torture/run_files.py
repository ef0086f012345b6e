"""Damaged run folders: every command refuses in at most three lines, or does what it can.

The config.yaml, status.json, result.json, metrics.csv or a checkpoint of one run of a sweep is
mutated; then one command meets it. No traceback, no hang, the other runs are shown, and no file of
any run is written or lost, but by ``train``, which may train the damaged run again.
"""

import contextlib
import io
import json
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from torture.trials import Outcome, run_to_end, torture

SECONDS = 60.0  # of processor time for a command
MAX_LINES = 3
FOREIGN = ("Traceback", "weights_only", "Weights only", "Unpickl", "Warning:", "torch.load")
FILES = ("config.yaml", "status.json", "result.json", "metrics.csv")
CHECKPOINTS = ("checkpoints/best.ckpt", "checkpoints/last.ckpt")
HUGE = (10**400, -1, 10**30, 2**63, 1e308, 0, True, 2**31)
VALUES: tuple[Any, ...] = (None, "x", "", [], {}, [1, "a"], {"a": 1}, float("nan"), *HUGE)
WORDS = ["model=mlp", "model.hidden=[8]", "data=synthetic", "data.num_train=64", "data.size=8"]
WORDS += ["data.num_val=20", "data.num_test=20", "batch_size=16", "trainer.epochs=2", "logger=[]"]
_made: list[Path] = []  # the whole sweep; each trial gets a copy


def prepare() -> None:
    """Once for each process: a sweep of three runs, one of them of another model, one cut short."""
    os.environ.update(CNNLAB_DATA="/nowhere", CNNLAB_IMPORT="", OMP_NUM_THREADS="1")
    os.environ.pop("CNNLAB_DEBUG", None)
    from cnnlab.app.train import train
    from cnnlab.runs.run_dir import find_runs

    top = Path(tempfile.mkdtemp(prefix="cnnlab-torture-"))
    os.chdir(top)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        train([*WORDS, "seed=0,1", "sweep.name=s", f"runs_dir={top}/made"])
        train([*WORDS, "model.hidden=[4]", "sweep.name=s", f"runs_dir={top}/made"])
    cut = find_runs([top / "made"])[-1]
    cut.update_status(state="interrupted")
    cut.result_file.unlink()
    _made.append(top / "made")


def trial(seed: str) -> Outcome:
    """One file mutated, one command."""
    random_ = random.Random(seed)
    # always the same place: the identity holds where a run that is continued lies
    top = Path(tempfile.gettempdir()) / f"cnnlab-torture-{os.getpid()}"
    shutil.rmtree(top, ignore_errors=True)
    shutil.copytree(_made[0], top / "runs")
    os.chdir(top)
    sweep = top / "runs" / "s"
    runs = sorted(path for path in sweep.iterdir() if (path / "config.yaml").exists())
    run = random_.choice(runs)
    name = random_.choice([*FILES, *FILES, *CHECKPOINTS])
    how = mutate(random_, run / name, runs)
    command, words = random_.choice(list(commands(run, runs)))
    outcome = answer(words, top, run, [other.name for other in runs if other != run])
    os.chdir(_made[0])
    shutil.rmtree(top, ignore_errors=True)
    if outcome.fault:
        text = f"{seed} {command} of {run.name}/{name}, {how}: {outcome.fault}"
        return Outcome(outcome.kind, text.encode(errors="replace").decode())
    return Outcome(f"{command} {outcome.kind}")


def commands(run: Path, runs: list[Path]) -> Iterator[tuple[str, list[str]]]:
    """What meets a run's files, by name."""
    yield "runs", ["runs", "runs"]
    yield "why", ["runs", "runs", "--why", str(run.relative_to(Path.cwd()))]
    yield "where", ["runs", "runs", "--where", "seed=0,1", "--sort", "val_acc"]
    yield "compare", ["compare", "runs/s", "--out", "report"]
    yield "compare", ["compare", *(str(path.relative_to(Path.cwd())) for path in runs)]
    yield "test", ["test", str(run.relative_to(Path.cwd()))]
    yield "resume", ["train", f"resume={run.relative_to(Path.cwd())}", "trainer.epochs=3"]
    yield "init", ["train", *WORDS, f"init.from={run.relative_to(Path.cwd())}"]
    yield "train", ["train", "-m", *WORDS, "seed=0,1", "sweep.name=s"]
    yield "train", ["train", *WORDS, "model.hidden=[4]", "sweep.name=s"]
    yield "load", ["load_run", str(run.relative_to(Path.cwd()))]


def mutate(random_: random.Random, file: Path, runs: list[Path]) -> str:
    """Damage a file; what was done."""
    content = file.read_bytes() if file.is_file() else b""
    kinds: dict[str, Callable[[], object]] = {
        "flipped": lambda: file.write_bytes(flipped(random_, content)),
        "truncated": lambda: file.write_bytes(content[: random_.randrange(len(content) + 1)]),
        "emptied": lambda: file.write_bytes(b""),
        "zeroed": lambda: file.write_bytes(bytes(len(content))),
        "noise": lambda: file.write_bytes(random_.randbytes(random_.randrange(1, 400))),
        "nested": lambda: file.write_bytes(b"[" * 100_000),
        "doubled": lambda: file.write_bytes(content + content),
        "swapped": lambda: shutil.copy(same_file(random_, file, runs), file),
        "folder": lambda: (file.unlink(missing_ok=True), file.mkdir()),
        "loop": lambda: (file.unlink(missing_ok=True), file.symlink_to(file)),
        "dangling": lambda: (file.unlink(missing_ok=True), file.symlink_to("nowhere")),
        "pipe": lambda: (file.unlink(missing_ok=True), os.mkfifo(file)),
        "gone": lambda: file.unlink(missing_ok=True),
        "locked": lambda: file.chmod(0) if file.exists() else None,
        "value": lambda: change_value(random_, file, content),
    }
    weights = [6 if kind == "value" and file.suffix != ".ckpt" else 1 for kind in kinds]
    (how,) = random_.choices(list(kinds), weights)
    said = kinds[how]()
    return f"{how} {said}" if how == "value" else how


def same_file(random_: random.Random, file: Path, runs: list[Path]) -> Path:
    """The file of the same name in a random run that has one, else the first one's config."""
    own = next(run for run in runs if file.is_relative_to(run))
    there = [run / file.relative_to(own) for run in runs if run != own]
    found = [path for path in there if path.is_file()]
    return random_.choice(found) if found else own / "config.yaml"


def flipped(random_: random.Random, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(random_.choice((1, 1, 8))):
        if changed:
            changed[random_.randrange(len(changed))] ^= 1 << random_.randrange(8)
    return bytes(changed)


def change_value(random_: random.Random, file: Path, content: bytes) -> str:
    """Give one value of a file another type, or one beyond all bounds; which one."""
    value = random_.choice(VALUES)
    if file.suffix == ".csv" and content:
        rows = [line.split(",") for line in content.decode().splitlines()]
        row, column = random_.randrange(len(rows)), random_.randrange(len(rows[0]))
        rows[row][column] = str(value)
        file.write_text("\n".join(",".join(row) for row in rows) + "\n")
        return f"{row},{column}={str(value)[:30]}"
    if file.suffix not in (".json", ".yaml") or not content:
        file.write_bytes(flipped(random_, content))
        return "flipped"
    is_json = file.suffix == ".json"
    whole = json.loads(content) if is_json else yaml.safe_load(content)
    node, key = whole, random_.choice(list(whole))
    path = [key]
    while isinstance(node[key], dict) and node[key] and random_.random() < 0.8:
        node = node[key]
        key = random_.choice(list(node))
        path.append(key)
    if random_.random() < 0.2:
        del node[key]
        value = "(deleted)"
    else:
        node[key] = value
    sys.set_int_max_str_digits(0)
    file.write_text(json.dumps(whole) if is_json else yaml.safe_dump(whole))
    sys.set_int_max_str_digits(4300)
    return f"{'.'.join(map(str, path))}={str(value)[:30] if not isinstance(value, int) else 'int'}"


def answer(words: list[str], top: Path, run: Path, others: list[str]) -> Outcome:
    """The command, judged."""
    before = everything(top)
    said, shown = io.StringIO(), io.StringIO()
    code, fault = run_to_end(lambda: call(words), SECONDS, shown, said)
    if fault is not None:
        return fault
    text = said.getvalue() + shown.getvalue()
    foreign = [line for line in text.splitlines() if any(voice in line for voice in FOREIGN)]
    if foreign and words[:2] != ["runs", "runs"]:  # --why shows a log, tracebacks and all
        return Outcome("foreign", foreign[0][:300])
    if harm := harmed(before, everything(top), run, words):
        return Outcome("written", harm)
    if code == 2:
        lines = [line for line in said.getvalue().splitlines() if line.strip()]
        if len(lines) > MAX_LINES or not lines:
            return Outcome("long", f"{len(lines)} lines: {lines[:2]}"[:600])
        return Outcome("refused")
    if code not in (0, 1):
        return Outcome("exit code", f"{code}: {text[-300:]}")
    if words == ["runs", "runs"] and not all(other in shown.getvalue() for other in others):
        return Outcome("hidden", f"another run is not shown: {shown.getvalue()[-600:]}")
    return Outcome("ran" if code == 0 else "failed")


def call(words: list[str]) -> None:
    """``cnnlab WORDS``, or what a notebook calls."""
    from cnnlab import CnnlabError, load_run
    from cnnlab.app import cli

    if words[0] != "load_run":
        sys.argv = ["cnnlab", *words]
        cli.main()
        return
    try:
        load_run(words[1])
    except CnnlabError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


def everything(top: Path) -> dict[str, bytes | str]:
    """What lies in the run folders: contents of files, kinds of all else."""
    found: dict[str, bytes | str] = {}
    for path in sorted(top.rglob("*")):
        name = str(path.relative_to(top))
        is_plain = path.is_file() and not path.is_symlink()
        found[name] = path.read_bytes() if is_plain else "link" if path.is_symlink() else "other"
    return found


def harmed(
    before: dict[str, bytes | str], after: dict[str, bytes | str], run: Path, words: list[str]
) -> str:
    """Which file of a run was changed that the command should not have touched; else empty."""
    own = str(run.relative_to(Path.cwd()))
    trains = words[0] == "train"
    for name in before:
        in_own = name == own or name.startswith(f"{own}/")
        if trains and (in_own or name.endswith(".claim.lock")):
            continue  # trained again, with what was damaged kept beside it
        if trains and "-m" in words and "_seed1" in name:
            continue  # the run that was cut short is continued
        if after.get(name) != before[name]:
            return f"{name} was {'lost' if name not in after else 'changed'}"
    added = [n for n in after if n not in before and not n.startswith(("report", "runs/comp"))]
    added = [n for n in added if n != "runs" and not n.endswith(".claim.lock")]
    return f"{added[0]} was written" if added and not trains else ""


if __name__ == "__main__":
    torture("run_files", trial, count=1_000, prepare=prepare)
