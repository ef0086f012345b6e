"""The run-level options, each default once, and the checks that need more than one of them."""

import dataclasses
import re
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from cnnlab.config import schema
from cnnlab.config.init_options import InitConfig
from cnnlab.config.sweep_options import LOCATION, SweepConfig
from cnnlab.registry import (
    AUGMENTATIONS,
    CALLBACKS,
    DATASETS,
    EXTRA_METRICS,
    LOGGERS,
    LOSSES,
    MODELS,
    OPTIMIZERS,
    SCHEDULES,
    Flags,
    Range,
    Registry,
)
from cnnlab.task import Task, task_named

PositiveInt = Annotated[int, Range(at_least=1)]
CompileMode = Literal[False, True, "default", "reduce-overhead", "max-autotune"]
CUDA_GRAPH_MODES = ("reduce-overhead", "max-autotune")
Chosen = dict[str, dict[str, Any]]  # components by name, each with its options
# Of data sets' options: those that a command has to know of before any data set is loaded.
DATA_FLAGS = {"root": Flags(name="", column="last resort", quote="whole")}
GROUPS: dict[str, Registry] = {r.kind: r for r in (MODELS, DATASETS, OPTIMIZERS, SCHEDULES, LOSSES)}
# Groups of which several may be chosen, or none: logger=[tensorboard,csv]
LISTS: dict[str, Registry] = {r.kind: r for r in (LOGGERS, CALLBACKS, EXTRA_METRICS, AUGMENTATIONS)}
DEFAULT_EPOCHS = 10  # where neither trainer.epochs nor trainer.max_steps says how long to train


@dataclass(frozen=True)
class TrainerConfig:
    """The length, hardware and precision of training.

    Args:
        epochs: passes over the training images; null: 10, or as many as max_steps needs.
        max_steps: optimiser steps after which the run ends, even within an epoch.
        max_time: training time after which the run ends: 90s, 10m or 1.5h.
        precision: of the forward and backward pass; bf16 and 16 are mixed precision, with 32-bit
            weights. auto: bf16 on a GPU that supports it, else 32, always 32 on a CPU.
        accelerator: the device to train on; auto: a GPU if there is one, else the CPU.
        devices: GPUs, or processes on a CPU, that share each batch; of each node.
        nodes: machines with that many devices each; torchrun or SLURM's srun starts the run on all.
        sync_batchnorm: on GPUs, batch norm over all devices' parts of a batch together.
        deterministic: refuse operations whose results could differ between two runs.
        gradient_clip: largest L2 norm of all gradients together; larger ones are scaled down.
        accumulate: batches whose gradients are added up for one optimiser step.
        early_stopping: epochs without improvement on the validation set after which the run ends.
        checkpoint: which epoch is tested: the one with the best val_acc or val_loss, or the last;
            auto: the best by the task's own metric, val_acc for a classifier.
        compile: compile the network, its loss and their backward pass with torch.compile: true, or
            a mode of it. reduce-overhead replays a step as CUDA graphs, for small networks on a
            GPU; max-autotune tries kernels as well, and takes longest to start.
        channels_last: memory format of images and convolutions, (N, H, W, C) in place of
            (N, C, H, W). auto: in mixed precision; in 32 bit it helps some networks and slows
            others. Networks without convolutions are as they are.
        tf32: 32-bit arithmetic on a GPU in TensorFloat-32, with 10 bits of mantissa: true, false,
            or auto, as torch has it: in convolutions, not in matrix products.
        checkpoint_every: also save within epochs, after a number of steps (500) or a time (90s,
            10m, 1h).
        max_eval_steps: batches in each evaluation, on a stratified sample that is always the same;
            null: the whole set.
        test: evaluate on the test set at the end; a search does so for the chosen run only.
        val_every: epochs between validations; the last epoch is always validated. Epochs without
            validation are never the best, but early_stopping and the plateau schedule count them
            and decide at the next validation.
        overfit: sanity check: train on this number of batches only, over and over and without
            augmentation, and validate on them too. The training loss of a network without faults
            then falls to nearly 0. The test set is not read. null is off.
        profile: profile a few steps with torch's profiler and write profile.txt, a table, and
            profile_trace.json, a timeline, into the run's folder.
        pictures: drawn at each validation for TensorBoard and other loggers that take pictures:
            kernels of the first layer, feature_maps of two validation images, the most confident
            mistakes. callbacks=[pictures] draws the confusion matrix.
        tta: test-time augmentation: validation, test and predictions take the mean logits over
            views of each image: flip, itself and its mirror image; flip_shift, both of these
            also shifted by a pixel. Evaluation takes 2 and 6 times as long.
    """

    epochs: PositiveInt | None = None
    max_steps: PositiveInt | None = None
    max_time: str | None = None
    precision: Literal["auto", "32", "bf16", "16"] = "auto"
    accelerator: Literal["auto", "cpu", "gpu", "mps"] = "auto"
    devices: PositiveInt = 1
    nodes: Annotated[PositiveInt, Flags(neutral=1)] = 1
    sync_batchnorm: Annotated[bool, Flags(neutral=False)] = False
    deterministic: bool = False
    gradient_clip: Annotated[float, Range(above=0)] | None = None
    accumulate: PositiveInt = 1
    early_stopping: PositiveInt | None = None
    checkpoint: Literal["auto", "val_acc", "val_loss", "last"] = "auto"
    compile: CompileMode = False
    channels_last: Annotated[Literal["auto", "true", "false"], Flags(neutral="auto")] = "auto"
    tf32: Annotated[Literal["auto", "true", "false"], Flags(neutral="auto")] = "auto"
    checkpoint_every: Annotated[int | str | None, Flags(identity=False)] = None
    max_eval_steps: PositiveInt | None = None
    test: Annotated[bool, Flags(name="")] = True
    val_every: Annotated[PositiveInt, Flags(neutral=1)] = 1
    overfit: Annotated[PositiveInt | None, Flags(neutral=None)] = None
    # Part of the identity, or a finished run would not be profiled.
    profile: Annotated[bool, Flags(neutral=False)] = False
    pictures: Annotated[
        tuple[Literal["kernels", "feature_maps", "mistakes"], ...],
        Flags(identity=False, name="", column="never", ordered=False),
    ] = ()
    tta: Annotated[Literal["none", "flip", "flip_shift"], Flags(neutral="none")] = "none"

    def __post_init__(self) -> None:
        seconds(self.max_time)
        if isinstance(self.checkpoint_every, str):
            seconds(self.checkpoint_every, "checkpoint_every")
        elif self.checkpoint_every is not None and self.checkpoint_every < 1:
            raise ValueError(f"checkpoint_every={self.checkpoint_every} must be at least 1 step")
        if self.early_stopping is not None and self.checkpoint == "last":
            raise ValueError("early_stopping needs a metric: checkpoint=val_acc or val_loss")
        if self.compile == "default":  # one name for one thing
            object.__setattr__(self, "compile", True)
        if self.compile in CUDA_GRAPH_MODES and self.accumulate > 1:
            raise ValueError(
                f"compile={self.compile} keeps gradients where its next pass overwrites them: "
                "accumulate needs compile=true or false"
            )

    @property
    def processes(self) -> int:
        """How many share each batch."""
        return self.devices * self.nodes

    @property
    def reads_test_set(self) -> bool:
        """Whether the run is tested at its end."""
        return self.test and self.overfit is None

    @property
    def save_every(self) -> tuple[int | None, float | None]:
        """``checkpoint_every`` as optimiser steps and as seconds; one of them at most is given."""
        every = self.checkpoint_every
        if isinstance(every, str):
            return None, seconds(every)
        return every, None


