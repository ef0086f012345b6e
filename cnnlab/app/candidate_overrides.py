"""What an override that is being typed can become: its key, or the last value behind it."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from cnnlab.app.candidate_paths import folders, runs, weights

EXPERIMENT = "experiment"


class Overrides:
    """The overrides before the last word, and what they make of the names that there are.

    Args:
        names: what can be chosen and set, as ``names.collect`` returns it.
        words: the finished overrides.
        config_dirs: folders of configs beside our own and ``./conf``.
    """

    def __init__(
        self, names: Mapping[str, Any], words: Sequence[str], config_dirs: Sequence[str] = ()
    ) -> None:
        self._names = names
        self._typed = dict(word.partition("=")[::2] for word in words if "=" in word)
        self._folders = (names["conf"], os.path.abspath("conf"), *config_dirs)

    def candidates(self, last: str) -> Iterator[str]:
        """Overrides that begin as ``last`` does; keys only up to their next dot."""
        key, equals, value = last.partition("=")
        if equals:
            yield from (f"{key}={found}" for found in self._values(key, value))
            return
        for name in (*self._names["groups"], *self._options()):
            if name.startswith(last) and name not in self._typed:
                head, dot, _ = name[len(last) :].partition(".")
                yield f"{last}{head}{dot or '='}"

    def _options(self) -> dict[str, list[str] | str]:
        """Every option that can be set, with what is known of its values."""
        scopes: dict[str, dict[str, list[str] | str]] = self._names["options"]
        options = dict(scopes[""])
        for group in self._names["groups"]:
            for name in self._chosen(group):
                options |= scopes.get(f"{group}={self._component(group, name)}", {})
        return options

    def _values(self, key: str, value: str) -> Iterator[str]:
        """What stands behind ``key=``, with the last item of a list, or of a sweep, completed."""
        cut = max(value.rfind(","), value.rfind("[")) + 1
        head, last = value[:cut], value[cut:]
        taken = head.strip("[,").split(",")
        for found in self._known_values(key, last):
            if found.startswith(last) and found not in taken:
                yield f"{head}{found}"

    def _known_values(self, key: str, last: str) -> Iterable[str]:
        if key in self._names["groups"]:
            return self._choices(key)
        kind = self._options().get(key, "")
        if isinstance(kind, list):
            return kind
        if kind == "sweep":  # to continue one
            top = self._typed.get("runs_dir", "runs")
            return [name.rstrip("/").rpartition("/")[2] for name in folders(f"{top}/")]
        listed = {"run": runs, "weights": weights, "folder": folders}.get(kind)
        return listed(last) if listed else []

    def _choices(self, group: str) -> list[str]:
        """What a group can be: registered components, and files in the folders of configs."""
        found = list(self._names["groups"][group]["names"])
        for folder in self._folders:
            top = os.path.join(folder, group)
            for place, _, files in os.walk(top):
                names = (os.path.relpath(os.path.join(place, file), top) for file in files)
                found += [name.removesuffix(".yaml") for name in names if name.endswith(".yaml")]
        return found

    def _chosen(self, group: str) -> list[str]:
        """The names in a group that the words choose, or a recipe among them, or the default."""
        value = self._typed.get(group)
        if value is None and group != EXPERIMENT:
            value = self._recipe().get(group)
        names = self._names["groups"][group]["default"] if value is None else _items(value)
        is_pattern = any("(" in name for name in names)  # glob(*), choice(a,b)
        return self._choices(group) if is_pattern else names

    def _recipe(self) -> dict[str, str]:
        """What the experiment's defaults choose, by group."""
        chosen = {}
        for name in self._chosen(EXPERIMENT):
            for item in self._defaults(EXPERIMENT, name):
                for group, choice in item.items() if isinstance(item, dict) else ():
                    chosen[str(group).split("/", 1)[-1]] = str(choice).replace("'", "")
        return chosen

    def _component(self, group: str, name: str) -> str:
        """The registered component of a name: itself, or what a variant's file starts from."""
        if name in self._names["groups"][group]["names"]:
            return name
        bases = [b for b in self._defaults(group, name) if isinstance(b, str) and b != "_self_"]
        return bases[0] if bases else name

    def _defaults(self, group: str, name: str) -> list[Any]:
        """The defaults list of a YAML file; empty where there is none or it cannot be read."""
        for folder in self._folders:
            file = os.path.join(folder, group, f"{name}.yaml")
            if os.path.isfile(file):
                import yaml  # a hundredth of a second, which not every TAB needs

                try:
                    with open(file, encoding="utf-8") as text:
                        listed = yaml.safe_load(text)["defaults"]
                except (OSError, ValueError, TypeError, KeyError, yaml.YAMLError):
                    return []
                return listed if isinstance(listed, list) else []
        return []


def _items(value: str) -> list[str]:
    return [item.strip() for item in value.strip("[]'\"").split(",") if item.strip()]
