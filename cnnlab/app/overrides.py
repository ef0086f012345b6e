"""Command-line words before Hydra reads them: where configs lie, quoting, going on from a run."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cnnlab.config.options import GROUPS, LISTS
from cnnlab.registry import CnnlabError
from cnnlab.runs.identity import VOLATILE
from cnnlab.runs.run_dir import RunDir

_PACKAGE = Path(__file__).parents[1]
CONF = _PACKAGE / "conf" if (_PACKAGE / "conf").is_dir() else _PACKAGE.parent / "conf"
PATH_KEYS = ("resume", "runs_dir", "data.root")
SWEPT_KEYS = ("init.from", "init.freeze")  # paths and patterns of which several may be given


def quote(value: Any) -> str:
    """A value in Hydra's override grammar."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{quote(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(quote, value)) + "]"
    return (
        "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    )


def quote_values(words: Sequence[str]) -> list[str]:
    """Quote what would mean something else to Hydra: paths, and ``=`` inside a list's items."""
    return [_quote_value(word) for word in words]


def _quote_value(word: str) -> str:
    key, _, value = word.partition("=")
    if key in PATH_KEYS and value not in ("", "null") and value[0] not in "'\"":
        return f"{key}={quote(value)}"
    if key in SWEPT_KEYS and value and value[0] not in "'\"":
        texts = (None if text == "null" else text for text in value.split(","))
        return f"{key}={','.join(map(quote, texts))}"
    if "=" in value and re.fullmatch(r"\[[^\[\]'\"]*\]", value):
        items = [item.strip() for item in value[1:-1].split(",")]
        return f"{key}=[{','.join(quote(item) if '=' in item else item for item in items)}]"
    return word


def expand_resume(words: Sequence[str]) -> list[str]:
    """Replace ``resume=RUN`` by everything that RUN's config says, under the user's overrides.

    Raises:
        CnnlabError: RUN is no run, or another model, data set or start is asked for.
    """
    given = dict(word.partition("=")[::2] for word in words if "=" in word)
    if "resume" not in given or given["resume"] in ("", "null"):
        return list(words)
    run = RunDir.open(given["resume"].strip("'\""))
    config, choices = run.config(), run.status().get("choices", {})
    for kind in ("model", "data"):
        if kind in given:
            raise CnnlabError(
                f"{kind}={given[kind]}: resume goes on with {config[kind]['name']}, "
                f"the {kind} of {run.name}"
            )
    for key in given:
        if key.startswith("init."):
            raise CnnlabError(f"{key}={given[key]}: resume goes on with the weights of {run.name}")
    base = [f"{kind}={choices.get(kind, config[kind]['name'])}" for kind in GROUPS]
    for kind in LISTS:  # an older config has neither, and keeps the defaults
        if kind in config and kind not in given:
            base.append(f"{kind}=[{','.join(config[kind])}]")
    place = {"runs_dir": str(run.path.parent.parent), "sweep.name": run.path.parent.name}
    settings = {
        key: value
        for key, value in _leaves(config)
        if not key.endswith(".name") and key.split(".")[0] not in (*VOLATILE, *LISTS, "resume")
    }
    if "trainer.max_steps" in given:  # the epochs follow from it
        settings.pop("trainer.epochs", None)
    settings |= {
        f"{kind}.{key}": value
        for kind in LISTS
        if kind not in given
        for key, value in _leaves(config.get(kind, {}))
        if value != {}
    }
    changed_groups = tuple(f"{kind}." for kind in GROUPS if kind in given)
    base += [
        f"{key}={quote(value)}"
        for key, value in {**settings, **place}.items()
        if key not in given and not key.startswith(changed_groups)
    ]
    base = [word for word in base if word.partition("=")[0] not in given]
    return base + list(words)


def _leaves(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


VALUED_FLAGS = {
    *("--cfg", "-c", "--package", "-p", "--config-path", "-cp"),
    *("--config-name", "-cn", "--config-dir", "-cd", "--info", "-i"),
}


def split_flags(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Hydra's flags, each followed by its value, and the overrides.

    Hydra's own parser refuses overrides on both sides of a flag.
    """
    flags: list[str] = []
    overrides: list[str] = []
    for word in words:
        takes = bool(flags) and flags[-1] in VALUED_FLAGS and "=" not in word
        (flags if word.startswith("-") or takes else overrides).append(word)
    return flags, overrides
