"""One job: from Hydra's composition to a checked config, its identity and its folder."""

import dataclasses
from collections.abc import Iterable

from hydra.conf import HydraConf
from omegaconf import DictConfig, OmegaConf

from cnnlab.app.errors import as_chosen
from cnnlab.config.options import RunConfig, parse
from cnnlab.registry import CnnlabError
from cnnlab.runs.identity import identify, run_name
from cnnlab.runs.job import Job
from cnnlab.runs.run_dir import RunDir
from cnnlab.sweep.search.options import SearchOptions
from cnnlab.sweep.search.options import parse as parse_options
from cnnlab.training.assemble import preflight, resolve_epochs


def prepare(composed: DictConfig, context: HydraConf) -> Job:
    """Check a composed config as a whole: types, bounds, geometry, sizes. Writes nothing.

    Raises:
        CnnlabError: the run cannot be.
    """
    choices = {
        str(group): str(choice)
        for group, choice in context.runtime.choices.items()
        if not str(group).startswith("hydra/") and isinstance(choice, str)
    }
    try:
        checked = resolve_epochs(typed(composed))
        cost = preflight(checked)
    except CnnlabError as error:
        raise as_chosen(error, choices) from error
    overrides = key_values(context.overrides.task)
    checked = _resume_in_place(checked)
    name = run_name(choices, overrides)
    return Job(checked, choices, name, identify(checked), cost, _trial(context))


def _trial(context: HydraConf) -> SearchOptions | None:
    node = OmegaConf.to_container(context.sweeper, resolve=True)
    if not isinstance(node, dict) or node.get("trial") is None:
        return None
    return parse_options({str(key): value for key, value in node.items()})


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
    if identify(unchanged).to_dict() == source.status().get("identity") and not source.is_done:
        return unchanged
    epochs = len(source.metrics()) if source.metrics_file.is_file() else 0
    if config.epochs <= epochs:
        raise CnnlabError(
            f"resume={source}: it has trained {epochs} epochs; give trainer.epochs above {epochs}"
        )
    return config
