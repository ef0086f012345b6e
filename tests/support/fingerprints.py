"""What every registered component does, in a few numbers: recorded in tests/fingerprints.json.

``python tests/support/fingerprints.py`` records new components, new versions, and new choices of
an option. What was computed on another machine agrees within ``TOLERANCE``.
"""

import functools
import importlib.util
import json
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin
from unittest import mock

import torch
import torch.nn.functional as F
from dataset_fingerprints import augmentation_fingerprint, dataset_fingerprint
from fingerprint_numbers import rounded, summary, summary_of, wave, words
from loss_fingerprints import loss_fingerprint, task_fingerprint
from torch import Tensor, nn

from cnnlab.app.listing import variants
from cnnlab.config.options import GROUPS
from cnnlab.config.schema import build, options
from cnnlab.discovery import discover
from cnnlab.registry import AUGMENTATIONS, MODELS, TASKS, CnnlabError, Entry
from cnnlab.runs.essential import digest
from cnnlab.spec import ImageSpec

FILE = Path(__file__).parents[1] / "fingerprints.json"
COMMAND = "python tests/support/fingerprints.py"
TOLERANCE = 1e-3  # numbers are of the order of 1, computed in 64 bits
Numbers = list[float]
Fingerprint = dict[str, Any]

MODEL_OPTIONS: dict[str, dict[str, Any]] = {  # what a default does not say, or says too large
    "airbench": {"widths": [8, 16, 16]},
    "alexnet": {"hidden": [32]},
    "conv_stack": {
        "layers": ["conv 8 3 padding=same", "batchnorm", "relu", "maxpool 2", "dropout 0.5"]
    },
    "timm": {"arch": "mobilenetv3_small_050"},
    "torchvision": {"arch": "shufflenet_v2_x0_5"},
    "vgg": {"depth": 11, "hidden": [32]},
}
OF_LIBRARIES = ("timm", "torchvision")  # their numbers are those of the version installed
ONE_BY_ONE = 300_000  # parameters: of smaller models every choice of an option is taken once
SPECS = [ImageSpec(c, side, side, 10) for c, side in ((3, 24), (3, 32), (1, 28), (3, 64), (3, 96))]
OTHER_OPTIMIZERS = {
    "sgd": {"nesterov": True},
    "adam": {"weight_decay": 0.1, "beta1": 0.5},
    "adamw": {"beta2": 0.9},
    "rmsprop": {"momentum": 0.5, "weight_decay": 0.1},
    "muon": {"momentum": 0.5, "weight_decay": 0.1, "normalize_weights": True, "ns_steps": 3},
}
SCHEDULE_OPTIONS: dict[str, list[dict[str, Any]]] = {
    "step": [{"every": 2}],
    "linear": [{}, {"warmup": 0.4, "final_factor": 0.07}],
    "multistep": [{"milestones": [1, 3.5]}, {"milestones": [1], "warmup": 0.5}],
    "cosine": [{"warmup_epochs": 0}, {"warmup_epochs": 1, "final_factor": 0.1}],
    "plateau": [{"patience": 1}, {"patience": 0, "metric": "val_acc"}],
}


def fingerprint(kind: str, entry: Entry) -> Fingerprint:
    """The component's version and what it does, as plain data."""
    make: dict[str, Callable[[Entry], Fingerprint]] = {
        "model": _model,
        "data": dataset_fingerprint,
        "optim": _optimizer,
        "schedule": _schedule,
        "loss": loss_fingerprint,
        "task": task_fingerprint,
        "augment": augmentation_fingerprint,
    }
    return {"version": entry.version, **make[kind](entry)}


def entries() -> Iterator[tuple[str, Entry]]:
    """Every component of this package whose extra is installed, and its group."""
    discover()
    for kind, registry in {**GROUPS, "task": TASKS, "augment": AUGMENTATIONS}.items():
        for entry in registry:
            ours = entry.component.__module__.startswith("cnnlab.")
            if ours and all(map(importlib.util.find_spec, entry.packages)):
                yield kind, entry


