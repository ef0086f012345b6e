"""What every contender of a bench trains: one network on one set of images, from the same start."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch

from cnnlab.app.compose import compose
from cnnlab.config.options import RunConfig
from cnnlab.config.schema import build
from cnnlab.data.dataset import Splits
from cnnlab.registry import DATASETS, MODELS, CnnlabError
from cnnlab.training.assemble import Assembly, assemble

Against = Literal["standard", "bare"]

DEFAULTS = {
    "standard": ("model=mlp", "model.hidden=[64,128,64]", "model.batch_norm=true"),
    "bare": ("model=lenet5",),
}
# All that the reference loops understand: SGD under a cosine schedule, on images as they are.
KEYS = ("model", "data", "batch_size", "seed", "optim.lr", "optim.momentum", "optim.weight_decay")
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


def choose(against: Against, words: Sequence[str], epochs: int) -> Workload:
    """The workload that override ``words`` ask for; the rest is that of the reference's default.

    Raises:
        CnnlabError: the words are refused, or the images cannot be read.
    """
    keys = [word.partition("=")[0].lstrip("+~") for word in words]
    for key in keys:
        known = key in KEYS or key.startswith(("model.", "data."))
        if not known or key.startswith("data.augment"):
            raise CnnlabError(
                f"bench has no '{key}': its loops know {', '.join(KEYS)} and the options of "
                "model and data but augmentation"
            )
    model = () if "model" in keys else DEFAULTS[against]
    data = () if "data" in keys else ("data=mnist",)
    trainer = (f"trainer.epochs={epochs}", "trainer.accelerator=cpu")
    config = compose([*model, *data, *words, *trainer])
    if MODELS[config.model["name"]].task != "classify":
        raise CnnlabError(f"model={config.model['name']} is no classifier, which bench needs")
    try:
        splits = build(DATASETS, config.data).load()
    except CnnlabError as error:
        raise CnnlabError(f"{error}; to bench without files: {WITHOUT_FILES}") from error
    return Workload(config, splits)
