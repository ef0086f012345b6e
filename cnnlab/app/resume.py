"""``resume=RUN``: what a run that continues another may change, and what is left to train."""

import dataclasses
import math
from typing import Any

from cnnlab.config.flags import component_flags
from cnnlab.config.options import RunConfig, seconds
from cnnlab.config.parse import parse
from cnnlab.registry import DATASETS, CnnlabError
from cnnlab.runs.checkpoint_file import last_state
from cnnlab.runs.claim import probable_holder
from cnnlab.runs.data_record import DataRecord, difference
from cnnlab.runs.flat import flatten
from cnnlab.runs.identity import identify
from cnnlab.runs.own_files import own_files
from cnnlab.runs.run_dir import RunDir
from cnnlab.text import as_typed, duration, plural

FIXED = ("seed", "batch_size", "trainer.accumulate", "trainer.overfit", "optim.name")
FIXED_GROUPS = ("model", "data", "init")
FREE = ("data.root", "data.augment")  # where the images are, and how they are augmented


def check_unchanged(config: RunConfig) -> None:
    """Refuse what a training state does not fit: another model, data, optimiser, batch size, seed.

    All other options take effect at the step from which the run continues.

    Raises:
        CnnlabError: it names the first such option.
    """
    assert config.resume is not None
    run = RunDir.open(config.resume)
    before, now = (flatten(c.to_dict()) for c in (parse(run.config()), config))
    for key, value in now.items():
        if _is_fixed(key, config) and value != before.get(key, value):
            hint = ""
            if key == "seed":
                hint = f"; for other seeds from its weights: init.from={config.resume}"
            raise CnnlabError(
                f"{key}={as_typed(value)}: resume continues with {as_typed(before[key])}, "
                f"the {key} of {run.name}{hint}"
            )


def _is_fixed(key: str, config: RunConfig) -> bool:
    group, _, option = key.partition(".")
    if key in FIXED:
        return True
    if group not in FIXED_GROUPS or key.startswith(FREE) or not option:
        return False
    own = component_flags(DATASETS[config.data["name"]].component)
    return group != "data" or option not in own or own[option].identity


def resume_in_place(config: RunConfig) -> RunConfig:
    """A half-finished run with nothing changed is not a new one: it continues in its own folder.

    Raises:
        CnnlabError: there is nothing to continue from, or nothing left to train.
    """
    assert config.resume is not None
    source = RunDir.open(config.resume)
    state = last_state(source)
    if state is None:
        raise CnnlabError(f"resume={source}: it has no checkpoint yet (checkpoints/last.ckpt)")
    unchanged = dataclasses.replace(config, resume=source.config().get("resume"))
    past = source.status().get("identity") or {}
    if identify(unchanged).differences(past) == [] and not source.is_done:
        return unchanged
    _refuse_other_data(source, config)
    if (process := probable_holder(source)) is not None:
        raise CnnlabError(
            f"resume={source}: already being run by {process}; stop that process first"
        )
    if nothing := _nothing_left(config, state):
        raise CnnlabError(f"resume={source}: {nothing}")
    return config


def _refuse_other_data(source: RunDir, config: RunConfig) -> None:
    """Refuse to continue a run on files of the user's that have changed since."""
    files, recorded = own_files(config), DataRecord.read(source)
    if files is None:
        return
    if recorded is None:
        raise CnnlabError(
            f"resume={source}: it comes from a version that split and resized pictures differently "
            "and did not record them; train it again without resume"
        )
    if change := difference(recorded, files.record):
        raise CnnlabError(f"resume={source}: its data have changed: {change}")


def _nothing_left(config: RunConfig, state: dict[str, Any]) -> str | None:
    """Why a run would end before its first step, and which option says so; None if it trains."""
    position, trainer = state["position"], config.trainer
    per_epoch = position["steps_per_epoch"]
    done = position["epoch"] * per_epoch + position["step"]
    if done >= (trainer.max_steps or math.inf):
        return f"it has trained {plural(done, 'step')}; give trainer.max_steps above {done}"
    if done >= config.epochs * per_epoch:
        epochs = position["epoch"]
        return f"it has trained {plural(epochs, 'epoch')}; give trainer.epochs above {epochs}"
    if position["seconds"] >= (seconds(trainer.max_time) or math.inf):
        longer = f"give trainer.max_time above {math.ceil(position['seconds'])}s"
        return f"it has trained {duration(position['seconds'])}; {longer}"
    stop = state.get("callbacks", {}).get("EarlyStop", {})
    waited = stop.get("waited", 0)
    same_metric = stop.get("metric", config.metric) == config.metric
    if trainer.early_stopping is not None and same_metric and waited >= trainer.early_stopping:
        return (
            f"it stopped after {plural(waited, 'epoch')} without improvement; "
            f"give trainer.early_stopping above {waited}, or null"
        )
    return None
