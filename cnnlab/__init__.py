"""cnnlab: a laboratory for convolutional networks.

from cnnlab import models, data
net = models.ResNet(data.CIFAR10.spec, depth=20)

runs = cnnlab.train(["model=lenet5", "seed=0,1"])
table = cnnlab.compare(runs).table
run = cnnlab.load_run(runs[0])
"""

import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnlab.registry import CnnlabError

if TYPE_CHECKING:
    import pandas as pd

    from cnnlab.compare.comparison import Comparison
    from cnnlab.inference.load import Run
    from cnnlab.runs.run_dir import RunDir


def _is_alone() -> bool:
    """Whether nothing else wants a core now; False where the system does not say."""
    for _ in range(3):  # what runs for a moment only does not count
        try:
            running = Path("/proc/loadavg").read_text().split()[3].split("/")[0]
        except (OSError, IndexError):
            return False
        if running == "1":  # this process
            return True
        time.sleep(0.001)
    return False


# Before torch loads: for how many turns of a loop GNU's OpenMP lets a thread that waits keep its
# core. Its default, 300,000, is up to 1.5 times as fast on an idle machine and half as fast where
# anything else runs (experiments/LOG.md). Results are the same.
if "OMP_WAIT_POLICY" not in os.environ and not _is_alone():
    os.environ.setdefault("GOMP_SPINCOUNT", "2000")

__all__ = ["CnnlabError", "compare", "load_run", "load_runs", "train"]

# The functions import what they need when they are called: `import cnnlab` alone is instant.


def train(
    overrides: str | Sequence[str] = (), *, imports: str | Iterable[str] = ()
) -> "list[RunDir]":
    """Run, or sweep where an override gives several values; returns the run folders.

    Args:
        overrides: words as on the command line, or one line of them: "model=mlp seed=0,1". With
            "-m" among them it is a sweep, also of one run.
        imports: modules that register your own components; a string is one.

    Raises:
        CnnlabError: the overrides are refused, or a run failed (the others are kept).
    """
    from cnnlab.app import train as launch
    from cnnlab.app.arguments import python_words
    from cnnlab.discovery import discover
    from cnnlab.registry import list_of

    words, multirun = python_words(overrides)
    discover(list_of("imports", imports, str, "the name of a module"))
    runs = launch.train(words, multirun=multirun)
    failed = [run for run in runs if not run.is_done]
    if failed:
        error = failed[0].status().get("error")
        raise CnnlabError(f"{len(failed)} of {len(runs)} runs failed; {failed[0]}: {error}")
    return runs


def compare(
    runs: "str | Path | RunDir | Iterable[str | Path | RunDir]",
    *,
    reference: str | None = None,
    target: "float | str | None" = None,
) -> "Comparison":
    """Finished runs compared: ``.table``, ``.pairs``, ``.verdicts``, ``.findings`` and more.

    Args:
        runs: run folders, or folders that hold them, or CSV files with results made elsewhere; one,
            or several in a list.
        reference: the row that the others are tested against, "model=lenet5"; None: every pair.
        target: validation accuracy, 0.95 or "95%", to which the training time is given.

    Raises:
        CnnlabError: there is nothing to compare, or no one row is the reference.
    """
    from cnnlab.compare import compare as comparing
    from cnnlab.registry import list_of

    paths = list_of("runs", runs, (str, os.PathLike), "a run's folder")
    return comparing.compare(paths, reference=reference, target=target)


def load_runs(
    runs: "str | Path | RunDir | Iterable[str | Path | RunDir]",
) -> "pd.DataFrame":
    """A line for each run, finished or not: run, state, its options and its results.

    Args:
        runs: run folders, or folders that hold them; one, or several in a list.

    Raises:
        CnnlabError: there is no run.
    """
    from cnnlab.compare.dataframe import load_runs as load
    from cnnlab.registry import list_of

    return load(list_of("runs", runs, (str, os.PathLike), "a run's folder"))


def load_run(path: "str | Path | RunDir") -> "Run":
    """A run's config, result, trained model in eval mode, and spec with the names of its classes.

    None of them needs the run's data, which ``.dataset`` looks for when it is used.

    Raises:
        CnnlabError: no run there, no checkpoint yet, or a component that is not registered.
    """
    from cnnlab.inference.load import load_run as load

    return load(path)


def __getattr__(name: str) -> Any:
    if name in ("models", "data"):
        import importlib

        return importlib.import_module(f"cnnlab.{name}")
    raise AttributeError(f"module 'cnnlab' has no attribute '{name}'")
