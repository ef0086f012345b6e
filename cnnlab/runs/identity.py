"""Which folder a job belongs to: readable names, and the identity that makes a re-run safe."""

import hashlib
import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnnlab.config import schema
from cnnlab.config.options import RunConfig
from cnnlab.registry import DATASETS, MODELS
from cnnlab.runs.run_dir import RunDir
from cnnlab.runs.weights import weights_identity

VOLATILE = ("runs_dir", "sweep", "rerun", "logger")  # where a run lies, not what it is
LONGEST_NAME = 120
QUOTES = "'\""


@dataclass(frozen=True)
class Identity:
    """What makes two jobs the same one. Each part is a hexadecimal digest."""

    config: str  # the config without volatile keys
    group: str  # the same without the seed: one row of a comparison
    sources: Mapping[str, str]  # of the files that define the model and the data set

    @property
    def key(self) -> str:
        """The end of the folder's name: 8 hexadecimal digits."""
        return _digest([self.config, dict(self.sources)])[:8]

    def to_dict(self) -> dict[str, Any]:
        return {"config": self.config, "group": self.group, "sources": dict(self.sources)}


def identify(config: RunConfig) -> Identity:
    """The identity of a run, from its checked config and the sources of its components."""
    essential = config.to_dict()
    for key in VOLATILE:
        essential.pop(key)
    if not essential["callbacks"]:
        essential.pop("callbacks")
    essential["trainer"].pop("checkpoint_every")  # how often it is saved changes no result
    root = schema.options(DATASETS[config.data["name"]].component).get("root")
    if root is not None and not root.required:  # a standard set is the same wherever it lies
        essential["data"].pop("root")
    if config.resume is not None:
        essential["resume"] = Path(config.resume).name
    # Weights to start from are what they are wherever they lie; a resumed run brings its own.
    start = {} if config.resume or not config.init.from_ else weights_identity(config.init.from_)
    essential["init"]["from"] = start.get("whole")
    sources = {
        "model": source_digest(MODELS[config.model["name"]].component),
        "data": source_digest(DATASETS[config.data["name"]].component),
    }
    without_seed = {key: value for key, value in essential.items() if key != "seed"}
    if config.resume is not None:  # seeds that went on from runs of one group are one group
        source = RunDir(Path(config.resume).expanduser()).status()
        without_seed["resume"] = source.get("identity", {}).get("group")
    without_seed["init"] = {**essential["init"], "from": start.get("group")}
    return Identity(_digest(essential), _digest([without_seed, sources]), sources)


def source_digest(component: Callable[..., Any]) -> str:
    """A digest of the file that defines a component and of those it imports beside it.

    Empty when the component was typed into a session.
    """
    files = sorted(_source_files(component.__module__, set()))
    content = b"".join(file.read_bytes() for file in files)
    return hashlib.sha256(content).hexdigest()[:12] if files else ""


def _source_files(module: str, seen: set[str]) -> set[Path]:
    """The module's file and, from the same package, those of everything it took names from."""
    seen.add(module)
    loaded = sys.modules.get(module)
    file = getattr(loaded, "__file__", None)
    if loaded is None or file is None:
        return set()
    files = {Path(file)}
    package = module.rpartition(".")[0]
    for value in list(vars(loaded).values()):
        other = getattr(value, "__module__", None)
        if package and isinstance(other, str) and other.startswith(f"{package}."):
            files |= set() if other in seen else _source_files(other, seen)
    return files


def _digest(content: Any) -> str:
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def run_name(choices: Mapping[str, str], overrides: Iterable[tuple[str, str]]) -> str:
    """``lenet5_mnist_lr0.05_seed1``: the model, the data set and whatever else was overridden."""
    parts = [choices["model"], choices["data"]]
    parts += [_part(key, value) for key, value in overrides if key not in ("model", "data")]
    return _joined(parts)


def sweep_name(overrides: Iterable[tuple[str, str]]) -> str:
    """``mlp-lenet5_seed0-1-2``: what a multirun's command line says, in its order."""
    return _joined([_part(key, value) for key, value in overrides]) or "defaults"


def short_source(path: str) -> str:
    """Where weights come from, for names and tables: of a run its name's first word and its key."""
    name = re.sub(r"\.(safetensors|pth?|ckpt)$", "", Path(path).name)
    return re.sub(r"^([^_]+).*-(\w{8})$", r"\1-\2", name)


def _part(key: str, value: str) -> str:
    if key in ("data.root", "trainer.test") or key.split(".")[0] in VOLATILE:
        return ""
    if key == "resume":
        return "resumed"
    if key == "init.from":
        value = f"from-{short_source(value.strip(QUOTES))}"
    word = re.sub(r"[^\w.+]+", "-", value).strip("-")
    tells_itself = ("." not in key and key not in ("seed", "batch_size")) or key == "init.from"
    return word if tells_itself else f"{key.split('.')[-1]}{word}"


def _joined(parts: Iterable[str]) -> str:
    name = "_".join(part for part in parts if part)
    if len(name) <= LONGEST_NAME:
        return name
    return f"{name[:LONGEST_NAME]}-{_digest(name)[:4]}"


def run_dir_for(folder: Path, name: str, identity: Identity, *, rerun: bool = False) -> RunDir:
    """The folder of a job: the one that bears its identity, else a new one (not yet made).

    With ``rerun``, the first free ``-2``, ``-3``, ... beside it.
    """
    held = sorted(folder.glob(f"*-{identity.key}"))
    if not held:
        return RunDir(folder / f"{name}-{identity.key}")
    if not rerun:
        return RunDir(held[0])
    count = 2
    while Path(f"{held[0]}-{count}").exists():
        count += 1
    return RunDir(f"{held[0]}-{count}")


def outdated(run: RunDir, identity: Identity) -> list[tuple[RunDir, str]]:
    """Runs of the same config beside ``run`` whose model or data source has since been edited."""
    found = []
    for other in sorted(run.path.parent.glob("*/status.json")):
        past = RunDir(other.parent).status().get("identity", {})
        if past.get("config") == identity.config:
            found += [
                (RunDir(other.parent), part)
                for part, digest in identity.sources.items()
                if past.get("sources", {}).get(part) != digest
            ]
    return found
