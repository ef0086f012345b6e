"""One job: from Hydra's composition to a checked config, its identity and its folder."""

import dataclasses
import warnings
from collections.abc import Iterable, Sequence

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from cnnlab.app.errors import as_chosen, plain_errors
from cnnlab.app.overrides import expand_resume
from cnnlab.app.resume import check_unchanged, resume_in_place
from cnnlab.config.options import RunConfig
from cnnlab.config.parse import parse
from cnnlab.data.scan import scanned_once
from cnnlab.registry import CnnlabError
from cnnlab.runs.job import Job
from cnnlab.runs.naming import run_name
from cnnlab.task import Task
from cnnlab.training.assemble import preflight

TUNED = "tuned"  # conf/trainer/tuned.yaml


@scanned_once()
def prepare(composed: DictConfig, overrides: Sequence[Override]) -> Job:
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
        checked = typed(composed)
        if choices["trainer"] == TUNED:
            from cnnlab.bench.tuned import with_tuned_options  # loads lightning

            _refuse_cluster(composed)
            checked = with_tuned_options(checked, key_values(overrides))
        _name_loss(choices, checked.loss["name"], key_values(overrides))
        if checked.resume is not None:
            check_unchanged(checked)
        config, cost = preflight(checked)
    except CnnlabError as error:
        raise as_chosen(error, choices) from error
    if checked.resume is not None:
        config = resume_in_place(config)
        implied = implied_words(overrides)
        overrides = [o for o in overrides if str(o.input_line) not in implied]
    typed_words = key_values(overrides)
    job = Job.of(config, choices, run_name(choices, typed_words), cost)
    return dataclasses.replace(job, overridden=tuple(key for key, _ in typed_words))


def _refuse_cluster(composed: DictConfig) -> None:
    """Refuse ``trainer=tuned``, which is what is fast on this machine, for jobs of others.

    Raises:
        CnnlabError: the launcher is a cluster's.
    """
    name = str(composed.hydra.runtime.choices["hydra/launcher"])
    launcher = composed.hydra.launcher
    if name == "submitit_slurm" or (name == "ray" and launcher.ray.init.address is not None):
        raise CnnlabError(
            f"trainer={TUNED} is for this machine; hydra/launcher={name} trains on others: type "
            "the options that `cnnlab bench --tune` prints there"
        )


def _name_loss(choices: dict[str, str], name: str, typed: list[tuple[str, str]]) -> None:
    """Note the task's own loss as chosen, where the default's is not for the model.

    Raises:
        CnnlabError: somebody typed the default's name for such a model.
    """
    if choices["loss"] == Task.loss != name:
        if ("loss", Task.loss) in typed:
            raise CnnlabError(f"loss={Task.loss}: the model allows {name}")
        choices["loss"] = name


def implied_words(overrides: Iterable[Override]) -> set[str]:
    """The words that ``resume=RUN`` stands for; nobody typed them."""
    resumed = [str(o.input_line) for o in overrides if o.key_or_group == "resume"]
    return set(expand_resume(resumed)[:-1])


def typed(composed: DictConfig) -> RunConfig:
    """A composed config with its names, types and bounds checked; nothing is built.

    Raises:
        CnnlabError: as ``config.parse`` does.
    """
    HydraConfig.instance().set_config(composed)  # for ${hydra:runtime.cwd} in the user's config
    try:
        with plain_errors(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # OmegaConf's, of ${oc.deprecated:...}
            config = OmegaConf.to_container(composed, resolve=True)
    finally:
        HydraConfig.instance().cfg = None
    assert isinstance(config, dict)
    return parse({str(key): value for key, value in config.items() if key != "hydra"})


def key_values(overrides: Iterable[Override]) -> list[tuple[str, str]]:
    """What was overridden, as typed."""
    words = [str(override.input_line) for override in overrides]
    return [word.lstrip("+~").partition("=")[::2] for word in words if "=" in word]
