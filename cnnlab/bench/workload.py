"""What every contender of a bench trains: one network on one set of images, from the same start."""

from dataclasses import dataclass
from typing import Literal

import torch

from cnnlab.config.options import RunConfig
from cnnlab.config.schema import build
from cnnlab.data.dataset import ImageDataset, Splits
from cnnlab.data.loading.load import accelerator_device, load_images
from cnnlab.registry import DATASETS, CnnlabError
from cnnlab.training.assemble import Assembly, assemble
from cnnlab.training.trainer import trains_on_mps

Against = Literal["bare", "usual"]

WITHOUT_FILES = "data=synthetic data.size=28 data.num_train=55000 data.num_val=5000"


@dataclass(frozen=True)
class Workload:
    """A checked config, its images and the data set that they are of."""

    config: RunConfig
    splits: Splits
    dataset: ImageDataset

    def assemble(self) -> Assembly:
        """The network, untrained and always with the same weights, its data set and optimiser."""
        torch.manual_seed(self.config.seed)
        return assemble(self.config, dataset=self.dataset)

    def __str__(self) -> str:
        config, splits = self.config, self.splits
        return (
            f"{config.model['name']} on {config.data['name']}: {len(splits.train):,} training and "
            f"{len(splits.val):,} validation images, batches of {config.batch_size}"
        )


def refuse_mps(config: RunConfig, flag: str) -> None:
    """Refuse Apple's GPU, on which neither the references nor the choice of options are tried.

    Raises:
        CnnlabError: the config trains on it.
    """
    if trains_on_mps(config.trainer.accelerator):
        raise CnnlabError(f"bench {flag} does not know Apple's GPU; give trainer.accelerator=cpu")


def load_workload(config: RunConfig) -> Workload:
    """The workload of a checked config.

    Raises:
        CnnlabError: it takes several devices, continues a run, or the images cannot be read.
    """
    if config.trainer.processes > 1:
        name = "devices" if config.trainer.devices > 1 else "nodes"
        value = getattr(config.trainer, name)
        raise CnnlabError(f"trainer.{name}={value}: bench measures one device")
    if config.resume is not None:
        raise CnnlabError(f"resume={config.resume}: bench starts from the initial weights")
    try:
        device = accelerator_device(config.trainer.accelerator)
        dataset: ImageDataset = build(DATASETS, config.data)
        splits = load_images(dataset, device)
    except CnnlabError as error:
        raise CnnlabError(f"{error}; to bench without files: {WITHOUT_FILES}") from error
    return Workload(config, splits, dataset)
