"""What an exported network must be known by: its input, its classes, its data, its accuracy."""

import json
from collections.abc import Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from cnnlab.registry import DATASETS, MODELS
from cnnlab.text import precision_option

if TYPE_CHECKING:
    from cnnlab.inference.load import Run

SCORES = ("test_acc", "test_loss", "test_macro_f1", "num_test")
PLACES = ("runs_dir", "resume")
COLOURS = {1: "grey", 3: "RGB"}


def facts(run: "Run") -> dict[str, Any]:
    """Plain data that is stored inside every exported file.

    ``mean`` and ``std`` are per channel, of pixels scaled to 0..1: the normalisation is not part of
    the exported network, whose input is normalised.
    """
    spec, config = run.spec, run.config
    mean, std = spec.normalisation()
    model, data = MODELS[config.model["name"]], DATASETS[config.data["name"]]
    is_classifier = config.task.name == "classify"
    channels = COLOURS.get(spec.channels, f"{spec.channels} channels")
    return {
        "model": run.result.get("model", model.name),
        "paper": model.paper,
        "task": config.task.name,
        "input": "images: float32 (N, C, H, W), (pixels / 255 - mean) / std",
        "shape": list(spec.shape),
        "channels": channels,
        "mean": list(mean),
        "std": list(std),
        "output": (
            "logits: float32 (N, K), softmax gives the probabilities of the classes"
            if is_classifier
            else f"{config.task.output}: float32, images in 0..1"
        ),
        "classes": list(spec.class_names) if is_classifier else [],
        "data": data.name,
        "data_licence": getattr(data.component, "licence", "") or "not stated",
        **{name: run.result[name] for name in SCORES if name in run.result},
        "precision": precision_option(str(run.result.get("precision", "32"))),
        "run": run.folder.name,
        "cnnlab": version("cnnlab"),
        "torch": version("torch"),
        "config": _without_places(run.folder.config()),
    }


def _without_places(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config without the folders of whoever trained."""
    kept = {name: value for name, value in config.items() if name not in PLACES}
    data = {name: value for name, value in config["data"].items() if name != "root"}
    return {**kept, "data": data}


def as_texts(content: Mapping[str, Any]) -> dict[str, str]:
    """The same with text alone: what is no text as JSON."""
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in content.items()
    }
