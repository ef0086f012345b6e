"""What was typed behind ``cnnlab train``, parsed once."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from hydra.core.override_parser.types import Override
from omegaconf import DictConfig

from cnnlab.app.compose import Composer
from cnnlab.app.overrides import expand_resume, quote, quote_values
from cnnlab.app.prepare import key_values, prepare
from cnnlab.registry import CnnlabError, nearest
from cnnlab.runs.job import SINGLE, Job
from cnnlab.runs.naming import sweep_name
from cnnlab.sweep.launchers.options import LAUNCHERS
from cnnlab.sweep.search.options import SWEEPERS

CHOICES: dict[str, Collection[str]] = {"hydra/launcher": LAUNCHERS, "hydra/sweeper": SWEEPERS}
OPTIONS = ("hydra.launcher", "hydra.sweeper")
SEARCH_PATH = "hydra.searchpath"  # where --config-dir goes


@dataclass(frozen=True)
class Command:
    """Parsed overrides, and the composer that makes configs of them.

    Attributes:
        hydra_overrides: which launcher and sweeper, and their options.
        overrides: all others.
    """

    composer: Composer
    hydra_overrides: tuple[Override, ...]
    overrides: tuple[Override, ...]
    is_sweep: bool

    def make_job(self, overrides: Sequence[Override]) -> Job:
        """The checked job of these overrides; nothing is written.

        Raises:
            CnnlabError: the run is impossible.
        """
        return prepare(self.composer([*self.hydra_overrides, *overrides]), overrides)

    def composed_options(self) -> DictConfig:
        """Hydra's node, with the launcher and the sweeper that the words and a recipe choose."""
        recipe = [
            o
            for o in self.overrides
            if o.key_or_group == "experiment" and not o.is_sweep_override()
        ]
        node = self.composer([*self.hydra_overrides, *recipe]).hydra
        for group, choices in CHOICES.items():
            _check_choice(group, str(node.runtime.choices[group]), choices)
        assert isinstance(node, DictConfig)
        return node


def read_command(words: Sequence[str], multirun: bool | None) -> Command:
    """Parse the words; ``multirun=None`` sweeps if an override asks for several values.

    Raises:
        CnnlabError: a word cannot be read, or sets an option of Hydra's that cnnlab does not use.
    """
    composer = Composer()
    typed = expand_resume(quote_values(words))
    overrides = composer.parse(typed)
    hydras = [o for o in overrides if _is_hydras(o)]
    for override in hydras:
        _check_hydras(override)
    own = [o for o in overrides if not _is_hydras(o)]
    if multirun is None:
        multirun = any(o.is_sweep_override() for o in own)
    if not any(o.key_or_group == "sweep.name" for o in own):
        name = sweep_name(key_values(own)) if multirun else SINGLE
        own += composer.parse([f"sweep.name={quote(name)}"])
    return Command(composer, tuple(hydras), tuple(own), multirun)


def _is_hydras(override: Override) -> bool:
    return override.key_or_group.startswith(("hydra.", "hydra/"))


def _check_hydras(override: Override) -> None:
    key, line = override.key_or_group, str(override.input_line)
    if override.is_sweep_override():
        raise CnnlabError(f"{line}: a sweep has one {key}; give one value")
    if key in CHOICES:
        _check_choice(key, str(override.value()), CHOICES[key])
    elif key not in CHOICES and key != SEARCH_PATH and not key.startswith(OPTIONS):
        raise CnnlabError(
            f"{line}: cnnlab makes its own run folders and logs; runs_dir=... says where. "
            f"Of Hydra's options there are {', '.join([*CHOICES, *(f'{o}.*' for o in OPTIONS)])}"
        )


def _check_choice(group: str, name: str, choices: Collection[str]) -> None:
    if name not in choices:
        kind = group.rpartition("/")[2]
        raise CnnlabError(f"{group}={name} is not one of cnnlab's {kind}s{nearest(name, choices)}")
