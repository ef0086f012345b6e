"""One job: from Hydra's composition to a checked config and its folder, and its execution."""

import contextlib
import dataclasses
import logging
import os
import shutil
import sys
import time
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hydra.conf import HydraConf
from omegaconf import DictConfig, OmegaConf

from cnnlab.config import RunConfig, parse
from cnnlab.discovery import named_imports
from cnnlab.registry import CnnlabError
from cnnlab.runs.run_dir import RunDir
from cnnlab.runs.sweep import Identity, identify, locate, outdated, run_name
from cnnlab.training.assemble import preflight

log = logging.getLogger("cnnlab")
VERBOSE = "CNNLAB_VERBOSE"


@dataclass(frozen=True)
class Job:
    """A checked config, the names that were chosen for it, and what identifies it."""

    config: RunConfig
    choices: dict[str, str]
    name: str
    identity: Identity

    def folder(self) -> RunDir:
        """Where the job's run lies or will lie."""
        parent = Path(self.config.runs_dir).expanduser() / (self.config.sweep.name or "single")
        return locate(parent, self.name, self.identity, rerun=self.config.rerun)


def prepare(composed: DictConfig, context: HydraConf) -> Job:
    """Check a composed config as a whole: types, bounds, geometry, sizes. Writes nothing.

    Raises:
        CnnlabError: the run cannot be.
    """
    checked = typed(composed)
    preflight(checked)
    choices = {
        str(group): str(choice)
        for group, choice in context.runtime.choices.items()
        if not str(group).startswith("hydra/") and choice is not None
    }
    overrides = key_values(context.overrides.task)
    checked = _resume_in_place(checked)
    return Job(checked, choices, run_name(choices, overrides), identify(checked))


def typed(composed: DictConfig) -> RunConfig:
    """A composed config with its names, types and bounds checked; nothing is built.

    Raises:
        CnnlabError: as ``config.parse`` does.
    """
    config = OmegaConf.to_container(composed, resolve=True)
    assert isinstance(config, dict)
    config.pop("hydra", None)
    return parse({str(key): value for key, value in config.items()})


def key_values(words: Iterable[str]) -> list[tuple[str, str]]:
    """Override words as pairs; flags and Hydra's own keys are left out."""
    pairs = [word.lstrip("+~").partition("=")[::2] for word in words if "=" in word]
    return [(key, value) for key, value in pairs if not key.startswith(("hydra", "-"))]


def _resume_in_place(config: RunConfig) -> RunConfig:
    """A half-finished run with nothing changed is not a new one: it goes on in its own folder."""
    if config.resume is None:
        return config
    source = RunDir.open(config.resume)
    if not source.last_checkpoint.is_file():
        raise CnnlabError(f"resume={source}: it has no checkpoint yet (checkpoints/last.ckpt)")
    unchanged = dataclasses.replace(config, resume=source.config().get("resume"))
    if identify(unchanged).plain() == source.status().get("identity") and not source.is_done:
        return unchanged
    epochs = len(source.metrics()) if source.metrics_file.is_file() else 0
    if config.trainer.epochs <= epochs:
        raise CnnlabError(
            f"resume={source}: it has trained {epochs} epochs; give trainer.epochs above {epochs}"
        )
    return config


def execute(job: Job, folder: RunDir, title: str) -> None:
    """Run the job in its folder. A failure is written there, told in a line, and not raised."""
    from cnnlab.training.isolation import isolated
    from cnnlab.training.processes import run_in_processes
    from cnnlab.training.run import run

    for other, part in outdated(folder, job.identity):
        print(f"the {part}'s source has changed since {other.name}: training anew", file=sys.stderr)
    folder.checkpoint_dir.mkdir(parents=True, exist_ok=True)
    _bring_checkpoint(job, folder)
    folder.write_config(job.config.plain())
    folder.update_status(
        state="running",
        started=time.time(),
        error=None,
        choices=job.choices,
        identity=job.identity.plain(),
        imports=named_imports(),
    )
    verbose = bool(os.environ.get(VERBOSE))
    with isolated(), _logging_to(folder.log_file):
        log.info("started %s", folder.name)
        try:
            if job.config.trainer.devices > 1:
                devices = job.config.trainer.devices
                run_in_processes(folder, devices, title=title, verbose=verbose)
            else:
                run(job.config, folder, model=job.choices["model"], title=title, verbose=verbose)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt) or isinstance(
                error.__context__,
                KeyboardInterrupt,  # Lightning turns Ctrl-C into SystemExit
            ):
                folder.update_status(state="interrupted", error="interrupted from the keyboard")
                raise KeyboardInterrupt from None
            _record_failure(folder, error, title)
        else:
            folder.update_status(state="done", finished=time.time())
            log.info("done %s", folder.name)


def _bring_checkpoint(job: Job, folder: RunDir) -> None:
    if job.config.resume is None or folder.last_checkpoint.is_file():
        return
    source = RunDir(Path(job.config.resume).expanduser())
    for file in ("metrics_file", "best_checkpoint", "last_checkpoint"):
        if getattr(source, file).is_file():
            shutil.copy2(getattr(source, file), getattr(folder, file))


def _record_failure(folder: RunDir, error: BaseException, title: str) -> None:
    message = str(error) or type(error).__name__
    known = isinstance(error, CnnlabError)
    summary = message if known else f"{type(error).__name__}: {message}"
    text = "".join(traceback.format_exception(error))
    log.error("failed %s\n%s", folder.name, text)
    folder.update_status(state="failed", finished=time.time(), error=summary, traceback=text)
    print(f"{title} failed: {summary.splitlines()[0]}", file=sys.stderr)
    if os.environ.get("CNNLAB_DEBUG") == "1":
        print(text, file=sys.stderr)
    traceback.clear_frames(error.__traceback__)  # they hold the model and the data


@contextlib.contextmanager
def _logging_to(path: Path) -> Iterator[None]:
    """Send what is logged or warned during a job to its own file."""
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root, level = logging.getLogger(), log.level
    root.addHandler(handler)
    log.setLevel(logging.INFO)
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        log.setLevel(level)
        root.removeHandler(handler)
        handler.close()
