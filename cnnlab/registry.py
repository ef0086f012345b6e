"""Name -> component. The one table that configs, listings, errors and tests read."""

import difflib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

Component = TypeVar("Component", bound=Callable[..., Any])


class CnnlabError(Exception):
    """A mistake of the user's: one or two lines, shown without a traceback."""

    exit_code = 2


class CompositionError(CnnlabError):
    """An override that cannot be read, or names a group, choice or option that does not exist."""


@dataclass(frozen=True)
class Range:
    """Bounds of a number, written into a signature: ``lr: Annotated[float, Range(above=0)]``."""

    above: float | None = None  # exclusive
    at_least: float | None = None
    below: float | None = None  # exclusive
    at_most: float | None = None

    def __contains__(self, value: float) -> bool:
        return (
            (self.above is None or value > self.above)
            and (self.at_least is None or value >= self.at_least)
            and (self.below is None or value < self.below)
            and (self.at_most is None or value <= self.at_most)
        )

    def __str__(self) -> str:
        bounds = (
            ("above", self.above),
            ("at least", self.at_least),
            ("below", self.below),
            ("at most", self.at_most),
        )
        return " and ".join(f"{word} {bound:g}" for word, bound in bounds if bound is not None)


@dataclass(frozen=True)
class Flags:
    """What an option means beyond its value: ``root: Annotated[str, Flags(identity=False)]``.

    A component's own options may have the first three; the others are for run-level options.

    Attributes:
        identity: whether the value is part of what a run is; False for where a run is stored and
            for what changes no result.
        neutral: for an option that came after runs had been made: the value that behaves as
            before the option existed. It enters the identity only where it differs.
        ordered: whether the order and the repetition of a list's items mean anything; where they do
            not, the checked value is sorted and has each item once.
        name: the option's words in a folder's name, from ``{value}`` and, for a path, ``{source}``;
            "" leaves it out, None is the option's last word and its value: ``lr0.1``.
        column: whether a comparison has a column for it where it varies; "last resort": only
            where no other column tells two rows apart.
        quote: what Hydra's grammar would misread in a path or pattern: the value as a whole, or
            each of its items between commas.
        location: whether it says where runs are or what they continue, so that a resumed run
            and the trials of a search do not take it over.
    """

    identity: bool = True
    neutral: Any = ...
    ordered: bool = True
    name: str | None = None
    column: Literal["always", "last resort", "never"] = "always"
    quote: Literal["whole", "each"] | None = None
    location: bool = False


@dataclass(frozen=True)
class Entry:
    """One registered component and what a listing says of it."""

    name: str
    component: Callable[..., Any]
    task: str  # what a model, a loss or a metric is for: a name in TASKS
    paper: str
    packages: tuple[str, ...]  # optional extras that must be installed
    version: int = 1  # of its behaviour, for components of this package
    sgd_lr: float | None = None  # a model's default optim.lr with optim=sgd, where it has its own


class Registry:
    """A table of components of one kind, filled by its decorator."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, Entry] = {}

    def register(
        self,
        name: str,
        *,
        task: str = "classify",
        paper: str = "",
        packages: Iterable[str] = (),
        version: int = 1,
        sgd_lr: float | None = None,
    ) -> Callable[[Component], Component]:
        """Enter a class or function under ``name``. Its keyword-only arguments are its config.

        Args:
            version: of the component's behaviour. Raise it with every change of results: a run
                is trained again where the version is another. For components of this package,
                whose files may be rewritten freely; of others the code itself is compared.
            sgd_lr: default of ``optim.lr`` with ``optim=sgd`` for a model that the usual one does
                not suit; None is the usual one.

        Raises:
            ValueError: the name is taken by another component.
        """

        def enter(component: Component) -> Component:
            present = self._entries.get(name)
            if present is not None and _origin(present.component) != _origin(component):
                raise ValueError(f"{self.kind} '{name}' is registered twice")
            extras = tuple(packages)
            self._entries[name] = Entry(name, component, task, paper, extras, version, sgd_lr)
            return component

        return enter

    @contextmanager
    def temporary(self) -> Iterator[None]:
        """A block after which the registry holds what it held before."""
        entries = dict(self._entries)
        try:
            yield
        finally:
            self._entries = entries

    def __getitem__(self, name: str) -> Entry:
        if name not in self._entries:
            raise CnnlabError(f"no {self.kind} '{name}'{nearest_component(name, self._entries)}")
        return self._entries[name]

    def __iter__(self) -> Iterator[Entry]:
        return iter(sorted(self._entries.values(), key=lambda entry: entry.name))

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries


def _origin(component: Callable[..., Any]) -> tuple[str, str]:
    return component.__module__, component.__qualname__


def nearest(word: str, allowed: Iterable[str], *, prefix: str = "", cutoff: float = 0.6) -> str:
    """The end of a refusal: the nearest allowed name, and all of them while they are few.

    Args:
        prefix: stands before the nearest name: the group of an option, with its dot.
        cutoff: the least similarity of a name that is worth a hint, from 0 to 1.
    """
    names = sorted(allowed)
    by_letters = {name.casefold(): name for name in reversed(names)}
    close = difflib.get_close_matches(word.casefold(), by_letters, n=1, cutoff=cutoff)
    hint = f"; did you mean '{prefix}{by_letters[close[0]]}'?" if close else ""
    return f"{hint} (one of: {', '.join(names)})" if 0 < len(names) <= 20 else hint


def nearest_component(name: str, registered: Iterable[str]) -> str:
    """As ``nearest``, for a name that the user's own file may register."""
    hint = nearest(name, registered)
    if "did you mean" in hint:
        return hint
    return f"{hint}; --import MODULE imports a file that registers your own"


def list_of(argument: str, values: Any, kind: Any, what: str) -> list[Any]:
    """One or several, as a list.

    Raises:
        CnnlabError: something else is among them, or an empty string.
    """
    is_several = isinstance(values, Iterable) and not isinstance(values, kind)
    found = list(values) if is_several else [values]
    for item in found:
        if not isinstance(item, kind) or item == "":
            shown = repr(item) if isinstance(item, str | int | None) else type(item).__name__
            hint = "; give its .folder" if hasattr(item, "folder") else ""
            raise CnnlabError(f"{argument}: {shown} is not {what}{hint}")
    return found


MODELS = Registry("model")
DATASETS = Registry("data")
OPTIMIZERS = Registry("optim")
SCHEDULES = Registry("schedule")
TASKS = Registry("task")
LOSSES = Registry("loss")
EXTRA_METRICS = Registry("metrics")  # beside those that every run of a task has
AUGMENTATIONS = Registry("augment")
CALLBACKS = Registry("callbacks")
LOGGERS = Registry("logger")
