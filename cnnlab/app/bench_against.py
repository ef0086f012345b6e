"""``cnnlab bench --against``: from override words to what is timed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cnnlab.app.bench_output import Output, say
from cnnlab.app.compose import compose
from cnnlab.bench.workload import Against, Workload, load_workload, refuse_mps
from cnnlab.data.loading.augment import NO_AUGMENT
from cnnlab.registry import MODELS, CnnlabError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DEFAULTS = {
    "usual": ("model=mlp", "model.hidden=[64,128,64]", "model.batch_norm=true"),
    "bare": ("model=lenet5",),
}
# All that the reference loops know: SGD under a cosine without warm-up, on images as they are.
KEYS = ("model", "data", "batch_size", "seed", "optim.lr", "optim.momentum", "optim.weight_decay")
# What the reference loops do without; our side may use it, as with the choice of --tune.
OURS = ("trainer.precision", "trainer.channels_last", "trainer.compile")


def run_against(
    against: Against, words: Sequence[str], rounds: int, epochs: int, output: Output
) -> None:
    """Compare, print and write.

    Raises:
        CnnlabError: the words are refused, or the images cannot be read.
    """
    workload = choose(against, words, epochs)
    from cnnlab.bench.against import compare

    found = compare(against, workload, rounds=rounds, say=say)
    output.print(*found.lines())

    def draw() -> "Figure":
        from cnnlab.bench.comparison_figures import against_figure

        return against_figure(found)

    output.write({"words": list(words), **found.to_dict()}, draw)


def choose(against: Against, words: Sequence[str], epochs: int) -> Workload:
    """The workload that override ``words`` ask for; the rest is that of the reference's default.

    Raises:
        CnnlabError: the words are refused, or the images cannot be read.
    """
    keys = [word.partition("=")[0].lstrip("+~") for word in words]
    for key in keys:
        known = key in (*KEYS, *OURS, "trainer.accelerator") or key.startswith(("model.", "data."))
        if not known or key.startswith("data.augment"):
            raise CnnlabError(
                f"bench --against has no option '{key}'; it has {', '.join((*KEYS, *OURS))} and "
                "the options of model and data, except augmentation"
            )
    model = () if "model" in keys else DEFAULTS[against]
    data = () if "data" in keys else ("data=mnist",)
    fixed = [f"trainer.epochs={epochs}", "schedule.warmup_epochs=0"]
    fixed += ["trainer.accelerator=cpu"] * ("trainer.accelerator" not in keys)
    fixed += ["trainer.precision=32"] * ("trainer.precision" not in keys)
    config = compose([*model, *data, *words, *fixed])
    if MODELS[config.model["name"]].task != "classify":
        raise CnnlabError(
            f"bench --against needs a classifier; model={config.model['name']} is not one"
        )
    refuse_mps(config, "--against")
    workload = load_workload(config)
    workload.dataset.augment = NO_AUGMENT  # CIFAR-10 has crops and flips by default
    return workload
