"""The training that is measured: the real one, wired as a run is, without a run folder."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback

from cnnlab.bench.workload import Workload
from cnnlab.config.options import RunConfig
from cnnlab.data.loading.load import accelerator_device
from cnnlab.registry import CnnlabError
from cnnlab.text import as_typed
from cnnlab.training import transfer
from cnnlab.training.assemble import Assembly, assemble
from cnnlab.training.data_init import init_from_images
from cnnlab.training.lightning_bridge import keyboard_interrupt
from cnnlab.training.schedule import Constant
from cnnlab.training.stopping import TrainingDivergedError
from cnnlab.training.weight_averaging import EpochAverage
from cnnlab.training.wiring import Wiring, make_callbacks, wire

ENDLESS = 10**9  # epochs: a callback ends the training
NOISE_LR = 1e-6  # speed does not depend on it, and no loss can overflow


LEFT_OUT = {"overfit": None, "profile": False, "pictures": ()}  # what else a run does


@dataclass(frozen=True)
class Measured:
    """What is trained."""

    parts: Assembly
    wiring: Wiring


def wired(workload: Workload, callbacks: Sequence[Callback], *, learns: bool = False) -> Measured:
    """The run of the workload's config, from its initial weights, without validation.

    Its own callbacks are among those that are called.

    Args:
        callbacks: beside those that the config names; one of them ends the training.
        learns: use the run's learning rates, not one that changes next to nothing.
    """
    config = workload.config
    trainer = dataclasses.replace(
        config.trainer,
        max_steps=None,
        max_time=None,
        checkpoint_every=None,
        early_stopping=None,
        **LEFT_OUT,  # type: ignore[arg-type]
    )
    config = dataclasses.replace(config, trainer=trainer)
    pl.seed_everything(config.seed, workers=False, verbose=False)
    parts = assemble(config, dataset=workload.dataset)
    device = accelerator_device(config.trainer.accelerator)
    init_from_images(parts.model, workload.splits.train, parts.dataset.spec, device)
    if config.init.from_ is not None:
        found = transfer.start(parts.model, config.init, parts.head)
        parts.model.load_state_dict(found.weights, strict=False)
    if not learns:
        for group in parts.optimizer.param_groups:
            group["lr"] = NOISE_LR
        steps = parts.steps_per_epoch
        parts = dataclasses.replace(parts, schedule=Constant(steps, steps))
    endless = dataclasses.replace(parts, epochs=ENDLESS)
    # It averages at the ends of the last epochs, of which there are none, and says so.
    own = [each for each in make_callbacks(config) if not isinstance(each, EpochAverage)]
    wiring = wire(config, endless, workload.splits, callbacks=[*own, *callbacks])
    wiring.trainer.limit_val_batches = 0
    wiring.module.is_validated = False
    return Measured(parts, wiring)


def left_out(config: RunConfig) -> str:
    """A line about what the config chooses and ``wired`` leaves out; empty where there is none."""
    chosen = {name: getattr(config.trainer, name) for name in LEFT_OUT}
    words = [f"trainer.{k}={as_typed(v)}" for k, v in chosen.items() if v != LEFT_OUT[k]]
    return f"measured without {' '.join(words)}" if words else ""


def fit(measured: Measured) -> None:
    """Train until a callback ends it.

    Raises:
        CnnlabError: a loss is not finite.
        KeyboardInterrupt: Ctrl-C.
    """
    wiring = measured.wiring
    try:
        with keyboard_interrupt(wiring.trainer):
            wiring.trainer.fit(wiring.module, wiring.data)
    except TrainingDivergedError as error:
        raise CnnlabError(f"cannot be measured: {error}") from error
