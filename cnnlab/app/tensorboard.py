"""TensorBoard on the loopback address, with run names that a person can read.

TensorBoard names a run by its folder. It is therefore given a folder of links, ``sweep/run``,
to which runs that begin later are added. (Its own --logdir_spec does without the fast loader and
without paths that hold a comma or a colon.)
"""

import contextlib
import io
import re
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from cnnlab.registry import CnnlabError
from cnnlab.runs.run_dir import RunDir, find_runs

LOOPBACK = "127.0.0.1"
REFRESH = 5.0  # seconds; as often as TensorBoard reads


def serve(paths: Sequence[str | Path], *, port: int | None = None) -> None:
    """Show the runs at or below ``paths`` until Ctrl-C. Prints the address.

    ``port=None`` takes 6006 or the next free one.

    Raises:
        CnnlabError: no runs there, no TensorBoard, or the port is taken.
    """
    if not find_runs(paths):
        raise CnnlabError(f"no runs in {', '.join(map(str, paths))}: nothing to show")
    handler = signal.signal(signal.SIGTERM, _end)  # or the folder of links would not be removed
    with tempfile.TemporaryDirectory(prefix="cnnlab-tensorboard-") as logdir:
        shown: dict[str, Path] = {}
        try:
            _link(find_runs(paths), Path(logdir), shown)
            url = _launch(logdir, port)
            print(f"TensorBoard: {url} (runs: {len(shown)}; Ctrl-C stops it)", flush=True)
            while True:
                time.sleep(REFRESH)
                _link(find_runs(paths), Path(logdir), shown)
        except KeyboardInterrupt:
            print("\nTensorBoard stopped", file=sys.stderr)
        finally:
            signal.signal(signal.SIGTERM, handler)


def readable_names(runs: Sequence[RunDir]) -> list[str]:
    """``sweep/run`` for each, without the hash at its end where it is not needed."""
    counts = Counter(name for run in runs for name in set(_names(run)))
    return [next(name for name in _names(run) if counts[name] == 1) for run in runs]


def _names(run: RunDir) -> tuple[str, str, str]:
    """From the shortest to the one that is unique."""
    path = run.path.resolve()
    whole = f"{path.parent.name}/{path.name}"
    return re.sub(r"-[0-9a-f]{8}(?=(-\d+)?$)", "", whole), whole, path.as_posix().lstrip("/")


def _link(runs: Sequence[RunDir], logdir: Path, shown: dict[str, Path]) -> None:
    """Add runs that have written something to ``shown`` and to the folder of links."""
    for name, run in zip(readable_names(runs), runs, strict=True):
        try:
            target = run.tensorboard_dir.resolve()
            if not target.is_dir() or target in shown.values():
                continue
        except (OSError, RuntimeError):  # it may not be looked into, or is a loop of links
            continue
        # the name may be in use by a run that was there before this one began
        free = next(free for free in (name, *_names(run)) if free not in shown)
        shown[free] = target
        link = logdir / free
        link.parent.mkdir(parents=True, exist_ok=True)
        try:
            link.symlink_to(target, target_is_directory=True)
        except OSError as error:
            raise CnnlabError(f"TensorBoard needs symbolic links, and {link}: {error}") from error


def _launch(logdir: str, port: int | None) -> str:
    """Start the server in a thread of this process; its address."""
    try:
        from tensorboard import program  # type: ignore[import-untyped]
    except ImportError as error:
        raise CnnlabError("TensorBoard is not installed: pip install tensorboard") from error
    server = program.TensorBoard()
    chosen = ["--port", str(port)] if port is not None else []
    server.configure(["tensorboard", "--logdir", logdir, "--host", LOOPBACK, *chosen])
    try:
        with contextlib.redirect_stderr(
            io.StringIO()
        ):  # it advertises an option of its own command
            return str(server.launch())
    except program.TensorBoardServerException as error:
        hint = "" if port is None else "; leave --port out to take the next free one"
        raise CnnlabError(f"{error.msg}{hint}") from error


def _end(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
