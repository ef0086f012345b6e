"""From plain data to a typed RunConfig: Hydra's composition and a saved config.yaml alike."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from cnnlab.config import schema
from cnnlab.config.check import check
from cnnlab.config.options import GROUPS, LISTS, RunConfig
from cnnlab.registry import EXTRA_METRICS, LOSSES, MODELS, CnnlabError, Registry
from cnnlab.task import Task, task_named


def parse(config: Mapping[str, Any]) -> RunConfig:
    """A typed, complete config from plain data: Hydra's composition or a saved config.yaml.

    Raises:
        CnnlabError: an unknown key, an ill-typed value, options that contradict each other.
    """
    resolved = dict(config)
    config = {"loss": {}, **config}  # a config of only what differs needs none
    for kind, registry in GROUPS.items():
        if not isinstance(config.get(kind), Mapping):
            raise CnnlabError(f"{kind}={config.get(kind)}: give a name, {kind}=...")
        chosen = config[kind] if kind != "loss" else _named_loss(config["loss"], resolved["model"])
        resolved[kind] = schema.resolve(registry, chosen)
    for kind, registry in LISTS.items():
        if kind in config:
            resolved[kind] = _resolve_list(registry, config[kind])
    checked: RunConfig = check("", resolved, RunConfig)
    checked.task.check(checked.to_dict())
    _check_metrics(checked)
    _check_callbacks(checked)
    return checked


def _named_loss(loss: Mapping[str, Any], model: Mapping[str, Any]) -> Mapping[str, Any]:
    """A loss by its name: the task's own where none is chosen, as where it is the default's name.

    Raises:
        CnnlabError: it is a loss of another task.
    """
    task, name = task_named(MODELS[model["name"]].task), loss.get("name", Task.loss)
    if name == Task.loss != task.loss:  # only what was changed goes over to another loss
        defaults = schema.defaults(LOSSES[name])
        return {k: v for k, v in loss.items() if v != defaults.get(k)} | {"name": task.loss}
    if name != task.loss and LOSSES[str(name)].task != task.name:
        names = sorted({task.loss, *(e.name for e in LOSSES if e.task == task.name)})
        raise CnnlabError(f"loss={name}: model={model['name']} allows {' and '.join(names)}")
    return {**loss, "name": name}


def _check_metrics(config: RunConfig) -> None:
    """Refuse a metric that the model's task does not have."""
    columns = config.task.val_columns
    chosen = {
        "trainer.checkpoint": config.trainer.checkpoint,
        "schedule.metric": config.schedule.get("metric"),
    }
    for key, value in chosen.items():
        if value not in (None, "auto", "last", *columns):
            raise CnnlabError(
                f"{key}={value}: model={config.model['name']} allows {' and '.join(columns)}"
            )
    for name in config.metrics:
        if EXTRA_METRICS[name].task != config.task.name:
            raise CnnlabError(
                f"metrics=[{name}]: model={config.model['name']} is not for the task "
                f"'{EXTRA_METRICS[name].task}'"
            )


def _check_callbacks(config: RunConfig) -> None:
    """Refuse two averages of the weights: one alone can be what is evaluated and kept."""
    chosen = [name for name in ("ema", "swa", "lookahead") if name in config.callbacks]
    if len(chosen) > 1:
        raise CnnlabError(
            f"callbacks=[{','.join(chosen)}]: choose one; each decides which weights are evaluated"
        )


def _resolve_list(registry: Registry, chosen: Any) -> dict[str, dict[str, Any]]:
    """The options of each chosen component, complete and checked, by its name."""
    kind = registry.kind
    if not isinstance(chosen, Mapping) or not all(isinstance(o, Mapping) for o in chosen.values()):
        raise CnnlabError(f"{kind}={chosen}: give a list of names, {kind}=[...]")
    found = {}
    for name, options in chosen.items():
        component = {**options, "name": name}
        found[str(name)] = schema.resolve(registry, component, f"{kind}.{name}")
        del found[str(name)]["name"]
    return found


def run_defaults() -> dict[str, Any]:
    """The run-level node for Hydra: every default that does not belong to a component."""
    fields = [f for f in dataclasses.fields(RunConfig) if f.name not in GROUPS]
    values = {
        f.name: f.default if f.default_factory is dataclasses.MISSING else f.default_factory()
        for f in fields
    }
    values |= {kind: {} for kind in LISTS}  # what is chosen of them comes from their groups
    return dict(schema.to_dict(values))
