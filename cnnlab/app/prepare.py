"""One job: from Hydra's composition to a checked config, its identity and its folder."""

import dataclasses
from collections.abc import Iterable

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from cnnlab.app.errors import as_chosen, plain_errors
from cnnlab.config.options import RunConfig
from cnnlab.config.parse import parse
from cnnlab.data.scan import scanned_once
from cnnlab.registry import CnnlabError
from cnnlab.runs.data_record import DataRecord, difference
from cnnlab.runs.identity import identify
from cnnlab.runs.job import Job
from cnnlab.runs.naming import run_name
from cnnlab.runs.own_files import own_files
from cnnlab.runs.run_dir import RunDir
from cnnlab.training.assemble import preflight, resolve_epochs


@scanned_once()
def prepare(composed: DictConfig, overrides: Iterable[Override]) -> Job:
    """Check a composed config as a whole: types, bounds, geometry, sizes. Writes nothing.

    Args:
        overrides: what it was composed of; its run is named after them.

    Raises:
        CnnlabError: the run is impossible.
    """
    choices = {
        str(group): str(choice)
        for group, choice in composed.hydra.runtime.choices.items()
        if not str(group).startswith("hydra/") and isinstance(choice, str)
    }
    try:
        config = resolve_epochs(typed(composed))
        cost = preflight(config)
    except CnnlabError as error:
        raise as_chosen(error, choices) from error
    config = _resume_in_place(config)
    name = run_name(choices, key_values(overrides))
    return Job.of(config, choices, name, cost)


def typed(composed: DictConfig) -> RunConfig:
    """A composed config with its names, types and bounds checked; nothing is built.

    Raises:
        CnnlabError: as ``config.parse`` does.
    """
    HydraConfig.instance().set_config(composed)  # for ${hydra:runtime.cwd} in a person's config
    try:
        with plain_errors():
            config = OmegaConf.to_container(composed, resolve=True)
    finally:
        HydraConfig.instance().cfg = None
    assert isinstance(config, dict)
    return parse({str(key): value for key, value in config.items() if key != "hydra"})


def key_values(overrides: Iterable[Override]) -> list[tuple[str, str]]:
    """What was overridden, as typed."""
    words = [str(override.input_line) for override in overrides]
    return [word.lstrip("+~").partition("=")[::2] for word in words if "=" in word]


def _resume_in_place(config: RunConfig) -> RunConfig:
    """A half-finished run with nothing changed is not a new one: it continues in its own folder."""
    if config.resume is None:
        return config
    source = RunDir.open(config.resume)
    if not source.last_checkpoint.is_file():
        raise CnnlabError(f"resume={source}: it has no checkpoint yet (checkpoints/last.ckpt)")
    unchanged = dataclasses.replace(config, resume=source.config().get("resume"))
    past = source.status().get("identity") or {}
    if identify(unchanged).differences(past) == [] and not source.is_done:
        return unchanged
    _refuse_other_data(source, config)
    epochs = len(source.metrics()) if source.metrics_file.is_file() else 0
    if config.epochs <= epochs:
        raise CnnlabError(
            f"resume={source}: it has trained {epochs} epochs; give trainer.epochs above {epochs}"
        )
    return config


def _refuse_other_data(source: RunDir, config: RunConfig) -> None:
    """A run goes on with the files that it began with, where they are a person's own."""
    files, recorded = own_files(config), DataRecord.read(source)
    if files is None:
        return
    if recorded is None:
        raise CnnlabError(
            f"resume={source}: it was made before runs knew their pictures, which are split and "
            "resized otherwise now; train it again without resume"
        )
    if change := difference(recorded, files.record):
        raise CnnlabError(f"resume={source}: its data have changed: {change}")