# Models


def _model(entry: Entry) -> Fingerprint:
    base = MODEL_OPTIONS.get(entry.name, {})
    with torch.device("meta"):
        small = _count(_built(entry, base, _smallest_spec(entry, base))) <= ONE_BY_ONE
    found = {}
    for changes in [{}, *(_choices(entry) if small else ())]:
        try:
            spec = _smallest_spec(entry, base | changes)
        except AssertionError:  # an option that needs another
            continue
        found[words(base | changes)] = _learns(entry, base | changes, spec)
    return {"behaviour": found, "variants": _variants(entry)}


def _built(entry: Entry, options: Mapping[str, Any], spec: ImageSpec) -> nn.Module:
    model: nn.Module = build(MODELS, {"name": entry.name, **options}, spec)
    return model


def _count(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def _choices(entry: Entry) -> Iterator[dict[str, Any]]:
    for name, option in options(entry.component).items():
        annotation = option.annotation
        values = get_args(annotation) if get_origin(annotation) is Literal else ()
        values = (True, False) if annotation is bool else values
        yield from ({name: value} for value in values if value != option.default)


def _smallest_spec(entry: Entry, options: Mapping[str, Any]) -> ImageSpec:
    for spec in SPECS:
        try:
            with torch.device("meta"):
                _built(entry, options, spec).eval()(torch.empty(1, *spec.shape))
        except (CnnlabError, RuntimeError):
            continue
        return spec
    raise AssertionError(f"{entry.name} takes no images")


def _learns(entry: Entry, options: Mapping[str, Any], spec: ImageSpec) -> Fingerprint:
    """Outputs and gradients in training, and outputs in evaluation, of four images."""
    torch.manual_seed(0)
    model = _built(entry, options, spec).double().train()
    if entry.name in OF_LIBRARIES:
        return {"spec": str(spec), "parameters": _shapes(model)}
    images = wave((4, *spec.shape), 0.7)
    with mock.patch.object(F, "dropout", _dropout):
        outputs = model(images)
        if entry.task == "reconstruct":
            loss = F.mse_loss(outputs, images)
        else:
            loss = F.cross_entropy(outputs, torch.arange(4))
    loss.backward()
    named = dict(model.named_parameters())
    gradients = [p.grad for p in named.values() if p.grad is not None]
    with torch.no_grad():
        evaluated = model.eval()(images)
    return {
        "spec": str(spec),
        "parameters": _shapes(model),
        "outputs": summary(outputs),
        "evaluated": summary(evaluated),
        "gradients": summary(torch.cat([summary_of(g) for g in gradients])),
    }


def _dropout(x: Tensor, p: float = 0.5, training: bool = True, _: bool = False) -> Tensor:
    """Drops by a pattern: torch's random masks differ between processors."""
    if not training or p == 0:
        return x
    place = torch.arange(x.numel(), dtype=torch.float64).view(x.shape)
    return x * ((place * 0.6180339887) % 1 >= p) / (1 - p)


def _shapes(model: nn.Module) -> str:
    return digest([[name, list(p.shape)] for name, p in model.named_parameters()])


def _variants(entry: Entry) -> dict[str, str]:
    """Names and shapes of the parameters of each YAML variant."""
    found = {}
    for name, config in variants(MODELS):
        if config["name"] == entry.name:
            own = {key: value for key, value in config.items() if key != "name"}
            with torch.device("meta"):
                found[name] = _shapes(_built(entry, own, ImageSpec(3, 224, 224, 10)))
    return found


# Optimisers and schedules


def _optimizer(entry: Entry) -> Fingerprint:
    usual = {"lr": 0.05} if entry.name == "sgd" else {}  # whose default depends on the network
    return {
        words(options): _three_steps(functools.partial(entry.component, **options))
        for options in (usual, {"lr": 0.01, **OTHER_OPTIMIZERS.get(entry.name, {})})
    }


def _three_steps(make: Callable[[list[nn.Parameter]], torch.optim.Optimizer]) -> Numbers:
    """The change of a matrix and a vector by three steps, in learning rates of 1e-3."""
    weights = [nn.Parameter(wave((4, 3), 0.7)), nn.Parameter(wave((4,), 1.1))]
    before = torch.cat([weight.detach().flatten() for weight in weights])
    optimizer = make(weights)
    for step in range(3):
        for i, weight in enumerate(weights):
            weight.grad = wave(tuple(weight.shape), 0.3 + i + step)
        optimizer.step()
    after = torch.cat([weight.detach().flatten() for weight in weights])
    return rounded((after - before) * 1e3)


def _schedule(entry: Entry) -> Fingerprint:
    return {
        words(options): _factors(entry.component(50, 10, **options))
        for options in SCHEDULE_OPTIONS.get(entry.name, [{}])
    }


def _factors(schedule: Any) -> Numbers:
    """At every third of 50 steps, with a loss that falls for two epochs of ten steps."""
    factors = []
    for step in range(50):
        if step % 10 == 0 and step > 0:
            epoch = min(step // 10, 2)
            row = {"epoch": step // 10, "val_loss": 1 / epoch, "val_acc": 1 - 0.5 / epoch}
            schedule.epoch_end(row)
        factors.append(schedule.factor(step))
    return rounded(torch.tensor(factors[::3], dtype=torch.float64))


# Recording


def recorded() -> dict[str, Fingerprint]:
    """The committed fingerprints by group and name, ``model=mlp``."""
    content: dict[str, Fingerprint] = json.loads(FILE.read_text()) if FILE.exists() else {}
    return content


def changes(past: Any, now: Any, where: str = "") -> list[str]:
    """Where a fingerprint differs from what is recorded by more than the tolerance."""
    if isinstance(past, dict) and isinstance(now, dict):
        found = (changes(past[key], now.get(key), f"{where} {key}".strip()) for key in past)
        return [place for places in found for place in places]
    if isinstance(past, list) and isinstance(now, (list, tuple)) and len(past) == len(now):
        pairs = zip(past, now, strict=True)
        return [where] if any(changes(a, b) for a, b in pairs) else []
    if isinstance(past, float) and isinstance(now, (int, float)):
        return [] if math.isclose(past, now, rel_tol=TOLERANCE, abs_tol=TOLERANCE) else [where]
    return [] if past == now else [where]


def additions(past: Any, now: Any, where: str = "") -> list[str]:
    """What a fingerprint has that is not recorded: a new variant, a new choice of an option."""
    if not (isinstance(past, dict) and isinstance(now, dict)):
        return []
    new = [f"{where} {key}".strip() for key in now if key not in past]
    old = (additions(past[key], now[key], f"{where} {key}".strip()) for key in now if key in past)
    return new + [place for places in old for place in places]


def problem(key: str, past: Fingerprint | None, now: Fingerprint) -> str | None:
    """What is to be done about a component whose fingerprint is not the one recorded."""
    if past is None or past["version"] != now["version"]:
        return f"version {now['version']} of {key} is not recorded: run {COMMAND}"
    if changed := changes(past, now):
        return (
            f"behaviour of {key} changed ({', '.join(changed)}): undo that, or raise version= "
            f"at its registration and run {COMMAND} to record"
        )
    if added := additions(past, now):
        return f"{key} has {', '.join(added)}, not recorded: run {COMMAND}"
    return None


def record() -> None:
    """Write what is new, and what has a new version; refuse what has changed without one."""
    kept = recorded()
    for kind, entry in entries():
        key = f"{kind}={entry.name}"
        now, past = fingerprint(kind, entry), kept.get(key)
        message = problem(key, past, now)
        if message is not None and message.startswith("behaviour"):
            print(message)
        elif message is not None:
            kept[key] = now
            print(f"recorded {key}, version {now['version']}")
    lines = (f" {json.dumps(key)}: {json.dumps(value)}" for key, value in sorted(kept.items()))
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    record()
