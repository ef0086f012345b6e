"""The model card of exported weights, as markdown with the fields that model hubs read."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from cnnlab.metrics import show_scores
from cnnlab.text import si

MOST_CLASSES = 20
START = "---\nlibrary_name: cnnlab\n"  # of the fields that model hubs read


def is_model_card(file: Path) -> bool:
    """Whether nothing is lost if a card takes the file's place: it is one, or is not there."""
    try:
        with file.open("rb") as opened:
            return opened.read(len(START)) == START.encode()
    except OSError:
        return not os.path.exists(file)


def model_card(facts: Mapping[str, Any], result: Mapping[str, Any], file: str) -> str:
    """README.md for a file of weights: data, classes, normalisation, accuracy, licence, config.

    Args:
        facts: of the run, as `facts` gives them.
        result: the run's result.json.
        file: the name of the file of weights.
    """
    score = "not tested"
    if "num_test" in result:
        score = f"{show_scores(result, 'test')}, on {result['num_test']:,} test images"
        if result.get("partial"):
            score += " (a sample of them)"
        tta = facts["config"].get("trainer", {}).get("tta", "none")
        if tta != "none":
            score += f", with test-time augmentation (trainer.tta={tta}), which is not exported"
    head = {
        "library_name": "cnnlab",
        "license": "unknown",
        "datasets": [facts["data"]],
        "data_licence": facts["data_licence"],
        "tags": ["image-classification" if facts["classes"] else "image-to-image", facts["model"]],
    }
    channels, height, width = facts["shape"]
    names = facts["classes"]
    listed = ", ".join(names[:MOST_CLASSES]) + (" and so on" if len(names) > MOST_CLASSES else "")
    rows = {
        "model": facts["model"] + (f" ({facts['paper']})" if facts["paper"] else ""),
        "parameters": si(result["params"]) if "params" in result else "not counted",
        "data": facts["data"],
        "licence of the data": facts["data_licence"],
        "licence of these weights": "to be chosen by who publishes them",
        "test": score,
        "input": f"{facts['input']}: {channels} channels ({facts['channels']}), {height}x{width}",
        "mean": ", ".join(f"{value:g}" for value in facts["mean"]) + " of pixels in 0..1",
        "std": ", ".join(f"{value:g}" for value in facts["std"]),
        "output": facts["output"],
        f"{len(names)} classes, in this order": listed or "none",
        "made with": f"cnnlab {facts['cnnlab']}, torch {facts['torch']}",
    }
    start = f"To start a training from them: `cnnlab train init.from={file} ...`. "
    if "ensemble" in result:
        start = f"An ensemble of {result['ensemble']} networks, `models.0.` and so on. "
    table = "\n".join(f"| {name} | {value} |" for name, value in rows.items())
    return (
        f"---\n{yaml.safe_dump(head, sort_keys=False)}---\n\n# {facts['run']}\n\n"
        f"Weights in `{file}`; the metadata of that file has all of this, too.\n\n"
        f"| | |\n|--|--|\n{table}\n\n"
        f"{start}Config of the run:\n\n"
        f"```yaml\n{yaml.safe_dump(facts['config'], sort_keys=False)}```\n"
    )