@dataclass(frozen=True)
class RunConfig:
    """Everything that determines one run; components such as ``model`` are a name and its options.

    Args:
        model: the architecture and its options.
        data: the data set and its options.
        optim: the optimiser and its options.
        schedule: how the learning rate changes over the run.
        loss: the loss that is minimised, and its options.
        init: trained weights to start from.
        trainer: the length, hardware and precision of training.
        seed: random seed of the initial weights, the order of the images, augmentation and dropout;
            the split into training and validation images is the same for every seed.
        batch_size: images in a batch; trainer.accumulate batches make one optimiser step.
        runs_dir: the folder of all runs.
        sweep: the folder for the runs of one command, and how failures are handled.
        rerun: train again, in a new folder beside a finished run.
        resume: the folder of a run to continue, with its config and its last checkpoint.
        logger: where metrics are written besides metrics.csv: tensorboard, csv, wandb, mlflow.
        callbacks: additional callbacks of the trainer: ema, swa, lookahead, grad_norm, pictures or
            your own.
        metrics: metrics of validation and test in addition to the task's own: top5, macro_f1,
            per_class or your own.
        augment: augmentations of whole batches of training images, applied in this order and in
            addition to data.augment: randaugment, trivialaugment, color_jitter, random_erasing.
    """

    model: dict[str, Any]
    data: Annotated[dict[str, Any], DATA_FLAGS]
    optim: dict[str, Any]
    schedule: dict[str, Any]
    loss: dict[str, Any]
    init: InitConfig = field(default_factory=InitConfig)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    seed: Annotated[int, Range(at_least=0), Flags(column="never")] = 0
    batch_size: PositiveInt = 128
    runs_dir: Annotated[str, dataclasses.replace(LOCATION, quote="whole")] = "runs"
    sweep: Annotated[SweepConfig, LOCATION] = field(default_factory=SweepConfig)
    rerun: Annotated[bool, LOCATION] = False
    resume: Annotated[
        str | None, Flags(name="resumed", column="last resort", quote="whole", location=True)
    ] = None
    logger: Annotated[dict[str, dict[str, Any]], Flags(identity=False, name="", column="never")] = (
        field(default_factory=lambda: {"tensorboard": {}})
    )
    callbacks: Annotated[Chosen, Flags(neutral={})] = field(default_factory=dict)
    metrics: Annotated[Chosen, Flags(neutral={})] = field(default_factory=dict)
    augment: Annotated[Chosen, Flags(neutral={})] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The config as config.yaml holds it."""
        return dict(schema.to_dict(self))

    @property
    def task(self) -> Task:
        """What the model is for."""
        return task_named(MODELS[self.model["name"]].task)

    @property
    def metric(self) -> str:
        """What the best epoch is chosen by: a column such as ``val_acc``, or ``last``."""
        checkpoint = self.trainer.checkpoint
        return self.task.metric if checkpoint == "auto" else checkpoint

    @property
    def epochs(self) -> int:
        """``trainer.epochs`` of a config in which it is resolved."""
        assert self.trainer.epochs is not None
        return self.trainer.epochs


def seconds(duration: str | None, name: str = "max_time") -> float | None:
    """``90s``, ``10m`` or ``1.5h`` in seconds; None stays None.

    Raises:
        ValueError: the text is not a duration.
    """
    if duration is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh])", duration)
    if match is None or float(match[1]) == 0:
        raise ValueError(f"{name}={duration} must be like 90s, 10m or 1.5h")
    return float(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2]]
