"""What makes two jobs the same one: their config, and the behaviour of its components."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnnlab.config.flags import component_flags
from cnnlab.config.options import GROUPS, RunConfig
from cnnlab.registry import AUGMENTATIONS, CALLBACKS, EXTRA_METRICS, TASKS, Flags
from cnnlab.runs.essential import digest, essential, without_seed
from cnnlab.runs.first_edition import (
    FIRST_VERSION,
    earlier_flags,
    earlier_source,
    group_of,
    is_bytes_digest,
    start_group,
)
from cnnlab.runs.own_files import own_files
from cnnlab.runs.run_dir import RunDir
from cnnlab.runs.source_digest import source_of
from cnnlab.runs.weights import weights_identity

FILES = "data files"  # among the sources, for data in the user's own files
ALWAYS = ("model", "data")  # of the others, a first version of ours is not written


@dataclass(frozen=True)
class Identity:
    """What makes two jobs the same one.

    Attributes:
        config: digest of the config without what is not part of the identity.
        group: digest of the same without the seed, and of the sources: one row of a comparison.
        sources: of each component, by its kind, the version or the digest of its code; and of
            data in the user's own files the digest of those.
        earlier_sources: those of a first-edition run of the same job, once recognised: of
            the user's own files, the digest of their bytes.
        earlier_config: that run's config.
        earlier_group: that run's group.
    """

    config: str
    group: str
    sources: Mapping[str, str]
    earlier_sources: Mapping[str, str]
    earlier_config: str
    earlier_group: str

    @property
    def key(self) -> str:
        """The end of the folder's name: 8 hexadecimal digits."""
        return digest([self.config, dict(self.sources)])[:8]

    def to_dict(self) -> dict[str, Any]:
        """As status.json holds it."""
        plain = {"config": self.config, "group": self.group, "sources": dict(self.sources)}
        earlier = {"earlier_group": self.earlier_group} if self.earlier_group != self.group else {}
        return plain | earlier

    def differences(self, past: Mapping[str, Any]) -> list[str] | None:
        """The components that have changed since a run of the same config.

        Args:
            past: the ``identity`` of the run's status.json, of either edition.

        Returns:
            Their kinds, empty where it is the same run; None where the config is another.
        """
        sources: Mapping[str, str] = past.get("sources") or {}
        if any(map(is_bytes_digest, sources.values())):
            config, is_same = self.earlier_config, self._is_same_as_earlier
        else:
            config, is_same = self.config, self._is_same
        if past.get("config") != config:
            return None
        kinds = dict.fromkeys([*GROUPS, *self.sources, *sources])
        return [kind for kind in kinds if not is_same(kind, sources.get(kind))]

    def _is_same(self, kind: str, source: str | None) -> bool:
        return source == self.sources.get(kind)

    def _is_same_as_earlier(self, kind: str, source: str | None) -> bool:
        now, earlier = self.sources.get(kind), self.earlier_sources.get(kind)
        if source is None:  # the user's own optimiser was not recorded
            return now is None or not now.startswith("v")
        return source in (now, earlier) or (earlier == FIRST_VERSION and is_bytes_digest(source))


def identify(config: RunConfig) -> Identity:
    """The identity of a run, from its checked config and the behaviour of its components."""
    entries = {kind: GROUPS[kind][getattr(config, kind)["name"]] for kind in GROUPS}
    entries["task"] = TASKS[entries["model"].task]
    entries |= {f"callbacks.{name}": CALLBACKS[name] for name in config.callbacks}
    entries |= {f"augment.{name}": AUGMENTATIONS[name] for name in config.augment}
    entries |= {f"metrics.{name}": EXTRA_METRICS[name] for name in config.metrics}
    flags = {kind: component_flags(entry.component) for kind, entry in entries.items()}
    resumed = None if config.resume is None else RunDir(Path(os.path.expanduser(config.resume)))
    # Weights to start from are identified by content, not by path; a resumed run brings its own.
    start = config.init.from_ if resumed is None else None
    whole = weights_identity(start).get("whole") if start else None
    group = start_group(start) if start else None
    resumed_group = group_of(resumed) if resumed else None  # seeds that continue one group's runs

    def contents(flags: Mapping[str, Mapping[str, Flags]]) -> tuple[dict[str, Any], dict[str, Any]]:
        content = essential(config.to_dict(), flags)
        content["init"]["from"] = whole
        if content["loss"]["name"] == config.task.loss:  # earlier configs do not name it
            del content["loss"]["name"]
        for kind in {"callbacks", "augment"} & set(content):  # they are called in their order
            content[kind] = list(content[kind].items())
        if resumed is not None:
            content["resume"] = resumed.name
        return content, without_seed(content, start=group, resumed=resumed_group)

    content, rest = contents(flags)
    earlier_content, earlier_rest = contents(earlier_flags(flags, entries["data"].component))
    every = {kind: source_of(entry) for kind, entry in entries.items()}
    sources = {kind: s for kind, s in every.items() if kind in ALWAYS or s != FIRST_VERSION}
    sources |= _loss_version(config)
    if (files := own_files(config)) is not None:
        sources[FILES] = f"sha256:{files.record.digest}"
    earlier = {kind: earlier_source(kind, entry) for kind, entry in entries.items()}
    known = {kind: source for kind, source in earlier.items() if source is not None}
    return Identity(
        config=digest(content),
        group=digest([rest, sources]),
        sources=sources,
        earlier_sources=known,
        earlier_config=digest(earlier_content),
        earlier_group=digest([earlier_rest, known]),
    )


def _loss_version(config: RunConfig) -> dict[str, str]:
    """Version 2 of a weighted loss whose batch is shared out: the mean is that of the whole."""
    is_shared = config.trainer.accumulate > 1 or config.trainer.processes > 1
    is_weighted = config.loss.get("class_weights", "none") != "none"
    named = config.loss["name"] == config.task.loss
    return {"loss": "v2"} if is_shared and is_weighted and named else {}
