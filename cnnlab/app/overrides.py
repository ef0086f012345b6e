"""Override words before Hydra parses them: quoting, and ``resume=RUN`` written out."""

import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

import yaml

from cnnlab.config.check import NOT_TEXT
from cnnlab.config.flags import flags, run_level_annotation
from cnnlab.config.options import GROUPS, LISTS
from cnnlab.config.schema import options
from cnnlab.registry import CnnlabError
from cnnlab.runs.contents import read_status
from cnnlab.runs.ensemble_record import refuse_ensemble
from cnnlab.runs.run_dir import RunDir
from cnnlab.runs.writable import refuse_long_name

if TYPE_CHECKING:  # listings need nothing of Hydra
    from hydra.core.override_parser.types import Override

QUOTED_KEY = re.compile(r"""(?<=[{,\s])(?P<mark>['"])(?P<key>[^'"]*)(?P=mark)\s*:""")
_PACKAGE = Path(__file__).parents[1]
CONF = _PACKAGE / "conf" if (_PACKAGE / "conf").is_dir() else _PACKAGE.parent / "conf"


def default_choices() -> Iterator[tuple[str, Any]]:
    """Each group of conf/config.yaml and what it is by default: a name, a list of names or None."""
    for item in yaml.safe_load((CONF / "config.yaml").read_text(encoding="utf-8"))["defaults"]:
        for group, name in item.items() if isinstance(item, Mapping) else ():
            if not group.endswith("_logging"):
                yield group.removeprefix("override "), name


