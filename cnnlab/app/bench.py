"""``cnnlab bench``: from override words to what is timed."""

from collections.abc import Sequence

from cnnlab.app.compose import compose
from cnnlab.bench.workload import Against, Workload, load_workload
from cnnlab.registry import CnnlabError

DEFAULTS = {
    "standard": ("model=mlp", "model.hidden=[64,128,64]", "model.batch_norm=true"),
    "bare": ("model=lenet5",),
}
# All that the reference loops know: SGD under a cosine without warm-up, on images as they are.
KEYS = ("model", "data", "batch_size", "seed", "optim.lr", "optim.momentum", "optim.weight_decay")


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
                f"bench has no option '{key}'; it has {', '.join(KEYS)} and the options of model "
                "and data, except augmentation"
            )
    model = () if "model" in keys else DEFAULTS[against]
    data = () if "data" in keys else ("data=mnist",)
    fixed = (f"trainer.epochs={epochs}", "trainer.accelerator=cpu", "schedule.warmup_epochs=0")
    return load_workload(compose([*model, *data, *words, *fixed]))
