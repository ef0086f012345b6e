"""What the files of a run folder must hold: read, checked, and named where they are damaged.

Listing, comparing or continuing runs may find a file that was cut short by a full disk, edited by
hand or copied badly. It is refused here, by name, and never further in.
"""

import contextlib
import functools
import io
import json
import math
import pickle
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnlab.config.options import GROUPS, LISTS
from cnnlab.metrics import split_of
from cnnlab.runs.read_file import (
    DEEPEST,
    DamagedFileError,
    parse_yaml,
    read_mapping,
    reason,
    require_file,
    shown,
)

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

EARLIER_LOSS = {"autoencoder": "mse", "conv_autoencoder": "mse"}  # of runs whose configs name none
LARGEST = 1e18  # of any number that a run reports: sums of squares stay finite
MOST_VALUES = 100_000  # of a config; aliases can make a small file endless
TEXTS = (
    *("name", "sweep", "model", "data", "task", "metric", "precision", "accelerator", "split"),
    *("device", "torch", "cnnlab", "commit", "paper"),
)
COUNTS = (
    *("seed", "params", "trainable_params", "macs", "epochs", "steps", "best_epoch", "ensemble"),
    *("num_train", "num_val", "num_test"),
    *("threads", "devices", "peak_host_bytes", "peak_device_bytes"),
)
# And what is measured on a split.
MEASURED = ("train_seconds", "images_per_second", "latency_seconds")
TIMES = ("started", "updated", "finished")
DIGESTS = ("config", "group", "earlier_group")  # of an identity


def read_status(file: Path) -> dict[str, Any]:
    """The content of a status.json; empty where there is none.

    Raises:
        DamagedFileError: it is damaged.
    """
    return read_mapping(file, json.loads, _status_fault) or {}


def read_result(file: Path) -> dict[str, Any]:
    """The content of a result.json, which may hold NaN; empty where there is none.

    Raises:
        DamagedFileError: it is damaged.
    """
    return read_mapping(file, json.loads, _result_fault) or {}


def read_config(file: Path) -> dict[str, Any]:
    """The content of a config.yaml: plain data, with a name in each group of components.

    Raises:
        DamagedFileError: there is none, or it is damaged.
    """
    config = read_mapping(file, _parse_config, _config_fault)
    if config is None:
        raise DamagedFileError(f"{file}: no such file")
    if isinstance(loss := config.get("loss"), dict) and "name" not in loss:
        model = config.get("model", {}).get("name")
        config["loss"] = {"name": EARLIER_LOSS.get(model, "cross_entropy"), **loss}
    return config


def _parse_config(text: str) -> Any:
    """A config in YAML. The runs of one configuration differ in their seed: it is parsed once."""
    seed = re.search(r"^seed: (\d{1,9})$", text, flags=re.MULTILINE)
    if seed is None:
        return parse_yaml(text)
    config = pickle.loads(_parsed(f"{text[: seed.start()]}seed: 0{text[seed.end() :]}"))
    if isinstance(config, dict) and config.get("seed") == 0:
        return {**config, "seed": int(seed[1])}
    return parse_yaml(text)


@functools.lru_cache(maxsize=512)
def _parsed(text: str) -> bytes:
    """A YAML document, pickled: the quickest copy of plain data."""
    return pickle.dumps(parse_yaml(text))


def read_metrics(file: Path) -> "pd.DataFrame":
    """A metrics.csv, one row per epoch.

    Raises:
        DamagedFileError: there is none, or it is damaged.
    """
    import pandas as pd

    try:
        require_file(file)
        text = file.read_text(encoding="utf-8")
        if (plain := _plain_columns(text)) is not None:
            return pd.DataFrame(plain)
        rows = pd.read_csv(io.StringIO(text))
    except (OSError, ValueError) as error:  # pandas' own errors are ValueErrors
        raise DamagedFileError(f"{file}: {reason(error)}") from error
    other = [name for name in rows.columns if not pd.api.types.is_numeric_dtype(rows[name])]
    if "epoch" not in rows or other:
        fault = (
            f"column '{other[0]}' has values that are not numbers" if other else "no column 'epoch'"
        )
        raise DamagedFileError(f"{file}: {fault}")
    if not rows["epoch"].between(1, LARGEST).all():
        raise DamagedFileError(f"{file}: an epoch is not a number of at least 1")
    return rows if rows["epoch"].is_unique else rows.drop_duplicates("epoch", keep="last")


def read_metric_columns(file: Path) -> "dict[str, NDArray[Any]]":
    """As ``read_metrics``, by column; loads pandas only where the table has gaps or damage."""
    with contextlib.suppress(OSError, ValueError):
        if (plain := _plain_columns(file.read_text(encoding="utf-8"))) is not None:
            return plain
    return {str(name): column.to_numpy() for name, column in read_metrics(file).items()}


