"""What was typed behind ``cnnlab train``, parsed once."""

from collections.abc import Sequence
from dataclasses import dataclass

from hydra.core.override_parser.types import Override
from omegaconf import DictConfig

from cnnlab.app.compose import Composer
from cnnlab.app.override_checks import HYDRAS_CHOICES, SEARCH_PATH, check_choice, is_hydras
from cnnlab.app.overrides import quote
from cnnlab.app.prepare import key_values, prepare
from cnnlab.registry import CnnlabError, CompositionError
from cnnlab.runs.job import SINGLE, Job
from cnnlab.runs.naming import sweep_name


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
        node = self.composer([*self.hydra_overrides, *_recipe(self.overrides)]).hydra
        for group, choices in HYDRAS_CHOICES.items():
            check_choice(group, str(node.runtime.choices[group]), choices)
        assert isinstance(node, DictConfig)
        return node


def read_command(words: Sequence[str], multirun: bool | None) -> Command:
    """Parse the words; ``multirun=None`` sweeps if an override asks for several values.

    Raises:
        CnnlabError: a word cannot be read, or sets an option of Hydra's that cnnlab does not use.
    """
    composer = Composer()
    overrides = composer.read(words)
    hydras = [o for o in overrides if is_hydras(o)]
    own = [o for o in overrides if not is_hydras(o)]
    if multirun is None:
        multirun = any(o.is_sweep_override() for o in own)
    for override in hydras:
        if not multirun and override.key_or_group != SEARCH_PATH:
            raise CnnlabError(f"{override.input_line}: only allowed in sweeps; add -m")
    if not _names_the_sweep(composer, own):
        name = sweep_name(key_values(own)) if multirun else SINGLE
        own += composer.parse([f"sweep.name={quote(name)}"])
    return Command(composer, tuple(hydras), tuple(own), multirun)


def _names_the_sweep(composer: Composer, overrides: Sequence[Override]) -> bool:
    """Whether an override says where the runs go, or the recipe does."""
    for override in overrides:
        value = override.value()
        if override.key_or_group == "sweep.name":
            return True
        if override.key_or_group == "sweep" and isinstance(value, dict) and value.get("name"):
            return True
    recipe = _recipe(overrides)
    try:
        return bool(recipe) and composer(recipe).sweep.name is not None
    except CompositionError:  # which every job will say
        return False


def _recipe(overrides: Sequence[Override]) -> list[Override]:
    return [o for o in overrides if o.key_or_group == "experiment" and not o.is_sweep_override()]
