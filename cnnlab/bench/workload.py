"""What every contender of a bench trains: one network on one set of images, from the same start."""

from dataclasses import dataclass
from typing import Literal

import torch

from cnnlab.config.options import RunConfig
from cnnlab.config.schema import build
from cnnlab.data.dataset import Splits
from cnnlab.data.loading.load import accelerator_device, load_images
from cnnlab.registry import DATASETS, MODELS, CnnlabError
from cnnlab.training.assemble import Assembly, assemble

Against = Literal["standard", "bare"]

WITHOUT_FILES = "data=synthetic data.size=28 data.num_train=55000 data.num_val=5000"


@dataclass(frozen=True)
class Workload:
    """A checked config and its images."""

    config: RunConfig
    splits: Splits

    def assemble(self) -> Assembly:
        """The network, untrained and always with the same weights, its data set and optimiser."""
        torch.manual_seed(self.config.seed)
        return assemble(self.config)

    def __str__(self) -> str:
        config, splits = self.config, self.splits
        return (
            f"{config.model['name']} on {config.data['name']}: {len(splits.train):,} training and "
            f"{len(splits.val):,} validation images, batches of {config.batch_size}"
        )


def load_workload(config: RunConfig) -> Workload:
    """The workload of a checked config.

    Raises:
        CnnlabError: it is not a classifier's, or the images cannot be read.
    """
    if MODELS[config.model["name"]].task != "classify":
        raise CnnlabError(f"bench needs a classifier; model={config.model['name']} is not one")
    try:
        device = accelerator_device(config.trainer.accelerator)
        splits = load_images(build(DATASETS, config.data), device)
    except CnnlabError as error:
        raise CnnlabError(f"{error}; to bench without files: {WITHOUT_FILES}") from error
    return Workload(config, splits)
