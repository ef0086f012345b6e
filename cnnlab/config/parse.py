"""From plain data to a typed RunConfig: Hydra's composition and a saved config.yaml alike."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from cnnlab.config import schema
from cnnlab.config.check import check
from cnnlab.config.options import GROUPS, LISTS, RunConfig
from cnnlab.registry import CnnlabError, Registry


def parse(config: Mapping[str, Any]) -> RunConfig:
    """A typed, complete config from plain data: Hydra's composition or a saved config.yaml.

    Raises:
        CnnlabError: an unknown key, an ill-typed value, options that contradict each other.
    """
    resolved = dict(config)
    for kind, registry in GROUPS.items():
        if not isinstance(config.get(kind), Mapping):
            raise CnnlabError(f"{kind}={config.get(kind)}: give a name, {kind}=...")
        resolved[kind] = schema.resolve(registry, config[kind])
    for kind, registry in LISTS.items():
        if kind in config:
            resolved[kind] = _resolve_list(registry, config[kind])
    checked: RunConfig = check("", resolved, RunConfig)
    checked.task.check(checked.to_dict())
    _check_metrics(checked)
    return checked


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
                f"{key}={value}: model={config.model['name']} has {' and '.join(columns)}"
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
