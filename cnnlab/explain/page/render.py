"""The page: one file with its numbers, style and script, and nothing loaded from anywhere."""

import base64
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from cnnlab.explain.network import check_label
from cnnlab.explain.page.extent import Extent, extent
from cnnlab.explain.page.numbers import stage_numbers
from cnnlab.explain.page.stages import Passage, passage
from cnnlab.explain.pictures.drawing import picture
from cnnlab.explain.pictures.probabilities import percent
from cnnlab.explain.trace.torch_bridge import as_written
from cnnlab.spec import ImageSpec
from cnnlab.text import as_script, plural, render_page, script_hash

FOLDER = Path(__file__).parent
SCRIPTS = ("look.js", "unit.js")
MOST_CLASSES = 10
MOST_NAMES = 8


def look_page(
    model: nn.Module,
    image: Tensor,
    spec: ImageSpec,
    title: str,
    *,
    label: int | None = None,
    is_classifier: bool = True,
) -> str:
    """The HTML of the page of one image; the model is unchanged.

    Args:
        image: normalised (C, H, W).
        title: what was looked at.
        label: its true class; None where it is not known.
        is_classifier: whether the outputs are logits (N, K), which become probabilities.

    Raises:
        CnnlabError: the label is no class of the network, or its output is not finite.
    """
    with as_written(model) as network:
        found = passage(network, image)
    if is_classifier:
        check_label(label, len(found.output))
    shown = extent(found.stages)
    classes = _classes(found.output, spec, label) if is_classifier else []
    script = "".join((FOLDER / name).read_text(encoding="utf-8") for name in SCRIPTS)
    context = {
        "title": title,
        "left_out": left_out(found, shown),
        "classes": classes,
        "label": label,
        "version": version("cnnlab"),
        "style": (FOLDER / "look.css").read_text(encoding="utf-8"),
        "script": script,
        "hash": script_hash(script),
        "numbers": as_script(numbers(found, shown, image, spec)),
    }
    return render_page(FOLDER / "look.html.jinja", context)


def numbers(found: Passage, shown: Extent, image: Tensor, spec: ImageSpec) -> dict[str, Any]:
    """All that the script needs: the image's pixels, and the stages that are shown."""
    pixels = (picture(image, spec) * 255 + 0.5).astype(np.uint8)
    return {
        "image": {
            "height": pixels.shape[0],
            "width": pixels.shape[1],
            "pixels": base64.b64encode(pixels.tobytes()).decode(),
        },
        "classes": spec.class_names,
        "stages": [stage_numbers(found.stages, index, shown) for index in shown.stages],
    }


def left_out(found: Passage, shown: Extent) -> list[str]:
    """What is not on the page, in sentences."""
    said = []
    names = [s.name for i, s in enumerate(found.stages) if i not in shown.channels]
    if names:
        said.append(f"For its size, without {plural(len(names), 'layer')}: {_some(names)}.")
    fewer = [
        found.stages[index].name
        for index in shown.stages
        if len(shown.channels[index]) < len(found.stages[index].output)
    ]
    if fewer:
        said.append(
            f"Of {_some(fewer)} only the strongest maps or units for this image are shown; their "
            "numbers are those in the network, and sums say what the others add."
        )
    if found.left_out:
        said.append(
            "Without layers that return neither feature maps nor one vector: "
            f"{_some(found.left_out)}."
        )
    if not shown.stages:
        said.append("No layer of this network returns feature maps or a vector.")
    return said


def _some(names: Any) -> str:
    rest = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {rest} more" if rest > 0 else "")


def _classes(logits: Tensor, spec: ImageSpec, label: int | None) -> list[dict[str, Any]]:
    """The ten most probable classes, the last of them the true one if it is not among them."""
    probability = logits.detach().float().softmax(0)
    order = [int(k) for k in probability.argsort(descending=True, stable=True)[:MOST_CLASSES]]
    if label is not None and label not in order:
        order[-1] = label
    names = spec.class_names
    return [
        {
            "name": names[k] if k < len(names) else f"class {k}",
            "percent": 100 * float(probability[k]),
            "text": percent(float(probability[k])),
            "is_true": k == label,
        }
        for k in order
    ]
