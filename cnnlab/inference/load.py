"""Loading a run from its folder: its config, its result, its trained model."""

import contextlib
import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cnnlab.config.options import LISTS, RunConfig
from cnnlab.config.parse import parse
from cnnlab.config.schema import build
from cnnlab.data.dataset import ImageDataset
from cnnlab.data.loading.test_time import MeanOverViews
from cnnlab.discovery import discover
from cnnlab.inference.data import find_dataset, recorded_spec, require_same_images
from cnnlab.inference.ensemble.network import Ensemble
from cnnlab.inference.predict import Prediction, predict
from cnnlab.inference.preprocess.opening import Picture
from cnnlab.inference.preprocess.preprocess import Preprocess
from cnnlab.registry import DATASETS, EXTRA_METRICS, LOSSES, MODELS, CnnlabError
from cnnlab.runs.ensemble_record import member_runs
from cnnlab.runs.read_file import DamagedFileError, reason
from cnnlab.runs.run_dir import RunDir
from cnnlab.runs.weights import best_weights
from cnnlab.spec import ImageSpec


@dataclass(frozen=True)
class Run:
    """A loaded run.

    Attributes:
        config: without callbacks, with the default loggers.
        spec: the images that the model takes, and the names of its classes.
        model: with the weights of best.ckpt, in eval mode, on the CPU; of an ensemble the network
            whose outputs are the logarithm of its members' mean probability.
    """

    folder: RunDir
    config: RunConfig
    result: dict[str, Any]
    spec: ImageSpec
    model: nn.Module

    @functools.cached_property
    def tested(self) -> nn.Module:
        """What was tested, and predicts: the model, under ``trainer.tta`` its mean over views.

        Of an ensemble the mean probability of those.
        """
        tta = self.config.trainer.tta
        if tta == "none":
            return self.model
        if isinstance(self.model, Ensemble):
            return Ensemble([MeanOverViews(model, tta) for model in self.model.models]).eval()
        return MeanOverViews(self.model, tta).eval()

    @functools.cached_property
    def dataset(self) -> ImageDataset:
        """Its data set, looked for when it is first used; a change since the run is said.

        Raises:
            CnnlabError: its files are not there, or have other classes.
        """
        with naming(self.folder.config_file):
            return find_dataset(self.folder, self.config)

    @functools.cached_property
    def preprocess(self) -> Preprocess:
        """From a picture of any size to the input of the model: float32 (1, C, H, W), normalised.

        ``preprocess.prepare(picture).notes`` says what is done to a picture.
        """
        return Preprocess.of(
            next(iter(member_runs(self.folder)), self.folder), self.config, self.spec
        )

    def predict(
        self,
        pictures: Picture | Iterable[Picture],
        *,
        top: int | None = None,
        skip_broken: bool = False,
    ) -> list[Prediction]:
        """The classes of pictures, the most probable first, in the order of the pictures.

        Args:
            pictures: paths of files or folders, arrays or tensors of pixels (uint8, or floats in
                0..1), or Pillow images; one, or several in a list.
            top: number of classes in each answer, at least 1; None is all.
            skip_broken: leave out what cannot be read instead of refusing it.

        Raises:
            CnnlabError: the model is no classifier, or a picture cannot be read.
        """
        return predict(self, pictures, top=top, skip_broken=skip_broken)


def load_run(path: str | Path | RunDir) -> Run:
    """Load a run from its folder alone, without its data set; of an ensemble, all its members.

    Raises:
        CnnlabError: there is no run, it has no checkpoint yet, or a component is not registered; a
            member of an ensemble is not there, or was trained again since.
    """
    discover()
    folder = RunDir.open(path)
    members = [_load_single(member) for member in member_runs(folder)]
    if not members:
        return _load_single(folder)
    first = members[0]
    for member in members:
        require_same_images(member.folder, first.spec, member.spec)
    model = Ensemble([member.model for member in members])
    return Run(folder, first.config, folder.result(), first.spec, model.eval())


def _load_single(folder: RunDir) -> Run:
    saved = folder.config()
    _require_components(folder, saved)
    weights = best_weights(folder)
    with naming(folder.config_file):
        kept = {key: value for key, value in saved.items() if key not in LISTS}
        if all(name in EXTRA_METRICS for name in saved.get("metrics", ())):
            kept["metrics"] = saved.get("metrics", {})
        config = parse(kept)
        spec = recorded_spec(folder, config) or find_dataset(folder, config).spec
        with torch.device("meta"):  # nothing is allocated for a config that was edited by hand
            shapes = build(MODELS, config.model, spec).state_dict()
        _require_fit(folder, weights, shapes)
        model: nn.Module = build(MODELS, config.model, spec)
    model.load_state_dict(weights)
    return Run(folder, config, folder.result(), spec, model.eval())


@contextlib.contextmanager
def naming(file: Path) -> Iterator[None]:
    """Name the file of a run by which its model or its data cannot be built.

    Raises:
        CnnlabError: in place of whatever a component raises of options that no command checked.
    """
    try:
        yield
    except DamagedFileError:
        raise
    except Exception as error:
        said = reason(error) if str(error) else type(error).__name__
        raise CnnlabError(said if str(file.parent) in said else f"{file}: {said}") from error


def _require_fit(
    folder: RunDir, weights: Mapping[str, Tensor], shapes: Mapping[str, Tensor]
) -> None:
    """Refuse the weights of another network."""
    found = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    expected = {name: tuple(tensor.shape) for name, tensor in shapes.items()}
    for name in [*expected, *found]:
        if found.get(name) != expected.get(name):
            there, wanted = (x.get(name, "none") for x in (found, expected))
            raise DamagedFileError(
                f"{folder.best_checkpoint}: holds weights of a different network than "
                f"{folder.config_file.name} describes ({name}: {there}, expected {wanted})"
            )


def _require_components(folder: RunDir, config: dict[str, Any]) -> None:
    """Refuse unregistered names: a config from disk must not decide which module is imported."""
    imports = folder.status().get("imports") or []
    for registry in (MODELS, DATASETS, LOSSES):
        name = (config.get(registry.kind) or {}).get("name")
        if imports and name not in registry:
            flags = " ".join(f"--import {module}" for module in imports)
            raise CnnlabError(
                f"{folder.name}: no {registry.kind} '{name}' is registered here; "
                f"the run was made with {flags}"
            )