def quote(value: Any) -> str:
    """A value in Hydra's override grammar."""
    if isinstance(value, str):
        # a backslash is one, but before a quotation mark
        escaped = re.sub(r'(\\*)("|\Z)', lambda m: m[1] * 2 + ("\\" + m[2] if m[2] else ""), value)
        return f'"{escaped}"'
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{_key(key)}:{quote(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(quote, value)) + "]"
    return (
        "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    )


def _key(text: str) -> str:
    """A key of a mapping in Hydra's override grammar, which takes none in quotation marks."""
    return re.sub(r"([\\\[\]{}():=, \t])", r"\\\1", text)


def as_typed_word(override: "Override") -> str:
    """An override in a line of a message: without the quotation marks of ``quote_values``."""
    line = str(override.input_line)
    value = None if override.is_sweep_override() else override.value()
    if isinstance(value, str) and line == f"{override.get_key_element()}={quote(value)}":
        line = f"{override.get_key_element()}={value}"
    return line.replace("\n", "\\n")


def quote_values(words: Sequence[str]) -> list[str]:
    """Quote what Hydra would read differently: paths, and ``=`` inside a list's items."""
    return [_quote_value(word) for word in words]


def _quote_value(word: str) -> str:
    key, _, value = word.partition("=")
    path = value.strip("'\"")
    if flags(key).quote and path.startswith("~") and os.path.expanduser(path) == path:
        raise CnnlabError(f"{word}: no such home folder")
    if flags(key).quote:
        for text in path.split(",") if flags(key).quote == "each" else [path]:
            refuse_long_name(text, key)
    if flags(key).quote == "whole" and value not in ("", "null") and value[0] not in "'\"":
        return f"{key}={quote(value)}"
    if flags(key).quote == "each" and value and value[0] not in "'\"":
        texts = (None if text == "null" else text for text in value.split(","))
        return f"{key}={','.join(map(quote, texts))}"
    if takes_only_text(key) and not re.search(r"[\[\](){}'\"]", value):
        return f"{key}={','.join(_quote_number(item) for item in value.split(','))}"
    if value.startswith("{"):
        return f"{key}={QUOTED_KEY.sub(lambda match: _key(match['key']) + ':', value)}"
    if "=" in value and re.fullmatch(r"\[[^\[\]'\"]*\]", value):
        items = [item.strip() for item in value[1:-1].split(",")]
        return f"{key}=[{','.join(quote(item) if '=' in item else item for item in items)}]"
    return word


def takes_only_text(key: str) -> bool:
    """Whether an option is text, so that ``1.10`` is no number: by annotation, of any component."""
    group, _, option = key.partition(".")
    if group in LISTS:
        name, _, option = option.partition(".")
        entries = [entry for entry in LISTS[group] if entry.name == name]
    else:
        entries = list(GROUPS.get(group, ()))
    annotations = [o[option].annotation for e in entries if option in (o := options(e.component))]
    if not entries:
        annotations = [annotation] if (annotation := run_level_annotation(key)) else []
    return bool(annotations) and all(map(_is_text, annotations))


def _is_text(annotation: Any) -> bool:
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    kinds = set(get_args(annotation) or [annotation]) - {type(None)}
    return kinds == {str}


def _quote_number(text: str) -> str:
    return quote(text) if NOT_TEXT.fullmatch(text) else text


def expand_resume(words: Sequence[str]) -> list[str]:
    """Replace ``resume=RUN`` by all options of RUN's config, with the user's overrides on top.

    Raises:
        CnnlabError: RUN is not a run, or the overrides name another model, data set or weights.
    """
    for word in words:
        if re.match(r"[+~]+resume=", word):
            raise CnnlabError(f"{word}: leave out the {word[0]}, {word.lstrip('+~')}")
    words = [word for word in words if word != "resume=null"]  # as it is without
    pairs = (word.partition("=")[::2] for word in words if "=" in word)
    typed = {key: value.strip("'\"") for key, value in pairs}
    if "resume" not in typed:
        return list(words)
    run = _resumed(typed["resume"])
    config, choices = run.config(), read_status(run.status_file).get("choices") or {}
    for missing in (kind for kind in GROUPS if kind not in config):
        raise CnnlabError(f"{run.config_file}: '{missing}' is missing")
    for kind in ("model", "data", "optim"):
        name = config[kind]["name"]
        if kind in typed and typed[kind] not in (name, choices.get(kind)):
            raise CnnlabError(
                f"{kind}={typed[kind]}: resume continues with {name}, the {kind} of {run.name}"
            )
    words = [word for word in words if word.partition("=")[0] not in ("model", "data")]
    for key in typed:
        if key.startswith("init."):
            raise CnnlabError(
                f"{key}={typed[key]}: resume continues with the weights of {run.name}"
            )
    for kind in ("experiment", "debug"):
        if typed.get(kind, "null") != "null":
            raise CnnlabError(
                f"{kind}={typed[kind]}: resume continues with the config of {run.name}; "
                "set the options that change one by one"
            )
    base = [f"{kind}={choices.get(kind, config[kind]['name'])}" for kind in GROUPS]
    for kind in LISTS:  # an older config has neither, and keeps the defaults
        if kind in config and kind not in typed:
            base.append(f"{kind}=[{','.join(config[kind])}]")
    location = {"runs_dir": str(run.path.parent.parent), "sweep.name": run.path.parent.name}
    settings = {
        key: value
        for key, value in _leaves(config, whole=mappings())
        if not (key.endswith(".name") or flags(key).location or key.split(".")[0] in LISTS)
    }
    if "trainer.max_steps" in typed and settings.get("trainer.max_steps") is not None:
        settings.pop("trainer.epochs", None)  # they follow from the steps, as before
    settings |= {
        f"{kind}.{key}": value
        for kind in LISTS
        if kind not in typed
        for key, value in _leaves(config.get(kind, {}))
        if value != {}
    }
    groups = set(typed) - {"model", "data"}  # chosen with their own defaults
    changed_groups = tuple(f"{kind}." for kind in (*GROUPS, "trainer") if kind in groups)
    base += [
        f"{key}={quote(value)}"
        for key, value in {**settings, **location}.items()
        if key not in typed and not key.startswith(changed_groups)
    ]
    base = [word for word in base if word.partition("=")[0] not in groups]
    return base + list(words)


def _resumed(path: str) -> RunDir:
    if not path:
        raise CnnlabError("resume=: give a run's folder, resume=RUN")
    try:
        if (place := Path(os.path.expanduser(path))).exists() and not place.is_dir():
            raise CnnlabError(f"{path} is a file; give a run's folder")
        run = RunDir.open(path)
    except CnnlabError as error:
        one = "; resume takes one run" if "," in path else ""
        raise CnnlabError(f"resume={error}{one}") from error
    refuse_ensemble(run, f"resume={path}")
    return run


def mappings() -> set[str]:
    """The options whose values are mappings, such as ``optim.lr_factors``."""

    def is_mapping(annotation: Any) -> bool:
        return get_origin(annotation) is dict or any(map(is_mapping, get_args(annotation)))

    return {
        f"{kind}.{name}"
        for kind, registry in GROUPS.items()
        for entry in registry
        for name, option in options(entry.component).items()
        if is_mapping(option.annotation)
    }


def _leaves(
    config: Mapping[str, Any], prefix: str = "", whole: Collection[str] = ()
) -> Iterator[tuple[str, Any]]:
    for key, value in config.items():
        if isinstance(value, Mapping) and value and f"{prefix}{key}" not in whole:
            yield from _leaves(value, f"{prefix}{key}.", whole)
        else:
            yield f"{prefix}{key}", value