def _plain_columns(text: str) -> "dict[str, NDArray[Any]] | None":
    """Of numbers alone and epochs 1, 2, 3...: faster than pandas. None of any other text."""
    import numpy as np

    heading, *lines = text.splitlines() or [""]
    names = heading.split(",")
    try:
        values = np.array([line.split(",") for line in lines], dtype=float)
    except ValueError:  # not numbers, or lines of different lengths
        return None
    if values.ndim != 2 or values.shape[1] != len(names) or len(set(names)) < len(names):
        return None
    columns = dict(zip(names, values.T, strict=True))
    epochs = columns.get("epoch", np.empty(0))
    if not np.array_equal(epochs, np.arange(1, len(epochs) + 1)) or not len(epochs):
        return None
    whole = {"epoch": epochs.astype("int64")}
    if "step" in columns and (columns["step"] % 1 == 0).all():
        whole["step"] = columns["step"].astype("int64")
    return columns | whole


def _status_fault(status: dict[str, Any]) -> str:
    identity = status.get("identity")
    if identity is not None and not isinstance(identity, dict):
        return f"identity={shown(identity)} is not a mapping"
    texts = {key: status.get(key) for key in ("error", "traceback")}
    texts |= {f"identity.{key}": (identity or {}).get(key) for key in DIGESTS}
    tables = {
        "choices": status.get("choices"),
        "identity.sources": (identity or {}).get("sources"),
    }
    imports = status.get("imports")
    if imports is not None and not (isinstance(imports, list) and all(map(_is_text, imports))):
        return f"imports={shown(imports)} is not a list of names"
    return (
        _first_fault(texts, lambda value: value is None or _is_text(value), "text")
        or _first_fault(tables, _is_table, "a mapping of names")
        or _first_fault(
            {key: status[key] for key in TIMES if key in status},
            lambda value: _is_number(value) and math.isfinite(value),
            "a time",
        )
    )


def _result_fault(result: dict[str, Any]) -> str:
    counts = {k: v for k, v in result.items() if k in COUNTS}
    measured = {k: v for k, v in result.items() if k in MEASURED or split_of(k)}
    texts = {k: v for k, v in result.items() if k in TEXTS}
    return (
        _first_fault(texts, _is_text, "text")
        or _first_fault(counts, lambda v: type(v) is int and 0 <= v <= LARGEST, "a count")
        or _first_fault(measured, _is_number, "a number")
    )


def _config_fault(config: dict[str, Any]) -> str:
    waiting: list[tuple[Any, int]] = [(config, 0)]
    for _ in range(MOST_VALUES):
        if not waiting:
            break
        value, depth = waiting.pop()
        if isinstance(value, dict) and not all(map(_is_text, value)):
            return "has an option whose name is not text"
        inner = value.values() if isinstance(value, dict) else value
        if isinstance(value, dict | list):
            waiting += ((item, depth + 1) for item in inner)
        if depth > DEEPEST:
            return "is nested too deeply"
    if waiting:
        return "holds too many values for a config"
    chosen = {kind: config[kind] for kind in GROUPS if kind in config and kind != "loss"}
    lists = {kind: config[kind] for kind in LISTS if kind in config}
    others = {key: config[key] for key in ("trainer", "init", "loss", "sweep") if key in config}
    return (
        _first_fault(chosen, lambda v: isinstance(v, dict) and _is_text(v.get("name")), "a choice")
        or _first_fault(others | lists, lambda v: isinstance(v, dict), "a group of options")
        or _first_fault(
            {"init.from": config.get("init", {}).get("from"), "resume": config.get("resume")},
            lambda value: value is None or _is_text(value),
            "a path",
        )
        or _first_fault(
            {"trainer.epochs": config.get("trainer", {}).get("epochs")},
            lambda value: value is None or (type(value) is int and value <= LARGEST),
            "a whole number",
        )
    )


def _first_fault(values: Mapping[str, Any], holds: Callable[[Any], bool], kind: str) -> str:
    """``seed='x' is not a count`` for the first value that does not hold; else empty."""
    for key, value in values.items():
        if not holds(value):
            return f"{key}={shown(value)} is not {kind}"
    return ""


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_table(value: Any) -> bool:
    is_mapping = isinstance(value, dict) and all(map(_is_text, value.values()))
    return value is None or is_mapping


def _is_number(value: Any) -> bool:
    """NaN and infinities are numbers too; a run may have them."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and not LARGEST < abs(value) < math.inf
